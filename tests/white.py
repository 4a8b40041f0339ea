"""Operators in coordinates that are white at both ends, where lengths are those over the pairs.

With Ψ_in = Q₁ T₁ and Ψ_out = Q₂ T₂ on the weighted pairs, Q's columns orthonormal,

    K in white coordinates      T₁ K T₂⁻¹;                                                                     (1)

for the K of least squares this is Q₁ᴴ Q₂, whose singular values are the canonical correlations in sample.
"""

import numpy as np

from koopman_analysis.moments import FactorMoments, orthonormal_factors


def white(moments: FactorMoments, K: np.ndarray) -> np.ndarray:
    """Equation (1)."""
    _, forth, _ = orthonormal_factors(moments.inputs, moments.resolution)
    _, _, back = orthonormal_factors(moments.outputs, moments.resolution)
    return forth @ K @ back
