"""Contestants that do the same work in turns, each in a process of its own: what disturbs the machine disturbs all.

A contestant's time is the CPU time of its process, all of which use one thread unless said otherwise: then it is what
the clock shows where nothing else runs. It is told as a median over rounds, and so is its ratio to another's, taken
round by round. Its memory is the largest increase of its resident set in any round (`peers.worker`).
"""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from .peers.environments import ROOT, interpreter_of, peer_named
from .peers.worker import SAMPLED

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
SECONDS = 60.0
"""Who has used as many seconds of CPU takes no further turn."""
MEGABYTE = 1e6


@dataclass(frozen=True, kw_only=True)
class Contestant:
    """Who does which job.

    Attributes:
        name: As the tables call it.
        job: As its script calls it.
        script: Its script.
        python: Its interpreter; None where it cannot take part.
        reason: Why it cannot.
        threads: How many its libraries may use.
    """

    name: str
    job: str
    script: Path
    python: Path | None
    reason: str = ""
    threads: int = 1

    def doing(self, job: str, *, name: str) -> "Contestant":
        """The same one with another job."""
        return replace(self, job=job, name=name)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a contestant's turns cost, and what it found.

    Attributes:
        name: The contestant's.
        repetitions: What the worker told of each turn; none where it could not take part.
        software: What the worker told of itself.
        reason: Why it could not.
    """

    name: str
    repetitions: Sequence[dict[str, Any]] = ()
    software: dict[str, Any] | None = None
    reason: str = ""

    @property
    def took_part(self) -> bool:
        """Whether there is anything to tell."""
        return bool(self.repetitions)

    @property
    def seconds(self) -> float:
        """Median CPU seconds."""
        return median(self._all("cpu"))

    @property
    def wall(self) -> float:
        """Median seconds by the clock."""
        return median(self._all("wall"))

    @property
    def memory(self) -> float:
        """Largest increase of the resident set, in MB."""
        return max(self._all("peak")) / MEGABYTE

    @property
    def anonymous(self) -> float:
        """Largest increase of the anonymous memory, in MB, where it was sampled."""
        return max(self._all("anonymous")) / MEGABYTE

    def eigenvalues(self, kind: str = "eigenvalues") -> np.ndarray:
        """In the order in which they were returned; `kind` is what the job called them."""
        return np.array([complex(*parts) for parts in self.repetitions[-1][kind]])

    def relative_to(self, other: "Outcome") -> float:
        """Median over rounds of this one's seconds over the other's."""
        return median(mine / its for mine, its in zip(self._all("cpu"), other._all("cpu"), strict=False))

    def _all(self, quantity: str) -> list[float]:
        return [repetition[quantity] for repetition in self.repetitions]


def ours(job: str, *, name: str = "this library") -> Contestant:
    """This library with one of `our_jobs`."""
    return Contestant(name=name, job=job, script=_script("our_jobs.py"), python=Path(sys.executable))


def bare(job: str, *, name: str = "bare") -> Contestant:
    """NumPy and LAPACK with one of `bare_jobs`."""
    return Contestant(name=name, job=job, script=_script("bare_jobs.py"), python=Path(sys.executable))


def peer(library: str, job: str, work: Path, *, name: str | None = None) -> Contestant:
    """Another library with one of its jobs; its environment is in `work/environments`."""
    its = peer_named(library)
    python, reason = interpreter_of(its, work / "environments")
    return Contestant(name=name or library, job=job, script=its.script, python=python, reason=reason)


def taken_in_turns(
    contestants: Sequence[Contestant], folder: Path, warm: Path, *, rounds: int, sampled: bool = False
) -> list[Outcome]:
    """What each contestant's turns cost, in their order.

    Args:
        contestants: Who.
        folder: The data.
        warm: A little of such data, for the turn that does not count.
        rounds: How many turns, unless `SECONDS` are over before.
        sampled: Whether to sample the anonymous memory, too.
    """
    workers = [_Worker(contestant, folder, warm) for contestant in contestants]
    try:
        for worker in workers:
            worker.get_ready()
        for _ in range(rounds):
            for worker in workers:
                worker.take_a_turn(sampled=sampled)
        return [worker.outcome() for worker in workers]
    finally:
        for worker in workers:
            worker.stop()


class _Worker:
    """A contestant's process."""

    def __init__(self, contestant: Contestant, folder: Path, warm: Path) -> None:
        self._contestant, self._repetitions = contestant, list[dict[str, Any]]()
        self._software: dict[str, Any] | None = None
        self._reason = contestant.reason
        self._errors = folder / f"{contestant.script.stem}-{contestant.job}.log"
        self._process: subprocess.Popen[str] | None = None
        if contestant.python is None:
            return
        # Only what runs with this interpreter may see the repository.
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        if contestant.python == Path(sys.executable):
            environment["PYTHONPATH"] = str(ROOT)
        command = [contestant.python, contestant.script, contestant.job, folder.absolute(), warm.absolute()]
        with self._errors.open("w") as errors:
            self._process = subprocess.Popen(
                [str(word) for word in command], text=True,
                env={**environment, **dict.fromkeys(THREADS, str(contestant.threads))},
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
            )  # fmt: skip

    def get_ready(self) -> None:
        if self._process:
            self._software = self._answer()

    def take_a_turn(self, *, sampled: bool) -> None:
        if not self._process or sum(each["cpu"] for each in self._repetitions) > SECONDS:
            return
        assert self._process.stdin
        with contextlib.suppress(BrokenPipeError):  # it has ended, which the answer will tell
            self._process.stdin.write(f"{SAMPLED if sampled else 'plain'}\n")
            self._process.stdin.flush()
        answer = self._answer()
        if answer:
            self._repetitions.append(answer)

    def outcome(self) -> Outcome:
        return Outcome(
            name=self._contestant.name, repetitions=tuple(self._repetitions), software=self._software,
            reason=self._reason,
        )  # fmt: skip

    def stop(self) -> None:
        if self._process:
            self._process.communicate()
        self._process = None

    def _answer(self) -> dict[str, Any] | None:
        assert self._process
        assert self._process.stdout
        line = self._process.stdout.readline()
        if line:
            return json.loads(line)
        # The process ended before it answered. Where it was not killed, what it said last is why.
        self._process.communicate()
        told, status = self._errors.read_text().strip().splitlines(), self._process.returncode
        self._reason = told[-1] if told and status > 0 else f"ended with exit status {status}"
        self._process, self._repetitions = None, []
        return None


def _script(name: str) -> Path:
    return Path(__file__).parent / "peers" / name
