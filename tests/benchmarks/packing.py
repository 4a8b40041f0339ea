"""Packing a folder of published files: what each costs, and whether memory grows with their number.

What `kdm pack` does to a file (open the archive, check what it declares, read it, check the numbers and the label, keep
the ends) stands beside `np.load` of its two arrays, which checks and keeps nothing. Arrays being written are mapped:
their pages are resident, and the kernel's to write out. What packing itself holds is anonymous memory.
"""

from pathlib import Path

from kdm.importing.layouts import CIFAR10_CONDITIONAL
from koopman_analysis.claims import Side
from tests.published_files import written

from .experiments import Profile
from .page import Goal, Page, Row, Table
from .turns import Outcome, bare, ours, taken_in_turns

SIZES, WARM, ROUNDS = (6_000, 20_000), 12, 3
"""Of the sets: the arrays of either are larger than a block of which a checksum is taken."""
COLUMNS = {
    "files": ",", "who": "", "files a second of CPU": ",.0f", "CPU ms a file": ".3f", "anonymous memory, MB": ".1f",
    "resident set, MB": ".0f", "both ends, MB": ".0f",
}  # fmt: skip
STATE_BYTES = 4 * 3 * 32 * 32


def measured(profile: Profile) -> Page:
    """Both sizes in turns with NumPy."""
    sizes = (20, 40) if profile.fast else SIZES
    folders = {size: _written(profile.work / "packing" / f"{size}", size) for size in (WARM, *sizes)}
    contestants = [ours("packed", name="`kdm pack`"), bare("loaded", name="`np.load`")]
    rounds = profile.count(ROUNDS, fast=1)
    outcomes = {
        size: taken_in_turns(contestants, folders[size], folders[WARM], rounds=rounds, sampled=True) for size in sizes
    }
    (fewer, _), (more, reading) = (outcomes[size] for size in sizes)
    added = 1e6 * (more.anonymous - fewer.anonymous) / (sizes[1] - sizes[0])
    return Page(
        title="Packing published files",
        about="`kdm pack --layout cifar10-conditional` of files of two 3 × 32 × 32 states in float32 and a label, not "
        f"compressed and in the kernel's cache. One thread; medians of {rounds} round(s) in turns.",
        tables=[Table(columns=COLUMNS, rows=[_row(outcome, size) for size in sizes for outcome in outcomes[size]])],
        goals=[
            Goal(
                quantity="CPU time over that of `np.load`", measured=more.relative_to(reading), side=Side.AT_MOST,
                bound=2, form=".2f",
            ),
            Goal(
                quantity="anonymous memory for a million files more, MB", measured=added, side=Side.AT_MOST, bound=1000,
                form=".0f",
            ),
        ],
        notes=[
            "`kdm pack` includes the test of a sample, the test of all at the end, the search for pairs that occur "
            "twice, and the checksums. `np.load` only reads the arrays.",
            "The resident set includes the mapped arrays; anonymous memory holds a block of 64 MiB for the checksums, "
            "and the names of the files.",
        ],
    )  # fmt: skip


def _written(folder: Path, count: int) -> Path:
    if not (folder / "set" / f"{count - 1}.npz").exists():
        written(folder / "set", CIFAR10_CONDITIONAL, count, times=2)
    return folder


def _row(outcome: Outcome, size: int) -> Row:
    return {
        "files": size,
        "who": outcome.name,
        "files a second of CPU": size / outcome.seconds,
        "CPU ms a file": 1e3 * outcome.seconds / size,
        "anonymous memory, MB": outcome.anonymous,
        "resident set, MB": outcome.memory,
        "both ends, MB": 2 * STATE_BYTES * size / 1e6,
    }
