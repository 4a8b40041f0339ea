"""The error of polynomials in closed form where the noise is normal, and what least squares on a sample makes of it.

Let x ~ N(0, s² I) and y = Φ(x). The Hermite polynomials h_α are orthonormal in the law of x, so the best polynomial of
degree p has the coefficients c_α = E[h_α(x) y] and misses

    E_p = Var y − Σ_{1 ≤ |α| ≤ p} ‖c_α‖²,                                                                       (1)

Var y = tr Cov(y), whatever Φ: the state error of the family "Hermite, by degree" without any sample. The expectations
are integrals over a Gauss–Hermite rule with N nodes a coordinate, x_i with weights w_i, exact for polynomials of degree
2N − 1; the nodes are pairs (x_i, Φ(x_i)) with weights like any others, and as long as p < N the weighted least squares
of `EDMD(Hermite(p))` on them is equation (1). An entire Φ needs few nodes; one with a singularity at the distance a off
the real axis, in units of s, needs of the order of 1/a² (tanh: a = π/2s). Doubling N says whether it was enough.

On n drawn states the same polynomials are fitted to the few largest of them. In sample the error falls; on other states
it explodes from a degree on that grows slowly with n (on the double well over time 1, about 5 for n = 200 and 9 for
n = 2,000), and a mean over draws is the number of one of them. Medians over draws say how it goes, with quartiles.

Sources: Golub & Welsch 1969 (the rule); Cameron & Martin 1947 (the expansion).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from math import comb

import numpy as np
import scipy.special

from koopman_analysis.dictionaries import Coordinates, Hermite
from koopman_analysis.estimators import EDMD
from koopman_analysis.shapes import Float, States
from koopman_analysis.snapshots import SnapshotPairs

FlowMap = Callable[[States], States]
"""Φ: states (n, d) to states (n, d')."""


@dataclass(frozen=True, kw_only=True, eq=False)
class HermiteCurve:
    """Equation (1) at several degrees.

    Attributes:
        degrees: p, rising.
        dimensions: m = C(d + p, p) of each.
        errors: E_p / Var y.
    """

    degrees: tuple[int, ...]
    dimensions: tuple[int, ...]
    errors: Float[np.ndarray, " k"]


@dataclass(frozen=True, kw_only=True, eq=False)
class SampledHermiteCurve:
    """The held-out error of least squares at several degrees, over independent draws.

    Attributes:
        degrees: p, rising.
        dimensions: m = C(d + p, p) of each.
        errors: E‖y − ŷ‖² / Var y on other states, a row for each draw.
    """

    degrees: tuple[int, ...]
    dimensions: tuple[int, ...]
    errors: Float[np.ndarray, "draws k"]

    @property
    def median(self) -> np.ndarray:
        """The median over the draws, at each degree."""
        return np.median(self.errors, axis=0)

    @property
    def quartiles(self) -> np.ndarray:
        """The lower and the upper quartile, shape (2, k)."""
        return np.quantile(self.errors, [0.25, 0.75], axis=0)


def gauss_hermite_pairs(flow: FlowMap, *, nodes: int, scale: float = 1.0, dimension: int = 1) -> SnapshotPairs:
    """The rule for N(0, s² I) as weighted pairs: N^d of them, less those whose weight is nothing.

    Args:
        flow: Φ.
        nodes: N, for each coordinate.
        scale: s > 0.
        dimension: d.

    Raises:
        ValueError: If a number is not positive.
    """
    if nodes < 1 or dimension < 1 or not scale > 0:
        raise ValueError(
            f"expected positive nodes, dimension and scale, got nodes {nodes}, dimension {dimension}, scale {scale}"
        )
    points, weights = scipy.special.roots_hermitenorm(nodes)
    weights = weights / weights.sum()
    before = scale * np.array(list(product(points, repeat=dimension)))
    joint = np.prod(list(product(weights, repeat=dimension)), axis=1)
    # The outermost weights of a large rule underflow, and their nodes are where a flow may overflow.
    counts = joint > 0
    return SnapshotPairs(before=before[counts], after=flow(before[counts]), weights=joint[counts])


def hermite_curve(
    flow: FlowMap, degrees: Sequence[int], *, nodes: int, scale: float = 1.0, dimension: int = 1
) -> HermiteCurve:
    """Equation (1) at these degrees, by the rule of `gauss_hermite_pairs`.

    Raises:
        ValueError: If there is no degree, they do not rise, a rule of so many nodes does not resolve the largest, or
            the states after do not vary.
    """
    _require_degrees(degrees)
    if degrees[-1] >= nodes:
        raise ValueError(f"expected more nodes than the largest degree, {degrees[-1]}, got {nodes}")
    pairs = gauss_hermite_pairs(flow, nodes=nodes, scale=scale, dimension=dimension)
    psi = Hermite(degrees[-1], scale=scale, dimension=dimension)
    weights = np.asarray(pairs.weights)
    coefficients = (weights[:, None] * psi(pairs.before)).T @ pairs.after
    squares = np.square(coefficients).sum(axis=1)
    variance = _variance(pairs.after, weights)
    dimensions = tuple(comb(dimension + degree, degree) for degree in degrees)
    left = np.array([variance - squares[1:m].sum() for m in dimensions])
    return HermiteCurve(degrees=tuple(degrees), dimensions=dimensions, errors=np.maximum(left, 0.0) / variance)


def sampled_hermite_curve(
    flow: FlowMap,
    degrees: Sequence[int],
    *,
    pairs: int,
    draws: int = 21,
    scale: float = 1.0,
    dimension: int = 1,
    rng: np.random.Generator,
) -> SampledHermiteCurve:
    """Least squares in the same polynomials on as many drawn states, judged on as many others.

    Args:
        flow: Φ.
        degrees: p, rising.
        pairs: Number of states fitted in one draw, and of those held out.
        draws: Number of draws.
        scale: s.
        dimension: d.
        rng: Draws the states.

    Raises:
        ValueError: If there is no degree, they do not rise, or the states after do not vary.
    """
    _require_degrees(degrees)
    errors = np.empty((draws, len(degrees)))
    for row in errors:
        fit, held_out = scale * rng.standard_normal((2, pairs, dimension))
        seen, truth = SnapshotPairs(before=fit, after=flow(fit)), flow(held_out)
        for column, degree in enumerate(degrees):
            estimator = EDMD(Hermite(degree, scale=scale), outputs=Coordinates()).fit(seen)
            row[column] = np.square(estimator.predict(held_out) - truth).sum(axis=1).mean()
        row /= _variance(truth)
    dimensions = tuple(comb(dimension + degree, degree) for degree in degrees)
    return SampledHermiteCurve(degrees=tuple(degrees), dimensions=dimensions, errors=errors)


def _variance(after: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Total variance, tr Cov(y)."""
    if not np.ptp(after, axis=0).any():
        raise ValueError("expected states after that vary, got one state only: there is no error to relate to them")
    centred = after - np.average(after, axis=0, weights=weights)
    return float(np.average(np.square(centred).sum(axis=1), weights=weights))


def _require_degrees(degrees: Sequence[int]) -> None:
    if not degrees or degrees[0] < 1 or any(b <= a for a, b in pairwise(degrees)):
        raise ValueError(f"expected degrees that rise from 1 or more, got {list(degrees)}")
