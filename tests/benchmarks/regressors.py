"""What regressors that nobody has to train reach on the published checkerboard trajectories, and what they cost.

All are fitted to the pairs that the model is trained on, or to the whole trajectories of these pairs, and judged on the
held-out pairs by the error that the model is judged by.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.neighbors import KNeighborsRegressor

from kdm.evaluation import pairs_in_rows
from kdm.verification.evidence import trajectories_in_rows
from koopman_analysis import (
    EDMD,
    Constant,
    Coordinates,
    KernelRidgeRegression,
    Predictor,
    PyDMDForecast,
    PyDMDRegression,
    RandomFourier,
    SnapshotPairs,
    SnapshotTrajectories,
    Split,
)
from koopman_analysis.estimators.kernel_ridge import exponential, gaussian
from koopman_analysis.estimators.pydmd import (
    ForwardBackwardDMD,
    HigherOrderDMD,
    LeastSquaresDMD,
    OptimisedDMD,
    StepwiseDMD,
    TrajectoryMethod,
)
from koopman_analysis.studies import Candidate, measured_predictors

from .experiments import Profile, published_trajectories
from .page import Page, Table

COLUMNS = {
    "regressor": "",
    "dimension": ",d",
    "error, held out": ".2%",
    "fit, CPU s": ".1f",
    "1,000 predictions, ms": ".1f",
}


@dataclass
class _Flow:
    """A linear flow, fitted to given trajectories whatever the pairs (which are their ends)."""

    method: TrajectoryMethod
    trajectories: SnapshotTrajectories

    def fit(self, pairs: SnapshotPairs) -> "_Flow":
        self.forecast = PyDMDForecast(self.method).fit(self.trajectories)
        return self

    def predict(self, states: Any) -> Any:
        return self.forecast.predict(states)


@dataclass
class _Neighbours:
    """The mean of the states after the nearest fitted states."""

    count: int

    def fit(self, pairs: SnapshotPairs) -> "_Neighbours":
        self.regressor = KNeighborsRegressor(self.count).fit(pairs.before, pairs.after)
        return self

    def predict(self, states: Any) -> Any:
        return self.regressor.predict(states)


def measured(profile: Profile) -> Page:
    """Every regressor on the published pairs."""
    data = published_trajectories(profile.work)
    split = Split(fit=pairs_in_rows(data.training()), held_out=pairs_in_rows(data.heldout()))
    trajectories = trajectories_in_rows(data)
    assert trajectories is not None
    PyDMDRegression().fit(split.held_out)  # imports PyDMD, which is no cost of a fit
    candidates = [*_linear(split, trajectories), *_nonlinear(split, profile)]
    rows = [
        {
            "regressor": each.name,
            "dimension": each.dimension,
            "error, held out": each.error,
            "fit, CPU s": each.fit_seconds,
            "1,000 predictions, ms": 1e3 * each.predict_seconds,
        }
        for each in measured_predictors(split, candidates, rng=np.random.default_rng(0))
    ]
    return Page(
        title="Regressors on the published checkerboard",
        about=f"Fitted to {split.fit.n:,} published pairs or their whole trajectories, judged on {split.held_out.n:,} "
        "held-out pairs by the paired error relative to the spread of the data. Intervals resample held-out pairs, at "
        "95 %.",
        tables=[Table(columns=COLUMNS, rows=rows)],
        notes=[
            "A flow is linear like affine regression, which none can surpass in the sample; it is linear at all times.",
            "Kernel ridge solves for some of the pairs, drawn at random, and chooses length and ridge itself.",
            "Nearest neighbours keep all pairs; a plane is where they are at their best.",
        ],
    )


def _linear(split: Split, trajectories: SnapshotTrajectories) -> list[Candidate]:
    width = split.fit.before.shape[1]
    flows: dict[str, TrajectoryMethod] = {
        "optimised DMD, all times": OptimisedDMD(),
        "HODMD, all times": HigherOrderDMD(delays=3),
        "DMD, step by step": StepwiseDMD(method=LeastSquaresDMD()),
        "forward-backward DMD, step by step": StepwiseDMD(method=ForwardBackwardDMD()),
    }
    return [
        _candidate("DMD (affine)", width, PyDMDRegression),
        _candidate("forward-backward DMD", width, lambda: PyDMDRegression(ForwardBackwardDMD())),
        *(_candidate(name, width, lambda method=method: _Flow(method, trajectories)) for name, method in flows.items()),
    ]


def _nonlinear(split: Split, profile: Profile) -> list[Candidate]:
    width, waves = split.fit.before.shape[1], profile.count(512, fast=32)
    kernels = {"Gaussian": gaussian, "exponential": exponential}
    sizes = [profile.count(full, fast=fast) for full, fast in ((2000, 50), (4000, 100), (8000, 200))]

    def fourier() -> EDMD:
        lift = RandomFourier(waves - width - 1, 0.15, rng=np.random.default_rng(0))
        return EDMD(Constant() + Coordinates() + lift, outputs=Coordinates(), ridge=1e-3)

    def ridge(kernel: Any, size: int) -> KernelRidgeRegression:
        return KernelRidgeRegression(kernel, most=size, rng=np.random.default_rng(0))

    return [
        _candidate("EDMD-Fourier", waves, fourier),
        *(
            _candidate(f"kernel ridge, {name}", size, lambda kernel=kernel, size=size: ridge(kernel, size))
            for name, kernel in kernels.items()
            for size in sizes
        ),
        _candidate("3 nearest neighbours", split.fit.n, lambda: _Neighbours(3)),
    ]


def _candidate(name: str, dimension: int, unfitted: Callable[[], Predictor]) -> Candidate:
    return Candidate(name=name, family=name, dimension=dimension, unfitted=unfitted)
