"""Non-normality: what a matrix does besides what its eigenvalues say. All of it belongs to a choice of coordinates.

A change of coordinates that is not orthogonal changes every number here but the spectral radius; where two encoders may
be changed each on its own, K has not even that. `koopman_analysis.gauge` asks in whose coordinates before it answers.
"""

from koopman_analysis.nonnormality.conditioning import eigenvector_conditioning
from koopman_analysis.nonnormality.departure import (
    effective_rank,
    henrici_departure,
    numerical_abscissa,
    numerical_radius,
    spectral_radius,
    stable_rank,
)
from koopman_analysis.nonnormality.field_of_values import NumericalRange, numerical_range
from koopman_analysis.nonnormality.kreiss import kreiss_constant
from koopman_analysis.nonnormality.powers import TransientGrowth, transient_growth

__all__ = [
    "NumericalRange",
    "TransientGrowth",
    "effective_rank",
    "eigenvector_conditioning",
    "henrici_departure",
    "kreiss_constant",
    "numerical_abscissa",
    "numerical_radius",
    "numerical_range",
    "spectral_radius",
    "stable_rank",
    "transient_growth",
]
