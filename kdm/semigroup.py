"""One semigroup of operators for all stored times of a flow.

    K_k = exp(s_k A),     0 = s_0 < s_1 < … < s_K = 1,     s_k = Σ_{j≤k} e^{θ_j} / Σ_j e^{θ_j},                 (1)

with the generator A and the clock θ as parameters. The matrix of the whole step, K = K_K = exp(A), has a real logarithm
by construction, and powers K^s = exp(s A) for every real s. A starts antisymmetric, so that K is orthogonal at first
and neither loses nor amplifies a direction; the clock starts even.
"""

import math

import torch
from torch import nn

from kdm.operators import KoopmanOperator
from kdm.shapes import Complex, Float, Tensor


class Semigroup(KoopmanOperator):
    """Equation (1).

    Args:
        dimension: Latent dimension m.
        intervals: Number K of intervals between stored times.

    Raises:
        ValueError: If there is no interval.
    """

    def __init__(self, dimension: int, *, intervals: int) -> None:
        super().__init__()
        if intervals < 1:
            raise ValueError(f"expected at least one interval between stored times, got {intervals}")
        skew = torch.randn(dimension, dimension) / math.sqrt(2.0 * dimension)
        self.generator = nn.Parameter(skew - skew.T)
        self.pace = nn.Parameter(torch.zeros(intervals))

    @property
    def clock(self) -> Float[Tensor, " intervals"]:
        """s_1 … s_K = 1, differentiable with respect to θ."""
        return self.pace.softmax(0).cumsum(0)

    @property
    def matrix(self) -> Float[Tensor, "m_in m_out"]:
        """K = exp(A), shape (m, m)."""
        return torch.linalg.matrix_exp(self.generator)

    @property
    def eigenvalues(self) -> Complex[Tensor, " m"]:
        """Those of K: e^α for the eigenvalues α of A."""
        return torch.linalg.eigvals(self.generator).exp()

    @property
    def matrices(self) -> Float[Tensor, "intervals m_in m_out"]:
        """K_1 … K_K, shape (K, m, m)."""
        return torch.linalg.matrix_exp(self.clock[:, None, None] * self.generator)
