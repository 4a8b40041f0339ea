"""Correlations over the pairs of one set of objects, of distances or of their ranks, with weights.

**Spearman over pairs.** r_s = Pearson correlation of the midranks; in a resample with multiplicities nᵢ the pair (i, j)
has weight nᵢ nⱼ, in the ranks as in the moments,

    rank of a value v = Σ_{v' < v} w' + ½ Σ_{v' = v} w',                                                   (1)

and copies of one object are never paired. Several candidates measured on the same resamples give differences whose
intervals know that they share their noise.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np

from koopman_analysis.resampling import Bootstrap, Interval, object_bootstrap
from koopman_analysis.shapes import Distances, require_distances

CONSTANT = 1e-12
"""A standard deviation, as a share of the root mean square, that is there by rounding alone."""


def spearman_bootstrap(
    candidates: Sequence[Distances], against: Distances, *, resamples: int = 199, rng: np.random.Generator
) -> Bootstrap:
    """The Spearman correlation of each candidate's distances with the given ones, on the same object resamples.

    Raises:
        ValueError: If the matrices differ in size, are not symmetric, or have fewer than three objects.
    """
    for candidate in candidates:
        require_distances(candidate, against)
    first, second = np.triu_indices(len(against), 1)
    target = weighted_midranks(against[first, second])
    ranked = [weighted_midranks(candidate[first, second]) for candidate in candidates]

    def correlations(multiplicities: np.ndarray) -> np.ndarray:
        weights = (multiplicities[first] * multiplicities[second]).astype(np.float64)
        reference = target(weights)
        return np.array([weighted_pearson(ranks(weights), reference, weights) for ranks in ranked])

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
    pairs = np.triu_indices(len(distances), 1)
    values = distances[pairs]
    ranks = np.zeros(distances.shape)
    ranks[pairs] = weighted_midranks(values)(np.ones(len(values)))
    return ranks + ranks.T


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
