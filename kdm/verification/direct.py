"""Direct regression in a process of its own, beside the model's training: the two are independent.

The other process runs `main` of this file, and its standard input is all it hears. One line of JSON says what to train.
The end of the stream tells it to save and stop, and comes when this process does not want it any more or is gone,
however it went: an orphan trains no further than to the end of its step. It leads a session of its own, so that Ctrl-C
in a terminal, or a signal to a group of processes, is this process's business alone.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import torch

from kdm.ablations import regress_directly
from kdm.configuration import from_json, to_json
from kdm.interrupts import Terminated, termination_raised
from kdm.training.distillation import DistillationConfig
from kdm.trajectories import Trajectories, open_trajectories


@dataclass(frozen=True, kw_only=True)
class DirectJob:
    """A direct regression that another process can do.

    Attributes:
        config: The distillation that it stands beside.
        data: Folder of the data.
        folder: Folder of its RUN.
        device: Where to train.
    """

    config: DistillationConfig
    data: str
    folder: str
    device: str

    def do(self) -> None:
        """Trains to the end, from wherever the RUN stands."""
        data, device = open_trajectories(self.data), torch.device(self.device)
        for _ in regress_directly(self.config, data, Path(self.folder), device=device):
            pass


@contextmanager
def direct_beside(
    config: DistillationConfig, data: Trajectories, folder: Path, *, device: torch.device
) -> Iterator[None]:
    """Trains direct regression in another process while the block runs; done when the block is left.

    Where the block fails or is interrupted, the other process saves what it has and stops, too. What keeps it from its
    end is raised here.

    Raises:
        ValueError: If the data are in memory.
    """
    if data.folder is None:
        raise ValueError("expected data on disk, got data in memory: another process has to open them")
    steps = regress_directly(config, data, folder, device=device)
    finished = next(steps, None) is None
    steps.close()
    if finished:
        yield  # a process takes seconds to start
        return
    job = DirectJob(config=config, data=str(data.folder), folder=str(folder), device=str(device))
    with _another_process(job):
        yield
    # Here, so that what went wrong there is told; it finds nothing to do where nothing did.
    job.do()


@contextmanager
def _another_process(job: DirectJob) -> Iterator[None]:
    """Does the job in another process: to its end where the block comes to its own, and no longer where it fails."""
    # It imports what this process would; -P keeps the working folder from coming first.
    path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", f"from {__name__} import main; main()"], env={**os.environ, "PYTHONPATH": path},
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True, text=True,
    )  # fmt: skip
    assert process.stdin is not None
    try:
        with suppress(BrokenPipeError):  # it is gone; what it left undone, this process does
            process.stdin.write(json.dumps(to_json(job)) + "\n")
            process.stdin.flush()
        yield
        process.wait()
    finally:
        with suppress(BrokenPipeError):
            process.stdin.close()
        process.wait()


def main() -> None:
    """Does the job on the first line of standard input, and stops where that ends."""
    line = sys.stdin.readline()
    with termination_raised():
        threading.Thread(target=_terminate_at_the_end_of_input, daemon=True).start()
        # What the process that started this one tells: it does the job again, and meets the same.
        with suppress(KeyboardInterrupt, Terminated, ValueError, ArithmeticError, OSError, RuntimeError):
            from_json(DirectJob, json.loads(line)).do()


def _terminate_at_the_end_of_input() -> None:
    # Past Python's buffer, whose lock a thread must not hold when the program ends.
    while os.read(0, 1):
        pass
    signal.raise_signal(signal.SIGTERM)
