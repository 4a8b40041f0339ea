"""Do the nearest neighbours in one space deserve it? Labels, ranks and neighbours elsewhere say.

With N(i) the k nearest others of object i, every statistic here is a mean over neighbours of a value v_ij,

    agreement with labels    v_ij = [ℓⱼ = ℓᵢ]                                                              (1)
    overlap                  v_ij = [j is among the k nearest of i in the other space, too]                  (2)
    trustworthiness          v_ij = 1 − 2 (r_ij − k)₊ / (2n − 3k − 1),                                       (3)

r_ij the rank of j among the others of i in the other space: 1 for neighbours that are neighbours there, and zero on
average for the worst there can be. Continuity is (3) with the two spaces exchanged. Of distances that tie the lower
rank counts.

**Resamples.** Neighbours are found once, among the originals, so that no object is a neighbour of its copies; in a
resample with multiplicities n both ends are drawn,

    θ(n) = Σᵢ nᵢ v̄ᵢ(n) / Σᵢ nᵢ,     v̄ᵢ(n) = Σ_{j∈N(i)} nⱼ v_ij / Σ_{j∈N(i)} nⱼ,                             (4)

over the objects of which a neighbour was drawn. A naive bootstrap makes copies each other's neighbours: 1-NN agreement
on random labels becomes .676 where the truth is .1. Resampling the shares v̄ᵢ(1) as if they were independent forgets
that an object is a neighbour of others: its standard error was .54 to .78 of the truth (n = 300, k = 10), that of (4)
.97 to 1.13 where labels matter; on labels that are pure chance (4) is too wide, 1.8 times.

Sources: Venna & Kaski 2001 (trustworthiness, continuity).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from koopman_analysis.shapes import Bool, Distances, Float, Int, Labels, Latents, Real
from koopman_analysis.similarity.distances import CHUNK, distance_strips

Neighbours = Int[np.ndarray, "n k"]


def nearest_others(distances: Distances, *, neighbours: int) -> Neighbours:
    """The nearest other objects of each, in no order.

    Raises:
        ValueError: If there are not more objects than neighbours.
    """
    return nearest_in_strips(len(distances), [(slice(0, len(distances)), distances)], neighbours=neighbours)


def nearest_in_strips(n: int, strips: Iterable[tuple[slice, np.ndarray]], *, neighbours: int) -> Neighbours:
    """The same from distances that come some rows at a time."""
    if n <= neighbours:
        raise ValueError(f"expected more objects than neighbours, got {n} objects and {neighbours} neighbours")
    found = np.empty((n, neighbours), dtype=np.int64)
    for rows, strip in strips:
        found[rows] = np.argpartition(without_itself(rows, strip), neighbours - 1, axis=1)[:, :neighbours]
    return found


def nearest_of_points(points: Latents, *, neighbours: int, chunk: int = CHUNK) -> Neighbours:
    """The same from points, whose distances come a strip at a time."""
    return nearest_in_strips(len(points), distance_strips(points, chunk=chunk), neighbours=neighbours)


def without_itself(rows: slice, strip: Float[np.ndarray, "rows n"]) -> Float[np.ndarray, "rows n"]:
    """A copy of some rows of distances in which each object is infinitely far from itself."""
    others = strip.copy()
    others[np.arange(len(strip)), np.arange(rows.start, rows.stop)] = np.inf
    return others


def ranks_of(neighbours: Neighbours, strips: Iterable[tuple[slice, np.ndarray]]) -> Neighbours:
    """r_ij of equation (3) for j ∈ N(i), from the distances of the other space."""
    ranks = np.empty_like(neighbours)
    for rows, strip in strips:
        others, its = without_itself(rows, strip), neighbours[rows]
        reached = np.take_along_axis(others, its, axis=1)
        for column in range(its.shape[1]):
            ranks[rows, column] = 1 + np.count_nonzero(others < reached[:, column, None], axis=1)
    return ranks


def trust(ranks: Neighbours) -> Float[np.ndarray, "n k"]:
    """Equation (3) from the ranks.

    Raises:
        ValueError: If there are not more than twice as many objects as neighbours.
    """
    n, k = ranks.shape
    if n <= 2 * k:
        raise ValueError(f"expected more than {2 * k} objects for ranks of {k} neighbours, got {n}")
    return 1.0 - 2.0 * np.maximum(ranks - k, 0) / (2 * n - 3 * k - 1)


def of_neighbours(
    neighbours: Neighbours, values: Real[np.ndarray, "n k"] | Bool[np.ndarray, "n k"]
) -> Callable[[np.ndarray], float]:
    """Equation (4) as a function of the objects' multiplicities; NaN where no neighbour was drawn."""

    def mean(multiplicities: np.ndarray) -> float:
        drawn = multiplicities[neighbours]
        count = drawn.sum(axis=1)
        weights = multiplicities * (count > 0)
        means = np.divide((drawn * values).sum(axis=1), count, out=np.zeros(len(count)), where=count > 0)
        total = float(weights.sum())
        return float(weights @ means) / total if total > 0.0 else np.nan

    return mean


def neighbour_agreement(distances: Distances, labels: Labels, *, neighbours: int = 10) -> Float[np.ndarray, " n"]:
    """For each object the share of its nearest neighbours that bear its label.

    Raises:
        ValueError: If there are not more objects than neighbours.
    """
    return (labels[nearest_others(distances, neighbours=neighbours)] == labels[:, None]).mean(axis=1)


@dataclass(frozen=True, kw_only=True)
class NeighbourAgreement:
    """Equation (1), a `LabelAgreement`.

    Attributes:
        neighbours: k.
    """

    neighbours: int = 10

    @property
    def name(self) -> str:
        """The statistic in words."""
        return f"share of the {self.neighbours} nearest neighbours with the same label"

    def weighted(self, distances: Distances, labels: Labels) -> Callable[[np.ndarray], float]:
        """Equation (1) as a function of the objects' multiplicities.

        Raises:
            ValueError: If there are not more objects than neighbours.
        """
        nearest = nearest_others(distances, neighbours=self.neighbours)
        return of_neighbours(nearest, labels[nearest] == labels[:, None])

    def of_points(self, points: Latents, labels: Labels, *, chunk: int = CHUNK) -> Callable[[np.ndarray], float]:
        """The same from points, for more objects than a matrix of distances holds.

        Raises:
            ValueError: If there are not more objects than neighbours.
        """
        nearest = nearest_of_points(points, neighbours=self.neighbours, chunk=chunk)
        return of_neighbours(nearest, labels[nearest] == labels[:, None])
