"""Pairs streamed from disk: what a thousand times the chunk, and a hundred times that, costs in memory and in time.

States lie in files of which `np.load(…, mmap_mode="r")` maps the first n. What grows with n is the resident set: mapped
pages stay there while nothing else wants the memory, but they are the kernel's cache of the file and its to drop. What
the fit itself holds is anonymous memory, which is sampled. Time is fitted by

    log t = p log n + const,                                                                                   (1)

and should be linear, p = 1.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from koopman_analysis.claims import Side
from koopman_analysis.systems import OrnsteinUhlenbeck

from .data import written
from .experiments import Profile
from .page import Goal, Page, Row, Table
from .turns import Outcome, ours, taken_in_turns

FUNCTIONS, WARM, BLOCK = 100, 1_000, 500_000
SYSTEM = OrnsteinUhlenbeck(integrated_rates=(0.4, 0.7))
MOMENTS = {"GramMoments": "streamed", "FactorMoments": "streamed_factor"}
ROUNDS = 3
COLUMNS = {
    "moments": "", "pairs": ",", "CPU s": ".2f", "wall s": ".2f", "µs a pair": ".2f", "anonymous memory, MB": ".2f",
    "resident set, MB": ".1f", "states in the files, MB": ".1f",
}  # fmt: skip


def measured(profile: Profile) -> Page:
    """Each size and kind of moments in turns."""
    sizes = [profile.count(10**5, fast=2_000), *([] if profile.fast else [10**6]), profile.count(10**7, fast=20_000)]
    folders = _folders(profile, sizes)
    contestants = [ours(job, name=name) for name, job in MOMENTS.items()]
    rounds = profile.count(ROUNDS, fast=1)
    # By size, then by kind of moments.
    outcomes = [taken_in_turns(contestants, folders[n], folders[WARM], rounds=rounds, sampled=True) for n in sizes]
    rows: list[Row] = []
    goals: list[Goal] = []
    for its in zip(*outcomes, strict=True):
        rows += [_row(outcome, size) for outcome, size in zip(its, sizes, strict=True)]
        goals += _goals(its, sizes)
    return Page(
        title="Streaming from disk",
        about=f"`EDMD(RandomFourier({FUNCTIONS}), moments=…).fit` of pairs in two variables, in memory-mapped files. "
        f"One thread; medians of up to {ROUNDS} rounds in turns.",
        tables=[Table(columns=COLUMNS, rows=rows)],
        goals=goals,
        notes=[
            "Memory is the largest increase during the work. The resident set includes the mapped files, which are the "
            "kernel's cache and given back where memory is short; the anonymous memory is what the fit holds.",
        ],
    )


def _folders(profile: Profile, sizes: Sequence[int]) -> dict[int, Path]:
    """What the workers read, by number of pairs: which files, and how much of them."""
    folder = profile.work / "streaming"
    files = written_states(folder / f"{sizes[-1]}", sizes[-1])
    return {
        size: written(
            folder / f"first-{size}", {}, files=str(files.absolute()), functions=FUNCTIONS, pairs=size
        )
        for size in (WARM, *sizes)
    }  # fmt: skip


def written_states(folder: Path, count: int) -> Path:
    """The folder with so many states before and after, written a block at a time."""
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True, exist_ok=True)
    ends = [
        np.lib.format.open_memmap(folder / f"{end}.npy", mode="w+", dtype=np.float64, shape=(count, 2))
        for end in ("before", "after")
    ]
    for first in range(0, count, BLOCK):
        pairs = SYSTEM.pairs(min(BLOCK, count - first), rng=rng)
        for end, states in zip(ends, (pairs.before, pairs.after), strict=True):
            end[first : first + pairs.n] = states
    return folder


def exponent(sizes: Sequence[int], seconds: Sequence[float]) -> float:
    """p of equation (1)."""
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])


def _row(outcome: Outcome, size: int) -> Row:
    return {
        "moments": outcome.name,
        "pairs": size,
        "CPU s": outcome.seconds,
        "wall s": outcome.wall,
        "µs a pair": 1e6 * outcome.seconds / size,
        "anonymous memory, MB": outcome.anonymous,
        "resident set, MB": outcome.memory,
        "states in the files, MB": 32 * size / 1e6,
    }


def _goals(outcomes: Sequence[Outcome], sizes: Sequence[int]) -> list[Goal]:
    """Of one kind of moments, by size."""
    name, growth = outcomes[0].name, outcomes[-1].anonymous - outcomes[0].anonymous
    power = exponent(sizes, [outcome.seconds for outcome in outcomes])
    return [
        Goal(quantity=f"{name}: exponent of CPU time", measured=power, side=Side.AT_MOST, bound=1.05),
        Goal(quantity=f"{name}: growth of anonymous memory, MB", measured=growth, side=Side.AT_MOST, bound=1.0),
    ]
