"""Objectives on the eigenvalues λ_1 … λ_m of an operator: of their set, whatever order they come in.

    stability             mean max(|λ| − 1, 0)²                                                             (1)
    on the circle         mean (|λ| − 1)²                                                                     (2)
    matched distribution  mean (|λ|_(k) − q_k)² + mean (|arg λ|_(k) − p_k)² / π²                              (3)

where x_(k) is the k-th smallest of m numbers, and q_k, p_k are the quantiles (k − ½)/m of the moduli and of |arg| of
the target. On the line the matching of least squares is the one in order (Villani 2003, §2.2), so that each term of (3)
is the squared Wasserstein distance to the target's quantiles. None of the three changes with the order of the
eigenvalues or where one is replaced by its conjugate; (2) draws to the circle and to no point of it.

(3) compares moduli and phases each by itself, and does not see whether they belong together. For that it costs a sort,
O(m log m), and has a derivative but where two eigenvalues trade places, where it is continuous; a matching in the plane
costs O(m³), and leaves the device.

The eigenvalues themselves are another matter. A spectral operator declares them. Of any other matrix they are computed
(`KoopmanOperator.eigenvalues`), O(m³) a step, and their derivative is as large as they are ill conditioned: it does not
exist where one is repeated. With an encoder for each end they belong to the coordinates of the latents, and an
objective on them chooses coordinates; what the model does, it need not change.
"""

import math
from dataclasses import dataclass

import torch

from kdm.shapes import Complex, Float, Tensor


@dataclass(frozen=True, kw_only=True)
class Stability:
    """Equation (1): zero where no power of K grows without bound but for defective eigenvalues on the circle."""

    def __call__(self, eigenvalues: Complex[Tensor, " m"]) -> Float[Tensor, ""]:
        """The mean squared excess of the moduli over 1."""
        return (eigenvalues.abs() - 1.0).relu().square().mean()


@dataclass(frozen=True, kw_only=True)
class OnTheCircle:
    """Equation (2)."""

    def __call__(self, eigenvalues: Complex[Tensor, " m"]) -> Float[Tensor, ""]:
        """The mean squared distance to the unit circle."""
        return (eigenvalues.abs() - 1.0).square().mean()


@dataclass(frozen=True, kw_only=True)
class MatchedDistribution:
    """Equation (3), for eigenvalues spread evenly over a ring around zero.

    Attributes:
        inner: Radius of its inner edge.
        outer: Radius of its outer edge; where both are the same, the target is a circle.

    Raises:
        ValueError: If there is no such ring.
    """

    inner: float = 0.0
    outer: float = 1.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.inner <= self.outer < math.inf:
            raise ValueError(f"expected radii 0 <= inner <= outer < inf, got inner {self.inner} and outer {self.outer}")

    def __call__(self, eigenvalues: Complex[Tensor, " m"]) -> Float[Tensor, ""]:
        """The squared distances of the moduli and of |arg λ|/π from their quantiles, added."""
        moduli, phases = eigenvalues.abs().sort().values, eigenvalues.angle().abs().sort().values
        shares = (torch.arange(len(moduli), dtype=moduli.dtype, device=moduli.device) + 0.5) / len(moduli)
        targets = (self.inner**2 + shares * (self.outer**2 - self.inner**2)).sqrt()
        return (moduli - targets).square().mean() + (phases / math.pi - shares).square().mean()


SpectralObjective = Stability | OnTheCircle | MatchedDistribution
