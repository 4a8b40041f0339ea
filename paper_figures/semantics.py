"""Does distance in the latent space mean anything? Three questions, three data sets, every control beside the latents.

For each data set, row by row: the latent space (blue, its interval carried down as a band), what it must exceed to be
called semantic (orange), and the data themselves (hollow), which are the answer and need not be exceeded. Question by
question: does distance rank pairs of one class before others (AUROC), are nearest neighbours of one class, and do
distances order pairs as those among the features of a classifier do, which was fitted to other held-out objects.

Controls: the noise itself, the leading canonical coordinates of DMD and of EDMD with Hermite polynomials and with
random Fourier features, the best of 19 re-initialisations of the encoder, the last hidden layer of a direct regression
(the same parameters and samples without a latent space), and the teacher's state in the middle of its way. Intervals
resample objects, never pairs, at 95 % each; the verdict of `kdm verify` stands on simultaneous intervals of the
differences.
"""

from collections.abc import Mapping

import numpy as np
import torch
from matplotlib.figure import Figure

from kdm.training.distillation import noise_scale
from kdm.verification.baselines import fourier_edmd, hermite_degree
from kdm.verification.controls import last_hidden_layer, linear_coordinates, random_encoders, states_on_the_way
from koopman_analysis import EDMD, Coordinates, Hermite, SnapshotPairs
from koopman_analysis.correlation import PairSpearman
from koopman_analysis.figures import draw_semantic_values
from koopman_analysis.semantics import (
    ClassifierFeatures,
    ClassQuestion,
    DistanceQuestion,
    FeatureDistance,
    Objects,
    Question,
    SameClass,
    SemanticStudy,
    semantic_study,
)
from koopman_analysis.similarity import NeighbourAgreement, SameClassAuroc
from paper_figures.experiments import DATA, Distilled, distilled, regressed
from paper_figures.printing import styled_for_print
from paper_figures.profile import Profile

SHORT = ("AUROC of “same class”", "10 nearest neighbours alike", "Spearman, classifier's features")
WAVES = 512
ROOMY = 4.5
"""Inches from which three questions fit side by side."""


def studied(profile: Profile) -> dict[str, SemanticStudy]:
    """The study of each data set."""
    return {name: _study(distilled(name, profile), profile) for name in DATA}


def drawn(profile: Profile) -> Figure:
    """A row of panels for each data set, a column for each question."""
    return pictured(studied(profile), profile)


def pictured(studies: Mapping[str, SemanticStudy], profile: Profile) -> Figure:
    """The panels of these studies."""
    width = profile.width_or(6.75)
    columns = len(SHORT) if width > ROOMY else 1
    rows = [len(study.names) for study in studies.values()]
    with styled_for_print():
        figure = Figure(figsize=(width, 0.155 * sum(rows) + 0.42 * len(rows) + 0.35), layout="constrained")
        panels = figure.subplots(len(rows), columns, squeeze=False, height_ratios=rows)
        for row, (line, (name, study)) in enumerate(zip(panels, studies.items(), strict=True)):
            for column, (ax, question) in enumerate(zip(line, study.questions, strict=False)):
                draw_semantic_values(ax, study, question)
                ax.set_xlabel("")
                ax.tick_params(labelleft=column == 0)
                ax.set_title(SHORT[column] if row == 0 else "", loc="center")
            line[0].set_title(name, loc="left", x=-0.02, ha="right", fontweight="bold")
        for ax, label in zip(panels[-1], SHORT, strict=False):
            ax.set_xlabel(label)
    return figure


def _study(found: Distilled, profile: Profile) -> SemanticStudy:
    rng = np.random.default_rng(profile.seed)
    objects = 100 if profile.fast else 250
    noise, data = found.heldout.before, found.heldout.after
    some, others = slice(0, objects), slice(objects, None)
    features = ClassifierFeatures.fitted(data[others], found.classes[others], rng=rng)
    measure = FeatureDistance(features=features, name="features of a classifier", external=True)
    questions: list[Question] = [
        ClassQuestion(measure=SameClass(), statistic=SameClassAuroc()),
        ClassQuestion(measure=SameClass(), statistic=NeighbourAgreement(neighbours=10)),
        DistanceQuestion(measure=measure, statistic=PairSpearman()),
    ]
    generator = torch.Generator().manual_seed(profile.seed)
    return semantic_study(
        found.subject.model.encode_noise(noise[some]), Objects(states=data[some], labels=found.classes[some]),
        questions,
        controls=_controls(found, noise[some], profile, rng),
        random=[encode(noise[some]) for encode in random_encoders(found.subject, generator=generator)],
        references={"the data": data[some]}, resamples=99 if profile.fast else 199, shuffles=1, rng=rng,
    )  # fmt: skip


def _controls(
    found: Distilled, noise: np.ndarray, profile: Profile, rng: np.random.Generator
) -> Mapping[str, np.ndarray]:
    """What the latent space must exceed, of these rows of noise."""
    training = found.data.training()[: 2000 if profile.fast else 10_000]
    pairs = SnapshotPairs(
        before=training.noise.flatten(1).double().numpy(), after=training.data.flatten(1).double().numpy()
    )
    scale, latent = noise_scale(found.data), found.subject.latent
    degree = hermite_degree(noise.shape[1], at_most=latent)
    edmd = {}
    if degree > 1:
        edmd[f"EDMD, Hermite of degree {degree}"] = EDMD(Hermite(degree, scale=scale), outputs=Coordinates())
    waves = 128 if profile.fast else WAVES
    edmd[f"EDMD, {waves} waves"] = fourier_edmd(pairs, waves, noise=scale, rng=rng)
    linear = linear_coordinates(pairs, edmd, dimension=latent)
    path = states_on_the_way(found.data)
    assert path is not None  # the teacher is known
    assert callable(path.states)
    middle = path.states(noise)[:, path.middle]
    return {
        "noise": noise,
        **{name: encode(noise) for name, encode in linear.items()},
        "direct regression": last_hidden_layer(regressed(found, profile), found.data.shape)(noise),
        "teacher, half of the way": middle,
    }
