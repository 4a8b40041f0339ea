"""pykoopman: EDMD with its own monomials, Gaussians at given centres, and waves that it draws itself; DMD by PyDMD."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import arrays
import numpy as np
from worker import Job, Task, eigenvalues, serve, settings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it imports pkg_resources, which warns
    from pydmd import DMD
    from pykoopman import Koopman
    from pykoopman.observables import Polynomial, RadialBasisFunction, RandomFourierFeatures
    from pykoopman.regression import EDMD


def _edmd(observables: Callable[[Path], Any]) -> Job:
    def job(folder: Path) -> Task:
        before, after = arrays.pairs(folder)

        def work() -> Any:
            return Koopman(observables=observables(folder), regressor=EDMD(), quiet=True).fit(before, after)

        return Task(work, lambda model: eigenvalues(np.diag(model.lamda)))

    return job


def _gaussians(folder: Path) -> Any:
    centres = arrays.centres(folder)
    width = 1.0 / (np.sqrt(2.0) * arrays.scale(folder))
    return RadialBasisFunction(n_centers=len(centres), centers=centres.T, kernel_width=width, include_state=False)


def _waves(folder: Path) -> Any:
    count = arrays.waves(folder).shape[1]
    gamma = 0.5 / arrays.scale(folder) ** 2
    return RandomFourierFeatures(include_state=False, gamma=gamma, D=count, random_state=0)


def _dmd(folder: Path) -> Task:
    states, rank = arrays.snapshots(folder)

    def work() -> Any:
        model = Koopman(regressor=DMD(svd_rank=rank, exact=True), quiet=True).fit(states)
        assert model.W.shape == (states.shape[1], rank)  # its modes
        return model

    return Task(work, lambda model: eigenvalues(np.diag(model.lamda)))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    serve(
        {
            "monomials": _edmd(lambda folder: Polynomial(degree=settings(folder)["degree"])),
            "gaussians": _edmd(_gaussians),
            "waves": _edmd(_waves),
            "dmd": _dmd,
        },
        distributions=("pykoopman", "PyDMD", "scikit-learn"),
    )
