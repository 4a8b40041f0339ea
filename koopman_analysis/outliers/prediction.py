"""Does outlyingness at a source tell the outliers of the data? Equations (3) and (4) of the room, with intervals.

    AUROC = P( s(source of an outlier) > s(source of another) ) + ½ P( equal )                                  (1)
    ρ     = Σ n (r − r̄)(r' − r̄') / √( Σ n (r − r̄)² Σ n (r' − r̄')² )                                            (2)

with r, r' the midranks of s and of the outlyingness of the data, in a resample those of its multiplicities n,

    r(v) = Σ_{v' < v} n' + ½ Σ_{v' = v} n'.                                                                     (3)

Every source, measure and mark is measured on the same resamples, so that their differences have intervals, too.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from koopman_analysis.correlation.ranks import weighted_midranks
from koopman_analysis.outliers.clusters import Clusters
from koopman_analysis.outliers.marks import Mark, require_both
from koopman_analysis.outliers.measures import NotMeasurable, Outlyingness
from koopman_analysis.resampling import Bootstrap, Interval, central_interval, object_bootstrap
from koopman_analysis.shapes import Bool, Float
from koopman_analysis.similarity import Ranking
from koopman_analysis.twosample import Sample


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """How well one measure at one source tells the outliers by one rule.

    Attributes:
        mark: The rule that marks outliers of the data.
        source: Where outlyingness is measured.
        measure: By which measure.
        outliers: How many objects are marked.
        auroc: Equation (1).
        spearman: Equation (2).
        exchanged: AUROC over exchanges of the sources within each cluster: mean and central 95 %.
    """

    mark: str
    source: str
    measure: str
    outliers: int
    auroc: Interval
    spearman: Interval
    exchanged: Interval


@dataclass(frozen=True, kw_only=True, eq=False)
class Predictions:
    """Every prediction that could be measured, on the same resamples.

    Attributes:
        each: The predictions.
        bootstrap: Their AUROC, in this order, and then their ρ.
        unmeasured: Why a rule or a measure is missing, by its name.
    """

    each: tuple[Prediction, ...]
    bootstrap: Bootstrap
    unmeasured: Mapping[str, str]

    def find(self, *, mark: str, source: str, measure: str) -> Prediction:
        """The one of these names.

        Raises:
            KeyError: If it was not measured.
        """
        return self.each[self._index(mark, source, measure)]

    def lead(self, *, mark: str, measure: str, source: str, over: str) -> Interval:
        """AUROC at one source less AUROC at another, on the same resamples.

        Raises:
            KeyError: If either was not measured.
        """
        pair = self._index(mark, source, measure), self._index(mark, over, measure)
        return self.bootstrap.differences([pair]).intervals()[0]

    def _index(self, mark: str, source: str, measure: str) -> int:
        wanted = (mark, source, measure)
        for index, found in enumerate(self.each):
            if (found.mark, found.source, found.measure) == wanted:
                return index
        raise KeyError(f"expected a prediction that was measured, got {wanted}; not measured: {dict(self.unmeasured)}")


def predicted_outliers(
    sources: Mapping[str, Sample],
    data: Sample,
    clusters: Clusters,
    *,
    marks: Sequence[Mark],
    measures: Sequence[Outlyingness],
    resamples: int = 499,
    exchanges: int = 199,
    rng: np.random.Generator,
) -> Predictions:
    """Measures how well outlyingness at each source tells outliers of the data, by each rule and each measure.

    Args:
        sources: The objects at each source, by name.
        data: The same objects at the data end.
        clusters: Their clusters, at both ends.
        marks: The rules that mark outliers of the data.
        measures: The measures at the sources.
        resamples: Resamples of the object bootstrap.
        exchanges: Exchanges of the sources within each cluster.
        rng: Draws the resamples and the exchanges.

    Raises:
        ValueError: If the numbers of objects differ, or a point is not finite.
        NotMeasurable: If no rule marks outliers enough, or there is nothing to predict them by.
    """
    for name, points in (*sources.items(), ("clusters", clusters.labels)):
        if len(points) != len(data):
            raise ValueError(f"expected the same {len(data)} objects everywhere, got {len(points)} in {name!r}")
    unmeasured: dict[str, str] = {}
    found = _marked(data, clusters, marks, unmeasured)
    scores = _scores(sources, clusters, measures, unmeasured)
    if not found or not scores:
        raise NotMeasurable(f"expected outliers, and sources to predict them by: {'; '.join(unmeasured.values())}")
    names = [(mark, *at) for mark in found for at in scores]
    rankings = [Ranking.of(score, mark.marked) for mark in found.values() for score in scores.values()]
    bootstrap = object_bootstrap(_statistics(rankings, found, scores), len(data), resamples=resamples, rng=rng)
    intervals = bootstrap.intervals()
    predictions = [
        Prediction(
            mark=mark, source=source, measure=measure, outliers=int(found[mark].marked.sum()), auroc=auroc,
            spearman=spearman, exchanged=exchanged,
        )
        for (mark, source, measure), auroc, spearman, exchanged in zip(
            names, intervals[: len(names)], intervals[len(names) :],
            _exchanged(rankings, clusters.labels, exchanges, rng), strict=True,
        )
    ]  # fmt: skip
    return Predictions(each=tuple(predictions), bootstrap=bootstrap, unmeasured=unmeasured)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Marked:
    """The outliers of the data by one rule, and how far out each object is by its measure."""

    marked: Bool[np.ndarray, " n"]
    outlyingness: Float[np.ndarray, " n"]


def _marked(
    data: np.ndarray, clusters: Clusters, marks: Sequence[Mark], unmeasured: dict[str, str]
) -> dict[str, _Marked]:  # fmt: skip
    found = {}
    for mark in marks:
        try:
            outlyingness = mark.measure.of(data, clusters.labels)
            marked = mark.marked(outlyingness, clusters)
            require_both(marked, mark.name)
        except NotMeasurable as reason:
            unmeasured[mark.name] = str(reason)
            continue
        found[mark.name] = _Marked(marked=marked, outlyingness=outlyingness)
    return found


def _scores(
    sources: Mapping[str, np.ndarray],
    clusters: Clusters,
    measures: Sequence[Outlyingness],
    unmeasured: dict[str, str],
) -> dict[tuple[str, str], np.ndarray]:
    scores = {}
    for name, points in sources.items():
        for measure in measures:
            try:
                scores[name, measure.name] = measure.of(points, clusters.labels)
            except NotMeasurable as reason:
                unmeasured[f"{name}, {measure.name}"] = str(reason)
    return scores


def _statistics(
    rankings: Sequence[Ranking], found: Mapping[str, _Marked], scores: Mapping[tuple[str, str], np.ndarray]
) -> Callable[[np.ndarray], np.ndarray]:
    """Equations (1) and (2) of every mark and every score, as a function of the objects' multiplicities."""
    at_source = [weighted_midranks(score) for score in scores.values()]
    at_data = [weighted_midranks(mark.outlyingness) for mark in found.values()]

    def statistics(counts: np.ndarray) -> np.ndarray:
        first, second = (
            np.stack([_standardised(ranks(counts), counts) for ranks in each]) for each in (at_data, at_source)
        )
        return np.concatenate([[ranking.auroc(counts) for ranking in rankings], (first @ second.T).ravel()])

    return statistics


def _standardised(ranks: np.ndarray, multiplicities: np.ndarray) -> np.ndarray:
    """Midranks, centred and scaled so that products of two sum to (2); NaN where all values are one."""
    centred = np.sqrt(multiplicities) * (ranks - np.average(ranks, weights=multiplicities))
    scale = np.linalg.norm(centred)
    return centred / scale if scale > 0.0 else np.full(len(centred), np.nan)


def _exchanged(
    rankings: Sequence[Ranking], clusters: np.ndarray, exchanges: int, rng: np.random.Generator
) -> list[Interval]:  # fmt: skip
    """The AUROC of each ranking when the sources of each cluster are handed to its members at random."""
    once, values = np.ones(len(clusters), dtype=np.int64), np.empty((exchanges, len(rankings)))
    members, source = np.argsort(clusters, kind="stable"), np.empty(len(clusters), dtype=np.int64)
    for row in values:
        # Sorted by cluster, and within it at random.
        source[members] = np.lexsort((rng.random(len(clusters)), clusters))
        row[:] = [_with_marks_of(ranking, source).auroc(once) for ranking in rankings]
    method = f"{exchanges} exchanges within clusters"
    return [central_interval(column, n=len(clusters), method=method) for column in values.T]


def _with_marks_of(ranking: Ranking, source: np.ndarray) -> Ranking:
    """The ranking of the same scores where object i is marked as object source[i] was."""
    marked = np.empty_like(ranking.positive)
    marked[ranking.order] = ranking.positive
    return replace(ranking, positive=marked[source][ranking.order])
