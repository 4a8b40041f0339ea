"""Koopman operators: the one linear map that carries latents from the noise end to the data end.

In rows, z_data = z_noise K. An operator has no bias: an affine part is a control (`kdm.control`). How free K is:

    dense        every entry of K is a parameter
    identity     K = I, nothing to learn: what is linear between the ends is left to the encoders
    isometric    K Kᵀ = I, so that ‖z K‖ = ‖z‖ for every latent vector z: Kᵀ = W₀ (I − A/2)⁻¹ (I + A/2)          (1)

with A = L − Lᵀ for a free lower triangle L, and W₀ the orthogonal matrix from which training starts: the Cayley map
(Lezcano-Casado 2019, arXiv 1909.09501). I − A/2 is never singular, and its condition number is √(1 + ‖A‖²/4) at most,
so that K Kᵀ = I holds to rounding, averaged weights included. (1) reaches the orthogonal matrices of the determinant of
W₀, those with W₀⁻¹ Kᵀ x = −x for some x in the limit only. It keeps lengths in the coordinates of the latents, which is
another thing than an isometry between the measures of the two ends.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.utils.parametrizations import orthogonal

from kdm.shapes import Float, Latents, Tensor


class KoopmanOperator(nn.Module, ABC):
    """A linear map on latents: `operator(z)` equals `z @ operator.matrix`, exactly linear and without a bias."""

    @property
    @abstractmethod
    def matrix(self) -> Float[Tensor, "m_in m_out"]:
        """K, shape (m_in, m_out), differentiable with respect to the parameters."""

    def forward(self, latents: Latents) -> Latents:
        """Latents carried from the noise end to the data end, (n, m_in) → (n, m_out)."""
        return latents @ self.matrix


class DenseOperator(KoopmanOperator):
    """Every entry of K is a parameter; orthogonal at first, so that it neither loses nor amplifies a direction."""

    def __init__(self, dimension: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(nn.init.orthogonal_(torch.empty(dimension, dimension)))

    @property
    def matrix(self) -> Float[Tensor, "m_in m_out"]:
        """K = weightᵀ, as of an `nn.Linear`."""
        return self.weight.T


class IdentityOperator(KoopmanOperator):
    """K = I, without parameters."""

    identity: Tensor

    def __init__(self, dimension: int) -> None:
        super().__init__()
        self.register_buffer("identity", torch.eye(dimension), persistent=False)

    @property
    def matrix(self) -> Float[Tensor, "m_in m_out"]:
        """The identity matrix."""
        return self.identity


class IsometricOperator(KoopmanOperator):
    """K of equation (1), from the same start as a `DenseOperator`."""

    def __init__(self, dimension: int) -> None:
        super().__init__()
        # Without a draw for the weights that are replaced at once: both operators start from the same draws.
        linear = nn.utils.skip_init(nn.Linear, dimension, dimension, bias=False)
        nn.init.orthogonal_(linear.weight)
        self.linear = orthogonal(linear, orthogonal_map="cayley")

    @property
    def matrix(self) -> Float[Tensor, "m_in m_out"]:
        """K of equation (1)."""
        weight: Tensor = self.linear.weight  # type: ignore[assignment]  # parametrised attributes have no static type
        return weight.T


@dataclass(frozen=True)
class DenseConfig:
    """Any matrix."""

    def built(self, dimension: int) -> DenseOperator:
        """The operator on latents of this dimension."""
        return DenseOperator(dimension)


@dataclass(frozen=True)
class IdentityConfig:
    """The identity."""

    def built(self, dimension: int) -> IdentityOperator:
        """The operator on latents of this dimension."""
        return IdentityOperator(dimension)


@dataclass(frozen=True)
class IsometricConfig:
    """An orthogonal matrix."""

    def built(self, dimension: int) -> IsometricOperator:
        """The operator on latents of this dimension."""
        return IsometricOperator(dimension)


OperatorConfig = DenseConfig | IdentityConfig | IsometricConfig
