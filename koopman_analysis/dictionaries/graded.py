"""Products of univariate polynomials up to a total degree, in graded order, the constant first.

With p_0 = 1 and the three-term recurrence

    p_{k+1}(t) = a_k t p_k(t) − c_k p_{k−1}(t)                                                                  (1)

of a family, in coordinates t_i = (x_i − o_i)/s_i,

    ψ_α(x) = Π_i p_{α_i}(t_i),     |α| = 0, 1, …, p;     m = C(d + p, p).                                       (2)

The numbers (a_k, c_k) are all that tells one family from another. A product is its parent, the same without its last
variable, times one univariate polynomial: one multiplication makes each function.
"""

from abc import abstractmethod
from collections.abc import Iterator
from functools import lru_cache
from itertools import combinations_with_replacement
from math import comb

import array_api_compat
import numpy as np

from koopman_analysis.dictionaries.base import BlockDictionary, contiguous_rows
from koopman_analysis.shapes import Array


class GradedPolynomials(BlockDictionary):
    """All products of equation (2) with |α| ≤ degree.

    Args:
        degree: Highest total degree p ≥ 0.
        dimension: Width of the states, if it should be known before the first call.

    Raises:
        ValueError: If the degree is negative.
    """

    def __init__(self, degree: int, *, dimension: int | None = None) -> None:
        super().__init__(dimension)
        if degree < 0:
            raise ValueError(f"expected a degree of at least 0, got {degree}")
        self.degree = degree

    @abstractmethod
    def recurrence(self, k: int) -> tuple[float, float]:
        """The numbers (a_k, c_k) of equation (1); c_0 is not used."""

    @abstractmethod
    def _factor_name(self, variable: int, power: int) -> str:
        """The name of p_power in the variable of this number, from 0."""

    def _arguments(self, states: Array) -> Array:
        """The t_i of equation (2), shape (d, n)."""
        return contiguous_rows(states)

    @property
    def constants(self) -> tuple[int, ...]:
        """The first position: α = 0."""
        return (0,)

    @property
    def size(self) -> int:
        """C(d + p, p)."""
        return comb(self._known_dimension() + self.degree, self.degree)

    @property
    def names(self) -> tuple[str, ...]:
        """The factors that are not 1, side by side; "1" for the constant."""
        names = ["1"]
        for parent, variable, power in _products(self._known_dimension(), self.degree):
            factor = self._factor_name(variable, power)
            names.append(f"{names[parent]} {factor}" if parent else factor)
        return tuple(names)

    def lift_into(self, states: Array, out: Array) -> None:
        """As `Dictionary.lift_into`; of NumPy arrays each product is made in its place."""
        self._take(states)
        if not self._fits(states, out):
            super().lift_into(states, out)
            return
        arguments, rows = self._arguments(states), out.T
        rows[0] = 1.0
        univariate = [[rows[0]] for _ in arguments]
        for position, (parent, variable, power) in enumerate(_products(len(arguments), self.degree), start=1):
            row = rows[position]
            if parent:
                np.multiply(rows[parent], univariate[variable][power], out=row)
            else:
                self._write_following(arguments[variable], univariate[variable], row)
                univariate[variable].append(row)

    def _write_following(self, t: np.ndarray, values: list[np.ndarray], row: np.ndarray) -> None:
        """Equation (1), from the values so far, into a row."""
        k = len(values) - 1
        a, c = self.recurrence(k)
        np.multiply(t, values[k] if k else a, out=row)
        if k and a != 1:
            row *= a
        if k and c:
            row -= c * values[k - 1]

    def _functions(self, states: Array) -> Iterator[Array]:
        arguments = self._arguments(states)
        d = arguments.shape[0]
        one = array_api_compat.array_namespace(states).ones_like(arguments[:1, :])
        univariate = [self._univariate(arguments[i : i + 1, :], one) for i in range(d)]
        yield one
        # Nothing is the child of a product of the highest degree.
        parents, kept = comb(d + self.degree - 1, d), [one]
        for parent, variable, power in _products(d, self.degree):
            factor = univariate[variable][power]
            row = kept[parent] * factor if parent else factor
            if len(kept) < parents:
                kept.append(row)
            yield row

    def _univariate(self, t: Array, one: Array) -> list[Array]:
        values = [one]
        for k in range(self.degree):
            a, c = self.recurrence(k)
            following = t * values[k] if k else t
            # Each number is 1 or 0 in some family; a pass over memory is saved there.
            if a != 1:
                following = a * following
            if k and c:
                following = following - c * values[k - 1]
            values.append(following)
        return values


@lru_cache(maxsize=64)
def _products(dimension: int, degree: int) -> tuple[tuple[int, int, int], ...]:
    """How each product after the constant is made: position of its parent, last variable, power of that variable.

    Multi-indices are sorted tuples of variables, in graded order.
    """
    positions: dict[tuple[int, ...], int] = {(): 0}
    products = []
    for total in range(1, degree + 1):
        for variables in combinations_with_replacement(range(dimension), total):
            power = variables.count(variables[-1])
            products.append((positions[variables[:-power]], variables[-1], power))
            positions[variables] = len(positions)
    return tuple(products)
