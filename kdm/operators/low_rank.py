"""Operators through few directions.

    K = U V,        U of shape (m, r), V of shape (r, m)                                                    (1)

carries r numbers of a latent vector and forgets the rest; z K costs 2 m r multiplications in place of m². Where U and V
have orthonormal columns and rows, K is the best approximation of rank r of an orthogonal matrix, and keeps the length
of what it does not forget: it starts as one. The eigenvalues of (1) are those of the r × r matrix V U, and m − r zeros.
"""

from dataclasses import dataclass

import torch
from torch import nn

from kdm.operators.base import KoopmanOperator
from kdm.shapes import Complex, Float, Latents, Tensor, is_whole


class LowRankOperator(KoopmanOperator):
    """K of equation (1).

    Args:
        dimension: Latent dimension m.
        rank: r, from 1 to m.

    Raises:
        ValueError: If the rank is no such number.
    """

    def __init__(self, dimension: int, *, rank: int) -> None:
        super().__init__()
        if not is_whole(rank) or not 1 <= rank <= dimension:
            raise ValueError(
                f"expected a rank from 1 to the latent dimension {dimension}, got {rank}: an operator has at most as "
                "many directions as there are latents"
            )
        self.left = nn.Parameter(nn.init.orthogonal_(torch.empty(dimension, rank)))
        self.right = nn.Parameter(nn.init.orthogonal_(torch.empty(rank, dimension)))

    @property
    def matrix(self) -> Float[Tensor, "m_in m_out"]:
        """K of equation (1)."""
        return self.left @ self.right

    @property
    def eigenvalues(self) -> Complex[Tensor, " m"]:
        """Those of V U, and zeros: O(m r² + r³)."""
        few = torch.linalg.eigvals(self.right @ self.left)
        return torch.cat([few, few.new_zeros(len(self.left) - len(few))])

    def forward(self, latents: Latents) -> Latents:
        """(z U) V."""
        return latents @ self.left @ self.right


@dataclass(frozen=True, kw_only=True)
class LowRankConfig:
    """A matrix of at most this rank.

    Attributes:
        rank: r of equation (1).

    Raises:
        ValueError: If it is no whole number of at least 1.
    """

    rank: int

    def __post_init__(self) -> None:
        if not is_whole(self.rank) or self.rank < 1:
            raise ValueError(f"expected a rank of at least 1, a whole number, got {self.rank!r}")

    def built(self, dimension: int) -> LowRankOperator:
        """The operator on latents of this dimension; raises ValueError where that is below the rank."""
        return LowRankOperator(dimension, rank=self.rank)
