"""Operators that are parametrised by their eigenvalues.

    K = P B P⁻¹,        B of equation (2) of `kdm.operators.blocks`,                                          (1)

in a basis P of `kdm.operators.bases`: m/2 pairs λ, λ̄ of conjugates with |λ| < 1 and, where m is odd, one real
eigenvalue. The spectrum is known without a decomposition. In the identity and in orthogonal bases K is normal, so that
‖K‖ = max |λ|: nothing grows on the way, and an error E of K moves no eigenvalue by more than ‖E‖. In a free basis it
may move them by κ(P) ‖E‖ (Bauer & Fike 1960).

What (1) leaves out: two real eigenvalues that differ, where m is even (one pair of conjugates with phase 0 is the same
real eigenvalue twice), eigenvalues beyond the circle, and matrices without a basis of eigenvectors.
"""

from dataclasses import dataclass, field
from numbers import Real

import torch

from kdm.operators.base import KoopmanOperator
from kdm.operators.bases import Basis, BasisConfig, OrthogonalBasisConfig
from kdm.operators.blocks import RotationDecayBlocks
from kdm.shapes import Complex, Float, Latents, Tensor


class SpectralOperator(KoopmanOperator):
    """K of equation (1), from its eigenvalues and its basis."""

    def __init__(self, blocks: RotationDecayBlocks, basis: Basis) -> None:
        super().__init__()
        self.blocks, self.basis = blocks, basis

    @property
    def matrix(self) -> Float[Tensor, "m_in m_out"]:
        """K of equation (1): what becomes of the unit vectors."""
        decay = self.blocks.decay
        return self(torch.eye(self.blocks.dimension, dtype=decay.dtype, device=decay.device))

    @property
    def eigenvalues(self) -> Complex[Tensor, " m"]:
        """The declared spectrum, closed under conjugation, in O(m)."""
        return self.blocks.eigenvalues

    def forward(self, latents: Latents) -> Latents:
        """((z P) B) P⁻¹, without the matrix of B."""
        return self.basis.conjugated(latents, self.blocks)


@dataclass(frozen=True, kw_only=True)
class SpectralConfig:
    """A matrix by its eigenvalues.

    Attributes:
        basis: P of equation (1).
        modulus: |λ| at first; near 1, so that little is lost before anything is learned.

    Raises:
        TypeError: If the basis is no configuration of one.
        ValueError: If the modulus is no number between 0 and 1.
    """

    basis: BasisConfig = field(default_factory=OrthogonalBasisConfig)
    modulus: float = 0.99

    def __post_init__(self) -> None:
        if not isinstance(self.basis, BasisConfig):
            raise TypeError(f"expected a configuration of a basis such as OrthogonalBasisConfig(), got {self.basis!r}")
        if not isinstance(self.modulus, Real) or not 0.0 < self.modulus < 1.0:
            raise ValueError(
                f"expected a modulus between 0 and 1, both excluded, got {self.modulus!r}: the circle is a limit"
            )

    def built(self, dimension: int) -> SpectralOperator:
        """The operator on latents of this dimension."""
        basis = self.basis.built(dimension)
        return SpectralOperator(RotationDecayBlocks(dimension, modulus=self.modulus), basis)
