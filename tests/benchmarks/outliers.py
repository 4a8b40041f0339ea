"""Do outliers of the data come from outliers of the noise, from the edges of its regions, or from neither?

The published picture (Berman et al. 2025) traces outliers of the checkerboard's data back to the noise. Here each rule
for outliers of the data meets each measure of outlyingness at the source (`koopman_analysis.outliers`): on pairs of the
exact checkerboard and of the mixture, on the published trajectories, on what the published model makes of their noise,
and with latents of the published model and of one trained here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch

from kdm.importing.checkpoints import published_checkerboard
from kdm.latent_model import KDMLatentModel
from kdm.trajectories import Trajectories, collect
from koopman_analysis.claims import Side
from koopman_analysis.estimators.latent import carried_latents
from koopman_analysis.outliers import (
    Beyond,
    Clusters,
    Edge,
    FixedRadius,
    LargestDeviation,
    LongestPlateau,
    Margin,
    Outermost,
    Overall,
    Prediction,
    Predictions,
    Unclustered,
    WithinCluster,
    predicted_outliers,
    read_latents,
)
from koopman_analysis.snapshots import SnapshotPairs

from .experiments import PUBLISHED_MODEL, Profile, published_file, published_trajectories, trained
from .page import Goal, Page, Row, Table, number

COUNT = 10_000
"""As many as the published analysis looks at."""
STEPS = 800
"""Of the model trained here: about an eighth of the preset's."""
RULE = FixedRadius(radius=0.15, neighbours=4)
"""DBSCAN as the published analysis calls it: five points, the point itself among them."""
STRAYS = Unclustered(name="in no cluster (published radius)")
MARKS = (
    Unclustered(), Beyond(measure=LargestDeviation()), Outermost(), Outermost(measure=LargestDeviation()),
    Outermost(measure=Overall()),
)  # fmt: skip
MEASURES = (Overall(), WithinCluster(), LargestDeviation(), Edge(), Margin())
FOUND = {
    "data": "", "clusters": ".0f", "in the majority cell": ".1%", "in no cluster": ".1%",
    "clusters, published radius": ".0f", "in no cluster, published radius": ".0f", "above 3 deviations of all": ".0f",
}  # fmt: skip
PREDICTED = {
    "data": "", "outliers by": "", "how many": ".0f", "at the": "", **{measure.name: ".3f" for measure in MEASURES},
    "ρ": ".3f", "exchanged": ".3f",
}  # fmt: skip
LEADS = {"data": "", "outliers by": "", "latent − noise, within cluster": ".3f", "latent − noise, edge": ".3f"}


@dataclass(frozen=True, kw_only=True)
class Case:
    """Data with the sources that they may be traced back to, and their cells."""

    sources: Mapping[str, np.ndarray]
    data: np.ndarray
    cells: np.ndarray


def measured(profile: Profile) -> Page:
    """Every rule, measure and source, on every case."""
    found: list[Row] = []
    predicted: list[Row] = []
    leads: list[Row] = []
    for name, case in _cases(profile).items():
        clusters = LongestPlateau().clusters(case.data)
        strays = RULE.clusters(case.data)
        found.append(_clusters_row(name, case, clusters, strays))
        for marks, some in ((MARKS, clusters), ((STRAYS,), replace(clusters, apart=strays.apart))):
            if marks == (STRAYS,) and not strays.apart.any():
                continue
            results = predicted_outliers(
                case.sources, case.data, some, marks=marks, measures=MEASURES,
                resamples=profile.count(299, fast=19), exchanges=profile.count(99, fast=19),
                rng=np.random.default_rng(0),
            )  # fmt: skip
            predicted += _rows(name, results)
            leads += _leads(name, results) if "latent" in case.sources else []
    return Page(
        title="Where outliers come from",
        about=f"{profile.count(COUNT, fast=600):,} pairs of each; clusters by DBSCAN with the radius of the longest "
        "plateau, marks and outlyingness found once, objects resampled, at 95 %. AUROC by the measure that heads the "
        "column; ρ is Spearman's, of outlyingness within the cluster at the source with that of the rule at the data; "
        "the last column is the AUROC of the edge when sources are exchanged within their cluster.",
        tables=[
            Table(columns=FOUND, rows=found),
            Table(columns=PREDICTED, rows=predicted),
            Table(columns=LEADS, rows=leads),
        ],
        goals=_goals(found, predicted),
        notes=[
            "The published rule marks strays between the cells, of which the exact checkerboard has none; z-scores "
            "over the whole sample mark nothing anywhere.",
            f"Our model was trained for {STEPS:,} steps on other pairs than these; the published one on these among "
            "others.",
            "Latents are those that the decoder reads, in white coordinates. Far out of *all* noise is not where "
            "outliers of a cluster come from: borders run through the middle of the noise.",
        ],
    )


def _cases(profile: Profile) -> dict[str, Case]:
    count = profile.count(COUNT, fast=600)
    board, mixture = (_fresh(profile, name, count) for name in ("checkerboard", "mixture"))
    published = published_trajectories(profile.work)
    model = KDMLatentModel(published_checkerboard(published_file(PUBLISHED_MODEL)))
    last = _pairs(published, count)
    latents = read_latents(model, last, rng=np.random.default_rng(0))
    made = model.decode(carried_latents(model, last.before))
    return {
        "exact checkerboard": _case(board, count, latent=_own_latents(profile, _pairs(board, count))),
        "mixture": _case(mixture, count),
        "published trajectories": _case(published, count, latent=latents),
        "published model": replace(_case(published, count, latent=latents), data=made),
    }


def _fresh(profile: Profile, name: str, count: int, seed: int = 1) -> Trajectories:
    preset = profile.preset(name)
    return collect(
        preset.teacher_object(), count, generator=torch.Generator().manual_seed(seed), steps=preset.solver_steps,
        out=profile.work / f"outliers-{name}-{count}-{seed}",
    )  # fmt: skip


def _own_latents(profile: Profile, pairs: SnapshotPairs) -> np.ndarray:
    preset = profile.preset("checkerboard")
    data = _fresh(profile, "checkerboard", profile.count(2 * COUNT, fast=1000), seed=0)
    config = replace(preset.distillation.training, steps=profile.count(STEPS, fast=100))
    fitted = trained(replace(preset.distillation, training=config), data, name="outliers, our model")
    return read_latents(KDMLatentModel(fitted.model), pairs, rng=np.random.default_rng(0))


def _pairs(data: Trajectories, count: int) -> SnapshotPairs:
    """The last of the data."""
    noise, end = (np.asarray(states[-count:], dtype=np.float64) for states in (data.noise, data.data))
    return SnapshotPairs(before=noise, after=end)


def _case(data: Trajectories, count: int, **latents: np.ndarray) -> Case:
    pairs = _pairs(data, count)
    if data.labels is not None:
        cells = np.asarray(data.labels[-count:])
    else:
        assert data.support is not None
        cells = data.support.cells(torch.from_numpy(pairs.after)).numpy()
    return Case(sources={"noise": pairs.before, **latents}, data=pairs.after, cells=cells)


def _clusters_row(name: str, case: Case, clusters: Clusters, strays: Clusters) -> Row:
    majority = sum(np.bincount(case.cells[clusters.labels == k]).max() for k in range(clusters.count))
    deviations = np.abs(case.data - case.data.mean(axis=0)) / case.data.std(axis=0)
    return {
        "data": name,
        "clusters": clusters.count,
        "in the majority cell": float(majority / len(case.data)),
        "in no cluster": float(clusters.apart.mean()),
        "clusters, published radius": strays.count,
        "in no cluster, published radius": int(strays.apart.sum()),
        "above 3 deviations of all": int((deviations > 3).any(axis=1).sum()),
    }


def _rows(name: str, results: Predictions) -> list[Row]:
    by_row: dict[tuple[str, str], dict[str, Prediction]] = {}
    for prediction in results.each:
        by_row.setdefault((prediction.mark, prediction.source), {})[prediction.measure] = prediction
    return [
        {
            "data": name,
            "outliers by": mark,
            "how many": predictions[Edge().name].outliers,
            "at the": source,
            **{measure: prediction.auroc for measure, prediction in predictions.items()},
            "ρ": predictions[WithinCluster().name].spearman,
            "exchanged": predictions[Edge().name].exchanged,
        }
        for (mark, source), predictions in by_row.items()
    ]


def _leads(name: str, results: Predictions) -> list[Row]:
    marks = dict.fromkeys(prediction.mark for prediction in results.each)
    columns = list(LEADS)[2:]
    measures = (WithinCluster().name, Edge().name)
    return [
        {
            "data": name,
            "outliers by": mark,
            **{
                column: results.lead(mark=mark, measure=measure, source="latent", over="noise")
                for column, measure in zip(columns, measures, strict=True)
            },
        }
        for mark in marks
    ]


def _goals(found: list[Row], predicted: list[Row]) -> list[Goal]:
    outermost = [row for row in predicted if row["outliers by"] == Outermost().name]
    wrong = sum(abs(number(row["clusters"]) - 8) for row in found)
    return [
        Goal(quantity="clusters too many or too few, of eight", measured=wrong, side=Side.AT_MOST, bound=0, form=".0f"),
        Goal(
            quantity="AUROC of the outermost of each cluster by the edge, worst case and source",
            measured=min(number(row[Edge().name]) for row in outermost), side=Side.AT_LEAST, bound=0.6, form=".3f",
        ),
    ]  # fmt: skip
