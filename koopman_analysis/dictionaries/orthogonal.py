"""Polynomials orthonormal in a product measure.

Each family is the orthonormal polynomials of a symmetric probability density on the line,

    Hermite      N(0, 1)                              b_k = √k,
    Legendre     1/2 on [−1, 1]                       b_k = k/√(4k² − 1),
    Chebyshev    1/(π √(1 − t²)) on (−1, 1)           b_1 = 1/√2, b_k = 1/2 for k ≥ 2,                           (1)

given by the off-diagonal b_k of its Jacobi matrix, t p_k = b_{k+1} p_{k+1} + b_k p_{k−1}, that is

    p_{k+1}(t) = (t p_k(t) − b_k p_{k−1}(t)) / b_{k+1},     p_0 = 1.                                             (2)

Their products up to a total degree p are orthonormal in the product of these measures:

    ψ_α(x) = Π_i p_{α_i}((x_i − o_i)/s_i),   |α| ≤ p,   E[ψ_α ψ_β] = δ_αβ,                                      (3)

where x ~ N(o, diag(s²)) for Hermite, and x has its coordinates independent in the box o_i ± s_i for the other two.
Up to normalisation p_k is He_k, P_k and T_k: h_k = He_k/√k!, √(2k + 1) P_k and √2 T_k.

Outside their box the polynomials are what they are, defined and not small: T_k grows like 2^{k−1} |t|^k.

Sources: Abramowitz & Stegun 1964, 22.7; Gautschi 2004, 1.5 (the orthonormal recurrence).
"""

from abc import abstractmethod

import array_api_compat
import numpy as np

from koopman_analysis.dictionaries.base import contiguous_rows, width_of
from koopman_analysis.dictionaries.graded import GradedPolynomials
from koopman_analysis.shapes import Array
from koopman_analysis.snapshots.requirements import on_host


class OrthonormalPolynomials(GradedPolynomials):
    """The products of equation (3), for the family that a subclass names.

    Args:
        degree: Highest total degree p ≥ 0.
        origin: o, a number or one a coordinate.
        unit: s > 0, a number or one a coordinate.
        dimension: Width of the states, if it should be known before the first call.
    """

    symbol: str

    def __init__(
        self, degree: int, *, origin: float | np.ndarray, unit: float | np.ndarray, dimension: int | None
    ) -> None:
        super().__init__(degree, dimension=dimension)
        self._origin, self._unit = np.asarray(origin, dtype=float), np.asarray(unit, dtype=float)

    @abstractmethod
    def coupling(self, k: int) -> float:
        """b_k of equation (1), k ≥ 1."""

    def recurrence(self, k: int) -> tuple[float, float]:
        """Equation (2) as p_{k+1} = a_k t p_k − c_k p_{k−1}."""
        return 1 / self.coupling(k + 1), self.coupling(k) / self.coupling(k + 1) if k else 0.0

    def _arguments(self, states: Array) -> Array:
        xp = array_api_compat.array_namespace(states)
        like = {"dtype": states.dtype, "device": array_api_compat.device(states)}
        origin, unit = (xp.asarray(value.reshape(-1, 1), **like) for value in (self._origin, self._unit))
        return (contiguous_rows(states) - origin) / unit

    def _factor_name(self, variable: int, power: int) -> str:
        return f"{self.symbol}{power}(x{variable + 1})"


class Hermite(OrthonormalPolynomials):
    """Hermite polynomials up to a total degree, orthonormal in N(mean, diag(scale²)): "h2(x1) h1(x2)" and so on.

    Args:
        degree: Highest total degree p ≥ 0.
        mean: μ, a number or one a coordinate.
        scale: s > 0, a number or one a coordinate.
        dimension: Width of the states, if it should be known before the first call.

    Raises:
        ValueError: If the degree is negative, a scale is not positive or the widths contradict each other.
    """

    symbol = "h"

    def __init__(
        self,
        degree: int,
        *,
        mean: float | np.ndarray = 0.0,
        scale: float | np.ndarray = 1.0,
        dimension: int | None = None,
    ) -> None:
        if not np.all(np.asarray(scale) > 0):
            raise ValueError(f"expected positive scales, got {scale}: drop coordinates that do not vary")
        width = width_of(dimension, mean=mean, scale=scale)
        super().__init__(degree, origin=mean, unit=scale, dimension=width)
        self.mean, self.scale = mean, scale

    def coupling(self, k: int) -> float:
        """√k."""
        return k**0.5

    def fitted(self, states: Array) -> "Hermite":
        """The dictionary of the same degree with the mean and standard deviation of these states, per coordinate."""
        xp = array_api_compat.array_namespace(states)
        mean, scale = (on_host(moment(states, axis=0)) for moment in (xp.mean, xp.std))
        return Hermite(self.degree, mean=mean, scale=scale)


class BoxPolynomials(OrthonormalPolynomials):
    """Polynomials up to a total degree, orthonormal in a measure on the box low ≤ x ≤ high.

    States outside the box are lifted by the same polynomials.

    Args:
        degree: Highest total degree p ≥ 0.
        low: Lower ends, a number or one a coordinate.
        high: Upper ends, a number or one a coordinate.
        dimension: Width of the states, if it should be known before the first call.

    Raises:
        ValueError: If the degree is negative, the box is empty or the widths contradict each other.
    """

    def __init__(
        self,
        degree: int,
        *,
        low: float | np.ndarray = -1.0,
        high: float | np.ndarray = 1.0,
        dimension: int | None = None,
    ) -> None:
        width = width_of(dimension, low=low, high=high)
        lower, upper = np.asarray(low, dtype=float), np.asarray(high, dtype=float)
        if not np.all(lower < upper):
            raise ValueError(
                f"expected low < high in each coordinate, got {low} and {high}: drop coordinates that do not vary"
            )
        super().__init__(degree, origin=(lower + upper) / 2, unit=(upper - lower) / 2, dimension=width)
        self.low, self.high = low, high

    def _bounding_box(self, states: Array) -> tuple[np.ndarray, np.ndarray]:
        """The ends of the states, moved out on each side by 1/(n − 1) of their range.

        That is the expected gap beyond the extremes of n uniform draws, so the ends are unbiased for those.
        """
        xp = array_api_compat.array_namespace(states)
        low, high = (on_host(end(states, axis=0)) for end in (xp.min, xp.max))
        margin = (high - low) / max(states.shape[0] - 1, 1)
        return low - margin, high + margin


class Legendre(BoxPolynomials):
    """Legendre polynomials, orthonormal in the uniform measure on a box: "P2(x1) P1(x2)" and so on."""

    symbol = "P"

    def coupling(self, k: int) -> float:
        """k/√(4k² − 1)."""
        return k / (4 * k**2 - 1) ** 0.5

    def fitted(self, states: Array) -> "Legendre":
        """The dictionary of the same degree on these states' bounding box, with a margin of 1/(n − 1) of its sides."""
        low, high = self._bounding_box(states)
        return Legendre(self.degree, low=low, high=high)


class Chebyshev(BoxPolynomials):
    """Chebyshev polynomials, orthonormal in the arcsine measure on a box: "T2(x1) T1(x2)" and so on."""

    symbol = "T"

    def coupling(self, k: int) -> float:
        """1/√2, then 1/2."""
        return 0.5 if k > 1 else 0.5**0.5

    def fitted(self, states: Array) -> "Chebyshev":
        """The dictionary of the same degree on these states' bounding box, with a margin of 1/(n − 1) of its sides."""
        low, high = self._bounding_box(states)
        return Chebyshev(self.degree, low=low, high=high)
