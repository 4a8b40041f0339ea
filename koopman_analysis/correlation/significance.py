"""Correlations of two distance matrices over the pairs of one set of objects.

The n(n−1)/2 pairs are not independent, the n objects are: no p-value and no interval here counts pairs.

**Mantel** (1967). r = Pearson correlation of the two upper triangles; under "the second distances do not know which
object is which" every relabelling π of the objects of D2 is as likely as the identity, so

    p = (1 + #{ |r_π| ≥ |r| }) / (1 + B),                                                                  (1)

two-sided. It tests "no relation at all", nothing finer: its partial form has no valid p-value (Guillot & Rousset 2013),
and r is an effect size only beside its controls.
"""

import math
from dataclasses import dataclass

import numpy as np

from koopman_analysis.correlation.ranks import require_distances
from koopman_analysis.resampling import permutation_p_value
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
    require_distances(D1, D2)
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


def _standardised(matrix: np.ndarray, pairs: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """The matrix, zero on its diagonal, whose products summed over all entries are Pearson correlations of pairs."""
    values = matrix[pairs]
    spread = values.std() * math.sqrt(2.0 * len(values))
    if spread == 0.0:
        raise ValueError("expected distances that vary, got all equal: they correlate with nothing")
    centred = (matrix - values.mean()) / spread
    np.fill_diagonal(centred, 0.0)
    return centred
