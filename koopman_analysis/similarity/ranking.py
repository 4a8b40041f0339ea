"""Scores that rank positives above negatives: the area under the curve of true against false positives.

    AUROC = P( s₊ > s₋ ) + ½ P( s₊ = s₋ ),                                                                  (1)

with a weight for each case. The scores are sorted once; every new set of weights costs two sums.
"""

import math
from dataclasses import dataclass

import numpy as np

from koopman_analysis.shapes import Bool, Float, Int, Real


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
