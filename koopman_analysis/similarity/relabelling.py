"""Is there any agreement at all? The null hypothesis is that objects of the two sides are paired at random.

Under "independent objects" every relabelling π of the objects of one side is as likely as the identity, so with T the
statistic and B relabellings

    p = (1 + #{ T_π ≥ T }) / (1 + B),                                                                       (1)

one-sided: T is large where near means alike. It is exact for any statistic and any sample size, never below its level
where values tie, and says nothing of how much, or of why: a latent space that is the noise itself is significant, too.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from koopman_analysis.resampling import permutation_p_value
from koopman_analysis.shapes import Distances, Float, Labels, require_distances
from koopman_analysis.similarity.labels import LabelAgreement, require_labels
from koopman_analysis.similarity.preparation import Weighing, prepared


@dataclass(frozen=True, kw_only=True, eq=False)
class Relabelled:
    """A statistic, and what it is after each relabelling.

    Attributes:
        statistic: T.
        relabelled: T_π for each of B relabellings.
    """

    statistic: float
    relabelled: Float[np.ndarray, " b"]

    @property
    def p_value(self) -> float:
        """Equation (1)."""
        # A relabelling that leaves the statistic as it is must not fall below it by rounding.
        rounding = 1e-12 * max(1.0, abs(self.statistic))
        return permutation_p_value(self.statistic - rounding, self.relabelled)


def relabelled_labels(
    statistic: LabelAgreement,
    distances: Distances,
    labels: Labels,
    *,
    permutations: int = 999,
    rng: np.random.Generator,
) -> Relabelled:
    """Tests whether distances know the labels at all: equation (1).

    Raises:
        ValueError: If the statistic is not defined, or as it does.
    """
    require_labels(labels, len(distances))
    seen = prepared(statistic, distances)
    return _relabelled(lambda order: seen.against(labels[order]), len(labels), permutations, rng)


def relabelled_distances(
    statistic: Weighing, distances: Distances, semantic: Distances, *, permutations: int = 999,
    rng: np.random.Generator,
) -> Relabelled:  # fmt: skip
    """Tests whether two distances know of each other at all: equation (1).

    Raises:
        ValueError: If the statistic is not defined, the matrices differ in size, are not symmetric or not finite, or
            have fewer than three objects.
    """
    require_distances(distances, semantic)
    seen = prepared(statistic, distances)

    def relabelled(order: np.ndarray) -> Callable[[np.ndarray], float]:
        return seen.against(prepared(statistic, semantic[np.ix_(order, order)]))

    return _relabelled(relabelled, len(semantic), permutations, rng)


def _relabelled(
    made: Callable[[np.ndarray], Any], objects: int, permutations: int, rng: np.random.Generator
) -> Relabelled:
    if permutations < 0:
        raise ValueError(f"expected no fewer than zero relabellings, got {permutations}: choose 999, say")
    once = np.ones(objects, dtype=np.int64)
    statistic = made(np.arange(objects))(once)
    if np.isnan(statistic):
        raise ValueError("expected a statistic that is defined, got NaN: do all the distances vary?")
    values = [made(rng.permutation(objects))(once) for _ in range(permutations)]
    return Relabelled(statistic=statistic, relabelled=np.array(values))
