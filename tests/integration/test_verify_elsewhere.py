"""Models that were not trained here, verified on data that are named, and beside each other."""

import json

import numpy as np
import published_checkpoint as published
import pytest
import torch

from kdm.configuration import Architecture
from kdm.importing.runs import import_model
from kdm.networks import ResidualMLPConfig
from kdm.training.distillation import DistillationConfig, distil
from kdm.training.loop import TrainingConfig
from kdm.training.runs import RunError
from kdm.trajectories import save_trajectories
from kdm.verification import verify
from koopman_analysis.claims import Verdict


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with an imported RUN, its own pairs with a little noise, and a RUN that was trained on them."""
    folder = tmp_path_factory.mktemp("elsewhere")
    tensors = published.checkpoint(folder / "theirs.pt")
    import_model(folder / "theirs.pt", folder / "theirs")
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((1000, 2))
    exact = published.one_step(tensors, noise)
    blurred = exact + 0.01 * exact.std() * rng.standard_normal(exact.shape)
    data = save_trajectories(
        folder / "data", noise=noise, data=blurred, times=(0.0, 1.0), time_name="t", source={"file": "theirs.npy"}
    )
    twisted = np.column_stack([noise[:, 0], noise[:, 1] + noise[:, 0] ** 2])
    save_trajectories(folder / "twist", noise=noise, data=twisted, times=(0.0, 1.0), time_name="t", source={})
    tiny = ResidualMLPConfig(width=16, blocks=1)
    config = DistillationConfig(
        architecture=Architecture(latent=4, noise_encoder=tiny, data_encoder=tiny, decoder=tiny),
        training=TrainingConfig(steps=100, batch=128, evaluate_every=50),
    )
    for _ in distil(config, data, folder / "ours", device=torch.device("cpu")):
        pass
    return folder


@pytest.fixture(scope="module")
def report(place):
    """The imported RUN with the trained one beside it."""
    return verify(
        str(place / "theirs"), data=place / "data", beside=[place / "ours"], out=place / "report", work=place / "runs"
    )


def test_an_imported_model_is_verified_on_data_that_are_named(report, place):
    assert report.claims["comparison_dmd"].verdict is Verdict.SUPPORTED  # the premise: it is the model of these data
    assert report.claims["closed"].applicable
    direct = report.claims["comparison_direct"]
    assert direct.because.startswith("not applicable: the model was trained elsewhere")
    assert "training" not in report.figures
    assert "imported from theirs.pt" in report.introduction
    assert "may have trained it on the very pairs" in report.introduction
    assert "50 held-out" not in report.introduction
    assert "100 held-out pairs" in report.introduction
    assert not list((place / "runs").glob("**/config.json")), "nothing was trained"


def test_a_run_beside_stands_in_the_same_table_and_has_a_claim_of_its_own(report):
    claim = report.claims["comparison_beside_ours"]
    assert claim.verdict is Verdict.SUPPORTED
    assert claim.controls[0].verdict is Verdict.REFUTED
    table = report.tables[0]
    assert {"model", "ours", "DMD (affine)"} <= {row[0] for row in table.rows}
    assert "“ours”, a Koopman Distillation Model of latent dimension 4" in report.introduction
    assert "900 other pairs of these data: the held-out ones are new to it" in report.introduction


def test_the_report_is_known_by_the_models_and_the_data(report, place):
    command = json.loads((place / "report" / "claims.json").read_text())["inputs"]["command"]
    assert command["line"].startswith(
        f"kdm verify {place / 'theirs'} --data {place / 'data'} --beside {place / 'ours'}"
    )
    assert len(command["beside"]) == 1
    with pytest.raises(FileExistsError, match="the report of another command"):
        verify(str(place / "theirs"), data=place / "data", out=place / "report", work=place / "runs")
    with pytest.raises(FileExistsError, match="the report of another command"):
        verify("models_of_others:twist", data=place / "twist", out=place / "report", work=place / "runs")


def test_a_model_of_anyones_is_verified_by_its_module_and_name(place, quick_pictures):
    report = verify("models_of_others:twist", data=place / "twist", out=place / "twisted", work=place / "runs")
    assert report.claims["closed"].verdict is Verdict.SUPPORTED
    assert report.claims["comparison_dmd"].applicable
    assert report.claims["eigenvalues"].verdict is Verdict.SUPPORTED, "one encoder, exact to rounding"
    assert report.claims["semantic"].because.startswith("not applicable")
    assert "A Koopman autoencoder of latent dimension 3 was trained elsewhere" in report.introduction
    assert (place / "twisted" / "index.html").exists()


@pytest.mark.parametrize("target", ["theirs", "models_of_others:twist"])
def test_a_model_that_was_trained_elsewhere_needs_data(place, monkeypatch, target):
    monkeypatch.chdir(place)
    with pytest.raises(ValueError, match=f"expected --data DATA for '{target}', which was trained elsewhere"):
        verify(target, out=place / "none", work=place / "runs")


def test_what_cannot_stand_beside_is_refused_before_any_work(place, tmp_path):
    asked = {"data": place / "data", "out": tmp_path / "report", "work": tmp_path / "runs"}
    with pytest.raises(RunError, match="no run at"):
        verify(str(place / "theirs"), beside=[place / "data"], **asked)
    with pytest.raises(ValueError, match="RUNs of different names beside the model, got ours, ours: rename one"):
        verify(str(place / "theirs"), beside=[place / "ours", place / "ours"], **asked)
    assert list(tmp_path.iterdir()) == []
