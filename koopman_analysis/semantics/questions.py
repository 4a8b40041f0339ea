"""A question: by which statistic is a distance held against which measure.

A class question takes a statistic of distances and classes (`similarity`: AUROC of "same class", agreement of nearest
neighbours) and a measure that has classes; a distance question takes a statistic of two distances (`correlation`:
Pearson, Spearman, Kendall; `similarity`: distance correlation, CKA) and any measure. Both end in one number for a
distance and the multiplicities of the objects, large where near means alike,

    A(d; n) ,                                                                                             (1)

so that all of them can be asked of all representations on the same resamples. Of classes nothing can be asked where all
objects are of one, or no two are: (1) is NaN there.
"""

import inspect
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from koopman_analysis.correlation import DistanceAgreement
from koopman_analysis.semantics.measures import ClassMeasure, Objects, SemanticMeasure
from koopman_analysis.shapes import Distances, Labels
from koopman_analysis.similarity import LabelAgreement
from koopman_analysis.similarity.preparation import Prepared, prepared

Weighted: TypeAlias = Callable[[np.ndarray], float]
"""A statistic as a function of the objects' multiplicities."""


@dataclass(frozen=True, kw_only=True)
class Question(ABC):
    """Equation (1): a statistic, and the measure that it is held against."""

    measure: SemanticMeasure
    statistic: LabelAgreement | DistanceAgreement

    @property
    def name(self) -> str:
        """Statistic and measure in words."""
        return f"{self.statistic.name}: {self.measure.name}"

    @property
    def external(self) -> bool:
        """Whether the measure knows what the states do not."""
        return self.measure.external

    def about(self, objects: Objects) -> Callable[[Distances], Weighted]:
        """Equation (1) for these objects, as a function of the distances and then of the multiplicities."""
        known = self.known(objects)
        return lambda distances: answered(self.seen(distances), known)

    def seen(self, distances: Distances) -> Prepared:
        """What the statistic does with distances once, whatever is known of the objects."""
        return prepared(self.statistic, distances)

    @abstractmethod
    def known(self, objects: Objects) -> Any:
        """What the measure knows of these objects, as `seen` distances are held against it; None where nothing."""


def answered(seen: Prepared, known: Any) -> Weighted:
    """Equation (1) as a function of the multiplicities; NaN where nothing is known."""
    return (lambda multiplicities: math.nan) if known is None else seen.against(known)


@dataclass(frozen=True, kw_only=True)
class ClassQuestion(Question):
    """Equation (1) for classes.

    Raises:
        ValueError: If the measure has no classes, or the statistic is one of two distances.
    """

    measure: ClassMeasure
    statistic: LabelAgreement

    def __post_init__(self) -> None:
        if not isinstance(self.measure, ClassMeasure):
            raise ValueError(f"expected a measure with classes, got {self.measure.name!r}: ask a DistanceQuestion")
        if "semantic" in _arguments(self.statistic):
            raise ValueError(
                f"expected a statistic of distances and classes, got {self.statistic.name!r}, which is one of two "
                "distances: ask a DistanceQuestion"
            )

    def known(self, objects: Objects) -> Labels | None:
        """The class of each object; None where all are of one, or no two are."""
        classes = self.measure.classes(objects)
        _, sizes = np.unique(classes, return_counts=True)
        return classes if len(sizes) > 1 and sizes.max() > 1 else None


@dataclass(frozen=True, kw_only=True)
class DistanceQuestion(Question):
    """Equation (1) for distances.

    Raises:
        ValueError: If the statistic is one of distances and classes.
    """

    measure: SemanticMeasure
    statistic: DistanceAgreement

    def __post_init__(self) -> None:
        if "labels" in _arguments(self.statistic):
            raise ValueError(
                f"expected a statistic of two distances, got {self.statistic.name!r}, which is one of distances and "
                "classes: ask a ClassQuestion"
            )

    def known(self, objects: Objects) -> Prepared:
        """The distances of the objects by the measure, seen."""
        return self.seen(self.measure.distances(objects))


def crossed(
    measures: Sequence[SemanticMeasure],
    *,
    classes: Sequence[LabelAgreement] = (),
    distances: Sequence[DistanceAgreement] = (),
) -> tuple[Question, ...]:
    """Every statistic against every measure that it can be held against.

    Args:
        measures: What alike means.
        classes: Statistics of distances and classes, for the measures that have classes.
        distances: Statistics of two distances, for all measures.
    """
    by_class: list[Question] = [
        ClassQuestion(measure=measure, statistic=statistic)
        for measure in measures
        if isinstance(measure, ClassMeasure)
        for statistic in classes
    ]
    by_distance = [
        DistanceQuestion(measure=measure, statistic=statistic) for measure in measures for statistic in distances
    ]
    return (*by_class, *by_distance)


def _arguments(statistic: LabelAgreement | DistanceAgreement) -> set[str]:
    """By the names of its arguments one protocol is told from the other."""
    return set(inspect.signature(statistic.weighted).parameters)
