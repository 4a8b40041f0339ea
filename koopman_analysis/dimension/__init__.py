"""Dimension: how good a finite-dimensional representation of a flow is, against how many functions it has.

Existence of *some* finite dimension is never evidence: the encoder E_noise := E_data∘Φ with K = I is exact for every
flow. What says something is a curve over a *named nested family*, on pairs that nothing was fitted to, and with
intervals that hold for all its members at once.
"""

from koopman_analysis.dimension.families import (
    NestedFamily,
    operator_truncations,
    polynomial_family,
    radial_family,
    wave_family,
)
from koopman_analysis.dimension.hermite import (
    HermiteCurve,
    SampledHermiteCurve,
    gauss_hermite_pairs,
    hermite_curve,
    sampled_hermite_curve,
)
from koopman_analysis.dimension.latent_rank import (
    LatentDirections,
    RankSweep,
    decoder_weighted_directions,
    rank_sweep,
    truncated_model,
)
from koopman_analysis.dimension.minimal import MinimalDimension, TriedDimension, minimal_dimension
from koopman_analysis.dimension.rates import EXPONENTIAL, POWER_LAW, DecayLaw, FittedLaw, FittedRates, fitted_rates
from koopman_analysis.dimension.sweep import Curve, DimensionSweep, dimension_sweep

__all__ = [
    "EXPONENTIAL",
    "POWER_LAW",
    "Curve",
    "DecayLaw",
    "DimensionSweep",
    "FittedLaw",
    "FittedRates",
    "HermiteCurve",
    "LatentDirections",
    "MinimalDimension",
    "NestedFamily",
    "RankSweep",
    "SampledHermiteCurve",
    "TriedDimension",
    "decoder_weighted_directions",
    "dimension_sweep",
    "fitted_rates",
    "gauss_hermite_pairs",
    "hermite_curve",
    "minimal_dimension",
    "operator_truncations",
    "polynomial_family",
    "radial_family",
    "rank_sweep",
    "sampled_hermite_curve",
    "truncated_model",
    "wave_family",
]
