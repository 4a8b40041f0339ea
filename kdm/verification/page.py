"""From evidence to a report: the claims of a distillation, their pictures and tables."""

from functools import partial

import numpy as np
import torch

from kdm.configuration import to_json
from kdm.verification.evidence import DIRECT, Evidence, random_encoders
from kdm.verification.experiment import Experiment
from kdm.verification.request import Request
from koopman_analysis.checks import better_than_baselines, faithful, one_step_fidelity, paired_errors
from koopman_analysis.figures import (
    Figure,
    draw_by_class,
    draw_discrepancies,
    draw_errors,
    draw_images,
    draw_training,
    figure_of,
)
from koopman_analysis.report import Entry, Report, Table, measured
from koopman_analysis.verification import verify as verified_model

FIDELITY_TOLERANCE = 5e-4


def report_of(
    experiment: Experiment, evidence: Evidence, *, request: Request,
    rng: np.random.Generator, generator: torch.Generator,
) -> Report:  # fmt: skip
    """Every claim of the default run, in the order of the page."""
    report = verified_model(
        evidence.model,
        evidence.heldout,
        classes=evidence.classes,
        random_encoders=random_encoders(experiment, generator=generator),
        latent_trajectories=evidence.latent_trajectories,
        rng=rng,
    )
    report = _with_comparison(report, evidence, rng)
    report = _with_fidelity(report, evidence, rng)
    report = _with_training(report, experiment)
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
        title="One step, its rivals and the teacher at fewer solver steps",
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


def _with_comparison(report: Report, evidence: Evidence, rng: np.random.Generator) -> Report:
    errors = paired_errors(evidence.heldout.after, evidence.prediction, evidence.predictions, rng=rng)
    sets = {
        "comparison_dmd": (
            tuple(evidence.baselines.equal),
            "The model is at least as good as every DMD baseline of at most its dimension.",
        ),
        "comparison_larger": (
            tuple(evidence.baselines.larger),
            "The model is at least as good as larger regressors: EDMD, kernel ridge, nearest neighbours.",
        ),
        "comparison_direct": (
            (DIRECT,), "The model is at least as good as direct regression with its parameters, on the same samples.",
        ),
    }  # fmt: skip
    entries = [
        Entry(claim=better_than_baselines(errors, against=against, id=id, hypothesis=hypothesis), figure="comparison")
        for id, (against, hypothesis) in sets.items()
    ]
    picture = partial(figure_of, partial(draw_errors, errors=errors.errors()), size=(6.4, 3.2))
    table = Table(
        title="Paired error on held-out pairs, relative to the spread of the data",
        columns=("method", "relative RMSE [95 %]"),
        rows=[(name, measured(interval)) for name, interval in errors.errors().items()],
        note="Predicting the mean of the data has error 1.",
    )
    return report.including(first=entries, figures={"comparison": picture}, tables=[table])


def _with_training(report: Report, experiment: Experiment) -> Report:
    lines = [line for line in experiment.run.metrics() if "heldout_paired_error" in line]
    names = {
        "held-out error": "heldout_paired_error",
        "latent linearity": "latent_linearity",
        "prediction": "prediction",
    }
    curves = {shown: [line[name] for line in lines] for shown, name in names.items()}
    draw = partial(draw_training, steps=[line["step"] for line in lines], curves=curves, label="relative error; losses")
    return report.including(figures={"training": partial(figure_of, draw)})


def _described(report: Report, experiment: Experiment, evidence: Evidence, request: Request) -> Report:
    data, config = experiment.data, experiment.model_config
    parameters = sum(parameter.numel() for parameter in experiment.model.parameters())
    solver = data.manifest.solver.get("error", {}).get("median")
    teacher = data.teacher
    origin = (
        f"the flow of the {teacher.kind} teacher, whose solver has a measured median error of {solver:.1e}"
        if teacher is not None and solver is not None
        else "imported trajectories (without their teacher, samples are compared with data that the model has seen)"
    )
    introduction = (
        f"A Koopman Distillation Model of latent dimension {config.architecture.latent} and {parameters:,} parameters "
        f"was trained on {len(data) - evidence.heldout.n:,} pairs of {origin}. Every number below was measured on "
        f"{evidence.heldout.n:,} held-out pairs or on {len(evidence.samples):,} samples from "
        f"{'fresh' if evidence.fresh else 'held-out'} noise."
    )
    figures = dict(report.figures)
    if evidence.classes is not None and config.shape == (2,):
        figures["map"] = partial(_map, evidence, evidence.classes)
    if len(config.shape) in (2, 3):
        figures["images"] = partial(_images, evidence, config.shape)
    inputs = {
        **report.inputs,
        "command": request.to_json(),
        "data": {"digest": data.manifest.digest, "source": dict(data.manifest.source), "pairs": len(data)},
        "model": to_json(config),
        "samples": len(evidence.samples),
    }
    return Report(
        title=f"Koopman verification: {experiment.name}",
        introduction=introduction,
        entries=report.entries,
        figures=figures,
        tables=report.tables,
        command=request.command,
        seed=request.seed,
        inputs=inputs,
        environment=report.environment,
    )


def _images(evidence: Evidence, shape: tuple[int, ...]) -> Figure:
    """The first images of the held-out pairs: the teacher's, and one step from the same noise."""
    panels = ((evidence.heldout.after, "teacher"), (evidence.prediction, "one step from the same noise"))
    draws = [partial(draw_images, images=flat[:64].reshape(-1, *shape), title=title) for flat, title in panels]
    return figure_of(*draws, size=(6.4, 3.4))


def _map(evidence: Evidence, classes: np.ndarray) -> Figure:
    """Where each noise goes: noise, data and one step, coloured by the class of the data."""
    numbered = np.unique(classes, return_inverse=True)[1]
    extent = 1.1 * float(np.abs(evidence.heldout.after).max())
    far = float(np.quantile(np.abs(evidence.heldout.before), 0.999))
    panels = (
        (evidence.heldout.before, "noise, by what it becomes", far),
        (evidence.heldout.after, "teacher", extent),
        (evidence.prediction, "one step", extent),
    )
    draws = [partial(draw_by_class, states=s, classes=numbered, title=title, extent=e) for s, title, e in panels]
    return figure_of(*draws, size=(7.2, 2.8))
