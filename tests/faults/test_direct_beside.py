"""Direct regression in a process of its own: started without ceremony, stopped with the process that wanted it."""

import os
import subprocess
import sys
import textwrap
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import kdm
from kdm.ablations import load_direct, regress_directly
from kdm.configuration import Architecture, to_json
from kdm.networks import ResidualMLPConfig
from kdm.storage import FolderInUse, lock_inside, sole_writer
from kdm.teachers import named
from kdm.training.distillation import DistillationConfig
from kdm.training.loop import TrainingConfig, TrainingDiverged
from kdm.training.optimisation import AdamConfig
from kdm.trajectories import collect
from kdm.verification import direct
from kdm.verification.direct import direct_beside

CPU = torch.device("cpu")
ENDLESS = 10_000_000
ELSEWHERE = {**os.environ, "PYTHONPATH": str(Path(kdm.__file__).parents[1])}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("collected") / "mixture"
    return collect(named("mixture"), 100, generator=torch.Generator().manual_seed(0), steps=4, out=folder)


def config(steps: int) -> DistillationConfig:
    tiny = ResidualMLPConfig(width=8, blocks=1)
    architecture = Architecture(latent=4, noise_encoder=tiny, data_encoder=tiny, decoder=tiny)
    return DistillationConfig(architecture=architecture, training=TrainingConfig(steps=steps, batch=50))


def script(wanted: DistillationConfig, data, folder: Path, block: str) -> str:
    """A plain program, without `if __name__ == "__main__"`, that trains direct regression beside a block."""
    return textwrap.dedent(
        f"""
        import pathlib, sys, time, torch
        from kdm.configuration import from_json
        from kdm.training.distillation import DistillationConfig
        from kdm.trajectories import open_trajectories
        from kdm.verification.direct import direct_beside
        print("begun", flush=True)
        config = from_json(DistillationConfig, {to_json(wanted)!r})
        data, folder = open_trajectories({str(data.folder)!r}), pathlib.Path({str(folder)!r})
        with direct_beside(config, data, folder, device=torch.device("cpu")):
            {block}
        print("ended", flush=True)
        """
    )


def is_worked_in(folder: Path) -> bool:
    try:
        with sole_writer(folder, lock=lock_inside(folder)):
            return False
    except FolderInUse:
        return True


@contextmanager
def patience():
    """A function to call in a waiting loop; it fails after a while."""
    deadline = time.monotonic() + 90

    def wait() -> None:
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.02)

    yield wait


def wait_for_a_save(folder: Path) -> None:
    with patience() as wait:
        while not (folder / "model.safetensors").exists():
            wait()
    assert is_worked_in(folder)


@pytest.mark.slow
def test_a_program_without_a_main_guard_trains_it_to_the_same_bits(data, tmp_path):
    program = script(config(300), data, tmp_path / "beside", "time.sleep(0)")
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=ELSEWHERE, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("begun\nended\n", "")
    for _ in regress_directly(config(300), data, tmp_path / "here", device=CPU):
        pass
    here, beside = (load_file(tmp_path / name / "model.safetensors") for name in ("here", "beside"))
    assert all(torch.equal(here[name], beside[name]) for name in here)


def test_it_is_done_in_the_other_process_and_not_a_second_time_in_this_one(data, tmp_path, monkeypatch):
    jobs = []
    monkeypatch.setattr(direct.DirectJob, "do", lambda job: jobs.append(job.folder))
    with direct_beside(config(300), data, tmp_path / "direct", device=CPU):
        assert jobs == []
    assert jobs == [str(tmp_path / "direct")], "looked at again, with nothing left to do"
    load_direct(tmp_path / "direct")
    monkeypatch.setattr(direct.subprocess, "Popen", None)
    with direct_beside(config(300), data, tmp_path / "direct", device=CPU):
        pass  # finished: no process is started


def test_it_saves_and_stops_with_a_block_that_is_interrupted(data, tmp_path, capfd):
    def interrupted() -> None:
        with direct_beside(config(ENDLESS), data, tmp_path / "direct", device=CPU):
            wait_for_a_save(tmp_path / "direct")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not is_worked_in(tmp_path / "direct")
    state = torch.load(tmp_path / "direct" / "state.pt", weights_only=True)
    assert state["step"] % 500 != 0, "it saved where it stood, not where it measures"
    assert capfd.readouterr().err == ""


def test_it_does_not_outlive_a_killed_program(data, tmp_path):
    program = script(config(ENDLESS), data, tmp_path / "direct", "time.sleep(600)")
    with subprocess.Popen([sys.executable, "-c", program], cwd=tmp_path, env=ELSEWHERE) as running:
        wait_for_a_save(tmp_path / "direct")
        running.kill()
    with patience() as wait:
        while is_worked_in(tmp_path / "direct"):
            wait()
    steps = regress_directly(config(ENDLESS), data, tmp_path / "direct", device=CPU)
    assert next(steps).index > 500, "it goes on from what the orphan saved"
    steps.close()


def test_what_goes_wrong_there_is_told_here_and_once(data, tmp_path, capfd):
    hot = config(50)
    hot = replace(hot, training=replace(hot.training, optimiser=AdamConfig(learning_rate=1e30)))
    block = direct_beside(hot, data, tmp_path / "direct", device=CPU)
    with pytest.raises(TrainingDiverged, match="lower the learning rate"), block:
        pass
    assert capfd.readouterr().err == ""


def test_a_process_that_cannot_start_costs_time_and_nothing_else(data, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with direct_beside(config(20), data, tmp_path / "direct", device=CPU):
        pass
    load_direct(tmp_path / "direct")


def test_data_in_memory_are_refused(tmp_path):
    memory = collect(named("mixture"), 100, generator=torch.Generator().manual_seed(0), steps=4)
    with (
        pytest.raises(ValueError, match="expected data on disk, got data in memory"),
        direct_beside(config(20), memory, tmp_path / "direct", device=CPU),
    ):
        pass
