"""What an operator is: one matrix, and the eigenvalues that it has."""

from abc import ABC, abstractmethod

import torch
from torch import nn

from kdm.shapes import Complex, Float, Latents, Tensor


class KoopmanOperator(nn.Module, ABC):
    """A linear map on latents: `operator(z)` equals `z @ operator.matrix`, exactly linear and without a bias."""

    @property
    @abstractmethod
    def matrix(self) -> Float[Tensor, "m_in m_out"]:
        """K, shape (m_in, m_out), differentiable with respect to the parameters."""

    @property
    def eigenvalues(self) -> Complex[Tensor, " m"]:
        """The eigenvalues of a square K in any order, differentiable where none is repeated; computed, in O(m³).

        With an encoder for each end they belong to the coordinates of the latents, and to nothing that can be observed.
        """
        return torch.linalg.eigvals(self.matrix)

    def forward(self, latents: Latents) -> Latents:
        """Latents carried from the noise end to the data end, (n, m_in) → (n, m_out)."""
        return latents @ self.matrix
