"""Agreement of two distances of the same objects over their pairs, with weights for resampled objects.

A resample draws object i nᵢ times. The pair of two different objects i, j has the weight

    w_ij = nᵢ nⱼ,                                                                                          (1)

the number of times that it stands in the resample when every copy is written out, and copies of one object are never
paired. A statistic takes the multiplicities n, so that several of them, of several representations, see the same
resamples. With d_ij the distances of a representation and s_ij the semantic ones,

    Pearson      Σ w (d − d̄)(s − s̄) / √( Σ w (d − d̄)² Σ w (s − s̄)² ),     d̄ = Σ w d / Σ w               (2)
    Spearman     (2) on the weighted midranks of `koopman_analysis.correlation.ranks`                           (3)
    Kendall's τ_b, (1) of `koopman_analysis.correlation.kendall`, the weight of two pairs being the product of theirs.

(2) and (3) between the dissimilarities of two systems are representational similarity analysis, RSA.

Sources: Kriegeskorte, Mur & Bandettini 2008 (RSA); Kendall 1945 (τ_b).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from koopman_analysis.correlation.kendall import ConcordantPairs
from koopman_analysis.correlation.ranks import RankedPairs, pearson_of_pairs
from koopman_analysis.shapes import Distances, pair_indices, require_distances


@runtime_checkable
class DistanceAgreement(Protocol):
    """A statistic of how well two distances of the same objects agree: large where both call the same things near."""

    @property
    def name(self) -> str:
        """The statistic in words."""
        ...

    def weighted(self, distances: Distances, semantic: Distances) -> Callable[[np.ndarray], float]:
        """The statistic as a function of the objects' multiplicities; NaN where it is not defined."""
        ...


@dataclass(frozen=True, kw_only=True)
class PairPearson:
    """Equation (2): RSA by Pearson's correlation."""

    name: str = "Pearson's correlation of distances over pairs"

    def weighted(self, distances: Distances, semantic: Distances) -> Callable[[np.ndarray], float]:
        """Equation (2) as a function of the objects' multiplicities.

        Raises:
            ValueError: If the matrices differ in size, are not symmetric, or have fewer than three objects.
        """
        require_distances(distances, semantic)
        return pearson_of_pairs(distances, semantic)


@dataclass(frozen=True, kw_only=True)
class PairSpearman:
    """Equation (3): RSA by Spearman's correlation, which reads only the order of the distances."""

    name: str = "Spearman's correlation of distances over pairs"

    def weighted(self, distances: Distances, semantic: Distances) -> Callable[[np.ndarray], float]:
        """Equation (3) as a function of the objects' multiplicities.

        Raises:
            ValueError: As `PairPearson.weighted`.
        """
        require_distances(distances, semantic)
        return RankedPairs.of(distances).against(RankedPairs.of(semantic))

    def prepared(self, distances: Distances) -> RankedPairs:
        """The pairs in the order of their distances: what `against` another such takes once, not with each other.

        Raises:
            ValueError: As `PairPearson.weighted`.
        """
        require_distances(distances, distances)
        return RankedPairs.of(distances)


@dataclass(frozen=True, kw_only=True)
class PairKendall:
    """Kendall's τ_b over pairs of pairs of objects: which of two distances is larger, in both."""

    name: str = "Kendall's τ_b of distances over pairs"

    def weighted(self, distances: Distances, semantic: Distances) -> Callable[[np.ndarray], float]:
        """τ_b as a function of the objects' multiplicities.

        Raises:
            ValueError: As `PairPearson.weighted`.
        """
        require_distances(distances, semantic)
        first, second = pair_indices(len(semantic))
        pairs = ConcordantPairs(distances[first, second], semantic[first, second])
        return lambda multiplicities: pairs.tau(multiplicities[first] * multiplicities[second])
