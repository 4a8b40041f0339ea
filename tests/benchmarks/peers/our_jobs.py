"""This library's part: from states to the fitted estimator, pairs and their checks included."""

import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import arrays
import numpy as np
from worker import Job, Task, eigenvalues, serve, settings, threads

from koopman_analysis import (
    EDMD,
    ExactDMD,
    FactorMoments,
    Gaussian,
    GramMoments,
    IllConditionedGram,
    Monomials,
    RadialBasis,
    RandomFourier,
    SnapshotPairs,
    ThresholdRank,
)
from koopman_analysis.correlation import mantel, streamed_pearson

Moments = type[GramMoments] | type[FactorMoments]
WAVES_SEED = 0
"""Whoever writes the waves for the others draws them with it."""


def _edmd(lifting: Callable[[Path], arrays.Lift], moments: Moments) -> Job:
    def job(folder: Path) -> Task:
        (before, after), lift = arrays.pairs(folder), lifting(folder)

        def work() -> EDMD:
            return EDMD(lift, moments=moments).fit(SnapshotPairs(before=before, after=after))

        return Task(work, lambda edmd: eigenvalues(edmd.eigenpairs().eigenvalues))

    return job


def _truncated(lifting: Callable[[Path], arrays.Lift]) -> Job:
    """Directions below the sampling error of a mean are left out; what they would do is told, too."""

    def job(folder: Path) -> Task:
        (before, after), lift = arrays.pairs(folder), lifting(folder)
        rank = ThresholdRank(len(before) ** -0.5)

        def work() -> EDMD:
            return EDMD(lift, rank=rank, moments=GramMoments).fit(SnapshotPairs(before=before, after=after))

        def told(edmd: EDMD) -> dict[str, Any]:
            whole = EDMD.from_moments(edmd.moments_, lift).eigenpairs().eigenvalues
            return {**eigenvalues(edmd.eigenpairs().eigenvalues), **eigenvalues(whole, kind="untruncated")}

        return Task(work, told)

    return job


def _monomials(folder: Path) -> arrays.Lift:
    return Monomials(settings(folder)["degree"])


def _gaussians(folder: Path) -> arrays.Lift:
    return RadialBasis(arrays.centres(folder), Gaussian(arrays.scale(folder)))


def _waves(folder: Path) -> arrays.Lift:
    count = 2 * arrays.waves(folder).shape[1]
    return RandomFourier(count, arrays.scale(folder), rng=np.random.default_rng(WAVES_SEED))


def _leading(folder: Path) -> Task:
    """Eigenvalues by their residuals on held-out pairs, which are a second half of the data."""
    before, after = arrays.pairs(folder)
    half = len(before) // 2
    lift = _monomials(folder)

    def work() -> Any:
        fit, heldout = (SnapshotPairs(before=before[s], after=after[s]) for s in (slice(half), slice(half, None)))
        return EDMD(lift).fit(fit).eigenpairs(heldout=heldout)

    return Task(work, lambda pairs: eigenvalues(pairs.eigenvalues))


def _dmd(folder: Path) -> Task:
    states, rank = arrays.snapshots(folder)

    def work() -> Any:
        dmd = ExactDMD(rank=rank).fit(SnapshotPairs(before=states[:-1], after=states[1:]))
        assert dmd.modes_.shape == (rank, states.shape[1])
        return dmd

    return Task(work, lambda dmd: eigenvalues(dmd.eigenvalues_))


def _streamed(moments: Moments) -> Job:
    """The first pairs of files, which are mapped and never read whole."""

    def job(folder: Path) -> Task:
        chosen = settings(folder)
        dictionary = RandomFourier(chosen["functions"], rng=np.random.default_rng(WAVES_SEED))

        def work() -> EDMD:
            before, after = (
                np.load(Path(chosen["files"]) / f"{end}.npy", mmap_mode="r")[: chosen["pairs"]]
                for end in ("before", "after")
            )
            return EDMD(dictionary, moments=moments).fit(SnapshotPairs(before=before, after=after))

        return Task(work, lambda edmd: {"size": edmd.matrix_.shape[0]})

    return job


def _packed(folder: Path) -> Task:
    """A folder of published files, into a data set that is thrown away."""
    from kdm.importing.layouts import CIFAR10_CONDITIONAL, pack  # with PyTorch, which no other job needs

    def work() -> int:
        with tempfile.TemporaryDirectory(dir=folder) as place:
            return len(pack(folder / "set", layout=CIFAR10_CONDITIONAL, out=Path(place) / "data"))

    return Task(work, lambda count: {"count": count})


def _mantel(folder: Path) -> Task:
    """Relabellings as scikit-bio draws them from the same seed."""
    (first, second), chosen = arrays.distances(folder), settings(folder)

    def work() -> Any:
        rng = np.random.default_rng(chosen["seed"])
        return mantel(first, second, chosen["permutations"], rng=rng, threads=threads())

    return Task(work, lambda result: {"statistic": result.statistic, "p_value": result.p_value})


def _streamed_pearson(folder: Path) -> Task:
    points, semantic = arrays.points(folder)
    return Task(
        lambda: streamed_pearson([points], semantic), lambda jackknife: {"statistic": float(jackknife.estimate[0])}
    )


if __name__ == "__main__":
    warnings.simplefilter("ignore", IllConditionedGram)
    serve(
        {
            "monomials": _edmd(_monomials, GramMoments),
            "monomials_factor": _edmd(_monomials, FactorMoments),
            "gaussians": _truncated(_gaussians),
            "waves": _truncated(_waves),
            "leading": _leading,
            "dmd": _dmd,
            "mantel": _mantel,
            "streamed_pearson": _streamed_pearson,
            "packed": _packed,
            "streamed": _streamed(GramMoments),
            "streamed_factor": _streamed(FactorMoments),
        },
        distributions=(),
    )
