"""Koopman operators: the one linear map that carries latents from the noise end to the data end.

In rows, z_data = z_noise K. An operator has no bias: an affine part is a control (`kdm.control`). How free K is:

    dense        every entry of K is a parameter
    identity     K = I, nothing to learn: what is linear between the ends is left to the encoders
    isometric    K Kᵀ = I, so that ‖z K‖ = ‖z‖ for every latent vector z (`kdm.operators.isometric`)
    low rank     K = U V through r directions (`kdm.operators.low_rank`)
    spectral     K = P B P⁻¹ by its eigenvalues, and in which basis P (`kdm.operators.spectral`)

`operator.matrix` is K and `operator.eigenvalues` its spectrum, whatever they are computed from; that they belong to
each other is a law (`tests/laws/test_operators_of_models.py`).
"""

from kdm.operators.base import KoopmanOperator
from kdm.operators.bases import FreeBasisConfig, IdentityBasisConfig, OrthogonalBasisConfig
from kdm.operators.blocks import real_form
from kdm.operators.dense import DenseConfig, DenseOperator, IdentityConfig, IdentityOperator
from kdm.operators.isometric import IsometricConfig, IsometricOperator
from kdm.operators.low_rank import LowRankConfig, LowRankOperator
from kdm.operators.spectral import SpectralConfig, SpectralOperator

OperatorConfig = DenseConfig | IdentityConfig | IsometricConfig | LowRankConfig | SpectralConfig

__all__ = [
    "DenseConfig",
    "DenseOperator",
    "FreeBasisConfig",
    "IdentityBasisConfig",
    "IdentityConfig",
    "IdentityOperator",
    "IsometricConfig",
    "IsometricOperator",
    "KoopmanOperator",
    "LowRankConfig",
    "LowRankOperator",
    "OperatorConfig",
    "OrthogonalBasisConfig",
    "SpectralConfig",
    "SpectralOperator",
    "real_form",
]
