"""Polynomials orthonormal in a product measure.

Hermite: with He_0 = 1, He_1 = t, He_{k+1} = t He_k − k He_{k−1} and h_k = He_k / √k!,

    h_{k+1}(t) = (t h_k(t) − √k h_{k−1}(t)) / √(k + 1),                                                       (1)
    ψ_α(x) = Π_i h_{α_i}((x_i − μ_i)/s_i),   |α| ≤ p,   E[ψ_α ψ_β] = δ_αβ   for x ~ N(μ, diag(s²)).                  (2)

Source: Abramowitz & Stegun 1964, 22.7.14 (probabilists' normalisation).
"""

from itertools import combinations_with_replacement

import array_api_compat
import numpy as np

from koopman_analysis.dictionaries.base import Dictionary
from koopman_analysis.dictionaries.monomials import monomial_name
from koopman_analysis.shapes import Array


class Hermite(Dictionary):
    """Hermite polynomials up to a total degree, orthonormal in N(mean, scale² I): equation (2).

    Args:
        degree: Highest total degree p ≥ 0.
        mean: μ, a number or one a coordinate.
        scale: s > 0, a number or one a coordinate.
        dimension: Width of the states, if it should be known before the first call.

    Raises:
        ValueError: If the degree is negative or a scale is not positive.
    """

    def __init__(
        self,
        degree: int,
        *,
        mean: float | np.ndarray = 0.0,
        scale: float | np.ndarray = 1.0,
        dimension: int | None = None,
    ) -> None:
        super().__init__(dimension)
        if degree < 0:
            raise ValueError(f"expected a degree of at least 0, got {degree}")
        if not np.all(np.asarray(scale) > 0):
            raise ValueError(f"expected positive scales, got {scale}: drop coordinates that do not vary")
        self.degree, self.mean, self.scale = degree, mean, scale

    def fitted(self, states: Array) -> "Hermite":
        """The dictionary of the same degree with the mean and standard deviation of these states, per coordinate."""
        xp = array_api_compat.array_namespace(states)
        moments = (moment(states, axis=0) for moment in (xp.mean, xp.std))
        mean, scale = (np.asarray(array_api_compat.to_device(moment, "cpu")) for moment in moments)
        return Hermite(self.degree, mean=mean, scale=scale, dimension=int(states.shape[1]))

    @property
    def constants(self) -> tuple[int, ...]:
        """The first position: h_0 = 1."""
        return (0,)

    def _lifted(self, states: Array) -> Array:
        xp = array_api_compat.array_namespace(states)
        like = {"dtype": states.dtype, "device": array_api_compat.device(states)}
        t = (states - xp.asarray(self.mean, **like)) / xp.asarray(self.scale, **like)
        univariate = [xp.ones_like(t), t]
        for k in range(1, self.degree):
            univariate.append((t * univariate[k] - k**0.5 * univariate[k - 1]) / (k + 1) ** 0.5)
        # A product is its parent, the same without its last variable, times one univariate polynomial.
        columns: dict[tuple[int, ...], Array] = {(): univariate[0][:, 0]}
        for factors in _variables(states.shape[1], self.degree):
            if factors:
                last = factors[-1]
                power = factors.count(last)
                columns[factors] = columns[factors[:-power]] * univariate[power][:, last]
        return xp.stack(list(columns.values()), axis=1)

    @property
    def names(self) -> tuple[str, ...]:
        """Products of degrees: "h1^2 h2" is h_2(x_1) h_1(x_2)."""
        dimension = self._known_dimension()
        exponents = (
            tuple(factors.count(i) for i in range(dimension)) for factors in _variables(dimension, self.degree)
        )
        return tuple(monomial_name(alpha, variable="h") for alpha in exponents)


def _variables(dimension: int, degree: int) -> list[tuple[int, ...]]:
    """The multi-indices of total degree up to `degree` as sorted tuples of variables, in graded order."""
    return [v for k in range(degree + 1) for v in combinations_with_replacement(range(dimension), k)]
