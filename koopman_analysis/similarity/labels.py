"""Do distances agree with labels? The protocol of such statistics, and the AUROC of "same class".

    P( d_same < d_different ) + ½ P( d_same = d_different ),                                                (1)

over pairs of objects, a pair weighing nᵢ nⱼ.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from koopman_analysis.shapes import Distances, Labels, pair_indices, require_distances
from koopman_analysis.similarity.ranking import SortedScores


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
        """Equation (1) as a function of the objects' multiplicities.

        Raises:
            ValueError: If there is not a label for each object, all pairs are of one class, or none is, or the matrix
                is not symmetric or not finite.
        """
        require_labels(labels, len(distances))
        return self.prepared(distances).against(labels)

    def prepared(self, distances: Distances) -> "SortedPairs":
        """The pairs in the order of their distances.

        Raises:
            ValueError: If the matrix is not symmetric or not finite.
        """
        require_distances(distances, distances)
        return SortedPairs(objects=len(distances), nearness=SortedScores.of(-distances[pair_indices(len(distances))]))


@dataclass(frozen=True, kw_only=True, eq=False)
class SortedPairs:
    """The pairs of objects, the farthest first.

    Attributes:
        objects: How many objects there are.
        nearness: Minus the distance of each pair.
    """

    objects: int
    nearness: SortedScores

    def against(self, labels: Labels) -> Callable[[np.ndarray], float]:
        """Equation (1) as a function of the objects' multiplicities.

        Raises:
            ValueError: If there is not a label for each object, all pairs are of one class, or none is.
        """
        require_labels(labels, self.objects)
        first, second = pair_indices(self.objects)
        ranking = self.nearness.ranking(labels[first] == labels[second])
        return lambda multiplicities: ranking.auroc(multiplicities[first] * multiplicities[second])


def require_labels(labels: np.ndarray, objects: int) -> None:
    """Raises a ValueError unless there is one label for each object."""
    if labels.shape != (objects,):
        raise ValueError(
            f"expected {objects} labels, one for each object, got shape {labels.shape}: give them in the order of the "
            "objects"
        )
