"""Pseudospectra over the plane, and the least residual at a few points with its interval: equations (1) and (2)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from koopman_analysis.magnitude import enlarged, unit_and_exponent
from koopman_analysis.moments import FactorMoments, Lift
from koopman_analysis.pseudospectrum.pencil import Pencil
from koopman_analysis.resampling import Interval, ratio_bootstrap
from koopman_analysis.shapes import Complex, Float, Inexact, Operator, require_finite, require_whole
from koopman_analysis.snapshots import SnapshotPairs


@dataclass(frozen=True, kw_only=True, eq=False)
class Pseudospectrum:
    """Values over a grid of the plane.

    Attributes:
        points: z, shape (rows, columns): the imaginary part grows with the row, the real part with the column.
        values: σ_min(A − z) of equation (1), or res(z) of equation (2).
    """

    points: Complex[np.ndarray, "rows columns"]
    values: Float[np.ndarray, "rows columns"]


def window(
    eigenvalues: Inexact[np.ndarray, " r"], *, margin: float = 0.25, resolution: int = 60
) -> Complex[np.ndarray, "rows columns"]:
    """A square grid, symmetric about the real axis, that holds the unit disc and these eigenvalues.

    Args:
        eigenvalues: What must lie inside.
        margin: Of the half width, added on all sides.
        resolution: Points along a side.

    Raises:
        TypeError: If the number of points along a side is not whole.
        ValueError: If there are fewer than two points along a side, the margin is negative, an eigenvalue is not
            finite, or the window does not fit into the range of numbers.
    """
    require_whole("points along a side", resolution)
    if resolution < 2 or not 0 <= margin < math.inf:
        raise ValueError(f"expected two points or more a side and a margin of at least 0, got {resolution}, {margin}")
    require_finite(eigenvalues)
    with np.errstate(over="ignore"):  # looked for in the next line
        half = float((1 + margin) * np.abs(eigenvalues).max(initial=1.0))
    if not half < math.inf:
        raise ValueError("expected a window within the range of numbers, got eigenvalues next to its end: change units")
    side = half * (np.arange(1 - resolution, resolution, 2) / (resolution - 1))  # symmetric to the last bit
    return side[None, :] + 1j * side[:, None]


def matrix_pseudospectrum(A: Operator, points: Inexact[np.ndarray, "rows columns"]) -> Pseudospectrum:
    """Equation (1) over a grid.

    Raises:
        ValueError: If A is not a square matrix of finite numbers, or a point is not finite.
    """
    return _over(Pencil.of_matrix(A), points)


def residual_pseudospectrum(moments: FactorMoments, points: Inexact[np.ndarray, "rows columns"]) -> Pseudospectrum:
    """Equation (2) over a grid.

    Args:
        moments: Of one dictionary at both ends, over many more pairs than functions.
        points: The grid.

    Raises:
        ConstantData: If the functions do not vary.
        ValueError: If the dictionaries differ in size, there are fewer than ten pairs for each function, or a point is
            not finite.
    """
    require_many(moments)
    return _over(Pencil.of_moments(moments), points)


def require_many(moments: FactorMoments) -> None:
    """Refuses fewer than ten pairs for each function: in sample residuals vanish with as many functions as pairs.

    Raises:
        ValueError: If there are.
    """
    if moments.count < 10 * moments.sizes[0]:
        raise ValueError(
            f"expected at least ten pairs for each of {moments.sizes[0]} functions, got {moments.count}: least "
            "residuals are zero once there are as many functions as pairs; take more pairs, or fewer functions"
        )


def residual_intervals(
    points: Inexact[np.ndarray, " p"] | Sequence[complex],
    fit: SnapshotPairs,
    heldout: SnapshotPairs,
    inputs: Lift,
    *,
    resamples: int = 999,
    rng: np.random.Generator,
) -> tuple[Interval, ...]:
    """Intervals of an upper bound of equation (2) at a few points: the best function of the fit on held-out pairs.

    Args:
        points: Where.
        fit: The pairs on which the function of least residual is found.
        heldout: Others, on which it is measured.
        inputs: The dictionary.
        resamples: Resamples of the held-out pairs' units.
        rng: Draws them.

    Raises:
        ConstantData: If the functions do not vary.
        ValueError: If there are fewer than ten pairs of the fit for each function, or fewer than two held-out units.
    """
    points = np.asarray(points, np.complex128)
    if points.ndim != 1 or not points.size:
        raise ValueError(f"expected a few points in a row, got shape {points.shape}: ravel a grid")
    moments = FactorMoments.of(fit, inputs)
    require_many(moments)
    coefficients = Pencil.of_moments(moments).minimisers(points)
    host = heldout.on_host()
    before, after = (np.asarray(inputs(states)) @ coefficients for states in (host.before, host.after))
    weights = np.ones(host.n) if host.weights is None else host.weights
    units = [unit_and_exponent(column) for column in (after - points * before).T]  # of far points squares overflow
    missed, size = (np.square(np.abs(values)) for values in (np.stack([unit for unit, _ in units], axis=1), before))
    missed, size = weights[:, None] * missed, weights[:, None] * size
    squares = ratio_bootstrap(missed, size, unit=host.unit, resamples=resamples, rng=rng).intervals()
    return tuple(_root(interval, exponent) for interval, (_, exponent) in zip(squares, units, strict=True))


def _root(interval: Interval, exponent: int) -> Interval:
    values = (interval.low, interval.high, interval.estimate)
    low, high, estimate = (enlarged(math.sqrt(value), exponent) for value in values)
    return Interval(
        estimate=estimate, low=low, high=high, level=interval.level, n=interval.n, method=interval.method
    )  # fmt: skip


def _over(pencil: Pencil, points: np.ndarray) -> Pseudospectrum:
    if points.ndim != 2:
        raise ValueError(f"expected a grid of points, got shape {points.shape}: window gives one, points[None] a row")
    values = pencil.residuals(points.ravel()).reshape(points.shape)
    return Pseudospectrum(points=points.astype(np.complex128), values=values)
