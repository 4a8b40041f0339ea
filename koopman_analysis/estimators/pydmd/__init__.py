"""PyDMD's estimators behind two adapters: maps of pairs, and flows of whole trajectories.

    PyDMDRegression(method).fit(pairs)                one operator from before to after
    PyDMDForecast(method).fit(trajectories)           one linear flow, followed from the first time to the last

Both learn a one-step map and have the same `predict`. The method says which of PyDMD's algorithms fits it, with every
choice that PyDMD would guess stated.
"""

from koopman_analysis.estimators.pydmd.forecast import PyDMDForecast
from koopman_analysis.estimators.pydmd.on_pairs import (
    CompressedDMD,
    ForwardBackwardDMD,
    LeastSquaresDMD,
    ModalDMD,
    PairMethod,
    ReducedRankDMD,
    StructuredDMD,
)
from koopman_analysis.estimators.pydmd.on_trajectories import (
    HigherOrderDMD,
    OptimisedDMD,
    StepwiseDMD,
    TrajectoryMethod,
    UnevenTimes,
)
from koopman_analysis.estimators.pydmd.regression import PyDMDRegression

__all__ = [
    "PyDMDRegression",
    "PairMethod",
    "LeastSquaresDMD",
    "ReducedRankDMD",
    "ForwardBackwardDMD",
    "CompressedDMD",
    "StructuredDMD",
    "ModalDMD",
    "PyDMDForecast",
    "TrajectoryMethod",
    "OptimisedDMD",
    "HigherOrderDMD",
    "StepwiseDMD",
    "UnevenTimes",
]
