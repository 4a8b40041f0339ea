"""Monomials of the coordinates up to a total degree, in graded order, the constant first.

    x^α = Π_i x_i^{α_i},     |α| = 0, 1, …, p;     m = C(d + p, p).                                            (1)

Powers follow p_{k+1} = t p_k.
"""

from koopman_analysis.dictionaries.graded import GradedPolynomials


class Monomials(GradedPolynomials):
    """All monomials of equation (1) with |α| ≤ degree.

    Args:
        degree: Highest total degree p ≥ 0.
        dimension: Width of the states, if it should be known before the first call.

    Raises:
        ValueError: If the degree is negative.
    """

    def recurrence(self, k: int) -> tuple[float, float]:
        """(1, 0)."""
        return 1.0, 0.0

    @property
    def coordinates(self) -> tuple[int, ...] | None:
        """The monomials of degree one, absent at degree 0."""
        return tuple(range(1, self._known_dimension() + 1)) if self.degree else None

    def _factor_name(self, variable: int, power: int) -> str:
        return f"x{variable + 1}" + (f"^{power}" if power > 1 else "")
