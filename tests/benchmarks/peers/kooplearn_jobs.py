"""kooplearn: ridge regression, as it comes (reduced rank, α = 1e-6), of features that scikit-learn computes.

It takes one trajectory. n pairs are one if the states before are followed by those after and the lag is n.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import arrays
import numpy as np
from kooplearn.linear_model import Ridge
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.preprocessing import PolynomialFeatures
from worker import Job, Task, eigenvalues, serve, settings


def _edmd(lifting: Callable[[Path], arrays.Lift]) -> Job:
    def job(folder: Path) -> Task:
        before, after = arrays.pairs(folder)
        trajectory, lag, lift = np.concatenate([before, after]), len(before), lifting(folder)

        def work() -> Any:
            return Ridge(lag_time=lag, copy_X=False).fit(lift(trajectory))

        return Task(work, lambda model: eigenvalues(model.eig()))

    return job


def _gaussians(folder: Path) -> arrays.Lift:
    centres, gamma = arrays.centres(folder), 0.5 / arrays.scale(folder) ** 2
    return lambda states: rbf_kernel(states, centres, gamma=gamma)


if __name__ == "__main__":
    serve(
        {
            "monomials": _edmd(lambda folder: PolynomialFeatures(settings(folder)["degree"]).fit_transform),
            "gaussians": _edmd(_gaussians),
            "waves": _edmd(arrays.of_waves),
        },
        distributions=("kooplearn", "scikit-learn"),
    )
