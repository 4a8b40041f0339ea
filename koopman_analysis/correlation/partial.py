"""What two distances share beyond given ones: an effect size with an interval, and a p-value that is none.

Let R be the correlations over pairs, with the weights of a resample, of the distances d, the semantic ones s and given
ones g₁, …, g_q. What a linear prediction from the given ones leaves of d and s has the covariance

    M = R_aa − R_ag R_gg⁻¹ R_ga,     a = (d, s),     partial correlation = M₁₂ / √( M₁₁ M₂₂ ),              (1)

for one given matrix (r₁₂ − r₁₃ r₂₃) / √((1 − r₁₃²)(1 − r₂₃²)). Its interval resamples objects.

**The p-value is invalid.** Relabelling the objects of d (Smouse, Long & Sokal 1986) makes d independent of the given
distances, too, and so asks whether d is related to nothing, not whether it is related to s beyond g. Where d and s are
both functions of g and noise of their own, (1) varies more than its relabelled values do, and may not be centred on
zero: linear prediction does not take out what is not linear. Two independent random encoders of the same noise, given
the distances of the noise, are called related in most cases at the level 5 % (75 % and more). So there is no verdict
from it: the function bears this in its name, and returns a bare number where a test returns a result.

Sources: Smouse, Long & Sokal 1986; Guillot & Rousset 2013 (the inflation).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from koopman_analysis.correlation.relabelling import Relabellings, over_relabellings
from koopman_analysis.correlation.significance import ROUNDING
from koopman_analysis.resampling import Interval, object_bootstrap, permutation_p_value
from koopman_analysis.shapes import Distances, Float, pair_indices, require_distances

DETERMINED = 1e-12
"""A share of the variance that is left over by rounding alone."""


@dataclass(frozen=True, kw_only=True, eq=False)
class PairPartial:
    """Equation (1) as an agreement of distances.

    Attributes:
        given: Distances of the same objects, whose linear part is taken out of both.
        name: The statistic in words.
    """

    given: Sequence[Distances]
    name: str = "partial correlation of distances over pairs"

    def weighted(self, distances: Distances, semantic: Distances) -> Callable[[np.ndarray], float]:
        """Equation (1) as a function of the objects' multiplicities; NaN where the given ones leave nothing of one.

        Raises:
            ValueError: If nothing is given, the matrices differ in size, are not symmetric or not finite, or have fewer
                than three objects.
        """
        _require_given(self.given)
        matrices = [distances, semantic, *self.given]
        for matrix in matrices[1:]:
            require_distances(distances, matrix)
        first, second = pair_indices(len(semantic))
        values = np.stack([matrix[first, second].astype(np.float64) for matrix in matrices])

        def partial(multiplicities: np.ndarray) -> float:
            weights = multiplicities[first] * multiplicities[second] / 1.0
            if not weights.any():
                return math.nan
            centred = values - (values @ weights / weights.sum())[:, None]
            products = (centred * weights) @ centred.T
            scale = np.sqrt(np.diag(products))
            return partial_correlation(products / np.outer(scale, scale)) if scale.all() else math.nan

        return partial


def partial_mantel(
    D1: Distances, D2: Distances, given: Sequence[Distances], *, resamples: int = 199, rng: np.random.Generator
) -> Interval:
    """What two distances share beyond given ones, equation (1), with its object-bootstrap interval.

    An effect size: that the interval excludes zero says that the three matrices are not linearly related through the
    given ones alone, which distances of independent encoders of one noise are not either.

    Args:
        D1: Distances of n objects.
        D2: Other distances of the same objects, in the same order.
        given: Distances of these objects whose linear part is taken out of both.
        resamples: Resamples of the bootstrap.
        rng: Draws them.

    Raises:
        ValueError: As `PairPartial.weighted`.
    """
    statistic = PairPartial(given=given).weighted(D1, D2)
    return object_bootstrap(statistic, len(D1), resamples=resamples, rng=rng).intervals()[0]


def partial_mantel_uncorrected_p_value(
    D1: Distances,
    D2: Distances,
    given: Sequence[Distances],
    permutations: int = 999,
    *,
    rng: np.random.Generator,
    threads: int = 1,
) -> float:
    """The two-sided p-value of relabelling D1, which is far too small too often: for comparison, never for a verdict.

    Two independent random encoders of the same noise, given the distances of the noise, fall below .05 in most
    cases. It tests whether D1 is related to nothing, as `mantel` does validly.

    Args:
        D1: Distances of n objects, relabelled.
        D2: Other distances of the same objects, in the same order.
        given: Distances of these objects whose linear part is taken out of both.
        permutations: Number of relabellings.
        rng: Draws them.
        threads: How many to work with.

    Raises:
        ValueError: As `PairPartial.weighted`, and if the given ones leave nothing of D1 or D2.
    """
    observed = abs(PairPartial(given=given).weighted(D1, D2)(np.ones(len(D1))))
    if math.isnan(observed):
        raise ValueError("expected distances that the given ones do not determine, got nothing left over to correlate")
    fixed = [D2, *given]
    pairs = Relabellings(relabelled=D1, fixed=fixed)
    correlations = np.eye(1 + len(fixed))
    correlations[1:, 1:] = [Relabellings(relabelled=each, fixed=fixed).correlations for each in fixed]

    def partials(orders: np.ndarray) -> list[float]:
        sizes = []
        for row in pairs.exact(orders):
            correlations_now = correlations.copy()
            correlations_now[0, 1:] = correlations_now[1:, 0] = row
            sizes.append(abs(partial_correlation(correlations_now)))
        return sizes

    sizes = over_relabellings(partials, len(D1), permutations, rng=rng, threads=threads)
    return permutation_p_value(observed - ROUNDING, np.array([size for some in sizes for size in some]))


def partial_correlation(correlations: Float[np.ndarray, "k k"]) -> float:
    """Equation (1) of the first two, given all others; NaN where these leave nothing of one of the two."""
    of_given = np.linalg.lstsq(correlations[2:, 2:], correlations[2:, :2], rcond=None)[0]
    left = correlations[:2, :2] - correlations[:2, 2:] @ of_given
    if min(left[0, 0], left[1, 1]) < DETERMINED:
        return math.nan
    return float(left[0, 1] / math.sqrt(left[0, 0] * left[1, 1]))


def _require_given(given: Sequence[np.ndarray]) -> None:
    if not given:
        raise ValueError("expected at least one given matrix to take out, got none: use mantel or PairPearson")
