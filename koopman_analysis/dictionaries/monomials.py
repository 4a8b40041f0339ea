"""Monomials of the coordinates up to a total degree, in graded order, the constant first.

    x^α = Π_i x_i^{α_i},     |α| = 0, 1, …, p;     m = C(d + p, p).                                            (1)

Each degree is built from the one below: with the monomials of degree k − 1 ordered by their first variable, those of
degree k that begin with x_i are x_i times the ones whose first variable is x_i or later. One multiplication makes each
new feature.
"""

import array_api_compat

from koopman_analysis.dictionaries.base import Dictionary
from koopman_analysis.shapes import Array


class Monomials(Dictionary):
    """All monomials of equation (1) with |α| ≤ degree.

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

    @property
    def constants(self) -> tuple[int, ...]:
        """The first position: x⁰ = 1."""
        return (0,)

    @property
    def coordinates(self) -> tuple[int, ...] | None:
        """The monomials of degree one, absent at degree 0."""
        return tuple(range(1, self._known_dimension() + 1)) if self.degree else None

    def _lifted(self, states: Array) -> Array:
        xp = array_api_compat.array_namespace(states)
        d = states.shape[1]
        degrees = [xp.ones_like(states[:, :1])]
        # first[i]: where the monomials whose first variable is x_i or later begin.
        first = [0] * d
        for _ in range(self.degree):
            previous = degrees[-1]
            blocks = [states[:, i : i + 1] * previous[:, first[i] :] for i in range(d)]
            first = _offsets([block.shape[1] for block in blocks])
            degrees.append(xp.concat(blocks, axis=1))
        return xp.concat(degrees, axis=1)

    @property
    def names(self) -> tuple[str, ...]:
        """Products of powers: "1", "x1", "x1^2 x3"."""
        dimension = self._known_dimension()
        names: list[tuple[int, ...]] = [()]
        level: list[tuple[int, ...]] = [()]
        for _ in range(self.degree):
            level = [(i, *rest) for i in range(dimension) for rest in level if not rest or rest[0] >= i]
            names += level
        return tuple(monomial_name(tuple(factors.count(i) for i in range(dimension))) for factors in names)


def monomial_name(exponents: tuple[int, ...], variable: str = "x") -> str:
    """The name of x^α: "1", "x1", "x1^2 x3"."""
    factors = (f"{variable}{i + 1}" + (f"^{e}" if e > 1 else "") for i, e in enumerate(exponents) if e)
    return " ".join(factors) or "1"


def _offsets(widths: list[int]) -> list[int]:
    return [sum(widths[:i]) for i in range(len(widths))]
