"""Do two representations call the same things near? Statistics of distances, with weights for resampled objects.

For objects i with latent vectors zᵢ, distances d_ij = ‖zᵢ − zⱼ‖ and class labels ℓᵢ:

    AUROC of "same class"     P( d_same < d_different ) + ½ P( d_same = d_different )                     (1)
    neighbour agreement       mean over i of the share of the k nearest neighbours with ℓⱼ = ℓᵢ            (2)

Under a resample with multiplicities nᵢ, a pair has the weight nᵢ nⱼ and copies of one object are never paired; the
neighbours in (2) are found once, among the originals, and resampled with their object. A naive bootstrap makes copies
each other's nearest neighbours: 1-NN agreement on random labels becomes .676 where the truth is .1.

Between two representations X and Y of the same objects, with the unbiased HSIC of Song et al. 2012 on linear Gram
matrices whose diagonals are set to zero (written K̃, L̃),

    HSIC = [ tr K̃L̃ + 1ᵀK̃1 1ᵀL̃1 / ((n−1)(n−2)) − 2/(n−2) 1ᵀK̃L̃1 ] / (n(n−3)),                              (3)
    CKA  = HSIC(K, L) / √( HSIC(K, K) HSIC(L, L) ).                                                        (4)

The plain CKA of independent data is .56 at n = 200 with 256 features; (4) is centred on zero (Kornblith et al. 2019;
Nguyen, Raghu & Kornblith 2021). Distance correlation is (4) on distances, by the same U-centring (Székely & Rizzo 2014,
"bias-corrected", squared): zero in expectation iff independent.                                           (5)
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from scipy.spatial.distance import pdist, squareform

from koopman_analysis.shapes import Bool, Distances, Float, Int, Labels, Latents, Real


def euclidean_distances(points: Latents) -> Distances:
    """The distance of every object to every other."""
    return squareform(pdist(points))


@dataclass(frozen=True, kw_only=True, eq=False)
class Ranking:
    """Scores in rising order and which of them are positive: sorted once, weighed many times.

    Attributes:
        order: Position of each score in the caller's arrays, from the lowest score.
        positive: Whether each is positive, in that order.
        starts: Where each run of equal scores begins.
    """

    order: Int[np.ndarray, " n"]
    positive: Bool[np.ndarray, " n"]
    starts: Int[np.ndarray, " runs"]

    @classmethod
    def of(cls, scores: Float[np.ndarray, " n"], positive: Bool[np.ndarray, " n"]) -> "Ranking":
        """The ranking of these scores.

        Raises:
            ValueError: If all are positive, or none.
        """
        if positive.all() or not positive.any():
            raise ValueError(f"expected both positive and negative cases to rank, got {positive.sum()} positive of "
                             f"{len(positive)}")  # fmt: skip
        order = np.argsort(scores, kind="stable")
        starts = np.flatnonzero(np.diff(scores[order], prepend=-np.inf) > 0)
        return cls(order=order, positive=positive[order], starts=starts)

    def auroc(self, weights: Real[np.ndarray, " n"]) -> float:
        """The weighted chance that a positive scores above a negative; NaN where a resample has only one kind."""
        sorted_weights = weights[self.order]
        above = np.where(self.positive, sorted_weights, 0)
        below = sorted_weights - above
        if len(self.starts) < len(self.order):
            above, below = np.add.reduceat(above, self.starts), np.add.reduceat(below, self.starts)
        lower = np.cumsum(below)
        positives, negatives = float(above.sum()), float(lower[-1])
        if positives == 0.0 or negatives == 0.0:
            return math.nan
        return float((above * (lower - below / 2.0)).sum()) / (positives * negatives)


@runtime_checkable
class LabelAgreement(Protocol):
    """A statistic of how well distances agree with labels: large where near means alike."""

    @property
    def name(self) -> str:
        """The statistic in words."""
        ...

    def weighted(self, distances: Distances, labels: Labels) -> Callable[[np.ndarray], float]:
        """The statistic as a function of the objects' multiplicities."""
        ...


@dataclass(frozen=True, kw_only=True)
class SameClassAuroc:
    """Equation (1)."""

    name: str = "AUROC of “same class” by distance"

    def weighted(self, distances: Distances, labels: Labels) -> Callable[[np.ndarray], float]:
        """Equation (1) as a function of the objects' multiplicities."""
        first, second = np.triu_indices(len(labels), 1)
        ranking = Ranking.of(-distances[first, second], labels[first] == labels[second])
        return lambda multiplicities: ranking.auroc(multiplicities[first] * multiplicities[second])


@dataclass(frozen=True, kw_only=True)
class NeighbourAgreement:
    """Equation (2).

    Attributes:
        neighbours: k.
    """

    neighbours: int = 10

    @property
    def name(self) -> str:
        """The statistic in words."""
        return f"share of the {self.neighbours} nearest neighbours with the same label"

    def weighted(self, distances: Distances, labels: Labels) -> Callable[[np.ndarray], float]:
        """Equation (2) as a function of the objects' multiplicities."""
        shares = neighbour_agreement(distances, labels, neighbours=self.neighbours)
        return lambda multiplicities: float(multiplicities @ shares) / float(multiplicities.sum())


def neighbour_agreement(distances: Distances, labels: Labels, *, neighbours: int = 10) -> Float[np.ndarray, " n"]:
    """For each object the share of its nearest neighbours that bear its label.

    Raises:
        ValueError: If there are not more objects than neighbours.
    """
    if len(labels) <= neighbours:
        raise ValueError(
            f"expected more objects than neighbours, got {len(labels)} objects and {neighbours} neighbours"
        )
    others = distances.copy()
    np.fill_diagonal(others, np.inf)
    nearest = np.argpartition(others, neighbours - 1, axis=1)[:, :neighbours]
    return (labels[nearest] == labels[:, None]).mean(axis=1)


def linear_cka(x: Float[np.ndarray, "n p"], y: Float[np.ndarray, "n q"]) -> float:
    """Unbiased linear CKA: equation (4).

    Raises:
        ValueError: If there are fewer than four objects.
    """
    return _correlation_of_products(x @ x.T, y @ y.T)


def squared_distance_correlation(first: Distances, second: Distances) -> float:
    """Bias-corrected squared distance correlation: equation (5).

    Raises:
        ValueError: If there are fewer than four objects.
    """
    return _correlation_of_products(first, second)


def _correlation_of_products(first: np.ndarray, second: np.ndarray) -> float:
    if len(first) < 4:
        raise ValueError(f"expected at least four objects for an unbiased product of Gram matrices, got {len(first)}")
    # A common shift of the entries changes no HSIC, and removing it keeps the cancellation in (3) small.
    a, b = (_without_diagonal(matrix) for matrix in (first, second))
    scale = math.sqrt(max(_hsic(a, a), 0.0) * max(_hsic(b, b), 0.0))
    return _hsic(a, b) / scale if scale > 0.0 else math.nan


def _without_diagonal(matrix: np.ndarray) -> np.ndarray:
    n = len(matrix)
    shifted = matrix - (matrix.sum() - np.trace(matrix)) / (n * (n - 1))
    np.fill_diagonal(shifted, 0.0)
    return shifted


def _hsic(a: np.ndarray, b: np.ndarray) -> float:
    n = len(a)
    rows_a, rows_b = a.sum(axis=0), b.sum(axis=0)
    total = (a * b).sum() + rows_a.sum() * rows_b.sum() / ((n - 1) * (n - 2)) - 2.0 / (n - 2) * (rows_a @ rows_b)
    return float(total) / (n * (n - 3))
