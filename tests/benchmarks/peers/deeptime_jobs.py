"""deeptime: EDMD with its monomials, its Gaussian kernel at given centres, and given waves; exact DMD."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import arrays
from deeptime.basis import Monomials
from deeptime.decomposition import DMD, EDMD
from deeptime.kernels import GaussianKernel
from worker import Job, Task, eigenvalues, serve, settings


def _edmd(lifting: Callable[[Path], arrays.Lift]) -> Job:
    def job(folder: Path) -> Task:
        data, lift = arrays.pairs(folder), lifting(folder)
        return Task(lambda: EDMD(lift).fit(data).fetch_model(), lambda model: eigenvalues(model.eigenvalues))

    return job


def _gaussians(folder: Path) -> arrays.Lift:
    kernel, centres = GaussianKernel(arrays.scale(folder)), arrays.centres(folder)
    return lambda states: kernel.apply(states, centres)


def _dmd(folder: Path) -> Task:
    states, rank = arrays.snapshots(folder)

    def work() -> Any:
        model = DMD(rank=rank).fit((states[:-1], states[1:])).fetch_model()
        assert model.modes.shape == (rank, states.shape[1])
        return model

    return Task(work, lambda model: eigenvalues(model.eigenvalues))


if __name__ == "__main__":
    serve(
        {
            "monomials": _edmd(lambda folder: Monomials(settings(folder)["degree"], 2)),
            "gaussians": _edmd(_gaussians),
            "waves": _edmd(arrays.of_waves),
            "dmd": _dmd,
        },
        distributions=("deeptime",),
    )
