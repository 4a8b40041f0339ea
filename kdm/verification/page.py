"""From evidence to a report: the claims of a distillation, their pictures and tables."""

from dataclasses import replace
from functools import partial
from textwrap import fill

import numpy as np
import torch

from kdm.configuration import to_json
from kdm.shapes import can_be_shown
from kdm.verification.boundaries import known_flow
from kdm.verification.comparison import with_comparison
from kdm.verification.controls import random_encoders, semantic_controls, states_on_the_way
from kdm.verification.evidence import Evidence
from kdm.verification.experiment import Experiment, Training
from kdm.verification.introduction import introduced
from kdm.verification.quality import with_quality
from kdm.verification.request import Request
from koopman_analysis.checks import faithful, one_step_fidelity
from koopman_analysis.figures import (
    Figure,
    draw_by_class,
    draw_discrepancies,
    draw_images,
    draw_training,
    figure_of,
)
from koopman_analysis.report import Entry, Report, Table, measured
from koopman_analysis.verification import VerificationConfig
from koopman_analysis.verification import verify as verified_model

FIDELITY_TOLERANCE = 5e-4
SEMANTIC_OBJECTS, SEMANTIC_OBJECTS_FAST = 300, 150
SEMANTIC_RESAMPLES = 199
"""Objects whose distances are compared, all with all."""
TITLE = 24
"""Letters in a line above one of several panels."""


def report_of(
    experiment: Experiment, evidence: Evidence, *, request: Request,
    rng: np.random.Generator, generator: torch.Generator,
) -> Report:  # fmt: skip
    """Every claim of the default run, in the order of the page."""
    known = evidence.classes is not None
    report = verified_model(
        experiment.subject.model,
        evidence.heldout,
        classes=evidence.classes,
        random_encoders=random_encoders(experiment.subject, label=experiment.label, generator=generator),
        semantic_controls=semantic_controls(experiment, evidence.baselines) if known else {},
        states_on_the_way=states_on_the_way(experiment.data) if known else None,
        latent_trajectories=evidence.latent_trajectories,
        flow=known_flow(experiment.data),
        config=VerificationConfig(
            semantic_objects=SEMANTIC_OBJECTS_FAST if request.fast else SEMANTIC_OBJECTS,
            semantic_resamples=SEMANTIC_RESAMPLES,
        ),
        rng=rng,
    )
    report = with_comparison(report, experiment, evidence, rng=rng)
    report = with_quality(report, experiment, evidence, rng=rng)
    report = _with_fidelity(report, evidence, rng)
    report = _with_training(report, experiment.training)
    return _described(report, experiment, evidence, request)


def _with_fidelity(report: Report, evidence: Evidence, rng: np.random.Generator) -> Report:
    fidelity = one_step_fidelity(
        evidence.samples, evidence.reference, fresh=evidence.second, others=evidence.rivals, steps=evidence.coarse,
        rng=rng,
    )  # fmt: skip
    claim = faithful(fidelity, must_fail=[evidence.hermite], tolerance=FIDELITY_TOLERANCE)
    coefficients = fidelity.measured.coefficients()
    draw = partial(draw_discrepancies, coefficients=coefficients, tolerance=FIDELITY_TOLERANCE)
    table = Table(
        title=f"One step and its rivals{', and the teacher at fewer solver steps' if evidence.coarse else ''}",
        columns=("samples", "energy coefficient [95 %]"),
        rows=[(name, measured(interval)) for name, interval in coefficients.items()],
        note=(
            f"One step is clearly closer to the data than the teacher at {fidelity.steps_surpassed} solver steps. "
            if fidelity.steps_surpassed
            else ""
        )
        + f"Equality of one step and the data: permutation p = {fidelity.equality.p_value:.3g}.",
    )
    picture = partial(figure_of, draw, size=(6.4, 1.2 + 0.32 * len(coefficients)))
    return report.including(
        first=[Entry(claim=claim, figure="fidelity")], figures={"fidelity": picture}, tables=[table]
    )  # fmt: skip


def _with_training(report: Report, training: Training | None) -> Report:
    """The curves of a training here."""
    if training is None:
        return report
    lines = [line for line in training.run.metrics() if "heldout_paired_error" in line]
    names = {
        "held-out error": "heldout_paired_error",
        "latent linearity": "latent_linearity",
        "prediction": "prediction",
    }
    curves = {shown: [line[name] for line in lines] for shown, name in names.items()}
    draw = partial(draw_training, steps=[line["step"] for line in lines], curves=curves, label="relative error; losses")
    return report.including(figures={"training": partial(figure_of, draw)})


def _described(report: Report, experiment: Experiment, evidence: Evidence, request: Request) -> Report:
    data, subject = experiment.data, experiment.subject
    figures = dict(report.figures)
    if evidence.classes is not None and data.shape == (2,):
        figures["map"] = partial(_map, experiment, evidence, evidence.classes)
    if can_be_shown(data.shape):
        figures["images"] = partial(_images, evidence, data.shape)
    inputs = {
        **report.inputs,
        "command": request.to_json(),
        "data": {"digest": data.manifest.digest, "source": dict(data.manifest.source), "pairs": len(data)},
        "model": {} if subject.network is None else to_json(subject.network.config),
        "samples": len(evidence.samples),
    }
    return replace(
        report,
        title=f"Koopman verification: {subject.name}",
        introduction=introduced(experiment, evidence),
        figures=figures,
        command=request.command,
        seed=request.seed,
        inputs=inputs,
    )


def _images(evidence: Evidence, shape: tuple[int, ...]) -> Figure:
    """The first images of the held-out pairs: the teacher's, and one step from the same noise."""
    panels = ((evidence.heldout.after, "teacher"), (evidence.prediction, "one step from the same noise"))
    draws = [partial(draw_images, images=flat[:64].reshape(-1, *shape), title=title) for flat, title in panels]
    return figure_of(*draws, size=(6.4, 3.4))


def _map(experiment: Experiment, evidence: Evidence, classes: np.ndarray) -> Figure:
    """Where each noise goes: noise, data and one step, coloured by the class of the data."""
    numbered = np.unique(classes, return_inverse=True)[1]
    extent = 1.1 * float(np.abs(evidence.heldout.after).max())
    far = float(np.quantile(np.abs(evidence.heldout.before), 0.999))
    panels = (
        (evidence.heldout.before, "noise, by what it becomes", far),
        (evidence.heldout.after, "teacher", extent),
        (evidence.prediction, "one step", extent),
        *(
            (evidence.predictions[other.name], fill(f"one step of {other.name}", TITLE), extent)
            for other in experiment.beside
        ),
    )
    draws = [partial(draw_by_class, states=s, classes=numbered, title=title, extent=e) for s, title, e in panels]
    return figure_of(*draws, size=(2.4 * len(draws), 2.8))
