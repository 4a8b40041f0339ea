"""The folder of a report, when something comes in between."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from koopman_analysis.report import Report, saved_inputs


@pytest.fixture
def older():
    return Report(title="Older", inputs={"data": "abc"})


@pytest.fixture
def newer(older):
    return replace(older, title="Newer")


def dead_process() -> int:
    """The number of a process that has ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def test_a_save_removes_what_killed_saves_to_the_same_folder_left_and_nothing_else(older, tmp_path):
    dead, alive = dead_process(), os.getppid()
    left = [f".r.{dead}-a1b2c3d4", f".r.{dead}-zzzzzzzz"]
    others = [f".s.{dead}-a1b2c3d4", f".r.{alive}-a1b2c3d4", ".r.thesis-a1b2c3d4", f"r.{dead}-a1b2c3d4"]
    for name in (*left, *others):
        (tmp_path / name / "complete" / "figures").mkdir(parents=True)
    (tmp_path / f".r.{dead}-notafolder").write_text("precious")
    older.save(tmp_path / "r")
    assert {path.name for path in tmp_path.iterdir()} == {"r", *others, f".r.{dead}-notafolder"}


def test_what_a_save_writes_before_it_is_done_is_what_a_later_one_would_remove(older, tmp_path, monkeypatch):
    found = []
    older.save(tmp_path / "r")
    rename = Path.rename

    def watched(path, target):
        found.extend(beside.name for beside in tmp_path.iterdir() if beside.name != "r")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", watched)
    older.save(tmp_path / "r")
    assert len(set(found)) == 1
    assert found[0].startswith(f".r.{os.getpid()}-")


@pytest.mark.parametrize("moment", ["older", "complete"])
@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, OSError])
def test_an_interrupt_between_the_two_moves_puts_the_older_report_back(
    older, newer, tmp_path, monkeypatch, error, moment
):
    older.save(tmp_path / "r")
    rename = Path.rename
    raised = []

    def interrupted(path, target):
        if not raised and (moment == "older") == (Path(target).name == "older"):
            raised.append(path)
            if moment == "older":
                rename(path, target)
            raise error
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", interrupted)
    with pytest.raises(error):
        newer.save(tmp_path / "r")
    assert len(raised) == 1
    assert "Older" in (tmp_path / "r" / "index.html").read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["r"]


@pytest.mark.parametrize("exists", [True, False])
def test_a_report_goes_where_a_link_points_to(older, newer, tmp_path, exists):
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "r"
    link.symlink_to(Path("elsewhere", "real"))
    if exists:
        older.save(tmp_path / "elsewhere" / "real")
    assert newer.save(link) == link / "index.html"
    assert link.is_symlink()
    assert "Newer" in (tmp_path / "elsewhere" / "real" / "index.html").read_text()
    assert [path.name for path in (tmp_path / "elsewhere").iterdir()] == ["real"]


def test_what_went_into_a_report_can_be_read_back(older, tmp_path):
    folder = older.save(tmp_path / "a report").parent
    assert saved_inputs(folder) == {"data": "abc"}


@pytest.mark.parametrize("text", [None, "", "{", "[]", "{}", '{"inputs": 3}', b"\xff\xfe"])
def test_a_folder_that_does_not_say_what_went_in_says_nothing(tmp_path, text):
    if text is not None:
        (tmp_path / "claims.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    assert saved_inputs(tmp_path) is None


def test_the_inputs_of_a_report_are_those_of_its_json(older, tmp_path):
    written = json.loads((older.save(tmp_path / "r").parent / "claims.json").read_text())
    assert written["inputs"] == saved_inputs(tmp_path / "r")
