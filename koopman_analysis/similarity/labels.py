"""Do distances agree with labels? The protocol of such statistics, and the AUROC of "same class".

    P( d_same < d_different ) + ½ P( d_same = d_different ),                                                (1)

over pairs of objects, a pair weighing nᵢ nⱼ.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from koopman_analysis.shapes import Distances, Labels, require_distances
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
        """Equation (1) as a function of the objects' multiplicities.

        Raises:
            ValueError: If there is not a label for each object, all pairs are of one class, or none is, or the matrix
                is not symmetric or not finite.
        """
        require_labels(labels, len(distances))
        require_distances(distances, distances)
        first, second = np.triu_indices(len(labels), 1)
        ranking = Ranking.of(-distances[first, second], labels[first] == labels[second])
        return lambda multiplicities: ranking.auroc(multiplicities[first] * multiplicities[second])


def require_labels(labels: np.ndarray, objects: int) -> None:
    """Raises a ValueError unless there is one label for each object."""
    if labels.shape != (objects,):
        raise ValueError(
            f"expected {objects} labels, one for each object, got shape {labels.shape}: give them in the order of the "
            "objects"
        )
