"""Two processes at one folder: one works, the other is refused at once, and who only reads is never in the way."""

import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from processes import writer_elsewhere

from kdm.__main__ import main
from kdm.evaluation import evaluate
from kdm.sampling import sample
from kdm.storage import FolderInUse
from kdm.teachers import named
from kdm.training.distillation import distil, load
from kdm.training.measurable import data_for
from kdm.trajectories import collect, groups, open_trajectories, save_trajectories


def refusal(capsys, *arguments: str) -> str:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    return capsys.readouterr().err


def contents(folder) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def data(tmp_path):
    main(["collect", "mixture", "--pairs", "100", "--steps", "4", "--out", str(tmp_path / "data")])
    return str(tmp_path / "data")


def test_a_second_training_is_refused_while_the_first_one_works_and_goes_on_when_it_was_killed(data, tmp_path, capsys):
    run = tmp_path / "run"
    command = ["train", "mixture", "--data", data, "--steps", "3", "--out", str(run)]
    with writer_elsewhere(run / ".lock"):
        before = contents(tmp_path)
        printed = refusal(capsys, *command)
        assert printed.endswith(f"another process is working in '{run}': wait for it, or choose another --out\n")
        assert contents(tmp_path) == before
    assert (run / ".lock").exists(), "the kill left the file, and it is no one else's content"
    main(command)
    assert sorted(path.name for path in run.iterdir()) == [
        "config.json", "metrics.jsonl", "model.safetensors", "state.pt",
    ]  # fmt: skip


def test_a_second_collection_is_refused_while_the_first_one_works_and_goes_on_when_it_was_killed(tmp_path, capsys):
    command = ["collect", "mixture", "--pairs", "100", "--steps", "4", "--out", str(tmp_path / "data")]
    with writer_elsewhere(tmp_path / ".data.lock"):
        assert "another process is working in" in refusal(capsys, *command)
        assert [path.name for path in tmp_path.iterdir()] == [".data.lock"]
        rows = np.zeros((20, 2), np.float32)
        with pytest.raises(FolderInUse):
            save_trajectories(
                tmp_path / "data", noise=rows, data=rows, times=(1.0, 0.0), time_name="sigma", source={"kind": "test"}
            )
    main(command)
    assert [path.name for path in tmp_path.iterdir()] == ["data"]
    assert len(list((tmp_path / "data").iterdir())) == 4


def test_a_collection_that_another_process_finished_meanwhile_is_opened(tmp_path, monkeypatch):
    def collected():
        generator = torch.Generator().manual_seed(0)
        return collect(named("mixture"), 100, generator=generator, steps=4, out=tmp_path / "data")

    finished, looked = groups._finished, []

    def finished_meanwhile(draft, planned):
        looked.append(draft.out)
        found = finished(draft, planned)
        if len(looked) == 1:
            with monkeypatch.context() as patch:
                patch.setattr(groups, "_finished", finished)
                collected()
        return found

    monkeypatch.setattr(groups, "_finished", finished_meanwhile)
    assert len(collected()) == 100
    assert len(looked) == 2, "once before it had the lock and once after"
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


@pytest.mark.parametrize(
    ("lock", "otherwise"),
    [("pages/.mine.lock", "choose another --out"), ("runs/verify-mixture/.lock", "start from another directory")],
    ids=["report", "work"],
)
def test_a_second_verification_is_refused_before_any_work(tmp_path, capsys, monkeypatch, lock, otherwise):
    monkeypatch.chdir(tmp_path)
    with writer_elsewhere(tmp_path / lock):
        printed = refusal(capsys, "verify", "mixture", "--out", "pages/mine")
        assert f"wait for it, or {otherwise}" in printed
        assert [path for path in tmp_path.rglob("*") if path.is_file()] == [tmp_path / lock]


def test_a_loop_over_a_training_that_fails_leaves_the_folder_to_the_next_one(config, data, tmp_path):
    pairs = open_trajectories(data)

    def failing() -> None:
        for step in distil(config, pairs, tmp_path / "run", device=torch.device("cpu")):
            step.index / 0

    with pytest.raises(ZeroDivisionError) as failed:
        failing()
    assert failed.tb is not None, "as in a notebook, which keeps the traceback"
    assert len(list(distil(config, pairs, tmp_path / "run", device=torch.device("cpu")))) == 10


def test_readers_need_no_lock(data, tmp_path, capsys):
    run = tmp_path / "run"
    main(["train", "mixture", "--data", data, "--steps", "3", "--out", str(run)])
    with writer_elsewhere(run / ".lock"), writer_elsewhere(tmp_path / ".data.lock"):
        model = load(run)
        assert sample(model, 5, generator=torch.Generator().manual_seed(0)).shape == (5, 2)
        evaluate(model, data_for(run, None), count=20)
        assert len(open_trajectories(data)) == 100
        main(["evaluate", str(run), "--samples", "20"])
        main(["sample", str(run), "--count", "5", "--out", str(tmp_path / "samples.npy")])
        # There is nothing to do for them, either.
        main(["train", "mixture", "--data", data, "--steps", "3", "--out", str(run)])
        main(["collect", "mixture", "--pairs", "100", "--steps", "4", "--out", data])
    assert (run / "evaluation.json").exists()


@pytest.mark.slow
def test_of_two_trainings_that_begin_together_one_works_and_can_be_terminated(data, tmp_path):
    command = [sys.executable, "-m", "kdm", "train", "mixture", "--data", data, "--out", str(tmp_path / "run")]
    both = [subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) for _ in range(2)]
    try:
        deadline = time.monotonic() + 120
        while all(process.poll() is None for process in both):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        refused, working = sorted(both, key=lambda process: process.poll() is None)
        assert refused.returncode == 2
        assert b"another process is working in" in refused.communicate()[1]
        printed = b""
        while not re.search(rb" [1-9]\d*/6500", printed):  # the bar shows finished steps
            piece = os.read(working.stderr.fileno(), 4096)
            assert piece, printed
            printed += piece
        working.send_signal(signal.SIGTERM)
        _, printed = working.communicate(timeout=60)
    finally:
        for process in both:
            process.kill()
            process.wait()
            process.stderr.close()
    assert working.returncode == 143
    assert printed.endswith(b"\nstopped: what was finished is saved, and the same command goes on from there\n")
    assert b"Traceback" not in printed
    assert torch.load(tmp_path / "run" / "state.pt", weights_only=True)["step"] >= 1
    assert not list((tmp_path / "run").glob(".*"))
