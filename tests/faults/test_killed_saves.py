"""A kill at any moment of a save: what is there loads as what it is, and the same call goes on to the same bits.

A kill between two operations of the file system leaves what the operations before it did, and runs nothing that would
clean up. So does an exception that is raised at that moment while nothing can be removed.
"""

from pathlib import Path

import pytest
import torch

from kdm.evaluation import paired_error
from kdm.teachers import named
from kdm.training.distillation import distil, load
from kdm.training.runs import RunError, RunFolder
from kdm.trajectories import collect, open_trajectories

CPU = torch.device("cpu")


class Killed(BaseException):
    """Nobody catches it."""


@pytest.fixture
def killed_at(monkeypatch):
    """A function that runs another one until the n-th operation of the kind that moves files into place."""

    def run(function, moment: int) -> int:
        """How many operations there were before the kill, or in all."""
        done = []

        def counted(operation):
            def wrapped(*arguments, **options):
                if len(done) == moment:
                    raise Killed
                done.append(operation)
                return operation(*arguments, **options)

            return wrapped

        with monkeypatch.context() as patch:
            patch.setattr("os.replace", counted(__import__("os").replace))
            patch.setattr(Path, "rename", counted(Path.rename))
            patch.setattr(Path, "unlink", lambda path, missing_ok=False: None)
            try:
                function()
            except Killed:
                assert len(done) == moment
            return len(done)

    return run


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_a_training_killed_at_any_moment_of_its_saves(config, data, tmp_path, killed_at):
    def trained(folder: Path) -> None:
        for _ in distil(config, data, folder, device=CPU):
            pass

    trained(tmp_path / "whole")
    whole, final = contents(tmp_path / "whole"), load(tmp_path / "whole")
    state = torch.load(tmp_path / "whole" / "state.pt", weights_only=True)
    moments = killed_at(lambda: trained(tmp_path / "counted"), 10**9)
    assert moments == 1 + 2 * 2, "config.json, and two saves of a state and of weights"
    for moment in range(moments):
        folder = tmp_path / f"killed {moment}"
        killed_at(lambda folder=folder: trained(folder), moment)
        assert [path for path in folder.iterdir() if path.name.endswith(".partial")], "a kill leaves what it wrote"
        with pytest.raises(RunError, match="no run at" if moment == 0 else "expected a finished training"):
            load(folder)
        trained(folder)
        assert {**contents(folder), "state.pt": state} == {**whole, "state.pt": state}, moment
        torch.testing.assert_close(torch.load(folder / "state.pt", weights_only=True), state, rtol=0, atol=0)
        assert paired_error(load(folder), data.heldout()) == paired_error(final, data.heldout())


def test_a_training_killed_after_its_last_save_is_finished(config, data, tmp_path, killed_at):
    def trained() -> None:
        for _ in distil(config, data, tmp_path / "run", device=CPU):
            pass

    killed_at(trained, 10**9)  # nothing was cleaned up
    assert (tmp_path / "run" / ".lock").exists()
    load(tmp_path / "run")
    assert RunFolder(tmp_path / "run").metrics()[-1]["step"] == 10
    assert list(distil(config, data, tmp_path / "run", device=CPU)) == []


def test_a_collection_killed_at_any_moment(tmp_path, killed_at, monkeypatch):
    monkeypatch.setattr("kdm.trajectories.collection.GROUP", 16)

    def collected(folder: Path):
        return collect(named("mixture"), 40, generator=torch.Generator().manual_seed(0), steps=3, out=folder)

    collected(tmp_path / "whole")
    whole = contents(tmp_path / "whole")
    moments = killed_at(lambda: collected(tmp_path / "counted"), 10**9)
    assert moments == 3 + 1 + 1, "the progress of three groups, the manifest, and the folder's name"
    digest = open_trajectories(tmp_path / "whole").manifest.digest
    for moment in range(moments + 1):
        place = tmp_path / f"killed {moment}"
        place.mkdir()
        killed_at(lambda place=place: collected(place / "data"), moment)
        assert (place / "data").exists() == (moment == moments)
        collected(place / "data")
        assert [path.name for path in place.iterdir() if path.name != ".data.lock"] == ["data"]
        found = contents(place / "data")
        assert found.keys() == whole.keys()
        assert {**found, "manifest.json": b""} == {**whole, "manifest.json": b""}
        assert open_trajectories(place / "data").manifest.digest == digest
