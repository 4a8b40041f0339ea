"""Statistics of distances of many objects, streamed: what they cost in memory, all of the process, and in time.

Each statistic runs in a process of its own, whose largest resident set the kernel knows; numpy, SciPy and what else is
imported are in it. A matrix of distances of n objects would take 8 n² bytes. Time is fitted by

    log t = p log n + const                                                                                   (1)

between two sizes: p = 2 where every pair is looked at, p = 1 where moments suffice.
"""

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from koopman_analysis.claims import Side
from koopman_analysis.jackknife import Jackknife
from koopman_analysis.resampling import Interval, jackknife_intervals, object_bootstrap
from koopman_analysis.similarity import (
    NeighbourAgreement,
    NeighbourOverlap,
    Trustworthiness,
    streamed_auroc,
    streamed_cka,
    streamed_distance_correlation,
)

from .experiments import Profile
from .page import Goal, Page, Row, Table
from .peers.environments import ROOT
from .turns import THREADS

LARGE, SMALL = 20_000, 5_000
LATENT, SEMANTIC, FEATURES = 16, 8, 256
CLASSES, RESAMPLES = 10, 199
MEGABYTE = 1e6
COLUMNS = {
    "statistic": "", "objects": ",", "value": ".4f", "CPU s": ".1f", "largest resident set, MB": ".0f",
    "a matrix of distances, MB": ".0f",
}  # fmt: skip


def spaces(n: int, *, wide: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Latents, semantic features and labels of n objects around ten centres."""
    rng = np.random.default_rng(0)
    labels = rng.integers(CLASSES, size=n)
    semantic = 1.5 * rng.standard_normal((CLASSES, SEMANTIC * wide))[labels]
    semantic += rng.standard_normal(semantic.shape)
    latents = np.tanh(semantic @ rng.standard_normal((semantic.shape[1], LATENT * wide)) / 4)
    return latents + 0.3 * rng.standard_normal(latents.shape), semantic, labels


def _of(jackknife: Jackknife) -> Interval:
    return jackknife_intervals(jackknife.estimate, jackknife.replicates, n=jackknife.units)[0]


def _resampled(statistic: Callable[[np.ndarray], float], n: int) -> Interval:
    return object_bootstrap(statistic, n, resamples=RESAMPLES, rng=np.random.default_rng(1)).intervals()[0]


def distance_correlation(n: int) -> Interval:
    """Bias-corrected; the plain one comes with it."""
    latents, semantic, _ = spaces(n)
    return _of(streamed_distance_correlation([latents], semantic).unbiased)


def cka(n: int) -> Interval:
    """Debiased, of 256 and 128 features; the plain one comes with it."""
    latents, semantic, _ = spaces(n, wide=FEATURES // LATENT)
    return _of(streamed_cka([latents], semantic).unbiased)


def auroc(n: int) -> Interval:
    """Of same class, in bins."""
    latents, _, labels = spaces(n)
    return _of(streamed_auroc([latents], labels).auroc)


def agreement(n: int) -> Interval:
    """Of ten neighbours with labels."""
    latents, _, labels = spaces(n)
    return _resampled(NeighbourAgreement().of_points(latents, labels), n)


def overlap(n: int) -> Interval:
    """Of ten neighbours in either space."""
    latents, semantic, _ = spaces(n)
    return _resampled(NeighbourOverlap().of_points(latents, semantic), n)


def trust(n: int) -> Interval:
    """Trustworthiness of ten neighbours."""
    latents, semantic, _ = spaces(n)
    return _resampled(Trustworthiness().of_points(latents, semantic), n)


STATISTICS: dict[str, Callable[[int], Interval]] = {
    "distance correlation": distance_correlation,
    "linear CKA": cka,
    "AUROC of same class": auroc,
    "agreement of 10 neighbours": agreement,
    "overlap of 10 neighbours": overlap,
    "trustworthiness of 10 neighbours": trust,
}


def run_alone(name: str, n: int) -> dict[str, Any]:
    """What a process of its own says of a statistic."""
    command = [sys.executable, "-m", "tests.benchmarks.similarity_streams", name, str(n)]
    environment = {**os.environ, **dict.fromkeys(THREADS, "1"), "PYTHONPATH": str(ROOT)}
    return json.loads(subprocess.run(command, env=environment, cwd=ROOT, check=True, capture_output=True).stdout)


def measured(profile: Profile) -> Page:
    """Each statistic at two sizes."""
    sizes = (profile.count(SMALL, fast=200), profile.count(LARGE, fast=400))
    told = {name: [run_alone(name, n) for n in sizes] for name in STATISTICS}
    rows: list[Row] = [
        {
            "statistic": name,
            "objects": n,
            "value": Interval(**its["interval"]),
            "CPU s": its["seconds"],
            "largest resident set, MB": its["peak"] / MEGABYTE,
            "a matrix of distances, MB": 8 * n**2 / MEGABYTE,
        }
        for name, both in told.items()
        for n, its in zip(sizes, both, strict=True)
    ]
    peak = max(both[1]["peak"] for both in told.values()) / MEGABYTE
    powers = {
        name: float(np.log(both[1]["seconds"] / both[0]["seconds"]) / np.log(sizes[1] / sizes[0]))
        for name, both in told.items()
    }
    return Page(
        title="Statistics of distances, streamed",
        about=f"Latents of {LATENT} coordinates against {SEMANTIC} semantic features; for CKA, {FEATURES} against "
        f"{FEATURES * SEMANTIC // LATENT}. One thread, one process for each; the resident set is that of all of it. "
        "Intervals count objects.",
        tables=[
            Table(columns=COLUMNS, rows=rows),
            Table(
                columns={"statistic": "", "exponent of CPU time": ".2f"},
                rows=[{"statistic": name, "exponent of CPU time": power} for name, power in powers.items()],
            ),
        ],
        goals=[
            Goal(
                quantity=f"largest resident set at {sizes[1]:,} objects, MB", measured=peak, side=Side.AT_MOST,
                bound=2000, form=",.0f",
            ),
            Goal(
                quantity="CKA: exponent of CPU time", measured=powers["linear CKA"], side=Side.AT_MOST, bound=1.5
            ),
        ],
        notes=["CPU time is that of the statistic with its interval, without imports."],
    )  # fmt: skip


def tell(name: str, n: int) -> None:
    """Runs one statistic and writes what it cost to standard output."""
    start = time.process_time()
    interval = STATISTICS[name](n)
    seconds = time.process_time() - start
    peak = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    ends = {"estimate": interval.estimate, "low": interval.low, "high": interval.high}
    sys.stdout.write(json.dumps({"interval": ends, "seconds": seconds, "peak": peak}))


if __name__ == "__main__":
    tell(sys.argv[1], int(sys.argv[2]))
