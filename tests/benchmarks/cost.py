"""What a piece of work cost: wall and CPU seconds, and how busy others kept the machine meanwhile.

CPU seconds c are those of this process, of all its threads and of the children it has waited for. With b the seconds
that all cores together were not idle during w wall seconds, other processes kept

    ( b − c ) / w                                                                                           (1)

cores busy: 0 on a quiet machine.
"""

import resource
import time
from dataclasses import dataclass

import psutil


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Seconds spent.

    Attributes:
        wall: By the clock.
        cpu: Of all threads together.
        others: Cores that other processes kept busy, equation (1).
    """

    wall: float
    cpu: float
    others: float


class Stopwatch:
    """Runs from its construction."""

    def __init__(self) -> None:
        self._wall, self._cpu, self._busy = time.perf_counter(), _own_seconds(), _busy_seconds()

    def cost(self) -> Cost:
        """What was spent so far."""
        wall, cpu = time.perf_counter() - self._wall, _own_seconds() - self._cpu
        return Cost(wall=wall, cpu=cpu, others=max(0.0, _busy_seconds() - self._busy - cpu) / wall)


def _own_seconds() -> float:
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def _busy_seconds() -> float:
    times = psutil.cpu_times()
    return times.user + times.system + sum(getattr(times, kind, 0.0) for kind in ("nice", "irq", "softirq", "steal"))
