"""How far out each object lies, in the whole sample or in its cluster: every measure serves data and sources alike.

With x̄, S mean and covariance of the sample, x̄_k, S_k those of cluster k, and distances d in coordinates in which S is
the identity:

    overall           o = √( (x − x̄) S⁺ (x − x̄)ᵀ )                                                          (1)
    within cluster    o = √( (x − x̄_k) S_k⁺ (x − x̄_k)ᵀ )                                                     (2)
    largest z-score   o = max_j | x_j − x̄_kj | / √(S_k)_jj     (plain mean and deviation)                      (3)
    sparseness        o = d to the m-th nearest neighbour of the same cluster                                 (4)
    edge              o = ‖ mean over the m nearest neighbours x' of the same cluster of (x' − x)/d(x, x') ‖    (5)
    margin            o = a / (a + b),  a = d to the m-th nearest of the same cluster,
                      b = d to the nearest of another                                                        (6)

DBSCAN leaves apart what (4) puts far out. (5) is 0 where neighbours lie on all sides, about 1/√m by chance, and at a
flat edge in d dimensions

    Γ(d/2) / ( √π Γ((d + 1)/2) ),       2/π in the plane;                                                     (7)

it is large at a border between regions and at the outskirts alike. (6) knows borders only. No invertible affine change
of the coordinates alters (1), (2), (4), (5) or (6); (3) knows the axes. A cluster of which a coordinate does not vary
has no outlier along it. Directions whose share of the variance is below rounding are left out of S⁺ and S_k⁺.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from scipy.spatial import KDTree

from koopman_analysis.shapes import Array, Float, Int, Labels, Latents
from koopman_analysis.twosample import Sample

NOWHERE = 1e-10
"""Standard deviations below which two points are copies: their distance is rounding."""


class NotMeasurable(ValueError):
    """Outlyingness, or outliers, that these objects do not have."""


@runtime_checkable
class Outlyingness(Protocol):
    """A measure of how far out each object lies."""

    @property
    def name(self) -> str:
        """The measure in words."""
        ...

    def of(self, points: Sample, clusters: Labels) -> Float[np.ndarray, " n"]:
        """The outlyingness of each point; raises NotMeasurable where there are too few."""
        ...


def mahalanobis_distances(points: Array) -> Float[np.ndarray, " n"]:
    """The Mahalanobis distance of each point within its sample: equation (1).

    Args:
        points: Real or integer coordinates, a row a point.

    Raises:
        ValueError: If the points are no table of real numbers, or one is not finite.
        NotMeasurable: If there are too few points for their directions: then all are equally far out.
    """
    require_points(points)
    return _mahalanobis(points)


def _mahalanobis(points: np.ndarray) -> Float[np.ndarray, " n"]:
    return np.linalg.norm(whitened(points if points.dtype.kind == "f" else points.astype(np.float64)), axis=1)


def white_coordinates(points: Latents) -> Float[np.ndarray, "n k"]:
    """The points in coordinates with mean zero and covariance one, the direction that varies most first.

    Directions that do not vary are left out; of points that do not vary at all, no coordinate is left.
    """
    centred = points.astype(np.float64) - points.mean(axis=0, dtype=np.float64)
    # The mean of one number many times is that number up to rounding, which is no variance either.
    centred -= centred.mean(axis=0)
    left, singular, _ = np.linalg.svd(centred, full_matrices=False)
    kept = singular > singular.max(initial=0.0) * max(centred.shape) * np.finfo(points.dtype).eps
    return left[:, kept] * np.sqrt(len(points) - 1)


def whitened(points: Latents) -> Float[np.ndarray, "n k"]:
    """The white coordinates of points among which some may lie farther out than others.

    Raises:
        NotMeasurable: If there are too few points for their directions.
    """
    white = white_coordinates(points)
    if white.shape[1] >= len(points) - 1:
        raise NotMeasurable(
            f"expected more points than directions, got {len(points)} points in {white.shape[1]} directions: "
            "all would be equally outlying"
        )
    return white


def require_points(points: Array) -> None:
    """Refuses points that have no place.

    Raises:
        ValueError: If the points are no table of real numbers, or a coordinate is not finite.
    """
    if points.ndim != 2:
        raise ValueError(f"expected points one a row, got shape {points.shape}: reshape a line of points to (n, 1)")
    if points.dtype.kind not in "fiu":
        raise ValueError(f"expected real coordinates, got {points.dtype}: take real and imaginary parts as columns")
    lost = np.count_nonzero(~np.isfinite(points).all(axis=1))
    if lost:
        raise ValueError(f"expected finite points, got {lost} of {len(points)} that are not: leave them out")


@dataclass(frozen=True, kw_only=True)
class Overall:
    """Equation (1)."""

    name: str = "overall"

    def of(self, points: Sample, clusters: Labels) -> Float[np.ndarray, " n"]:
        """The outlyingness of each point."""
        _require_clusters(points, clusters)
        return _mahalanobis(points)


@dataclass(frozen=True, kw_only=True)
class WithinCluster:
    """Equation (2)."""

    name: str = "within cluster"

    def of(self, points: Sample, clusters: Labels) -> Float[np.ndarray, " n"]:
        """The outlyingness of each point."""
        _require_clusters(points, clusters)
        return _by_cluster(points, clusters, _mahalanobis)


@dataclass(frozen=True, kw_only=True)
class LargestDeviation:
    """Equation (3)."""

    name: str = "z-score"

    def of(self, points: Sample, clusters: Labels) -> Float[np.ndarray, " n"]:
        """The outlyingness of each point."""
        _require_clusters(points, clusters)
        rounding = np.finfo(points.dtype).eps

        def largest(some: np.ndarray) -> np.ndarray:
            deviation, spread = np.abs(some - some.mean(axis=0)), some.std(axis=0)
            # A coordinate that does not vary but for rounding sets nobody apart.
            varies = spread > len(some) * rounding * np.abs(some).max(axis=0, initial=0.0)
            return np.divide(deviation, spread, out=np.zeros_like(deviation), where=varies).max(axis=1)

        return _by_cluster(points.astype(np.float64), clusters, largest)


@dataclass(frozen=True, kw_only=True)
class Sparseness:
    """Equation (4).

    Attributes:
        neighbours: m; of a smaller cluster, a third of its members.
    """

    neighbours: int = 20
    name: str = "sparseness"

    def of(self, points: Sample, clusters: Labels) -> Float[np.ndarray, " n"]:
        """The outlyingness of each point."""
        return _by_cluster(_white(points, clusters), clusters, self._farthest)

    def _farthest(self, some: np.ndarray) -> np.ndarray:
        return _neighbours(some, self.neighbours)[0][:, -1]


@dataclass(frozen=True, kw_only=True)
class Edge:
    """Equation (5); a neighbour at no distance counts as one on all sides.

    Attributes:
        neighbours: m; of a smaller cluster, a third of its members.
    """

    neighbours: int = 30
    name: str = "edge"

    def of(self, points: Sample, clusters: Labels) -> Float[np.ndarray, " n"]:
        """The outlyingness of each point."""
        return _by_cluster(_white(points, clusters), clusters, self._one_sidedness)

    def _one_sidedness(self, some: np.ndarray) -> np.ndarray:
        distances, index = _neighbours(some, self.neighbours)
        steps = some[index] - some[:, None]
        there = np.broadcast_to((distances > 0)[:, :, None], steps.shape)
        towards = np.divide(steps, distances[:, :, None], out=np.zeros_like(steps), where=there)
        return np.linalg.norm(towards.mean(axis=1), axis=1)


@dataclass(frozen=True, kw_only=True)
class Margin:
    """Equation (6), in [0, 1]; ½ where a and b are both nought.

    Attributes:
        neighbours: m; of a smaller cluster, a third of its members.
    """

    neighbours: int = 10
    name: str = "margin"

    def of(self, points: Sample, clusters: Labels) -> Float[np.ndarray, " n"]:
        """The outlyingness of each point; raises NotMeasurable of one cluster, too."""
        far, white, each = np.empty(len(points)), _white(points, clusters), _members(clusters)
        if len(each) < 2:
            raise NotMeasurable("expected at least two clusters to have a border between them, got one")
        for members in each:
            others = np.setdiff1d(np.arange(len(points)), members, assume_unique=True)
            own = _neighbours(white[members], self.neighbours)[0][:, -1]
            other = KDTree(white[others]).query(white[members])[0]
            other[other < NOWHERE] = 0.0
            both = own + other
            far[members] = np.divide(own, both, out=np.full(len(own), 0.5), where=both > 0)
        return far


def _require_clusters(points: np.ndarray, clusters: np.ndarray) -> None:
    require_points(points)
    if len(points) != len(clusters):
        raise ValueError(f"expected a cluster for each of {len(points)} points, got {len(clusters)}")


def _members(clusters: Labels) -> list[Int[np.ndarray, " k"]]:
    """The objects of each cluster."""
    return [np.flatnonzero(clusters == k) for k in np.unique(clusters)]


def _by_cluster(
    points: np.ndarray, clusters: Labels, measure: Callable[[np.ndarray], np.ndarray]
) -> Float[np.ndarray, " n"]:
    """A measure of the points of each cluster, taken for itself."""
    far = np.empty(len(points))
    for members in _members(clusters):
        far[members] = measure(points[members])
    return far


def _white(points: Sample, clusters: Labels) -> np.ndarray:
    _require_clusters(points, clusters)
    white = whitened(points)
    if white.shape[1] == 0:
        raise NotMeasurable(f"expected points that vary, got {len(points)} copies of one: none has a nearer neighbour")
    return white


def _neighbours(points: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Distances and indices of the nearest neighbours of each point, itself left out."""
    count = min(most, len(points) // 3)
    if count < 1:
        raise NotMeasurable(f"expected at least 3 objects in each cluster to have neighbours, got {len(points)}")
    distances, index = KDTree(points).query(points, count + 1)
    distances[distances < NOWHERE] = 0.0
    # Among copies the point itself need not come first: whichever entry is itself goes, or else the farthest.
    itself = index == np.arange(len(points))[:, None]
    itself[~itself.any(axis=1), -1] = True
    return distances[~itself].reshape(-1, count), index[~itself].reshape(-1, count)
