"""Correlations of two distance matrices over the pairs of one set of objects.

The n(n−1)/2 pairs are not independent, the n objects are: no p-value and no interval here counts pairs.

**Mantel** (1967). r = Pearson correlation of the two upper triangles; under "the second distances do not know which
object is which" every relabelling π of the objects of D2 is as likely as the identity, so

    p = (1 + #{ |r_π| ≥ |r| }) / (1 + B),                                                                  (1)

two-sided. It tests "no relation at all", nothing finer: its partial form has no valid p-value (Guillot & Rousset 2013),
and r is an effect size only beside its controls.

**Spearman over pairs.** r_s = Pearson correlation of the midranks; in a resample with multiplicities nᵢ the pair (i, j)
has weight nᵢ nⱼ, in the ranks as in the moments,

    rank of a value v = Σ_{v' < v} w' + ½ Σ_{v' = v} w',                                                   (2)

and copies of one object are never paired. Several candidates measured on the same resamples give differences whose
intervals know that they share their noise.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from koopman_analysis.resampling import Bootstrap, Interval, object_bootstrap, permutation_p_value
from koopman_analysis.shapes import Distances


@dataclass(frozen=True, kw_only=True)
class Mantel:
    """The Mantel statistic (Pearson over the upper triangles) and its two-sided permutation p-value."""

    statistic: float
    p_value: float


def mantel(D1: Distances, D2: Distances, permutations: int = 999, *, rng: np.random.Generator) -> Mantel:
    """Tests whether two distance matrices are related at all: equation (1).

    Args:
        D1: Distances of n objects.
        D2: Other distances of the same objects, in the same order.
        permutations: B; with B + 1 a multiple of 20 the level 5 % is attainable.
        rng: Draws the relabellings.

    Raises:
        ValueError: If the matrices differ in size, are not symmetric, have fewer than three objects, or do not vary.
    """
    _require_distances(D1, D2)
    n = len(D1)
    pairs = np.triu_indices(n, 1)
    first, second = (_standardised(matrix, pairs) for matrix in (D1, D2))
    statistic = float((first * second).sum())
    relabelled = np.empty(permutations)
    for b in range(permutations):
        order = rng.permutation(n)
        relabelled[b] = (first * second[np.ix_(order, order)]).sum()
    # A relabelling that leaves r as it is must not fall below it by rounding.
    rounding = 1e-12
    return Mantel(
        statistic=statistic, p_value=permutation_p_value(abs(statistic) - rounding, np.abs(relabelled))
    )  # fmt: skip


def spearman_bootstrap(
    candidates: Sequence[Distances], against: Distances, *, resamples: int = 199, rng: np.random.Generator
) -> Bootstrap:
    """The Spearman correlation of each candidate's distances with the given ones, on the same object resamples.

    Raises:
        ValueError: As for `mantel`.
    """
    for candidate in candidates:
        _require_distances(candidate, against)
    first, second = np.triu_indices(len(against), 1)
    target = _weighted_midranks(against[first, second])
    ranked = [_weighted_midranks(candidate[first, second]) for candidate in candidates]

    def correlations(multiplicities: np.ndarray) -> np.ndarray:
        weights = (multiplicities[first] * multiplicities[second]).astype(np.float64)
        reference = target(weights)
        return np.array([_weighted_pearson(ranks(weights), reference, weights) for ranks in ranked])

    return object_bootstrap(correlations, len(against), resamples=resamples, rng=rng)


def spearman(D1: Distances, D2: Distances, *, resamples: int = 199, rng: np.random.Generator) -> Interval:
    """Spearman's correlation of two distance matrices over pairs of objects, with its object-bootstrap interval.

    Raises:
        ValueError: As for `mantel`.
    """
    return spearman_bootstrap([D1], D2, resamples=resamples, rng=rng).intervals()[0]


def _standardised(matrix: np.ndarray, pairs: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """The matrix, zero on its diagonal, whose products summed over all entries are Pearson correlations of pairs."""
    values = matrix[pairs]
    spread = values.std() * math.sqrt(2.0 * len(values))
    if spread == 0.0:
        raise ValueError("expected distances that vary, got all equal: they correlate with nothing")
    centred = (matrix - values.mean()) / spread
    np.fill_diagonal(centred, 0.0)
    return centred


def _weighted_midranks(values: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Equation (2) as a function of the weights; the values are sorted once."""
    distinct, place = np.unique(values, return_inverse=True)

    def midranks(weights: np.ndarray) -> np.ndarray:
        totals = np.bincount(place, weights=weights, minlength=len(distinct))
        return (np.cumsum(totals) - totals / 2.0)[place]

    return midranks


def _weighted_pearson(x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> float:
    if np.count_nonzero(weights) < 2:
        return math.nan
    total = weights.sum()
    x, y = x - (weights * x).sum() / total, y - (weights * y).sum() / total
    scale = math.sqrt((weights * np.square(x)).sum() * (weights * np.square(y)).sum())
    return float((weights * x * y).sum()) / scale if scale > 0.0 else math.nan


def _require_distances(first: np.ndarray, second: np.ndarray) -> None:
    if first.shape != second.shape or len(first) < 3:
        raise ValueError(
            "expected two distance matrices of the same three or more objects, "
            f"got shapes {first.shape} and {second.shape}"
        )
    for matrix in (first, second):
        if not np.allclose(matrix, matrix.T):
            raise ValueError("expected symmetric distance matrices, got one whose transpose differs")
