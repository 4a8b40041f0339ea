"""Other processes, for tests of what two of them do to each other."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

import kdm

_WRITER = """
import signal, sys
from filelock import FileLock
lock = FileLock(sys.argv[1])
lock.acquire()
print("locked", flush=True)
signal.pause()
"""


@contextmanager
def writer_elsewhere(lock: Path) -> Iterator[None]:
    """Within, another process holds this lock; it is killed at the end."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with subprocess.Popen([sys.executable, "-c", _WRITER, str(lock)], stdout=subprocess.PIPE) as writer:
        try:
            assert writer.stdout is not None
            assert writer.stdout.readline() == b"locked\n"
            yield
        finally:
            writer.kill()


_TOGETHER = """
import json, os, sys, traceback
import {imports}

def child(rank, job):
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(f"{{job['folder']}}/{{rank}}.{{name}}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    os.environ |= {{**job["known"], "RANK": str(rank), "LOCAL_RANK": str(rank)}}
    try:
        exec(job["program"], {{}})
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)
    sys.stdout.flush()
    os._exit(0)

for line in sys.stdin:
    job, children = json.loads(line), []
    for rank in range(int(job["known"]["WORLD_SIZE"])):
        children.append(os.fork())
        if children[-1] == 0:
            child(rank, job)
    print(json.dumps([os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]), flush=True)
"""


@dataclass(frozen=True)
class Ended:
    """What became of one process."""

    status: int
    out: str
    err: str


@contextmanager
def running_together(folder: Path, *, imports: str, count: int = 2) -> Iterator[Callable[[str], list[Ended]]]:
    """A function that runs a program in several processes that know of each other, as torchrun tells them.

    They are forks of one that has done these imports and nothing else, which takes longer than what they do.
    """
    environment = {**os.environ, "PYTHONPATH": str(Path(kdm.__file__).parents[1]), "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", _TOGETHER.format(imports=imports)], env=environment, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, process_group=0,
    ) as mother:  # fmt: skip
        assert mother.stdin is not None
        assert mother.stdout is not None

        def run(program: str) -> list[Ended]:
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                port = free.getsockname()[1]
            known = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(count)}
            mother.stdin.write(json.dumps({"program": program, "folder": str(folder), "known": known}) + "\n")
            mother.stdin.flush()
            statuses = json.loads(mother.stdout.readline())
            texts = [[(folder / f"{rank}.{name}").read_text() for name in ("out", "err")] for rank in range(count)]
            return [Ended(status, *text) for status, text in zip(statuses, texts, strict=True)]

        clock = threading.Timer(120, os.killpg, (mother.pid, signal.SIGKILL))
        clock.start()
        try:
            yield run
        finally:
            clock.cancel()
            os.killpg(mother.pid, signal.SIGKILL)


class InThreads:
    """`kdm.training.distributed.Processes` in threads of this process, for what many of them should agree on."""

    def __init__(self, rank: int, shared: "_Shared") -> None:
        self.rank, self.count, self._shared = rank, shared.count, shared

    def add_up(self, tensors: list[torch.Tensor]) -> None:
        parts = self._gathered([tensor.clone() for tensor in tensors])
        for tensor, *others in zip(tensors, *parts, strict=True):
            tensor.copy_(torch.stack(others).sum(dim=0))

    def anywhere(self, flag: bool) -> bool:
        return any(self._gathered(flag))

    def told(self, action: Callable[[], Any]) -> Any:
        return self._gathered(action() if self.rank == 0 else None)[0]

    def _gathered(self, own: Any) -> list[Any]:
        self._shared.given[self.rank] = own
        self._shared.barrier.wait(30)
        found = list(self._shared.given)
        self._shared.barrier.wait(30)
        return found


class _Shared:
    def __init__(self, count: int) -> None:
        self.count, self.given, self.barrier = count, [None] * count, threading.Barrier(count)


def in_threads(count: int, work: Callable[[InThreads], Any]) -> list[Any]:
    """What the work of each of so many returns, by rank."""
    shared = _Shared(count)

    def worked(rank: int) -> Any:
        try:
            return work(InThreads(rank, shared))
        except BaseException:
            shared.barrier.abort()
            raise

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(worked, range(count)))
