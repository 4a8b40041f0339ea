"""What a closure report costs beside the factorisation that it cannot do without.

The report needs the triangular factor of the lifted pairs [Ψ_in Ψ_out], of n rows and 2m columns. The yardstick is one
LAPACK QR (its R alone) of that very matrix, lifted beforehand. Both run in turns, so that whatever disturbs the machine
disturbs both.
"""

from statistics import median

import numpy as np
import scipy.linalg

from koopman_analysis import RandomFourier, closure_report
from koopman_analysis.snapshots import SnapshotPairs
from koopman_analysis.systems import SlowManifold

from .cost import Cost, Stopwatch
from .experiments import Profile
from .page import Page, Table

ROUNDS = 5
COLUMNS = {
    "round": "", "report, s": ".2f", "report, CPU s": ".2f", "QR, s": ".2f", "QR, CPU s": ".2f", "ratio": ".2f",
    "CPU ratio": ".2f", "others, cores": ".2f",
}  # fmt: skip


def measured(profile: Profile) -> Page:
    """The report and the bare QR in turns."""
    functions, count = profile.count(300, fast=40), profile.count(100_000, fast=5_000)
    system, rng = SlowManifold(), np.random.default_rng(0)
    before = system.sampled(count, rng=rng)
    pairs = SnapshotPairs(before=before, after=system.flow(before))
    dictionary = RandomFourier(functions, 1.0, rng=rng)
    lifted = np.concatenate([dictionary(pairs.before), dictionary(pairs.after)], axis=1)
    rows = []
    for turn in range(ROUNDS):
        report, bare = _reported(pairs, dictionary), _factorised(lifted)
        rows.append(
            {
                "round": turn + 1,
                "report, s": report.wall,
                "report, CPU s": report.cpu,
                "QR, s": bare.wall,
                "QR, CPU s": bare.cpu,
                "ratio": report.wall / bare.wall,
                "CPU ratio": report.cpu / bare.cpu,
                "others, cores": max(report.others, bare.others),
            }
        )
    middle = {name: median(row[name] for row in rows) for name in COLUMNS if name != "round"}
    return Page(
        title="Closure report against the bare QR",
        about=f"`closure_report` with m = {functions} random Fourier features at both ends, n = {count:,} pairs of a "
        "two-dimensional system, lifting included, against `scipy.linalg.qr` (R alone) of the lifted "
        f"{lifted.shape[0]:,} × {lifted.shape[1]} matrix.",
        tables=[Table(columns=COLUMNS, rows=[*rows, {"round": "median", **middle}])],
    )


def _reported(pairs: SnapshotPairs, dictionary: RandomFourier) -> Cost:
    watch = Stopwatch()
    closure_report(pairs, inputs=dictionary, rng=np.random.default_rng(0))
    return watch.cost()


def _factorised(lifted: np.ndarray) -> Cost:
    watch = Stopwatch()
    scipy.linalg.qr(lifted, mode="r", check_finite=False)
    return watch.cost()
