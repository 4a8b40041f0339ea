"""Distance correlation: zero in the population iff two representations are independent.

    dCor² = dCov²(X, Y) / √( dCov²(X, X) dCov²(Y, Y) ),                                                      (1)

dCov² the product of centred distance matrices: plain, (7) of `koopman_analysis.similarity.products`, in [0, 1] and far
above zero for independent data of many dimensions; or bias-corrected, (1) there, whose numerator is zero in expectation
where X and Y are independent. Both are *squared* here, and have the same value in the population. For a normal pair of
correlation ρ (Székely, Rizzo & Bakirov 2007, theorem 7)

    dCor² = [ ρ asin ρ + √(1−ρ²) − ρ asin(ρ/2) − √(4−ρ²) + 1 ] / (1 + π/3 − √3).                              (2)

Sources: Székely, Rizzo & Bakirov 2007; Székely & Rizzo 2014 (bias-corrected).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from koopman_analysis.shapes import Distances, require_distances
from koopman_analysis.similarity.products import (
    cosine_of,
    doubly_centred,
    unbiased_correlation,
    weighted_correlation,
)


def squared_distance_correlation(first: Distances, second: Distances) -> float:
    """Bias-corrected squared distance correlation; NaN where one of the distances does not vary.

    Raises:
        ValueError: If there are fewer than four objects, or the matrices differ in size, are not symmetric or not
            finite.
    """
    require_distances(first, second)
    return unbiased_correlation(first, second)


def plain_squared_distance_correlation(first: Distances, second: Distances) -> float:
    """Squared distance correlation of the sample as if it were the population: biased upwards.

    Raises:
        ValueError: If the matrices differ in size, are not symmetric or not finite, or have fewer than three objects.
    """
    require_distances(first, second)
    return cosine_of(doubly_centred(first), doubly_centred(second))


@dataclass(frozen=True, kw_only=True)
class DistanceCorrelation:
    """Bias-corrected squared distance correlation: equation (1)."""

    name: str = "squared distance correlation, bias-corrected"

    def weighted(self, distances: Distances, semantic: Distances) -> Callable[[np.ndarray], float]:
        """The correlation as a function of the objects' multiplicities; copies of one object are never paired.

        Raises:
            ValueError: If there are fewer than four objects, or the matrices differ in size, are not symmetric or not
                finite.
        """
        require_distances(distances, semantic)
        return weighted_correlation(distances, semantic)
