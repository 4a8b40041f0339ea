"""What `kdm verify` costs from scratch: a new process in an empty folder, watched to its end.

Memory is the resident set summed over the process and its descendants, which counts pages that they share twice.
"""

import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psutil

from koopman_analysis.claims import Side

from .cost import Stopwatch
from .experiments import Profile
from .page import Goal, Page, Row, Table

POLL_SECONDS = 0.25
COLUMNS = {
    "command": "", "wall s": ".0f", "CPU s": ".0f", "others, cores": ".2f", "peak memory, GiB": ".2f",
    "processes at the peak": "", "claims": "",
}  # fmt: skip


def measured(profile: Profile) -> Page:
    """Wall time, CPU time, peak memory and verdicts of the main command."""
    arguments = ["verify", "--out", "report", *(["--fast"] if profile.fast else [])]
    with tempfile.TemporaryDirectory() as folder:
        watch = Stopwatch()
        command = [sys.executable, "-m", "kdm", *arguments]
        with subprocess.Popen(command, cwd=folder) as process:
            peak, processes = max(_sizes(process), default=(0, 0))
        cost = watch.cost()
        if process.returncode:
            raise SystemExit(f"expected `kdm {' '.join(arguments)}` to succeed, got exit status {process.returncode}")
        claims = json.loads((Path(folder) / "report" / "claims.json").read_text())["claims"]
    verdicts = Counter(claim["verdict"] for claim in claims)
    row: Row = {
        "command": f"`kdm {' '.join(arguments)}`",
        "wall s": cost.wall,
        "CPU s": cost.cpu,
        "others, cores": cost.others,
        "peak memory, GiB": peak / 2**30,
        "processes at the peak": processes,
        "claims": ", ".join(f"{count} {verdict}" for verdict, count in sorted(verdicts.items())),
    }
    return Page(
        title="The main command",
        about="`kdm verify` in an empty folder: collects, trains the model and direct regression, fits the baselines, "
        "measures the claims, writes the page.",
        tables=[Table(columns=COLUMNS, rows=[row])],
        goals=[
            Goal(quantity="wall s", measured=cost.wall, side=Side.AT_MOST, bound=360, form=".0f"),
            Goal(quantity="peak memory, GiB", measured=peak / 2**30, side=Side.AT_MOST, bound=4, form=".2f"),
        ],
        notes=["The goal of time is for two cores on which nothing else runs."],
    )


def _sizes(process: subprocess.Popen) -> Iterator[tuple[int, int]]:
    """Resident bytes and number of processes of the tree, until its root ends."""
    root = psutil.Process(process.pid)
    while process.poll() is None:
        sizes = [_resident(member) for member in [root, *_descendants(root)]]
        yield sum(sizes), len(sizes)
        try:
            process.wait(POLL_SECONDS)
        except subprocess.TimeoutExpired:
            continue


def _descendants(root: psutil.Process) -> list[psutil.Process]:
    try:
        return root.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0
