"""Kendall's τ_b of weighted values, without looking at pairs of them one by one.

For values (x_a, y_a) of weights w_a, over pairs a < b of them,

    τ_b = ( C − D ) / √( T_x T_y ),                                                                         (1)

C and D the sums of w_a w_b over concordant and over discordant pairs, T_x over those with x_a ≠ x_b, T_y likewise. It
is the τ_b of each value repeated w_a times, since a value and its copy are tied in both. With W = Σ w and S the sums of
w over runs of equal values,

    T_x = ½ ( W² − Σ S_x² ),     C + D = ½ ( W² − Σ S_x² − Σ S_y² + Σ S_xy² ).                              (2)

D counts inversions. Let the values be sorted by x, equal ones by y, and let v be the ranks of y in that order. Two
ranks v_a > v_b, a < b, differ first, from the highest bit down, in one where v_a has 1 and v_b has 0; so

    D = Σ_bits Σ_{b: bit of v_b is 0} w_b · Σ { w_a : a < b, bit of v_a is 1, higher bits equal },          (3)

a cumulated sum for each of the log₂ P bits, in an order that does not depend on the weights: P values are sorted once
and weighed many times, in O(P log P).

Source: Kendall 1945; Knight 1966 (inversions).
"""

import math
from dataclasses import dataclass

import numpy as np

from koopman_analysis.shapes import Float, Int, Real


@dataclass(frozen=True, kw_only=True, eq=False)
class _Bit:
    """One bit of equation (3): where cumulated sums are read, in an order where equal higher bits stand together.

    Attributes:
        order: The values with this bit and the same higher bits, then the next ones.
        ones: 1 where the bit is set, in that order.
        zeros: Places where it is not.
        starts: For each of those, where the values with its higher bits begin.
    """

    order: Int[np.ndarray, " p"]
    ones: Float[np.ndarray, " p"]
    zeros: Int[np.ndarray, " z"]
    starts: Int[np.ndarray, " z"]

    def inversions(self, weights: np.ndarray) -> float:
        moved = weights[self.order]
        before = np.concatenate([[0.0], np.cumsum(moved * self.ones)])
        return float(moved[self.zeros] @ (before[self.zeros] - before[self.starts]))


class ConcordantPairs:
    """Equation (1) as a function of the weights.

    Args:
        x: One value each.
        y: Another value each.
    """

    def __init__(self, x: Real[np.ndarray, " p"], y: Real[np.ndarray, " p"]) -> None:
        self._x, self._y = (np.unique(values, return_inverse=True)[1] for values in (x, y))
        self._both = np.unique(self._x * (self._y.max() + 1) + self._y, return_inverse=True)[1]
        order = np.lexsort([self._y, self._x])
        ranks = self._y[order]
        self._bits = tuple(_bit(ranks, order, bit) for bit in range(int(ranks.max()).bit_length()))

    def tau(self, weights: Real[np.ndarray, " p"]) -> float:
        """τ_b; NaN where one side does not vary."""
        weights = weights.astype(np.float64)
        square = weights.sum() ** 2
        runs_x, runs_y, runs_both = (
            float(np.square(np.bincount(runs, weights=weights)).sum()) for runs in (self._x, self._y, self._both)
        )
        scale = math.sqrt((square - runs_x) * (square - runs_y))
        if not scale > 0.0:
            return math.nan
        discordant = sum(bit.inversions(weights) for bit in self._bits)
        return float((square - runs_x - runs_y + runs_both) - 4.0 * discordant) / scale


def _bit(ranks: np.ndarray, order: np.ndarray, bit: int) -> _Bit:
    higher = ranks >> (bit + 1)
    together = np.argsort(higher, kind="stable")
    ones = (ranks[together] >> bit) & 1
    zeros = np.flatnonzero(ones == 0)
    grouped = higher[together]
    starts = np.searchsorted(grouped, grouped[zeros])
    return _Bit(order=order[together], ones=ones.astype(np.float64), zeros=zeros, starts=starts)
