import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import kdm
from kdm.distances import PseudoHuberDistance
from kdm.objectives import KoopmanObjective
from kdm.presets import PRESETS
from kdm.semigroup_objective import SemigroupObjective
from kdm.teachers import Empirical, named
from kdm.training.distillation import distil
from kdm.training.runs import RunError
from kdm.trajectories import collect
from kdm.verification import verify
from koopman_analysis.claims import Verdict
from koopman_analysis.report import VOLATILE

IDS = {
    "fidelity", "comparison_dmd", "comparison_larger", "comparison_direct", "closed", "isometric", "not_expanding",
    "semantic", "semantic_neighbours", "semantic_features", "semantic_gauge_free",
    "outliers", "outliers_latent", "outliers_at_edges", "autonomous", "eigenvalues",
    "stable", "nearly_normal", "eigenvalues_trusted",
    "rank", "bounded", "bounded_informative",
    "violations_at_boundaries", "violations_at_boundaries_latent", "near_stays_near", "near_stays_near_latent",
}  # fmt: skip


def stable(path) -> dict:
    """claims.json without the fields that may differ between two runs of one command."""
    record = json.loads(path.read_text())
    record["environment"] = {name: value for name, value in record["environment"].items() if name not in VOLATILE}
    return record


@pytest.fixture(scope="module")
def first(tiny, tmp_path_factory):
    """The folder in which a verification wrote its report and kept its work, and the report."""
    folder = tmp_path_factory.mktemp("first")
    return folder, verify("mixture", out=folder / "report", work=folder / "runs", seed=3)


def test_one_call_goes_from_a_teacher_to_a_page(first):
    folder, report = first
    assert set(report.claims) == IDS
    assert {path.name for path in (folder / "report").iterdir()} == {"index.html", "claims.json", "figures"}
    record = json.loads((folder / "report" / "claims.json").read_text())
    assert [claim["id"] for claim in record["claims"]] == list(report.claims)
    assert record["seed"] == 3
    asked = {"line": "kdm verify mixture --seed 3", "target": "mixture", "seed": 3, "fast": False}
    assert record["inputs"]["command"] == asked
    assert "kdm verify mixture --seed 3" in (folder / "report" / "index.html").read_text()


def test_the_page_says_what_the_model_and_direct_regression_both_minimise(first):
    told = "both minimise the mean squared difference between samples, and neither has a critic"
    assert first[1].claims["comparison_direct"].because.endswith(told)
    assert told in (first[0] / "report" / "index.html").read_text()


@pytest.mark.slow
def test_pictures_of_two_channels_have_a_page_that_does_not_show_them(tiny, tmp_path, quick_pictures):
    generator = torch.Generator().manual_seed(0)
    points = torch.randn(6, 2, 4, 4, generator=generator, dtype=torch.float64)
    data = collect(Empirical(points=points, bandwidth=0.1), 1000, generator=generator, steps=8, out=tmp_path / "data")
    robust = replace(tiny.distillation, objective=KoopmanObjective(distance=PseudoHuberDistance()))
    list(distil(robust, data, tmp_path / "run", device=torch.device("cpu")))
    report = verify(str(tmp_path / "run"), out=tmp_path / "report", work=tmp_path / "runs", fast=True)
    assert "images" not in report.figures
    told = "both minimise the pseudo-Huber distance of c = 0.03 between samples, and neither has a critic"
    assert report.claims["better_than_distillation"].because.endswith(told)


def test_the_controls_fail_even_a_barely_trained_model_as_they_must(first):
    claims = first[1].claims
    for name in ("comparison_dmd", "closed", "isometric"):
        assert claims[name].controls[0].verdict is Verdict.REFUTED
    assert not claims["eigenvalues"].applicable
    assert not claims["autonomous"].applicable


@pytest.mark.slow
def test_the_same_command_gives_the_same_claims_from_scratch(first, tmp_path):
    verify("mixture", out=tmp_path / "report", work=tmp_path / "runs", seed=3)
    assert stable(first[0] / "report" / "claims.json") == stable(tmp_path / "report" / "claims.json")


def test_a_run_is_verified_by_its_folder_on_the_data_it_was_trained_on(first, tmp_path, quick_pictures):
    run = first[0] / "runs" / "verify-mixture-seed3" / "run"
    again = verify(str(run), out=tmp_path / "again", work=tmp_path / "runs")
    assert set(again.claims) == IDS
    assert again.claims["closed"].interval.estimate == pytest.approx(first[1].claims["closed"].interval.estimate)


def test_a_run_is_not_verified_against_baselines_of_other_data(first, tmp_path):
    run = first[0] / "runs" / "verify-mixture-seed3" / "run"
    other = tmp_path / "other"
    collect(named("mixture"), 300, generator=torch.Generator().manual_seed(9), steps=8, out=other)
    with pytest.raises(RunError, match="kdm evaluate RUN --data DATA"):
        verify(str(run), data=other, out=tmp_path / "report", work=tmp_path / "runs")


def test_a_report_never_replaces_that_of_another_command(first, tmp_path):
    page = (first[0] / "report" / "index.html").read_bytes()
    with pytest.raises(FileExistsError, match=r"another command \(kdm verify mixture --seed 3\): choose another --out"):
        verify("mixture", out=first[0] / "report", work=tmp_path / "runs", seed=4)
    assert (first[0] / "report" / "index.html").read_bytes() == page
    assert not (tmp_path / "runs").exists(), "refused before any work"


def test_a_report_replaces_that_of_its_own_command(first, tmp_path, quick_pictures):
    shutil.copytree(first[0] / "report", tmp_path / "report")
    (tmp_path / "report" / "index.html").write_text("an older page")
    verify("mixture", out=tmp_path / "report", work=first[0] / "runs", seed=3)
    assert stable(first[0] / "report" / "claims.json") == stable(tmp_path / "report" / "claims.json")
    assert "Koopman verification" in (tmp_path / "report" / "index.html").read_text()


def test_a_report_never_replaces_something_else(tiny, tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.tex").write_text("years of work")
    with pytest.raises(FileExistsError, match="an older report"):
        verify("mixture", out=tmp_path / "thesis", work=tmp_path / "runs")
    assert not (tmp_path / "runs").exists(), "refused before any work"


@pytest.mark.slow
def test_a_model_with_one_encoder_is_asked_what_two_cannot_be(tiny, tmp_path, monkeypatch):
    one_encoder = replace(
        tiny, name="mixture-trajectory", intervals=4,
        distillation=replace(
            tiny.distillation, objective=SemigroupObjective(),
            architecture=replace(tiny.distillation.architecture, data_encoder=None),
        ),
    )  # fmt: skip
    monkeypatch.setitem(PRESETS, "mixture-trajectory", one_encoder)
    report = verify("mixture-trajectory", out=tmp_path / "report", work=tmp_path / "runs")
    assert set(report.claims) == IDS
    for id in ("autonomous", "eigenvalues", "eigenvalues_trusted"):
        assert report.claims[id].applicable
        assert (tmp_path / "report" / "figures" / f"{report_figure(report, id)}.pdf").exists()


@pytest.mark.slow
def test_images_are_held_against_direct_regression_by_their_features(tmp_path):
    report = verify("digits", out=tmp_path / "report", work=tmp_path / "runs", fast=True)
    assert set(report.claims) == IDS | {"better_than_distillation"}
    claim = report.claims["better_than_distillation"]
    assert claim.applicable
    assert not [control for control in claim.controls if control.decided and not control.behaves]
    assert (tmp_path / "report" / "figures" / "quality.pdf").exists()


def report_figure(report, id: str) -> str:
    """The name of the figure of a claim."""
    return next(entry.figure for entry in report.entries if entry.claim.id == id)


@pytest.mark.slow
def test_a_plain_script_needs_no_main_guard(tmp_path):
    folder = tmp_path / "a folder with spaces"
    folder.mkdir()
    (folder / "script.py").write_text("print('begun')\nimport kdm.verification\nkdm.verification.verify(fast=True)\n")
    environment = {**os.environ, "PYTHONPATH": str(Path(kdm.__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "begun\n", "")
    assert sorted(path.name for path in folder.iterdir()) == ["reports", "runs", "script.py"]
    assert (folder / "reports" / "checkerboard-fast" / "index.html").exists()


def test_an_unknown_target_is_refused_by_name(tmp_path):
    with pytest.raises(ValueError, match="expected one of the presets"):
        verify("chequerboard", out=tmp_path / "report", work=tmp_path / "runs")
