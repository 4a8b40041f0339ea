"""The bare costs of `benchmarks.bare`, each with the chunk and panel that took least time where it was measured."""

from collections.abc import Callable
from pathlib import Path

import arrays
import numpy as np
from worker import Job, Task, eigenvalues, serve, settings

from tests.benchmarks import bare

CHUNK, TALL_CHUNK, WIDE_CHUNK, PANEL = 8192, 4096, 512, 16


def _edmd(lifting: Callable[[Path], tuple[bare.Lifting, int]], operator: Callable[..., np.ndarray], **how: int) -> Job:
    def job(folder: Path) -> Task:
        (before, after), (lift, size) = arrays.pairs(folder), lifting(folder)
        return Task(lambda: operator(before, after, lift, size, **how), lambda K: eigenvalues(np.linalg.eigvals(K)))

    return job


def _monomials(folder: Path) -> tuple[bare.Lifting, int]:
    return bare.monomials(settings(folder)["degree"], 2)


def _gaussians(folder: Path) -> tuple[bare.Lifting, int]:
    return bare.gaussians(arrays.centres(folder), arrays.scale(folder))


def _waves(folder: Path) -> tuple[bare.Lifting, int]:
    return bare.waves(arrays.waves(folder))


def _dmd(folder: Path) -> Task:
    states, rank = arrays.snapshots(folder)
    return Task(lambda: bare.exact_dmd(states[:-1], states[1:], rank), lambda found: eigenvalues(found[0]))


def _loaded(folder: Path) -> Task:
    """The two arrays of each published file, read and forgotten."""

    def work() -> int:
        paths = list((folder / "set").iterdir())
        for path in paths:
            with np.load(path) as arrays_of_it:
                arrays_of_it["endpoints"], arrays_of_it["label"]
        return len(paths)

    return Task(work, lambda count: {"count": count})


if __name__ == "__main__":
    serve(
        {
            "monomials": _edmd(_monomials, bare.operator_by_gram, chunk=CHUNK),
            "monomials_tpqrt": _edmd(_monomials, bare.operator_by_tpqrt, chunk=TALL_CHUNK, panel=PANEL),
            "monomials_geqrf": _edmd(_monomials, bare.operator_by_geqrf, chunk=TALL_CHUNK),
            "gaussians": _edmd(_gaussians, bare.operator_by_gram, chunk=WIDE_CHUNK),
            "waves": _edmd(_waves, bare.operator_by_gram, chunk=WIDE_CHUNK),
            "dmd": _dmd,
            "loaded": _loaded,
        },
        distributions=(),
    )
