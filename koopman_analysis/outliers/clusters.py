"""Clusters of data, and the points that lie in none: DBSCAN, with a radius that is given or found.

With d_m(i) the distance of point i to its m-th nearest neighbour, DBSCAN of radius ε calls i a *core point* iff

    d_m(i) ≤ ε,                                                                                              (1)

joins core points nearer than ε, adds the points within ε of a core point, and leaves the others *apart*.

**Radius.** Cells that touch at their corners are one cluster for a large radius and crumble for a small one. With ε in
units of the median of d_m and N(ε) the number of clusters that hold a named share of the points, at least two,

    [ε₁, ε₂] = the longest interval of log ε ∈ log [.8, 2] on which N is one number above 1,      ε = √(ε₁ ε₂);   (2)

an interval shorter than a factor of 1.1 is chance, and then all is one cluster, with the largest radius. Points of
smaller clusters are apart. The larger m, the less chance; the smaller m against the size of a cluster, the finer: m is
40, of fewer than 4,000 points a hundredth of them, and at least 10. Of 10,000 points this finds the eight cells of the
checkerboard, which touch at their corners, in most samples; of fewer it may join some. It does not cut one cloud.

The sizes in (2) count core points, and N comes of the minimum spanning tree of the mutual distances
max(d_m(i), d_m(j), ‖i − j‖), which has the clusters of every radius. In more than a few dimensions distances no longer
tell dense from sparse: look at `leading_coordinates`, or name the clusters.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Protocol, runtime_checkable

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components, minimum_spanning_tree
from scipy.spatial import KDTree
from sklearn.cluster import DBSCAN

from koopman_analysis.outliers.measures import NotMeasurable, require_points
from koopman_analysis.shapes import Bool, Float, Int, Labels, Latents

LOWEST, HIGHEST, RADII = 0.8, 2.0, 40
"""The radii of equation (2), in units of the median of d_m, and their number."""
LEAST = 1.1
"""The least factor between the ends of an interval in equation (2)."""
FEWEST, SHARE = 10, 0.01
"""The least m, and its share of the points where that is between the least and the most."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Clusters:
    """Which cluster each object belongs to.

    Attributes:
        labels: The cluster of each object, numbered from 0; of an object apart, that of the nearest object in one.
        apart: The objects in no cluster.
        radius: The radius that DBSCAN was given; NaN where the clusters were named.
    """

    labels: Labels
    apart: Bool[np.ndarray, " n"]
    radius: float = float("nan")

    @classmethod
    def named(cls, labels: Labels) -> "Clusters":
        """Clusters known from outside: cells, components, classes."""
        return cls(labels=np.unique(labels, return_inverse=True)[1], apart=np.zeros(len(labels), dtype=bool))

    @property
    def count(self) -> int:
        """How many there are."""
        return int(self.labels.max()) + 1

    def subset(self, index: Int[np.ndarray, " k"]) -> "Clusters":
        """The same clusters of some of the objects."""
        return Clusters(labels=self.labels[index], apart=self.apart[index], radius=self.radius)


@runtime_checkable
class Clustering(Protocol):
    """A way to find clusters."""

    def clusters(self, points: Latents) -> Clusters:
        """The clusters of these points."""
        ...


@dataclass(frozen=True, kw_only=True)
class FixedRadius:
    """DBSCAN with a radius of choice.

    Attributes:
        radius: ε, in the units of the points.
        neighbours: m of equation (1): the neighbours within ε, the point itself not counted, that make a core point.
    """

    radius: float
    neighbours: int

    def clusters(self, points: Latents) -> Clusters:
        """The clusters of these points.

        Raises:
            ValueError: If a point is not finite.
            NotMeasurable: If none is a core point.
        """
        return _density_clusters(points, self.radius, self.neighbours, least=1)


@dataclass(frozen=True, kw_only=True)
class LongestPlateau:
    """DBSCAN with the radius of equation (2): one radius for all clusters.

    It takes clusters of like density. Where densities are as 100 : 1, a radius of two medians need not hold the sparse
    together: its points are then apart and bear the label of the dense, so that both are joined to one, or it crumbles
    to several. Name such clusters.

    Attributes:
        neighbours: The most m; of few points, a hundredth of them, and at least 10.
        smallest: Share of the points that a cluster must hold to be counted.
    """

    neighbours: int = 40
    smallest: float = 0.02

    def clusters(self, points: Latents) -> Clusters:
        """The clusters of these points.

        Raises:
            ValueError: If a point is not finite.
            NotMeasurable: If there are not more points than neighbours, or most of them coincide.
        """
        require_points(points)
        neighbours = min(self.neighbours, max(FEWEST, int(SHARE * len(points))))
        if len(points) <= neighbours:
            raise NotMeasurable(f"expected more points than {neighbours} neighbours, got {len(points)}: add points")
        tree = KDTree(points)
        core = tree.query(points, neighbours + 1)[0][:, -1]
        middle = float(np.median(core))
        if middle == 0.0:
            raise NotMeasurable(
                f"expected points apart from each other, got most of {len(points)} with {neighbours} copies: "
                "name the clusters"
            )
        radii = middle * np.geomspace(LOWEST, HIGHEST, RADII)
        least = max(int(self.smallest * len(points)), 2)
        radius = _plateau(radii, _counts(tree, core, radii, least))
        return _density_clusters(points, radius, neighbours, least=least)


def leading_coordinates(points: Latents, *, count: int = 2) -> Float[np.ndarray, "n k"]:
    """The first principal coordinates, in the units of the points: all where there are no more.

    Raises:
        ValueError: If a point is not finite.
    """
    require_points(points)
    if points.shape[1] <= count:
        return points.astype(np.float64)
    centred = points.astype(np.float64) - points.mean(axis=0, dtype=np.float64)
    left, singular, _ = np.linalg.svd(centred, full_matrices=False)
    return left[:, :count] * singular[:count]


def _density_clusters(points: Latents, radius: float, neighbours: int, *, least: int) -> Clusters:
    """DBSCAN's clusters of at least this size."""
    require_points(points)
    found = DBSCAN(eps=radius, min_samples=neighbours + 1).fit(points).labels_.astype(np.int64)
    sizes = np.bincount(found[found >= 0])
    apart = (found < 0) | ~np.isin(found, np.flatnonzero(sizes >= least))
    if apart.all():
        raise NotMeasurable(
            f"expected points with {neighbours} neighbours within {radius:.3g}, got no cluster of {least} points: "
            "take a larger radius or fewer neighbours"
        )
    if apart.any():
        found[apart] = found[~apart][KDTree(points[~apart]).query(points[apart])[1]]
    return Clusters(labels=np.unique(found, return_inverse=True)[1], apart=apart, radius=radius)


def _counts(tree: KDTree, core: np.ndarray, radii: np.ndarray, least: float) -> list[int]:
    """N of equation (2) at each radius."""
    n = len(core)
    pairs = tree.query_pairs(float(radii[-1]), output_type="ndarray")
    points = np.asarray(tree.data)
    lengths = np.linalg.norm(points[pairs[:, 0]] - points[pairs[:, 1]], axis=1)
    mutual = np.maximum(lengths, core[pairs].max(axis=1))
    near = mutual <= radii[-1]
    graph = coo_matrix((mutual[near], tuple(pairs[near].T)), shape=(n, n)).tocsr()
    joints = minimum_spanning_tree(graph).tocoo()
    counts = []
    for radius in radii:
        held = joints.data <= radius
        part = coo_matrix((joints.data[held], (joints.row[held], joints.col[held])), shape=(n, n))
        cluster = connected_components(part, directed=False)[1]
        counts.append(int(np.count_nonzero(np.bincount(cluster[core <= radius]) >= least)))
    return counts


def _plateau(radii: np.ndarray, counts: Sequence[int]) -> float:
    """The radius of equation (2)."""
    runs = [list(run) for _, run in groupby(range(len(counts)), key=lambda i: counts[i])]
    several = [run for run in runs if counts[run[0]] > 1]
    longest = max(several, key=len, default=[])
    if not longest or radii[longest[-1]] < LEAST * radii[longest[0]]:
        return float(radii[-1])
    return float(np.sqrt(radii[longest[0]] * radii[longest[-1]]))
