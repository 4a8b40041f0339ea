"""Do outliers of the data come from outliers of the noise, and of the latents, and from the edges of regions?

    outliers, outliers_latent      outliers of y come from outliers of x, and of E_noise(x)                 (1)
    outliers_at_edges              outliers of a cluster of y come from the edge of its region in x         (2)

The control of each is shuffled pairs, in (2) exchanged within their cluster (`koopman_analysis.checks.outliers`). The
clusters of (2) are the classes where they are known from outside, and else those that DBSCAN finds in the first two
principal coordinates of the data: in more, distances tell dense from sparse no longer. A table asks the same of other
rules for outliers and other measures, at the noise and at the latents as the decoder reads them.
"""

from functools import partial

import numpy as np

from koopman_analysis import checks
from koopman_analysis.claims import Claim, Side
from koopman_analysis.estimators.decoding import UndefinedDecoder
from koopman_analysis.figures import draw_outliers, draw_regions, figure_of
from koopman_analysis.outliers import (
    Beyond,
    Clusters,
    Edge,
    LargestDeviation,
    LongestPlateau,
    NotMeasurable,
    Outermost,
    Overall,
    Prediction,
    Unclustered,
    WithinCluster,
    leading_coordinates,
    predicted_outliers,
    read_latents,
)
from koopman_analysis.regression import ConstantData
from koopman_analysis.report import Entry, Report, Table
from koopman_analysis.report.numbers import measured
from koopman_analysis.shapes import Labels
from koopman_analysis.verification.material import Material

MARKS = (Unclustered(), Beyond(measure=LargestDeviation()), Outermost(), Outermost(measure=Overall()))
MEASURES = (Overall(), WithinCluster(), Edge())
TABLED = 2000
"""Objects from which the table is made."""


def with_outliers(report: Report, material: Material, *, bound: float, rng: np.random.Generator) -> Report:
    """The report with the claims of equations (1) and (2) at this least AUROC.

    Args:
        report: The report so far.
        material: Model and pairs.
        bound: Least AUROC.
        rng: Draws the resamples.
    """
    independent = material.independent()
    data = independent.pairs.after
    for id, name, source in (
        ("outliers", "noise", independent.pairs.before),
        ("outliers_latent", "latent", independent.latents()),
    ):
        hypothesis = f"Outliers of the data come from outliers of the {name}."
        if len(data) <= max(source.shape[1], data.shape[1]) + 1:
            reason = "there are fewer objects than directions, so that all are equally far out"
            report = report.including(Entry(claim=_not_applicable(id, hypothesis, reason, bound)))
            continue
        try:
            found = checks.outlier_correspondence(source, data, rng=rng)
        except NotMeasurable as reason:
            report = report.including(Entry(claim=_not_applicable(id, hypothesis, str(reason), bound)))
            continue
        claim = checks.outliers_correspond(found, id=id, hypothesis=hypothesis, bound=bound)
        picture = partial(figure_of, partial(draw_outliers, correspondence=found, source=name), size=(5.4, 3.8))
        report = report.including(Entry(claim=claim, figure=id), figures={id: picture})
    # A stream of its own: the claims that follow draw what they drew without this one.
    return _with_edges(report, independent, bound, rng.spawn(1)[0])


def _with_edges(report: Report, material: Material, bound: float, rng: np.random.Generator) -> Report:
    data, noise = material.pairs.after, material.pairs.before
    try:
        clusters = _clusters(data, material.classes)
        found = checks.edge_correspondence(noise, data, clusters, rng=rng)
    except NotMeasurable as reason:
        hypothesis = "Outliers of a cluster of the data come from the edge of its source region."
        return report.including(Entry(claim=_not_applicable("outliers_at_edges", hypothesis, str(reason), bound)))
    sources, remark = {"noise": noise}, ""
    try:
        sources["latent"] = read_latents(material.model, material.pairs, labels=material.labels, rng=rng)
    except (ConstantData, UndefinedDecoder) as reason:
        remark = f"The latents are not looked at: {reason}. "
    draws = [
        partial(draw_regions, states=states, clusters=clusters.labels, outlier=found.outlier, title=name)
        for name, states in (("data", leading_coordinates(data)), ("noise", leading_coordinates(noise)),
                             *list(sources.items())[1:])
    ]  # fmt: skip
    entry = Entry(claim=checks.outliers_at_edges(found, bound=bound), figure="outliers_at_edges")
    picture = partial(figure_of, *draws, size=(3.0 * len(draws), 3.2))
    tables = _tables(sources, data, clusters, remark, rng)
    return report.including(entry, figures={"outliers_at_edges": picture}, tables=tables)


def _clusters(data: np.ndarray, classes: Labels | None) -> Clusters:
    return LongestPlateau().clusters(leading_coordinates(data)) if classes is None else Clusters.named(classes)


def _tables(
    sources: dict[str, np.ndarray], data: np.ndarray, clusters: Clusters, remark: str, rng: np.random.Generator
) -> tuple[Table, ...]:
    some = np.sort(rng.permutation(len(data))[:TABLED])
    try:
        found = predicted_outliers(
            {name: points[some] for name, points in sources.items()}, data[some], clusters.subset(some),
            marks=MARKS, measures=MEASURES, resamples=199, exchanges=19, rng=rng,
        )  # fmt: skip
    except NotMeasurable:
        return ()
    by_row: dict[tuple[str, str], list[Prediction]] = {}
    for prediction in found.each:
        by_row.setdefault((prediction.mark, prediction.source), []).append(prediction)
    names = [measure.name for measure in MEASURES]
    rows = []
    for (mark, source), predictions in by_row.items():
        auroc = {prediction.measure: measured(prediction.auroc) for prediction in predictions}
        rho = {prediction.measure: measured(prediction.spearman) for prediction in predictions}
        cells = [*(auroc.get(name, "–") for name in names), rho.get(WithinCluster().name, "–")]
        rows.append((mark, str(predictions[0].outliers), source, *cells))
    left_out = "".join(f"{name}: {reason}. " for name, reason in found.unmeasured.items())
    note = (
        f"AUROC with which outlyingness at the source tells the outliers of the data, of {len(some)} objects in "
        f"{clusters.count} clusters, by the measure that heads the column. Spearman's ρ: outlyingness within the "
        f"cluster at the source, and that of the rule at the data. Latents are those that the decoder reads. "
        f"{remark}{left_out}"
    )
    columns = ("outliers by", "how many", "at the", *names, "ρ")
    return (Table(title="Where outliers come from", columns=columns, rows=rows, note=note.rstrip()),)


def _not_applicable(id: str, hypothesis: str, reason: str, bound: float) -> Claim:
    return Claim.not_applicable(
        id=id, hypothesis=hypothesis, quantity="AUROC", side=Side.AT_LEAST, bound=bound, reason=reason
    )
