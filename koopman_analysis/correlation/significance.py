"""Are two distances of the same objects related at all? Permutation tests that relabel objects, never pairs.

**Mantel** (1967). r = Pearson correlation of the two upper triangles; under "the first distances do not know which
object is which" every relabelling π of the objects of D1 is as likely as the identity, so

    p = (1 + #{ |r_π| ≥ |r| }) / (1 + B),                                                                  (1)

two-sided. It tests "no relation at all", nothing finer: its partial form has no valid p-value (Guillot & Rousset 2013),
and r is an effect size only beside its controls. Of ranks (`pair_ranks`) it is the test of Spearman's correlation.

**Several at once.** k candidates are compared with one D under the same relabellings of D, which gives the statistics
t_aπ = |r_aπ| / s_a, s_a² their mean square over the relabellings and the identity, jointly; the step-down maximum of
`koopman_analysis.correlation.multiplicity`, equation (2), adjusts the k p-values for being k. Together they are wrong
about any candidate without a relation in at most a share α of cases where p ≤ α is called significant, provided that
the candidates without a relation have, jointly, none.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from koopman_analysis.correlation.multiplicity import max_t_p_values
from koopman_analysis.correlation.relabelling import Relabellings, over_relabellings
from koopman_analysis.resampling import permutation_p_value
from koopman_analysis.shapes import Distances, Float, require_distances

ROUNDING = 1e-12
"""A relabelling that leaves r as it is must not fall below it by rounding."""


@dataclass(frozen=True, kw_only=True)
class Mantel:
    """The Mantel statistic (Pearson over the upper triangles) and its two-sided permutation p-value."""

    statistic: float
    p_value: float


@dataclass(frozen=True, kw_only=True, eq=False)
class MantelFamily:
    """Mantel statistics of k candidates, and two-sided p-values on the same relabellings.

    Attributes:
        statistics: r of each.
        p_values: Equation (1) for each on its own.
        adjusted_p_values: The same, adjusted for being k.
    """

    statistics: Float[np.ndarray, " k"]
    p_values: Float[np.ndarray, " k"]
    adjusted_p_values: Float[np.ndarray, " k"]


def mantel(
    D1: Distances, D2: Distances, permutations: int = 999, *, rng: np.random.Generator, threads: int = 1
) -> Mantel:
    """Tests whether two distance matrices are related at all: equation (1).

    Args:
        D1: Distances of n objects.
        D2: Other distances of the same objects, in the same order.
        permutations: B; with B + 1 a multiple of 20 the level 5 % is attainable.
        rng: Draws the relabellings of D1, one call of `rng.permutation(n)` for each.
        threads: How many to work with; the result does not depend on it.

    Raises:
        ValueError: If the matrices differ in size, are not symmetric or not finite, have fewer than three objects, or
            do not vary.
    """
    require_distances(D1, D2)
    pairs = Relabellings(relabelled=D1, fixed=[D2])
    statistic = float(pairs.correlations[0])
    low, high = abs(statistic) - pairs.error, abs(statistic) + pairs.error

    def decided(orders: np.ndarray) -> tuple[int, np.ndarray]:
        sizes = np.abs(pairs.coarse(orders)[:, 0])
        return int(np.count_nonzero(sizes > high)), orders[(low <= sizes) & (sizes <= high)]

    larger = 0
    for certain, undecided in over_relabellings(decided, len(D1), permutations, rng=rng, threads=threads):
        larger += certain
        if len(undecided):
            larger += np.count_nonzero(np.abs(pairs.exact(undecided)[:, 0]) >= abs(statistic) - ROUNDING)
    return Mantel(statistic=statistic, p_value=(1 + int(larger)) / (1 + permutations))


def mantel_family(
    candidates: Sequence[Distances],
    against: Distances,
    permutations: int = 999,
    *,
    rng: np.random.Generator,
    threads: int = 1,
) -> MantelFamily:
    """Tests which of several distances are related to the given ones at all, on the same relabellings.

    Args:
        candidates: k distance matrices of the same objects.
        against: The distances that each is compared with, and that are relabelled.
        permutations: B.
        rng: Draws the relabellings.
        threads: How many to work with.

    Raises:
        ValueError: As `mantel`, and if there are no candidates or no relabellings.
    """
    if not candidates:
        raise ValueError("expected at least one candidate to compare with the given distances, got none")
    if permutations < 1:
        raise ValueError(f"expected one relabelling or more, got {permutations}: choose 999, say")
    for candidate in candidates:
        require_distances(candidate, against)
    pairs = Relabellings(relabelled=against, fixed=candidates)
    relabelled = np.abs(
        np.concatenate(list(over_relabellings(pairs.exact, len(against), permutations, rng=rng, threads=threads)))
    )
    observed = np.abs(pairs.correlations) - ROUNDING
    p_values = [permutation_p_value(float(size), column) for size, column in zip(observed, relabelled.T, strict=True)]
    scale = np.sqrt(np.mean(np.square(np.vstack([observed, relabelled])), axis=0))
    return MantelFamily(
        statistics=pairs.correlations,
        p_values=np.array(p_values),
        adjusted_p_values=max_t_p_values(observed / scale, relabelled / scale),
    )
