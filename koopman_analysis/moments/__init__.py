"""Moments of (Ψ_in(x), Ψ_out(y), y): what every linear estimator here needs of the data, in a size independent of n.

Both summaries are made of the same weighted rows, one for each pair,

    z = √w [1, Ψ_in(x), Ψ_out(y), y]      with w the pair's weight,                                              (1)

and both are commutative monoids: `a + b` summarises both data sets, so chunks, machines and devices merge by addition.

    GramMoments     G = Zᴴ Z,        G_{a∪b} = G_a + G_b                                                         (2)
    FactorMoments   Z = Q R,         R_{a∪b} = triangular factor of [R_a; R_b],       Rᴴ R = G                     (3)

A Gram matrix is cheap and lives on any device, but squares the condition number: singular values of Z below 1e-8 of the
largest are lost. The factor keeps them, at about four times the cost.
"""

from koopman_analysis.moments.factor import (
    FACTOR_RESOLUTION,
    FactorMoments,
    orthonormal_factors,
    triangular_factor,
    updated_factor,
)
from koopman_analysis.moments.gram import GramMoments, IllConditionedGram
from koopman_analysis.moments.rows import CHUNK, Lift

__all__ = [
    "CHUNK",
    "FACTOR_RESOLUTION",
    "FactorMoments",
    "GramMoments",
    "IllConditionedGram",
    "Lift",
    "orthonormal_factors",
    "triangular_factor",
    "updated_factor",
]
