"""Koopman operators: the one linear map that carries latents from the noise end to the data end.

In rows, z_data = z_noise K. An operator has no bias: an affine part is a control (`kdm.control`).
"""

from abc import ABC, abstractmethod

import torch
from torch import nn

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
