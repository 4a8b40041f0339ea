"""Do two spaces have the same neighbours? Overlap, trustworthiness and continuity: (2) to (4) of `neighbours`.

Each statistic takes two matrices of distances, or for many objects two sets of points. Neighbours by the first are
judged by the second, "semantic" one.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from koopman_analysis.shapes import Distances, Latents, require_distances
from koopman_analysis.similarity.distances import CHUNK, distance_strips
from koopman_analysis.similarity.neighbours import (
    Neighbours,
    excess_ranks,
    nearest_of_points,
    nearest_others,
    of_neighbours,
    trust,
    worth,
)


def trustworthiness(distances: Distances, semantic: Distances, *, neighbours: int = 10) -> float:
    """How far neighbours by the first distance are so by the second: equation (3), meaned.

    It equals `sklearn.manifold.trustworthiness(X, X_embedded)` where `semantic` are distances of X and `distances` of
    the embedding. Continuity is its value with the arguments exchanged.

    Raises:
        ValueError: If there are not more than twice as many objects as neighbours.
    """
    return Trustworthiness(neighbours=neighbours).weighted(distances, semantic)(np.ones(len(distances), dtype=np.int64))


@dataclass(frozen=True, kw_only=True)
class NeighbourOverlap:
    """Equation (2) of `neighbours`, for two distances of the same objects.

    Attributes:
        neighbours: k.
    """

    neighbours: int = 10

    @property
    def name(self) -> str:
        """The statistic in words."""
        return f"share of the {self.neighbours} nearest neighbours in common"

    def weighted(self, distances: Distances, semantic: Distances) -> Callable[[np.ndarray], float]:
        """Equation (2) as a function of the objects' multiplicities.

        Raises:
            ValueError: If there are not more objects than neighbours, no neighbours are asked for, or the matrices
                differ in size, are not symmetric or not finite.
        """
        require_distances(distances, semantic)
        nearest, theirs = (
            nearest_others(matrix, neighbours=self.neighbours, seed=seed)
            for seed, matrix in enumerate((distances, semantic))
        )
        return _in_common(nearest, theirs)

    def of_points(self, points: Latents, semantic: np.ndarray, *, chunk: int = CHUNK) -> Callable[[np.ndarray], float]:
        """The same from points.

        Raises:
            ValueError: If there are not more objects than neighbours.
        """
        nearest, theirs = (
            nearest_of_points(each, neighbours=self.neighbours, chunk=chunk, seed=seed)
            for seed, each in enumerate((points, semantic))
        )
        return _in_common(nearest, theirs)


@dataclass(frozen=True, kw_only=True)
class Trustworthiness:
    """Equation (3) of `neighbours`: whether neighbours by the first distance are near by the second.

    Attributes:
        neighbours: k.
    """

    neighbours: int = 10

    @property
    def name(self) -> str:
        """The statistic in words."""
        return f"trustworthiness of the {self.neighbours} nearest neighbours"

    def weighted(self, distances: Distances, semantic: Distances) -> Callable[[np.ndarray], float]:
        """Equation (3) as a function of the objects' multiplicities.

        Raises:
            ValueError: If there are not more than twice as many objects as neighbours, no neighbours are asked
                for, or the matrices differ in size, are not symmetric or not finite.
        """
        require_distances(distances, semantic)
        nearest = nearest_others(distances, neighbours=self.neighbours)
        return _trusted(nearest, [(slice(0, len(semantic)), semantic)], k=self.neighbours)

    def of_points(self, points: Latents, semantic: np.ndarray, *, chunk: int = CHUNK) -> Callable[[np.ndarray], float]:
        """The same from points.

        Raises:
            ValueError: If there are not more than twice as many objects as neighbours.
        """
        nearest = nearest_of_points(points, neighbours=self.neighbours, chunk=chunk)
        return _trusted(nearest, distance_strips(semantic, chunk=chunk), k=self.neighbours)


@dataclass(frozen=True, kw_only=True)
class Continuity:
    """Trustworthiness with the spaces exchanged: whether neighbours by the second distance are near by the first.

    Attributes:
        neighbours: k.
    """

    neighbours: int = 10

    @property
    def name(self) -> str:
        """The statistic in words."""
        return f"continuity of the {self.neighbours} nearest neighbours"

    def weighted(self, distances: Distances, semantic: Distances) -> Callable[[np.ndarray], float]:
        """Equation (3), exchanged, as a function of the objects' multiplicities.

        Raises:
            ValueError: If there are not more than twice as many objects as neighbours.
        """
        return Trustworthiness(neighbours=self.neighbours).weighted(semantic, distances)

    def of_points(self, points: Latents, semantic: np.ndarray, *, chunk: int = CHUNK) -> Callable[[np.ndarray], float]:
        """The same from points.

        Raises:
            ValueError: If there are not more than twice as many objects as neighbours.
        """
        return Trustworthiness(neighbours=self.neighbours).of_points(semantic, points, chunk=chunk)


def _in_common(nearest: Neighbours, theirs: Neighbours) -> Callable[[np.ndarray], float]:
    """Equation (2) of `neighbours` from the neighbours in both spaces."""
    return of_neighbours(nearest, nearest.multiply(theirs).tocsr())


def _trusted(
    nearest: Neighbours, strips: Iterable[tuple[slice, np.ndarray]], *, k: int
) -> Callable[[np.ndarray], float]:
    """Equation (3) of `neighbours` from the neighbours in one space and the distances of the other."""
    excess = excess_ranks(nearest, strips, k=k)
    return of_neighbours(nearest, worth(nearest, trust(excess, n=nearest.shape[0], k=k)))
