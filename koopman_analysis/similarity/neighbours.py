"""Do the nearest neighbours in one space deserve it? Labels, ranks and neighbours elsewhere say.

With N(i) the k nearest others of object i, every statistic here is a mean over neighbours of a value v_ij,

    agreement with labels    v_ij = [ℓⱼ = ℓᵢ]                                                              (1)
    overlap                  v_ij = [j is among the k nearest of i in the other space, too]                  (2)
    trustworthiness          v_ij = 1 − 2 (r_ij − k)₊ / (2n − 3k − 1),                                       (3)

r_ij the rank of j among the others of i in the other space: 1 for neighbours that are neighbours there, and zero on
average for the worst there can be. Continuity is (3) with the two spaces exchanged.

**Ties** are broken in all ways at once: with m others strictly nearer to i than its k-th nearest, and t at that very
distance, an object is among the k nearest to the share

    w_ij = 1 for the m,     (k − m) / t for the t,     Σⱼ w_ij = k,                                         (4)

and v_ij is what it is on average over the orders of those that tie in the other space: w'_ij in (2), and in (3) the
mean over the ranks that tying others share. So nothing depends on the order in which the objects are stored, and where
all distances are equal (1) to (3) are what they are by chance. Where more than `TIED` others tie, a pseudo-random draw
of so many stands for them.

**Resamples.** Neighbours are found once, among the originals, so that no object is a neighbour of its copies; in a
resample with multiplicities n both ends are drawn,

    θ(n) = Σᵢ nᵢ v̄ᵢ(n) / Σᵢ nᵢ,     v̄ᵢ(n) = Σⱼ w_ij nⱼ v_ij / Σⱼ w_ij nⱼ,                                 (5)

over the objects of which a neighbour was drawn. A naive bootstrap makes copies each other's neighbours: 1-NN agreement
on random labels becomes .676 where the truth is .1. Resampling the shares v̄ᵢ(1) as if they were independent forgets
that an object is a neighbour of others: its standard error was .54 to .78 of the truth (n = 300, k = 10), that of (5)
.97 to 1.13 where labels matter; on labels that are pure chance (5) is too wide, 1.8 times.

Sources: Venna & Kaski 2001 (trustworthiness, continuity).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from scipy.sparse import csr_array

from koopman_analysis.shapes import Bool, Distances, Float, Int, Labels, Latents, Real, require_distances
from koopman_analysis.similarity.distances import CHUNK, distance_strips
from koopman_analysis.similarity.labels import require_labels

TIED = 1024
"""Others at the same distance that are held for an object; of more, so many are drawn."""

Neighbours: TypeAlias = csr_array
"""w_ij of equation (4), a row each: k numbers where nothing ties."""


def nearest_others(distances: Distances, *, neighbours: int, seed: int = 0) -> Neighbours:
    """The nearest other objects of each: equation (4).

    Raises:
        ValueError: If there are not more objects than neighbours, no neighbours are asked for, or the matrix is not
            symmetric or not finite.
    """
    require_distances(distances, distances)
    whole = [(slice(0, len(distances)), distances)]
    return nearest_in_strips(len(distances), whole, neighbours=neighbours, seed=seed)


def nearest_in_strips(
    n: int, strips: Iterable[tuple[slice, np.ndarray]], *, neighbours: int, seed: int = 0
) -> Neighbours:
    """The same from distances that come some rows at a time; the seed draws those that stand for very many ties."""
    if neighbours < 1:
        raise ValueError(f"expected one neighbour or more, got {neighbours}: choose how many are the nearest")
    if n <= neighbours:
        raise ValueError(f"expected more objects than neighbours, got {n} objects and {neighbours} neighbours")
    rng = np.random.default_rng(seed)
    counts, objects, weights = [], [], []
    for rows, strip in strips:
        others = without_itself(rows, strip)
        farthest = np.partition(others, neighbours - 1, axis=1)[:, neighbours - 1, None]
        nearer, tied = others < farthest, _at_most_tied(others == farthest, rng)
        shares = (neighbours - nearer.sum(axis=1)) / tied.sum(axis=1)
        row, column = np.nonzero(nearer | tied)
        counts.append((nearer | tied).sum(axis=1))
        objects.append(column.astype(np.int32))
        weights.append(np.where(nearer[row, column], 1.0, shares[row]))
    starts = np.concatenate([[0], np.cumsum(np.concatenate(counts))])
    return csr_array((np.concatenate(weights), np.concatenate(objects), starts), shape=(n, n))


def _at_most_tied(tied: Bool[np.ndarray, "rows n"], rng: np.random.Generator) -> Bool[np.ndarray, "rows n"]:
    for row in np.flatnonzero(tied.sum(axis=1) > TIED):
        tied[row, rng.permutation(np.flatnonzero(tied[row]))[TIED:]] = False
    return tied


def nearest_of_points(points: Latents, *, neighbours: int, chunk: int = CHUNK, seed: int = 0) -> Neighbours:
    """The same from points, whose distances come a strip at a time."""
    return nearest_in_strips(len(points), distance_strips(points, chunk=chunk), neighbours=neighbours, seed=seed)


def without_itself(rows: slice, strip: Float[np.ndarray, "rows n"]) -> Float[np.ndarray, "rows n"]:
    """A copy of some rows of distances in which each object is infinitely far from itself."""
    others = strip.copy()
    others[np.arange(len(strip)), np.arange(rows.start, rows.stop)] = np.inf
    return others


def excess_ranks(
    neighbours: Neighbours, strips: Iterable[tuple[slice, np.ndarray]], *, k: int
) -> Float[np.ndarray, " entries"]:
    """(r_ij − k)₊ of equation (3) for each neighbour, from the distances of the other space; ties as (4) says."""
    excess = np.empty(neighbours.nnz)
    for rows, strip in strips:
        others = np.sort(without_itself(rows, strip), axis=1)
        for i, ordered, mine in zip(range(rows.start, rows.stop), others, strip, strict=True):
            entries = slice(neighbours.indptr[i], neighbours.indptr[i + 1])
            reached = mine[neighbours.indices[entries]]
            lower, up_to = (np.searchsorted(ordered, reached, side) for side in ("left", "right"))
            excess[entries] = (_triangle(up_to - k) - _triangle(lower - k)) / (up_to - lower)
    return excess


def _triangle(steps: Int[np.ndarray, " entries"]) -> Float[np.ndarray, " entries"]:
    """1 + 2 + … + steps, zero where there are none."""
    forward = np.maximum(steps, 0).astype(np.float64)
    return forward * (forward + 1.0) / 2.0


def trust(excess: Float[np.ndarray, " entries"], *, n: int, k: int) -> Float[np.ndarray, " entries"]:
    """Equation (3) from (r_ij − k)₊.

    Raises:
        ValueError: If there are not more than twice as many objects as neighbours.
    """
    if n <= 2 * k:
        raise ValueError(f"expected more than {2 * k} objects for ranks of {k} neighbours, got {n}")
    return 1.0 - 2.0 * excess / (2 * n - 3 * k - 1)


def worth(neighbours: Neighbours, values: Real[np.ndarray, " entries"] | Bool[np.ndarray, " entries"]) -> csr_array:
    """w_ij v_ij from the value of each neighbour."""
    return csr_array((neighbours.data * values, neighbours.indices, neighbours.indptr), shape=neighbours.shape)


def alike(neighbours: Neighbours, labels: Labels) -> Bool[np.ndarray, " entries"]:
    """Which neighbours bear the label of their object: v_ij of equation (1)."""
    return np.repeat(labels, np.diff(neighbours.indptr)) == labels[neighbours.indices]


def of_neighbours(neighbours: Neighbours, worths: csr_array) -> Callable[[np.ndarray], float]:
    """Equation (5) as a function of the objects' multiplicities, from w_ij v_ij; NaN where no neighbour was drawn."""

    def mean(multiplicities: np.ndarray) -> float:
        copies = multiplicities.astype(np.float64)
        drawn = neighbours @ copies
        weights = copies * (drawn > 0)
        means = np.divide(worths @ copies, drawn, out=np.zeros(len(drawn)), where=drawn > 0)
        total = float(weights.sum())
        return float(weights @ means) / total if total > 0.0 else np.nan

    return mean


def neighbour_agreement(distances: Distances, labels: Labels, *, neighbours: int = 10) -> Float[np.ndarray, " n"]:
    """For each object the share of its nearest neighbours that bear its label.

    Raises:
        ValueError: As `NeighbourAgreement.weighted`.
    """
    require_labels(labels, len(distances))
    nearest = nearest_others(distances, neighbours=neighbours)
    return worth(nearest, alike(nearest, labels)).sum(axis=1) / neighbours


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
            ValueError: If there are not more objects than neighbours, not a label for each, no neighbours are asked
                for, or the matrix is not symmetric or not finite.
        """
        require_labels(labels, len(distances))
        return self.prepared(distances).against(labels)

    def prepared(self, distances: Distances) -> "NearestOthers":
        """The nearest others of each object.

        Raises:
            ValueError: If there are not more objects than neighbours, no neighbours are asked for, or the matrix is not
                symmetric or not finite.
        """
        return NearestOthers(nearest=nearest_others(distances, neighbours=self.neighbours))

    def of_points(self, points: Latents, labels: Labels, *, chunk: int = CHUNK) -> Callable[[np.ndarray], float]:
        """The same from points, for more objects than a matrix of distances holds.

        Raises:
            ValueError: If there are not more objects than neighbours, not a label for each, no neighbours are asked
                for, or the points are not finite.
        """
        require_labels(labels, len(points))
        nearest = nearest_of_points(points, neighbours=self.neighbours, chunk=chunk)
        return NearestOthers(nearest=nearest).against(labels)


@dataclass(frozen=True, kw_only=True, eq=False)
class NearestOthers:
    """The nearest others of each object.

    Attributes:
        nearest: Their weights of equation (4).
    """

    nearest: Neighbours

    def against(self, labels: Labels) -> Callable[[np.ndarray], float]:
        """Equation (1) as a function of the objects' multiplicities.

        Raises:
            ValueError: If there is not a label for each object.
        """
        require_labels(labels, self.nearest.shape[0])
        return of_neighbours(self.nearest, worth(self.nearest, alike(self.nearest, labels)))
