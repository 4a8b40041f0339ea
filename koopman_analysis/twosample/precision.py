"""Precision and recall of a sample: equation (8) of the package.

With r_k(p) the distance of p from its k-th nearest neighbour in its own sample P, the balls

    B(P) = ∪_{p ∈ P} { z : ‖z − p‖ ≤ r_k(p) }                                                               (1)

stand for the support of P's law. Of samples X and a reference Y,

    precision = share of X in B(Y),        recall = share of Y in B(X):                                       (2)

samples of low precision are not like data, those of low recall leave data out. Both depend on k, on the numbers of
points and on the width, and are below 1 for equal laws: they are read beside their value for a second sample of the
data.

Intervals are those of the jackknife over groups of both samples. With the balls held fixed a share varies up to a
third less than it does when they are drawn anew, too; of statistics as rough as nearest neighbours the jackknife errs
on the other side: measured, its standard errors are 1.4 to 2 times the true ones.

Of every point its nearest few dozen are kept, from which its radius without any group follows; across the samples, only
pairs within the largest of these radii are looked at again.                                                (3)

Source: Kynkäänniemi, Karras, Laine, Lehtinen & Aila 2019.
"""

from dataclasses import dataclass, replace

import numpy as np

from koopman_analysis.resampling import Interval, jackknife_intervals, random_groups
from koopman_analysis.shapes import Float, Int
from koopman_analysis.twosample.draws import Sample, require_samples
from koopman_analysis.twosample.kernels import strips

NEIGHBOURS = 3
"""k of the source."""
SPARE = 60
"""Neighbours kept beyond k: that one of two or more groups has as many of them is less likely than a wrong bit."""


@dataclass(frozen=True, kw_only=True)
class PrecisionRecall:
    """Equation (2).

    Attributes:
        precision: Share of the samples that lie in the support of the reference.
        recall: Share of the reference that lies in the support of the samples.
    """

    precision: Interval
    recall: Interval


def precision_recall(
    x: Sample, y: Sample, *, neighbours: int = NEIGHBOURS, groups: int = 20, rng: np.random.Generator
) -> PrecisionRecall:
    """Precision and recall of samples x beside a reference y.

    Args:
        x: The samples.
        y: The reference.
        neighbours: k of equation (1).
        groups: Groups of objects that are removed in turn.
        rng: Deals the objects.

    Raises:
        TypeError: If a sample is not an array of real numbers.
        ValueError: If a sample has fewer points than neighbours and groups need, the widths differ, or a value is not
            finite.
    """
    if neighbours < 1 or groups < 2:
        raise ValueError(f"expected at least one neighbour and two groups, got {neighbours} and {groups}")
    needed = max(2 * groups, 2 * (neighbours + 1))
    require_samples({"x": x, "y": y})
    for name, sample in {"x": x, "y": y}.items():
        if len(sample) < needed:
            raise ValueError(
                f"expected at least {needed} points in {name!r} for {neighbours} neighbours and {groups} groups, got "
                f"{len(sample)}"
            )
    # Distances come of inner products, which are sharp about the origin.
    x, y = (sample - y.mean(axis=0, dtype=np.float64) for sample in (x, y))
    dealt = [random_groups(np.arange(len(sample)), groups, rng=rng) for sample in (x, y)]
    balls = [_radii(*both, groups, neighbours=neighbours) for both in zip((x, y), dealt, strict=True)]
    inside = [np.zeros((len(sample), groups + 1), dtype=bool) for sample in (x, y)]
    largest = [radii.max(axis=1) for radii in balls]
    for strip in strips(len(x)):
        distances = _squared_distances(x[strip], y)
        row, column = np.nonzero(distances <= largest[1])
        _mark(inside[0], row + strip.start, distances[row, column, None] <= balls[1][column])
        row, column = np.nonzero(distances <= largest[0][strip, None])
        _mark(inside[1], column, distances[row, column, None] <= balls[0][row + strip.start])
    units = min(len(x), len(y))
    precision, recall = (_share(*both, units=units) for both in zip(inside, dealt, strict=True))
    return PrecisionRecall(precision=precision, recall=recall)


def _radii(
    points: Sample, group: Int[np.ndarray, " n"], groups: int, *, neighbours: int
) -> Float[np.ndarray, "n removals"]:
    """r_k² of each point with all points, then without each group; below any where the point is of that group."""
    radii = np.empty((len(points), groups + 1))
    kept = min(neighbours + SPARE, len(points) - 1)
    for strip in strips(len(points)):
        distances = _squared_distances(points[strip], points)
        own = np.arange(strip.stop - strip.start)
        distances[own, own + strip.start] = np.inf
        near = np.argpartition(distances, kept - 1, axis=1)[:, :kept]
        lengths = np.take_along_axis(distances, near, axis=1)
        order = np.argsort(lengths, axis=1)
        lengths, near = (np.take_along_axis(some, order, axis=1) for some in (lengths, near))
        radii[strip, 0] = lengths[:, neighbours - 1]
        for which in range(groups):
            there = np.cumsum(group[near] != which, axis=1) >= neighbours
            radii[strip, 1 + which] = lengths[own, np.where(there.any(axis=1), there.argmax(axis=1), kept - 1)]
    radii[np.arange(len(points)), 1 + group] = -1.0
    return radii


def _mark(inside: np.ndarray, point: Int[np.ndarray, " p"], within: np.ndarray) -> None:
    """Notes the points that are within a ball, in each column."""
    order = np.argsort(point, kind="stable")
    found, first = np.unique(point[order], return_index=True)
    if len(found):
        inside[found] |= np.logical_or.reduceat(within[order], first, axis=0)


def _share(inside: np.ndarray, group: Int[np.ndarray, " n"], *, units: int) -> Interval:
    """The share of points inside, with all groups and without each of both samples."""
    estimate = inside[:, 0].mean()
    replicates = np.array([inside[group != which, 1 + which].mean() for which in range(inside.shape[1] - 1)])
    (interval,) = jackknife_intervals(np.array([estimate]), replicates[:, None], n=units)
    return replace(interval, low=max(0.0, interval.low), high=min(1.0, interval.high))


def _squared_distances(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    squares = np.einsum("ij,ij->i", x, x)[:, None] + np.einsum("ij,ij->i", y, y)
    return np.maximum(squares - 2.0 * x @ y.T, 0.0)
