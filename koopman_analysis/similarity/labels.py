"""Do distances agree with labels? The protocol of such statistics, and the AUROC of "same class".

    P( d_same < d_different ) + ½ P( d_same = d_different ),                                                (1)

over pairs of objects, a pair weighing nᵢ nⱼ.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from koopman_analysis.shapes import Distances, Labels
from koopman_analysis.similarity.ranking import Ranking


@runtime_checkable
class LabelAgreement(Protocol):
    """A statistic of how well distances agree with labels: large where near means alike."""

    @property
    def name(self) -> str:
        """The statistic in words."""
        ...

    def weighted(self, distances: Distances, labels: Labels) -> Callable[[np.ndarray], float]:
        """The statistic as a function of the objects' multiplicities."""
        ...


@dataclass(frozen=True, kw_only=True)
class SameClassAuroc:
    """Equation (1)."""

    name: str = "AUROC of “same class” by distance"

    def weighted(self, distances: Distances, labels: Labels) -> Callable[[np.ndarray], float]:
        """Equation (1) as a function of the objects' multiplicities."""
        first, second = np.triu_indices(len(labels), 1)
        ranking = Ranking.of(-distances[first, second], labels[first] == labels[second])
        return lambda multiplicities: ranking.auroc(multiplicities[first] * multiplicities[second])
