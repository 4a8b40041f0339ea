"""One contestant's process: it prepares a job, then does it once for each line on its standard input.

    python SCRIPT JOB FOLDER WARM

A job takes a folder of arrays to a `Task`, whose `work` is what is measured. It is done on the folder WARM first, small
data of the same kind, so that what a library loads or allocates once is not counted. Then one JSON line says with which
software it runs, and each line on the standard input is answered by one of what one repetition cost, and what it found.

Memory is read from Linux's /proc: the increase of the resident set over what it was before the work, by its high-water
mark, which is reset (clear_refs). Pages of a mapped file are resident, but the kernel's to drop. The anonymous part has
no high-water mark: where the line asks for it, a thread samples it, whose own CPU time is not counted.

This file runs in every contestant's environment: it needs NumPy and threadpoolctl.
"""

import gc
import importlib.metadata
import json
import os
import platform
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import threadpoolctl

SAMPLING_SECONDS = 0.002
SETTINGS = "settings.json"
SAMPLED = "sampled"
"""The line that asks for the anonymous memory, too."""


@dataclass(frozen=True)
class Task:
    """What is measured, and what to tell of its result, which is not."""

    work: Callable[[], Any]
    told: Callable[[Any], Mapping[str, Any]]


Job = Callable[[Path], Task]


def serve(jobs: Mapping[str, Job], distributions: tuple[str, ...]) -> None:
    """Answers until the standard input ends.

    Args:
        jobs: What this script can do, by name.
        distributions: Whose versions to tell.
    """
    name, folder, warm = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    # Libraries print; only answers may reach whoever asked.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    with threadpoolctl.threadpool_limits(threads()):
        task = jobs[name](warm)
        task.told(task.work())
        task = jobs[name](folder)
        print(json.dumps(_software(distributions)), file=answers)
        for line in sys.stdin:
            print(json.dumps(_repetition(task, sampled=line.strip() == SAMPLED)), file=answers)


def threads() -> int:
    """How many the libraries may use."""
    return int(os.environ["OMP_NUM_THREADS"])


def settings(folder: Path) -> dict[str, Any]:
    """The numbers that belong to the arrays of this folder."""
    return json.loads((folder / SETTINGS).read_text())


def eigenvalues(values: np.ndarray, *, kind: str = "eigenvalues") -> dict[str, Any]:
    """Eigenvalues in the order in which they were returned, as JSON can hold them."""
    whole = np.asarray(values, dtype=np.complex128)
    return {kind: [[float(value.real), float(value.imag)] for value in whole]}


def _repetition(task: Task, *, sampled: bool) -> dict[str, Any]:
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")
    before, watch = _memory(), _Watch() if sampled else None
    wall, cpu = time.perf_counter(), time.process_time()
    result = task.work()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    cost = {"cpu": cpu, "wall": wall, "peak": _memory()["VmHWM"] - before["VmRSS"]}
    if watch:
        watch.stop()
        cost |= {"cpu": cpu - watch.cpu, "anonymous": watch.largest - before["RssAnon"]}
    return {**cost, **task.told(result)}


class _Watch(threading.Thread):
    """Samples the anonymous memory until it is stopped."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.largest, self.cpu, self._done = 0, 0.0, threading.Event()
        self.start()

    def run(self) -> None:
        while not self._done.wait(SAMPLING_SECONDS):
            self.largest = max(self.largest, _memory()["RssAnon"])
            self.cpu = time.thread_time()

    def stop(self) -> None:
        self._done.set()
        self.join()
        self.largest = max(self.largest, _memory()["RssAnon"])


def _memory() -> dict[str, int]:
    """The sizes of this process, in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    sizes = (line.partition(":") for line in lines if line.endswith(" kB"))
    return {name: 1024 * int(size.removesuffix(" kB")) for name, _, size in sizes}


def _software(distributions: tuple[str, ...]) -> dict[str, Any]:
    names = ("numpy", "scipy", *distributions)
    libraries = [library for library in threadpoolctl.threadpool_info() if library["user_api"] == "blas"]
    return {
        "versions": {"python": platform.python_version(), **{name: importlib.metadata.version(name) for name in names}},
        "blas": sorted({f"{b['internal_api']} {b['version']} ({b.get('architecture', '?')})" for b in libraries}),
    }
