"""What a statistic does with distances once, whatever they are held against.

Sorting all pairs or finding all neighbours takes ten times as long as one resample. A statistic of which that is true
has a method

    prepared(distances).against(other)   =   weighted(distances, other),                                  (1)

`other` being labels, or what the statistic has prepared of other distances. Relabellings and shuffles prepare once;
a statistic without the method is asked anew each time.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np

from koopman_analysis.shapes import Distances


@runtime_checkable
class Weighing(Protocol):
    """What is read here of a statistic of distances."""

    def weighted(self, distances: Distances, other: Any, /) -> Callable[[np.ndarray], float]:
        """The statistic as a function of the objects' multiplicities."""
        ...


@runtime_checkable
class Prepared(Protocol):
    """Distances that a statistic has seen."""

    def against(self, other: Any, /) -> Callable[[np.ndarray], float]:
        """Equation (1)."""
        ...


@runtime_checkable
class Preparing(Protocol):
    """A statistic that prepares distances."""

    def prepared(self, distances: Distances) -> Prepared:
        """What need be done once."""
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class Unprepared:
    """Distances as they are, for a statistic that does nothing with them alone.

    Attributes:
        statistic: The statistic.
        distances: The distances.
    """

    statistic: Weighing
    distances: Distances

    def against(self, other: Any) -> Callable[[np.ndarray], float]:
        """Equation (1)."""
        given = other.distances if isinstance(other, Unprepared) else other
        return self.statistic.weighted(self.distances, given)


def prepared(statistic: Weighing, distances: Distances) -> Prepared:
    """What the statistic prepares of these distances, or the distances as they are."""
    if isinstance(statistic, Preparing):
        return statistic.prepared(distances)
    return Unprepared(statistic=statistic, distances=distances)
