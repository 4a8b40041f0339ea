"""Does closeness in the latent space mean anything?

    semantic             distance of E_noise(x) tells classes apart better than every control               (1)
    semantic_neighbours  nearest neighbours in the latent space are of one class more often than in any     (2)
    semantic_features    its distances order pairs as a classifier's features do, better than any           (3)

The classes come from outside the model; the classifier is fitted to the classes of other held-out pairs, which are in
neither study nor claim. The controls are the noise itself, as it is and in white coordinates, in which no linear change
of its coordinates matters (the leading ones, where it has more than the latent space), re-initialised encoders, the
teacher's state in the middle of its way and whatever representations else are named; all three questions, and how far
distances agree with those of the data, are one study (`koopman_analysis.semantics.study`), so that the intervals hold
for all of them at once. The data, the latents where K carries them and in white coordinates, in which no linear change
of latent coordinates matters, stand beside them and decide nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from koopman_analysis import checks
from koopman_analysis.claims import Claim, Side
from koopman_analysis.correlation import PairPearson, PairSpearman
from koopman_analysis.figures import draw_midway, figure_of, semantic_figure
from koopman_analysis.outliers import white_coordinates
from koopman_analysis.report import Entry, FigureBuilder, Report, Table
from koopman_analysis.semantics import (
    ClassifierFeatures,
    ClassQuestion,
    DistanceQuestion,
    EuclideanDistance,
    FeatureDistance,
    Question,
    SameClass,
    SemanticStudy,
    StatesOnTheWay,
    semantic_study,
)
from koopman_analysis.shapes import Latents
from koopman_analysis.similarity import NeighbourAgreement, SameClassAuroc
from koopman_analysis.verification import canonical
from koopman_analysis.verification.material import Material
from koopman_analysis.verification.representations import WHITE, SemanticControls

NEIGHBOURS = 10
FEATURES = "features and noise"
OTHERS = 100
"""Other held-out pairs below which no classifier is fitted to them."""
FEWEST = 4
"""Objects below which there are no distances to rank."""
HYPOTHESES = {
    "semantic": "Distance in the latent space is more semantic than every control.",
    "semantic_neighbours": "Neighbours in the latent space are of one class more often than by every control.",
    "semantic_features": "Latent distances follow those of a classifier's features better than every control's do.",
}


@dataclass(frozen=True, kw_only=True, eq=False)
class _Asked:
    """The study, and the question of each claim; of a claim that has none, why."""

    study: SemanticStudy
    questions: Mapping[str, str]
    missing: Mapping[str, str]
    note: str


def with_semantics(
    report: Report,
    material: Material,
    *,
    controls: SemanticControls,
    objects: int,
    resamples: int,
    margin: float,
    rng: np.random.Generator,
) -> Report:
    """The report with the claims of equations (1) to (3).

    Args:
        report: The report so far.
        material: Model and pairs.
        controls: What the latent distance must exceed.
        objects: How many objects are compared, all with all.
        resamples: Resamples of these objects.
        margin: Least lead over every control.
        rng: Chooses the objects, and draws everything else.
    """
    if material.classes is None or not controls.random_encoders:
        missing = "classes from outside the model" if material.classes is None else "random encoders to compare with"
        return _without(report, f"there are no {missing}", margin)
    controls.require_rows(material.pairs.n)
    order = rng.permutation(material.independent_rows())
    if len(order) < FEWEST:
        return _without(report, f"there are fewer than {FEWEST} objects", margin)
    _, sizes = np.unique(material.objects().require_labels()[order[:objects]], return_counts=True)
    if len(sizes) < 2 or sizes.max() < 2:
        same = "all objects are of one class" if len(sizes) < 2 else "no two objects are of one class"
        return _without(report, same, margin)
    asked = _asked(material, controls, order[:objects], order[objects:], resamples, rng)
    figures: dict[str, FigureBuilder] = {}
    for id, hypothesis in HYPOTHESES.items():
        if id not in asked.questions:
            report = report.including(Entry(claim=_not_applicable(id, asked.missing[id], margin)))
            continue
        question = asked.questions[id]
        known = FEATURES if id == "semantic_features" else checks.CLASS
        claim = checks.semantic_beyond_controls(
            asked.study, question, id=id, hypothesis=hypothesis, known=known, margin=margin
        )
        figures = {id: partial(semantic_figure, asked.study, question, bound=margin)}
        report = report.including(Entry(claim=claim, figure=id), figures=figures)
    if controls.path is not None:
        report = report.including(figures={"semantic_midway": _way(asked, controls.path)})
    report = report.including(tables=[_table(asked)])
    # A stream of its own: the claims that follow draw what they drew without this one.
    return canonical.with_canonical(
        report, material, controls=controls, index=order[:objects], others=order[objects:], resamples=resamples,
        margin=margin, rng=rng.spawn(1)[0],
    )  # fmt: skip


def _asked(
    material: Material, controls: SemanticControls, index: np.ndarray, others: np.ndarray, resamples: int,
    rng: np.random.Generator,
) -> _Asked:  # fmt: skip
    some = material.rows(index)
    noise, latents, objects = some.pairs.before, some.latents(), some.objects()
    questions: dict[str, Question] = {
        "semantic": ClassQuestion(measure=SameClass(), statistic=SameClassAuroc()),
        "semantic_neighbours": ClassQuestion(measure=SameClass(), statistic=NeighbourAgreement(neighbours=NEIGHBOURS)),
    }
    references = checks.known_answers(objects, noise, rng=rng) | _beside(some, latents)
    features = _classifier(material, others, rng)
    missing = {}
    note = "A control with more dimensions than the latent space stands there twice. "
    if isinstance(features, str):
        missing["semantic_features"] = features
    else:
        measure = FeatureDistance(features=features, name="features of a classifier", external=True)
        questions["semantic_features"] = DistanceQuestion(measure=measure, statistic=PairSpearman())
        references[FEATURES] = _with_noise(features(objects.states), rng)
        accuracy = features.accuracy(objects.states, objects.require_labels())
        note += f"The classifier was fitted to {len(others)} other pairs; it is right for {accuracy:.1%} of these. "
    if len(index) <= NEIGHBOURS:
        del questions["semantic_neighbours"]
        missing["semantic_neighbours"] = f"there are no more than {NEIGHBOURS} objects"
    data = DistanceQuestion(measure=EuclideanDistance(), statistic=PairPearson())
    compared = controls.of(material, index)
    white = {WHITE: found} if (found := _white(noise, latents.shape[1])).size else {}
    study = semantic_study(
        latents, objects, [*questions.values(), data], controls={**compared.must, **white},
        random=compared.random, references={**references, **compared.way}, resamples=resamples, rng=rng,
    )  # fmt: skip
    return _Asked(study=study, questions={id: q.name for id, q in questions.items()}, missing=missing, note=note)


def _beside(some: Material, latents: Latents) -> dict[str, np.ndarray]:
    """What is shown beside the latents, and exceeded by nothing."""
    white = _white(latents, latents.shape[1])
    beside = {"latent, white coordinates": white} if white.size else {}
    return {"latent, carried by K": some.carried(), **beside, "the data": some.pairs.after}


def _white(points: np.ndarray, count: int) -> np.ndarray:
    """The leading white coordinates, at most so many; none of points that do not vary."""
    return white_coordinates(points.astype(np.float64))[:, :count]


def _classifier(material: Material, others: np.ndarray, rng: np.random.Generator) -> ClassifierFeatures | str:
    """The classifier of these other pairs, or why there is none."""
    if len(others) < OTHERS:
        return f"{len(others)} other held-out pairs are too few to fit a classifier to"
    try:
        objects = material.rows(others).objects()
        return ClassifierFeatures.fitted(objects.states, objects.require_labels(), rng=rng)
    except ValueError as error:
        return f"no classifier could be fitted to other pairs: {error}"


def _with_noise(features: Latents, rng: np.random.Generator) -> Latents:
    return features + 0.1 * features.std() * rng.standard_normal(features.shape)


def _way(asked: _Asked, path: StatesOnTheWay) -> FigureBuilder:
    draws = [
        partial(draw_midway, study=asked.study, question=question, path=path) for question in asked.questions.values()
    ]
    return partial(figure_of, *draws, size=(3.6 * len(draws), 3.2))


def _table(asked: _Asked) -> Table:
    study = asked.study
    return Table(
        title="What distances say: every statistic of every representation [95 % each]",
        columns=("representation", "dimensions", *study.questions),
        rows=study.rows(),
        note=asked.note
        + "Agreement with distances of the data is a corollary of a small error and decides nothing; nor do the rows "
        "below the best of the random encoders, which need not be exceeded.",
    )


def _without(report: Report, reason: str, margin: float) -> Report:
    claims = [*(_not_applicable(id, reason, margin) for id in HYPOTHESES), canonical.not_applicable(reason, margin)]
    return report.including(*(Entry(claim=claim) for claim in claims))


def _not_applicable(id: str, reason: str, margin: float) -> Claim:
    return Claim.not_applicable(
        id=id, hypothesis=HYPOTHESES[id], quantity="smallest difference to a control", side=Side.AT_LEAST,
        bound=margin, reason=reason,
    )  # fmt: skip
