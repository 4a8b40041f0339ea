"""Koopman analysis: is a dictionary closed, is a spectrum real, does a latent space mean anything?

Everything here is a few lines on one triple, the moments of (Ψ(x), Ψ(y)) over pairs of states y = Φ(x).
The package knows nothing of any trainer: it takes snapshot pairs, dictionaries, and any model that has the parts
named in `LatentModel`.
"""

from koopman_analysis.adapters import as_latent_model, require_latent_model
from koopman_analysis.autonomy import AutonomyReport, autonomy_report
from koopman_analysis.claims import Claim, Control, Side, Verdict
from koopman_analysis.closure import (
    Closedness,
    ClosureReport,
    MeanClosureReport,
    Tolerances,
    closure_report,
    closure_sweep,
    decoder_weighted_defect,
    decoder_weighted_spectrum,
    mean_closure_report,
)
from koopman_analysis.dictionaries import (
    Chebyshev,
    ComplexFourier,
    Constant,
    Coordinates,
    Dictionary,
    EncoderDictionary,
    Fourier,
    FunctionDictionary,
    Gaussian,
    Hermite,
    Legendre,
    Monomials,
    RadialBasis,
    RandomFourier,
    ThinPlate,
    WithConjugates,
)
from koopman_analysis.dimension import DimensionSweep, dimension_sweep, minimal_dimension
from koopman_analysis.estimators import (
    EDMD,
    ArrayLatentModel,
    ExactDMD,
    IsometricEDMD,
    KernelRidgeRegression,
    KoopmanRegressor,
    LatentModel,
    NotFitted,
    Predictor,
    PyDMDForecast,
    PyDMDRegression,
)
from koopman_analysis.moments import FactorMoments, GramMoments, IllConditionedGram
from koopman_analysis.regression import ConstantData, EnergyRank, ThresholdRank
from koopman_analysis.resampling import Interval
from koopman_analysis.snapshots import DoublePairs, SnapshotPairs, SnapshotTrajectories, Split
from koopman_analysis.spectrum import Eigenpairs, EigenvalueIntervals
from koopman_analysis.verification import verify

__all__ = [
    "SnapshotPairs",
    "DoublePairs",
    "SnapshotTrajectories",
    "Split",
    "Dictionary",
    "Constant",
    "Coordinates",
    "Monomials",
    "Hermite",
    "Legendre",
    "Chebyshev",
    "RadialBasis",
    "Gaussian",
    "ThinPlate",
    "RandomFourier",
    "ComplexFourier",
    "Fourier",
    "FunctionDictionary",
    "EncoderDictionary",
    "WithConjugates",
    "GramMoments",
    "FactorMoments",
    "IllConditionedGram",
    "ConstantData",
    "EDMD",
    "IsometricEDMD",
    "ExactDMD",
    "PyDMDRegression",
    "KoopmanRegressor",
    "Predictor",
    "EnergyRank",
    "ThresholdRank",
    "Eigenpairs",
    "EigenvalueIntervals",
    "PyDMDForecast",
    "KernelRidgeRegression",
    "NotFitted",
    "LatentModel",
    "ArrayLatentModel",
    "as_latent_model",
    "require_latent_model",
    "dimension_sweep",
    "minimal_dimension",
    "DimensionSweep",
    "autonomy_report",
    "AutonomyReport",
    "closure_report",
    "closure_sweep",
    "decoder_weighted_defect",
    "mean_closure_report",
    "decoder_weighted_spectrum",
    "ClosureReport",
    "MeanClosureReport",
    "Closedness",
    "Tolerances",
    "Claim",
    "Control",
    "Interval",
    "Side",
    "Verdict",
    "verify",
]
