"""Scores that rank positives above negatives: the area under the curve of true against false positives.

    AUROC = P( s₊ > s₋ ) + ½ P( s₊ = s₋ ),                                                                  (1)

with a weight for each case. The scores are sorted once, whichever of them are positive; every new set of weights costs
two sums.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from koopman_analysis.shapes import Bool, Float, Int, Real


@dataclass(frozen=True, kw_only=True, eq=False)
class SortedScores:
    """Scores in rising order.

    Attributes:
        order: Position of each score in the caller's array, from the lowest score.
        run: Number of the run of equal scores that each is in, in that order, from 0.
    """

    order: Int[np.ndarray, " n"]
    run: Int[np.ndarray, " n"]

    @classmethod
    def of(cls, scores: Float[np.ndarray, " n"]) -> "SortedScores":
        """These scores, sorted."""
        order = np.argsort(scores, kind="stable")
        rising = np.diff(scores[order], prepend=scores[order[:1]]) > 0
        return cls(order=order, run=np.cumsum(rising))

    def ranking(self, positive: Bool[np.ndarray, " n"]) -> "Ranking":
        """The ranking in which these are positive.

        Raises:
            ValueError: If all are positive, or none.
        """
        if positive.all() or not positive.any():
            raise ValueError(f"expected both positive and negative cases to rank, got {positive.sum()} positive of "
                             f"{len(positive)}")  # fmt: skip
        return Ranking(order=self.order, positive=positive[self.order], run=self.run)


@dataclass(frozen=True, kw_only=True, eq=False)
class Ranking:
    """Scores in rising order and which of them are positive: sorted once, weighed many times.

    Attributes:
        order: Position of each score in the caller's arrays, from the lowest score.
        positive: Whether each is positive, in that order.
        run: Number of the run of equal scores that each is in, in that order, from 0.
    """

    order: Int[np.ndarray, " n"]
    positive: Bool[np.ndarray, " n"]
    run: Int[np.ndarray, " n"]

    @classmethod
    def of(cls, scores: Float[np.ndarray, " n"], positive: Bool[np.ndarray, " n"]) -> "Ranking":
        """The ranking of these scores.

        Raises:
            ValueError: If all are positive, or none.
        """
        return SortedScores.of(scores).ranking(positive)

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
        negatives = np.bincount(self.run[~self.positive], minlength=self.run[-1] + 1)
        up_to = np.cumsum(negatives)
        at = self.run[self.positive]
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
