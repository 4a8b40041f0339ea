"""The two ends of the scale of freedom: every entry of K a parameter, and none."""

from dataclasses import dataclass

import torch
from torch import nn

from kdm.operators.base import KoopmanOperator
from kdm.shapes import Float, Tensor


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
