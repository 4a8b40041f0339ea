"""Progress is a bar for whoever watches, and a few lines in the log of a job."""

import io
import sys

import pytest

from kdm import progress
from kdm.progress import progress_bar


class _Stream(io.StringIO):
    def __init__(self, *, terminal):
        super().__init__()
        self.terminal = terminal

    def isatty(self):
        return self.terminal


def _worked(*, shown=True, steps=50):
    with progress_bar(total=steps, doing="training", unit="step", shown=shown) as bar:
        for _ in range(steps):
            bar.update()


def test_a_log_gets_whole_lines_and_few_of_them(monkeypatch, capfd):
    monkeypatch.setattr(progress, "SECONDS", 0.0)
    _worked()
    log = capfd.readouterr().err
    assert "training" in log
    assert "50/50" in log.splitlines()[-1]
    assert "\r" not in log


def test_quick_work_is_two_lines_in_a_log(capfd):
    _worked()
    assert len(capfd.readouterr().err.splitlines()) == 2


def test_a_terminal_gets_a_bar_that_is_drawn_over(monkeypatch):
    terminal = _Stream(terminal=True)
    monkeypatch.setattr(sys, "stderr", terminal)
    _worked()
    assert "\rtraining: 100%" in terminal.getvalue()


@pytest.mark.parametrize("terminal", [True, False], ids=["terminal", "log"])
def test_nothing_is_shown_where_nobody_asked(monkeypatch, terminal):
    stream = _Stream(terminal=terminal)
    monkeypatch.setattr(progress, "SECONDS", 0.0)
    monkeypatch.setattr(sys, "stderr", stream)
    _worked(shown=False)
    assert stream.getvalue() == ""
