"""A question: by which statistic is a distance held against which measure.

A class question takes a statistic of distances and classes (`similarity`: AUROC of "same class", agreement of nearest
neighbours) and a measure that has classes; a distance question takes a statistic of two distances (`correlation`:
Pearson, Spearman, Kendall; `similarity`: distance correlation, CKA) and any measure. Both end in one number for a
distance and the multiplicities of the objects, large where near means alike,

    A(d; n) ,                                                                                             (1)

so that all of them can be asked of all representations on the same resamples.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from koopman_analysis.correlation import DistanceAgreement
from koopman_analysis.semantics.measures import ClassMeasure, Objects, SemanticMeasure
from koopman_analysis.shapes import Distances
from koopman_analysis.similarity import LabelAgreement

Weighted: TypeAlias = Callable[[np.ndarray], float]
"""A statistic as a function of the objects' multiplicities."""


@dataclass(frozen=True, kw_only=True)
class ClassQuestion:
    """Equation (1) for classes."""

    measure: ClassMeasure
    statistic: LabelAgreement

    @property
    def name(self) -> str:
        """Statistic and measure in words."""
        return _named(self.statistic.name, self.measure)

    @property
    def external(self) -> bool:
        """Whether the measure knows what the states do not."""
        return self.measure.external

    def about(self, objects: Objects) -> Callable[[Distances], Weighted]:
        """Equation (1) for these objects, as a function of the distances and then of the multiplicities."""
        classes = self.measure.classes(objects)
        return lambda distances: self.statistic.weighted(distances, classes)


@dataclass(frozen=True, kw_only=True)
class DistanceQuestion:
    """Equation (1) for distances."""

    measure: SemanticMeasure
    statistic: DistanceAgreement

    @property
    def name(self) -> str:
        """Statistic and measure in words."""
        return _named(self.statistic.name, self.measure)

    @property
    def external(self) -> bool:
        """Whether the measure knows what the states do not."""
        return self.measure.external

    def about(self, objects: Objects) -> Callable[[Distances], Weighted]:
        """Equation (1) for these objects, as a function of the distances and then of the multiplicities."""
        semantic = self.measure.distances(objects)
        return lambda distances: self.statistic.weighted(distances, semantic)


Question: TypeAlias = ClassQuestion | DistanceQuestion


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


def _named(statistic: str, measure: SemanticMeasure) -> str:
    return f"{statistic}: {measure.name}"
