"""PyDMD: DMD of features that scikit-learn computes, for its own EDMD takes kernels only; and DMD of a trajectory."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import arrays
from pydmd import CDMD, DMD, RDMD
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.preprocessing import PolynomialFeatures
from worker import Job, Task, eigenvalues, serve, settings


def _of_features(lifting: Callable[[Path], arrays.Lift]) -> Job:
    def job(folder: Path) -> Task:
        (before, after), lift = arrays.pairs(folder), lifting(folder)
        return Task(lambda: DMD(svd_rank=-1).fit(lift(before).T, lift(after).T), lambda dmd: eigenvalues(dmd.eigs))

    return job


def _monomials(folder: Path) -> arrays.Lift:
    # Features side by side is the faster order for what follows.
    return PolynomialFeatures(settings(folder)["degree"], order="F").fit_transform


def _gaussians(folder: Path) -> arrays.Lift:
    centres, gamma = arrays.centres(folder), 0.5 / arrays.scale(folder) ** 2
    return lambda states: rbf_kernel(states, centres, gamma=gamma)


def _of_trajectory(made: Callable[[int], Any]) -> Job:
    def job(folder: Path) -> Task:
        states, rank = arrays.snapshots(folder)

        def work() -> Any:
            dmd = made(rank).fit(states.T)
            assert dmd.modes.shape == (states.shape[1], rank)
            return dmd

        return Task(work, lambda dmd: eigenvalues(dmd.eigs))

    return job


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    serve(
        {
            "monomials": _of_features(_monomials),
            "gaussians": _of_features(_gaussians),
            "waves": _of_features(arrays.of_waves),
            "dmd": _of_trajectory(lambda rank: DMD(svd_rank=rank, exact=True)),
            "compressed": _of_trajectory(lambda rank: CDMD(svd_rank=rank)),
            "randomised": _of_trajectory(lambda rank: RDMD(svd_rank=rank, seed=0)),
        },
        distributions=("PyDMD", "scikit-learn"),
    )
