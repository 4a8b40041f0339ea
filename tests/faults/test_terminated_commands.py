"""Commands that are told to stop: they clean up, say so in one line, and exit as shells expect."""

import os
import signal
import subprocess
import sys
import time

import pytest

from kdm.__main__ import main
from kdm.storage import lock_inside, sole_writer
from kdm.trajectories.draft import Draft
from koopman_analysis.figures import figure_of
from koopman_analysis.report import Report

STOPPED = "\nstopped: what was finished is saved, and the same command goes on from there\n"


def test_termination_while_a_report_is_written_leaves_the_older_one_and_nothing_else(tmp_path, monkeypatch, capsys):
    def terminated():
        assert [path.name for path in tmp_path.iterdir()] != ["r"], "it is being written, beside the older one"
        signal.raise_signal(signal.SIGTERM)
        return figure_of(lambda ax: ax)

    Report(title="Older").save(tmp_path / "r")
    newer = Report(title="Newer", figures={"picture": terminated})
    monkeypatch.setattr("kdm.verification.verify", lambda *arguments, **options: newer.save(tmp_path / "r"))
    with pytest.raises(SystemExit) as stopped:
        main(["verify"])
    assert stopped.value.code == 143
    assert capsys.readouterr().err == STOPPED
    assert [path.name for path in tmp_path.iterdir()] == ["r"]
    assert "Older" in (tmp_path / "r" / "index.html").read_text()
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_terminated_collection_goes_on_where_it_was(tmp_path, monkeypatch, capsys):
    command = ["collect", "mixture", "--pairs", "9000", "--steps", "2", "--out", str(tmp_path / "data")]
    record = Draft.record

    def terminated(draft, arrays, done):
        record(draft, arrays, done)
        signal.raise_signal(signal.SIGTERM)

    with monkeypatch.context() as patch:
        patch.setattr(Draft, "record", terminated)
        with pytest.raises(SystemExit) as stopped:
            main(command)
    assert stopped.value.code == 143
    assert capsys.readouterr().err.endswith(STOPPED)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data.partial"]
    main(command)
    assert "9,000 pairs" in capsys.readouterr().out
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


@pytest.mark.parametrize(
    ("number", "status"),
    [
        pytest.param(signal.SIGINT, 130, id="ctrl-c", marks=pytest.mark.slow),
        pytest.param(signal.SIGTERM, 143, id="term"),
    ],
)
def test_a_verification_that_is_stopped_stops_both_of_its_processes_without_a_traceback(tmp_path, number, status):
    runs = tmp_path / "runs" / "verify-mixture-fast"
    command = [sys.executable, "-m", "kdm", "verify", "mixture", "--fast", "--out", str(tmp_path / "report")]
    environment = {**os.environ, "PYTHONPATH": os.getcwd()}
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, process_group=0
    ) as running:
        try:
            deadline = time.monotonic() + 120
            while not ((runs / "run" / "model.safetensors").exists() and lock_inside(runs / "direct").exists()):
                assert running.poll() is None, running.stderr.read()
                assert time.monotonic() < deadline
                time.sleep(0.01)
            os.killpg(running.pid, number)  # as a terminal does
            _, printed = running.communicate(timeout=60)
        finally:
            running.kill()
    assert running.returncode == status, printed
    assert printed.decode().endswith(STOPPED)
    assert b"Traceback" not in printed
    with sole_writer(runs / "direct", lock=lock_inside(runs / "direct")):
        pass  # nobody works there any more
    assert not [path for path in tmp_path.rglob(".*") if path.suffix in {".lock", ".partial"}]
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]
