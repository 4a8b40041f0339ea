"""A model that was trained elsewhere is a RUN like any other, as far as it can be."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import published_checkpoint as published
import pytest
import torch
from safetensors.torch import load_file, save_file

import kdm
from kdm.importing.archive import CheckpointError
from kdm.importing.runs import import_model
from kdm.training.distillation import distil
from kdm.training.measurable import data_for
from kdm.training.runs import RunError, RunFolder
from kdm.trajectories import save_trajectories
from kdm.verification.subjects import digest_of_run

ROUNDING = 1e-5
"""Single precision through ten layers of order one."""


@pytest.fixture
def checkpoint(tmp_path):
    """A small checkpoint in the published layout."""
    published.checkpoint(tmp_path / "small.pt")
    return tmp_path / "small.pt"


@pytest.fixture
def run(checkpoint, tmp_path):
    return import_model(checkpoint, tmp_path / "run").path


@pytest.fixture(scope="module")
def plane(tmp_path_factory):
    """Pairs of the plane from noise of standard deviation 1, a twist of it."""
    noise = np.random.default_rng(0).standard_normal((200, 2))
    data = np.stack([noise[:, 0], noise[:, 1] + noise[:, 0] ** 2], axis=1)
    return save_trajectories(
        tmp_path_factory.mktemp("plane") / "data", noise=noise, data=data, times=(0.0, 1.0), time_name="t",
        source={"kind": "twist"},
    )  # fmt: skip


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_an_imported_model_is_its_own_forward_pass(tmp_path):
    tensors = published.checkpoint(tmp_path / "m.pt", seed=1)
    model = kdm.load(import_model(tmp_path / "m.pt", tmp_path / "run").path)
    states = np.random.default_rng(0).standard_normal((50, 2))
    single = torch.from_numpy(states).float()
    expected = published.one_step(tensors, states)
    assert expected.std(axis=0).min() > 100 * ROUNDING  # the premise: it depends on the noise
    at_zero = published.encoded(tensors, "xT_observables_encoder", states, time=0.0)
    at_one = published.encoded(tensors, "xT_observables_encoder", states, time=1.0)
    assert np.abs(at_one - at_zero).max() > 100 * ROUNDING  # and its encoder on the time
    with torch.no_grad():
        np.testing.assert_allclose(model.generate(single), expected, atol=ROUNDING)
        np.testing.assert_allclose(model.encode_noise(single), at_one, atol=ROUNDING)
        at_the_data = published.encoded(tensors, "x0_observables_encoder", states, time=0.0)
        np.testing.assert_allclose(model.encode_data(single), at_the_data, atol=ROUNDING)


def test_a_run_says_where_its_model_comes_from_and_has_nothing_of_a_training(run, checkpoint):
    assert set(contents(run)) == {"config.json", "model.safetensors"}
    experiment = RunFolder(run).experiment()
    assert experiment["kind"] == "imported-model"
    assert experiment["source"]["file"] == "small.pt"
    assert len(experiment["source"]["sha256"]) == 64
    assert RunFolder(run).metrics() == []
    assert [path.name for path in run.parent.iterdir() if path.name.startswith(".")] == []


def test_the_same_import_again_changes_nothing_and_another_is_refused(run, checkpoint, tmp_path):
    before = contents(run)
    import_model(checkpoint, run)
    assert contents(run) == before
    published.checkpoint(tmp_path / "other.pt", seed=1)
    with pytest.raises(RunError, match=r"got another one \(it differs in source.file, source.sha256\)"):
        import_model(tmp_path / "other.pt", run)
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.tex").write_text("years of work")
    with pytest.raises(RunError, match="to be new or a RUN, got something else there"):
        import_model(checkpoint, tmp_path / "thesis")
    assert contents(run) == before


def test_an_import_that_fails_or_is_killed_leaves_no_run_and_the_same_command_makes_it(
    run, checkpoint, tmp_path, monkeypatch
):
    def interrupted(path, target):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", interrupted)
        with pytest.raises(KeyboardInterrupt):
            import_model(checkpoint, tmp_path / "failed")
        assert not [path for path in tmp_path.iterdir() if "failed" in path.name]
        patch.setattr("shutil.rmtree", lambda path, ignore_errors: None)  # as a kill, which cleans nothing up
        with pytest.raises(KeyboardInterrupt):
            import_model(checkpoint, tmp_path / "killed")
    assert (tmp_path / "killed.partial").exists()
    assert not (tmp_path / "killed").exists()
    import_model(checkpoint, tmp_path / "killed")
    assert contents(tmp_path / "killed") == contents(run)
    assert not (tmp_path / "killed.partial").exists()


def test_what_is_in_the_way_is_kept(checkpoint, tmp_path, monkeypatch):
    (tmp_path / "run.partial").mkdir()
    (tmp_path / "run.partial" / "thesis.tex").write_text("years of work")
    with pytest.raises(RunError, match=r"run.partial' is in the way: remove it"):
        import_model(checkpoint, tmp_path / "run")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(RunError, match="to be absent or an empty folder inside of another"):
        import_model(checkpoint, Path())
    assert (tmp_path / "run.partial" / "thesis.tex").exists()


def test_a_training_does_not_go_into_an_imported_model(run, config, data):
    before = contents(run)
    with pytest.raises(RunError, match=r"got another one \(it differs in kind: imported-model\): choose another --out"):
        next(distil(config, data, run, device=torch.device("cpu")))
    assert contents(run) == before


def test_it_is_measured_on_data_that_are_named_and_fit(run, data, plane):
    with pytest.raises(RunError, match="was imported, without the data of its training: name a data set with --data"):
        data_for(run, None)
    assert data_for(run, plane.folder).manifest.digest == plane.manifest.digest
    with pytest.raises(RunError, match=r"from noise of standard deviation 1, which .* takes, got .* and deviation 80"):
        data_for(run, data.folder)
    solid = save_trajectories(
        run.parent / "solid", noise=np.ones((10, 3)), data=np.ones((10, 3)), times=(0.0, 1.0), time_name="t", source={}
    )
    with pytest.raises(RunError, match=r"expected states of shape \(2,\) .*got shape \(3,\)"):
        data_for(run, solid.folder)


def test_a_run_whose_weights_are_damaged_does_not_load(run):
    os.truncate(run / "model.safetensors", 100)
    with pytest.raises(RunError, match="expected the weights of this model"):
        kdm.load(run)


def test_a_record_that_names_neither_a_training_nor_a_source_is_damaged(run):
    record = json.loads((run / "config.json").read_text())
    del record["experiment"]["source"]
    (run / "config.json").write_text(json.dumps(record))
    with pytest.raises(RunError, match="a damaged one: train or import again"):
        kdm.load(run)


def test_a_checkpoint_whose_layers_do_not_follow_each_other_is_refused(tmp_path, monkeypatch):
    class Narrow(torch.nn.Linear):
        """A layer that takes one feature less than it should, after the first."""

        def __init__(self, inputs: int, outputs: int) -> None:
            super().__init__(inputs - (inputs == 6), outputs)

    Narrow.__qualname__ = Narrow.__name__ = "Linear"
    Narrow.__module__ = torch.nn.Linear.__module__
    with monkeypatch.context() as patch:
        patch.setattr("torch.nn.modules.linear.Linear", Narrow)
        patch.setattr("torch.nn.Linear", Narrow)
        published.checkpoint(tmp_path / "m.pt")
    with pytest.raises(CheckpointError, match="expected layers that follow each other"):
        import_model(tmp_path / "m.pt", tmp_path / "run")
    assert [path.name for path in tmp_path.iterdir()] == ["m.pt"]


def test_other_weights_make_another_run(run, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    assert digest_of_run(copy) == digest_of_run(run)
    weights = load_file(copy / "model.safetensors")
    save_file({name: 2 * values for name, values in weights.items()}, copy / "model.safetensors")
    assert digest_of_run(copy) != digest_of_run(run)
