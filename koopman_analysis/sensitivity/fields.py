"""Exponents over the plane of the noise: where a flow tears apart what is near.

On the grid (u_a, w_b) of a square, λ_1 less its median over the *noise that occurs*, not over the grid (whose corners
nothing reaches), and the class of Φ there. Basins are the sets of one class; their boundaries are ridges of λ_1.  (1)

Source: Shadden, Lekien & Marsden 2005 (Lagrangian coherent structures as ridges of the field of exponents).
"""

from dataclasses import dataclass

import numpy as np

from koopman_analysis.sensitivity.differentiation import KnownFlow
from koopman_analysis.sensitivity.lyapunov import lyapunov_exponents
from koopman_analysis.shapes import Float, Int

LIMITS = (0.02, 0.98)


@dataclass(frozen=True, kw_only=True, eq=False)
class ExponentField:
    """Exponents over a square of the plane.

    Attributes:
        coordinates: Those of the grid, the same on both axes, rising.
        exponents: λ_1 less the reference; row b belongs to the second coordinate.
        classes: The class of the image of each point; None where there are none.
        reference: What was taken off.
    """

    coordinates: Float[np.ndarray, " g"]
    exponents: Float[np.ndarray, "g g"]
    classes: Int[np.ndarray, "g g"] | None
    reference: float

    @property
    def limits(self) -> tuple[float, float]:
        """Quantiles between which the field is told apart: ridges are as narrow as one likes, and as high."""
        low, high = np.quantile(self.exponents, LIMITS)
        return float(low), float(high)


def exponent_field(flow: KnownFlow, *, half_width: float, points: int = 96, reference: float = 0.0) -> ExponentField:
    """The field of equation (1) on a square about the origin.

    Args:
        flow: A flow of the plane.
        half_width: Half the side of the square.
        points: Points on each axis.
        reference: What is taken off, such as the median of λ_1 over samples of the noise.

    Raises:
        ValueError: If the grid has fewer than two points on an axis, or the square no side.
    """
    if not 0.0 < half_width < np.inf:
        raise ValueError(f"expected a half width above 0 and finite, got {half_width}")
    if points < 2:
        raise ValueError(f"expected at least two points on each axis, got {points}")
    coordinates = np.linspace(-half_width, half_width, points)
    first, second = np.meshgrid(coordinates, coordinates)
    found = flow.linearised(np.column_stack([first.ravel(), second.ravel()]))
    exponents = lyapunov_exponents(found.jacobians).leading - reference
    classes = None if flow.classes is None else flow.classes(found.images).reshape(points, points)
    return ExponentField(
        coordinates=coordinates, exponents=exponents.reshape(points, points), classes=classes, reference=reference
    )
