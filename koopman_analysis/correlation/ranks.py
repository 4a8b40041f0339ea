"""Correlations over the pairs of one set of objects, of distances or of their ranks, with weights.

**Spearman over pairs.** r_s = Pearson correlation of the midranks; in a resample with multiplicities nᵢ the pair (i, j)
has weight nᵢ nⱼ, in the ranks as in the moments,

    rank of a value v = Σ_{v' < v} w' + ½ Σ_{v' = v} w',                                                   (1)

and copies of one object are never paired. With W = Σ w the mean rank is W/2, ties or none. Several candidates measured
on the same resamples give differences whose intervals know that they share their noise.

**Pearson over pairs.** With a, b the distances less their mean, zero on the diagonal, all sums are quadratic in n,

    Σ w = (Σ nᵢ)² − Σ nᵢ²,    Σ w a = nᵀ a n,    Σ w a b = nᵀ (a∘b) n,                                      (2)

a product of matrix and vector each; where the variance cancels, the pairs are summed about their own mean.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from koopman_analysis.resampling import Bootstrap, Interval, object_bootstrap
from koopman_analysis.shapes import Distances, Float, Int, pair_indices, require_distances

CONSTANT = 1e-12
"""A standard deviation, as a share of the root mean square, that is there by rounding alone."""
CANCELLED = 1e-6
"""What is left of a sum of squares about a mean that is too little to have kept ten digits, and so of a deviation."""


def spearman_bootstrap(
    candidates: Sequence[Distances], against: Distances, *, resamples: int = 199, rng: np.random.Generator
) -> Bootstrap:
    """The Spearman correlation of each candidate's distances with the given ones, on the same object resamples.

    Raises:
        ValueError: If the matrices differ in size, are not symmetric, or have fewer than three objects.
    """
    for candidate in candidates:
        require_distances(candidate, against)
    target, ranked = RankedPairs.of(against), [RankedPairs.of(candidate) for candidate in candidates]

    def correlations(multiplicities: np.ndarray) -> list[float]:
        weights = target.weights(multiplicities)
        reference = target.centred(weights)
        return [_correlation(ranks.centred(weights), reference, weights) for ranks in ranked]

    return object_bootstrap(correlations, len(against), resamples=resamples, rng=rng)


def spearman(D1: Distances, D2: Distances, *, resamples: int = 199, rng: np.random.Generator) -> Interval:
    """Spearman's correlation of two distance matrices over pairs of objects, with its object-bootstrap interval.

    Raises:
        ValueError: As for `spearman_bootstrap`.
    """
    return spearman_bootstrap([D1], D2, resamples=resamples, rng=rng).intervals()[0]


def pair_ranks(distances: Distances) -> Distances:
    """Every distance replaced by its midrank among the pairs: the Mantel test of two of these is that of Spearman's r.

    Raises:
        ValueError: If the matrix is not symmetric, not finite, or has fewer than three objects.
    """
    require_distances(distances, distances)
    pairs = pair_indices(len(distances))
    values = distances[pairs]
    ranks = np.zeros(distances.shape)
    ranks[pairs] = weighted_midranks(values)(np.ones(len(values)))
    return ranks + ranks.T


@dataclass(frozen=True, kw_only=True, eq=False)
class RankedPairs:
    """The pairs of objects in the order of their distances.

    Attributes:
        objects: How many objects there are.
        ranks: Equation (1) as a function of the pairs' weights.
    """

    objects: int
    ranks: Callable[[np.ndarray], np.ndarray]

    @classmethod
    def of(cls, distances: Distances) -> "RankedPairs":
        """The pairs of these distances."""
        return cls(objects=len(distances), ranks=weighted_midranks(distances[pair_indices(len(distances))]))

    def against(self, other: "RankedPairs") -> Callable[[np.ndarray], float]:
        """Spearman's correlation as a function of the objects' multiplicities; NaN where one side has one rank alone.

        Raises:
            ValueError: If the other has other objects.
        """
        if other.objects != self.objects:
            raise ValueError(f"expected pairs of the same objects, got {self.objects} and {other.objects}")

        def correlation(multiplicities: np.ndarray) -> float:
            weights = self.weights(multiplicities)
            return _correlation(self.centred(weights), other.centred(weights), weights)

        return correlation

    def weights(self, multiplicities: Int[np.ndarray, " n"]) -> Float[np.ndarray, " pairs"]:
        """nᵢ nⱼ of each pair."""
        first, second = pair_indices(self.objects)
        return (multiplicities[first] * multiplicities[second]).astype(np.float64)

    def centred(self, weights: Float[np.ndarray, " pairs"]) -> Float[np.ndarray, " pairs"]:
        """Equation (1) less its mean, W/2, for each pair."""
        return self.ranks(weights) - weights.sum() / 2.0


def _correlation(
    mine: Float[np.ndarray, " pairs"], others: Float[np.ndarray, " pairs"], weights: Float[np.ndarray, " pairs"]
) -> float:
    """Of centred ranks; NaN where one side has one rank alone."""
    weighted = weights * mine
    squares = float(weighted @ mine), float((weights * others) @ others)
    # The least variance of ranks that are not all one is about W², where that of all different is W³/12.
    if not min(squares) > 1e-12 * float(weights.sum()) ** 3:
        return math.nan
    return float(weighted @ others) / math.sqrt(squares[0] * squares[1])


def pearson_of_pairs(distances: Distances, semantic: Distances) -> Callable[[np.ndarray], float]:
    """Pearson's correlation over pairs as a function of the objects' multiplicities: equation (2).

    It is NaN where fewer than two pairs have a weight, or one side varies by rounding at most.
    """
    pairs = pair_indices(len(semantic))
    means = np.array([matrix[pairs].mean(dtype=np.float64) for matrix in (distances, semantic)])
    a, b = (matrix - mean for matrix, mean in zip((distances, semantic), means, strict=True))
    for centred in (a, b):
        np.fill_diagonal(centred, 0.0)
    sums = np.concatenate([a, b, a * a, b * b, a * b])

    def correlation(multiplicities: np.ndarray) -> float:
        n = multiplicities.astype(np.float64)
        total = n.sum() ** 2 - n @ n
        products = (sums @ n).reshape(5, len(n)) @ n
        parts, squares, both = products[:2], products[2:4], products[4]
        if total and (squares > CANCELLED**2 * total * means**2).all():
            varying = squares - parts**2 / total
            if (varying > CANCELLED * squares).all():
                return float(both - parts.prod() / total) / math.sqrt(varying.prod())
        first, second = pairs
        return weighted_pearson(distances[pairs], semantic[pairs], n[first] * n[second])

    return correlation


def weighted_midranks(values: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Equation (1) as a function of the weights; the values are sorted once."""
    distinct, place = np.unique(values, return_inverse=True)

    def midranks(weights: np.ndarray) -> np.ndarray:
        totals = np.bincount(place, weights=weights, minlength=len(distinct))
        return (np.cumsum(totals) - totals / 2.0)[place]

    return midranks


def weighted_pearson(x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> float:
    """Pearson's correlation with weights; NaN where fewer than two have one, or one side varies by rounding at most."""
    if np.count_nonzero(weights) < 2:
        return math.nan
    total = weights.sum()
    squares = [float(weights @ np.square(values)) for values in (x, y)]
    x, y = x - (weights @ x) / total, y - (weights @ y) / total
    weighted = weights * x
    spreads = [float(weighted @ x), float((weights * y) @ y)]
    if any(spread <= CONSTANT**2 * square for spread, square in zip(spreads, squares, strict=True)):
        return math.nan
    return float(weighted @ y) / math.sqrt(spreads[0] * spreads[1])
