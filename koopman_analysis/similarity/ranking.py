"""Scores that rank positives above negatives: the area under the curve of true against false positives.

    AUROC = P( s₊ > s₋ ) + ½ P( s₊ = s₋ ),                                                                  (1)

with a weight for each case. The scores are sorted once; every new set of weights costs two sums.
"""

import math
from dataclasses import dataclass
from functools import cached_property

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
        cases = self._cases
        above, below = weights[cases.positive], np.cumsum(weights[cases.negative])
        positives, negatives = float(above.sum()), float(below[-1])
        if positives == 0.0 or negatives == 0.0:
            return math.nan
        lower = np.concatenate([np.zeros(1, below.dtype), below])
        twice = above @ lower[cases.lower] + above @ lower[cases.not_higher]
        return float(twice) / (2.0 * positives * negatives)

    @cached_property
    def _cases(self) -> "_Cases":
        """Positives beside negatives: where each is, and how many negatives score less, and not more, than each."""
        run = np.cumsum(np.isin(np.arange(len(self.order)), self.starts)) - 1
        negatives = np.bincount(run[~self.positive], minlength=len(self.starts))
        up_to = np.cumsum(negatives)
        at = run[self.positive]
        return _Cases(
            positive=self.order[self.positive], negative=self.order[~self.positive],
            lower=(up_to - negatives)[at], not_higher=up_to[at],
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True, eq=False)
class _Cases:
    """Positions of positives and negatives in the caller's arrays, in rising order, and counts for each positive."""

    positive: Int[np.ndarray, " p"]
    negative: Int[np.ndarray, " q"]
    lower: Int[np.ndarray, " p"]
    not_higher: Int[np.ndarray, " p"]
