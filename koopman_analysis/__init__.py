"""Koopman analysis: is a dictionary closed, is a spectrum real, does a latent space mean anything?

Everything here is a few lines on one triple, the moments of (Ψ(x), Ψ(y)) over pairs of states y = Φ(x).
The package knows nothing of any trainer: it takes snapshot pairs, dictionaries, and any model that has the parts
named in `LatentModel`.
"""

from koopman_analysis.claims import Claim, Control, Side, Verdict
from koopman_analysis.closure import (
    Closedness,
    ClosureReport,
    Tolerances,
    closure_report,
    closure_sweep,
    decoder_weighted_defect,
)
from koopman_analysis.dictionaries import (
    Constant,
    Coordinates,
    Dictionary,
    EncoderDictionary,
    FunctionDictionary,
    Hermite,
    Monomials,
    RandomFourier,
)
from koopman_analysis.estimators import (
    EDMD,
    ArrayLatentModel,
    KernelRidgeRegression,
    LatentModel,
    NotFitted,
    PyDMDForecast,
    PyDMDRegression,
)
from koopman_analysis.moments import FactorMoments, GramMoments, IllConditionedGram
from koopman_analysis.regression import ConstantData
from koopman_analysis.resampling import Interval
from koopman_analysis.snapshots import SnapshotPairs, SnapshotTrajectories, Split
from koopman_analysis.verification import verify

__all__ = [
    "SnapshotPairs",
    "SnapshotTrajectories",
    "Split",
    "Dictionary",
    "Constant",
    "Coordinates",
    "Monomials",
    "Hermite",
    "RandomFourier",
    "FunctionDictionary",
    "EncoderDictionary",
    "GramMoments",
    "FactorMoments",
    "IllConditionedGram",
    "ConstantData",
    "EDMD",
    "PyDMDRegression",
    "PyDMDForecast",
    "KernelRidgeRegression",
    "NotFitted",
    "LatentModel",
    "ArrayLatentModel",
    "closure_report",
    "closure_sweep",
    "decoder_weighted_defect",
    "ClosureReport",
    "Closedness",
    "Tolerances",
    "Claim",
    "Control",
    "Interval",
    "Side",
    "Verdict",
    "verify",
]
