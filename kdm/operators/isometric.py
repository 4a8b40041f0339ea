"""Orthogonal matrices, free to turn from where they start.

    Kᵀ = W₀ (I − A/2)⁻¹ (I + A/2),        A = L − Lᵀ,                                                        (1)

for a free lower triangle L, and W₀ the orthogonal matrix from which training starts: the Cayley map (Lezcano-Casado
2019, arXiv 1909.09501). I − A/2 is never singular, and its condition number is √(1 + ‖A‖²/4) at most, so that K Kᵀ = I
holds to rounding, averaged weights included. (1) reaches the orthogonal matrices of the determinant of W₀, those with
W₀⁻¹ Kᵀ x = −x for some x in the limit only. It keeps lengths in the coordinates of the latents, which is another thing
than an isometry between the measures of the two ends.
"""

from dataclasses import dataclass

from torch import nn
from torch.nn.utils.parametrizations import orthogonal

from kdm.operators.base import KoopmanOperator
from kdm.shapes import Float, Tensor


class IsometricOperator(KoopmanOperator):
    """K of equation (1), from the same start as a `DenseOperator`."""

    def __init__(self, dimension: int) -> None:
        super().__init__()
        self.linear = orthogonal_layer(dimension)

    @property
    def matrix(self) -> Float[Tensor, "m_in m_out"]:
        """K of equation (1)."""
        return weight_of(self.linear).T


def orthogonal_layer(dimension: int) -> nn.Module:
    """A square layer without a bias whose weight is Kᵀ of equation (1), W₀ drawn from torch's random state."""
    # Without a draw for the weights that are replaced at once: it starts from the draws of a dense operator.
    linear = nn.utils.skip_init(nn.Linear, dimension, dimension, bias=False)
    nn.init.orthogonal_(linear.weight)
    return orthogonal(linear, orthogonal_map="cayley")


def weight_of(layer: nn.Module) -> Float[Tensor, "m_out m_in"]:
    """The weight of an orthogonal layer, computed from its parameters at each call."""
    weight: Tensor = layer.weight  # type: ignore[assignment]  # parametrised attributes have no static type
    return weight


@dataclass(frozen=True)
class IsometricConfig:
    """An orthogonal matrix."""

    def built(self, dimension: int) -> IsometricOperator:
        """The operator on latents of this dimension."""
        return IsometricOperator(dimension)
