"""Runs benchmarks one after another and writes a page for each."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import threadpoolctl
import tyro
from tyro.conf import FlagCreatePairsOff, Positional

from kdm.training.loop import operation_threads

from . import (
    ablations,
    ablations_full,
    adversary,
    calibration,
    calibration_of_correlations,
    closure,
    devices,
    digits,
    dmd,
    edmd,
    edmd_wide,
    exact_checkerboard,
    image_quality,
    images,
    latent_dimension,
    loader,
    mantel,
    nonnormality,
    operator_kinds,
    operators,
    optimisers,
    outliers,
    packing,
    patches,
    pseudospectrum,
    published,
    regressors,
    similarity_streams,
    spurious,
    streaming,
    verify_cost,
)
from .cost import Stopwatch
from .experiments import Profile
from .page import Page

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Benchmark:
    """What to measure, and with how many threads of one operation."""

    measured: Callable[[Profile], Page]
    threads: int = 1


BENCHMARKS = {
    "published": Benchmark(published.measured),
    "exact_checkerboard": Benchmark(exact_checkerboard.measured),
    "latent_dimension": Benchmark(latent_dimension.measured),
    "digits": Benchmark(digits.measured),
    "adversary": Benchmark(adversary.measured),
    "optimisers": Benchmark(optimisers.measured),
    "outliers": Benchmark(outliers.measured),
    "ablations": Benchmark(ablations.measured),
    "ablations_full": Benchmark(ablations_full.measured),
    "regressors": Benchmark(regressors.measured),
    "closure": Benchmark(closure.measured, threads=2),
    "calibration": Benchmark(calibration.measured),
    "calibration_of_correlations": Benchmark(calibration_of_correlations.measured),
    "edmd": Benchmark(edmd.measured),
    "edmd_wide": Benchmark(edmd_wide.measured),
    "dmd": Benchmark(dmd.measured),
    "spurious": Benchmark(spurious.measured),
    "streaming": Benchmark(streaming.measured),
    "mantel": Benchmark(mantel.measured, threads=2),
    "similarity_streams": Benchmark(similarity_streams.measured),
    "pseudospectrum": Benchmark(pseudospectrum.measured),
    "operator_kinds": Benchmark(operator_kinds.measured),
    "operators": Benchmark(operators.measured),
    "nonnormality": Benchmark(nonnormality.measured, threads=2),
    "image_quality": Benchmark(image_quality.measured),
    "patches": Benchmark(patches.measured),
    "images": Benchmark(images.measured),
    "packing": Benchmark(packing.measured),
    "loader": Benchmark(loader.measured),
    "devices": Benchmark(devices.measured),
    "verify_cost": Benchmark(verify_cost.measured, threads=2),
}


def run(
    names: Positional[tuple[str, ...]] = tuple(BENCHMARKS), *, fast: FlagCreatePairsOff[bool] = False,
    work: Path = Path("runs/benchmarks"),
) -> None:  # fmt: skip
    """Measure on this machine; nothing else should run on it.

    Args:
        names: Which; all of them without a name.
        fast: To see that everything runs: the pages, without meaning, go to WORK/fast.
        work: Where data are kept between two runs.
    """
    unknown = sorted(set(names) - set(BENCHMARKS))
    if unknown:
        raise SystemExit(f"expected benchmarks among {', '.join(BENCHMARKS)}, got {', '.join(unknown)}")
    profile = Profile(fast=fast, work=work)
    for name in names:
        benchmark, watch = BENCHMARKS[name], Stopwatch()
        # A quick look shares the machine with others, where threads of one operation wait for each other.
        threads = 1 if fast else benchmark.threads
        with threadpoolctl.threadpool_limits(threads), operation_threads(threads):
            page = benchmark.measured(profile)
        page.save(
            work / "fast" if fast else RESULTS, name=name, threads=threads, cost=watch.cost(),
            command=f"python -m tests.benchmarks {name}{' --fast' if fast else ''}",
        )  # fmt: skip


if __name__ == "__main__":
    tyro.cli(run, prog="python -m tests.benchmarks")
