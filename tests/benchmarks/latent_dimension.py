"""Distillation of the exact checkerboard at latent dimensions from 2 to 256, several seeds each, at one small budget.

The trainings are those of a study of ablations (`kdm.ablations.study`), which goes on where it was interrupted.
"""

from dataclasses import dataclass, replace
from statistics import median

import numpy as np
from tqdm import tqdm

from kdm.ablations import LatentDimension, latent_dimensions
from kdm.ablations.study import Job, Measurement, Problem, jobs
from kdm.evaluation import pairs_in_rows
from kdm.latent_model import KDMLatentModel
from kdm.training.distillation import DistillationConfig
from kdm.trajectories import open_trajectories
from koopman_analysis.closure import DecoderWeightedClosure, decoder_weighted_defect

from .experiments import Profile
from .page import Page, Row, Table

LATENTS = (2, 4, 8, 16, 32, 64, 128, 256)
SEEDS = (0, 1, 2)
STEPS = 500
SAMPLES = 1000
"""Fresh samples of the study's energy distance, which is not told here."""
COLUMNS = {
    "latents": "", "parameters": ",", "paired error, median": ".2%", "least": ".2%", "largest": ".2%",
    "median distance": ".4f", "decoder-weighted defect": ".1e", "reconstruction error": ".1e", "varying directions": "",
    "CPU s a training": ".1f",
}  # fmt: skip
EACH = {
    "latents": "", "seed": "", "paired error": ".2%", "median distance": ".4f", "decoder-weighted defect": ".1e",
    "state error": ".1e", "reconstruction error": ".1e",
}  # fmt: skip
"""The defect and the errors of the closure are shares of variance, with intervals over held-out pairs."""


@dataclass(frozen=True, kw_only=True)
class Member:
    """One training: what the study measured, and the closure of its latents on the held-out pairs."""

    latent: int
    parameters: int
    measurement: Measurement
    closure: DecoderWeightedClosure


def measured(profile: Profile) -> Page:
    """Every dimension and seed."""
    preset = profile.preset("checkerboard")
    config = budgeted(preset.distillation, profile)
    problem = Problem(
        name=f"checkerboard-{preset.pairs}", teacher=preset.teacher_object(), pairs=preset.pairs,
        solver_steps=preset.solver_steps, distillation=config,
    )  # fmt: skip
    latents, seeds = (LATENTS[:2], SEEDS[:2]) if profile.fast else (LATENTS, SEEDS)
    work = profile.work / f"latent-dimension-{config.training.steps}"
    listed = jobs(problem, latent_dimensions(latents), seeds, samples=SAMPLES, work=work)
    members = [_member(job) for job in tqdm(listed, desc="trainings", unit="run")]
    members.sort(key=lambda member: (member.latent, member.measurement.seed))
    return Page(
        title="Quality against the latent dimension",
        about=f"Preset `checkerboard` at {config.training.steps:,} steps of {config.training.batch} pairs, on "
        f"{preset.pairs:,} pairs of its own teacher, a tenth held out; {len(seeds)} seeds at each latent dimension. "
        "Medians are over seeds; intervals resample held-out pairs, at 95 %.",
        tables=[
            Table(columns=COLUMNS, rows=[_summary(members, latent) for latent in latents]),
            Table(columns=EACH, rows=[_row(member) for member in members]),
        ],
        notes=[
            "The budget is a thirteenth of the preset's: differences between dimensions are those of a short training.",
            "Latents are normalised to root mean square 1: two of them are a circle, and carry one number.",
            "CPU seconds are those of a training and its measurement.",
        ],
    )


def budgeted(config: DistillationConfig, profile: Profile) -> DistillationConfig:
    """The distillation with the steps of this benchmark, measured at the end alone."""
    steps = profile.count(STEPS, fast=20)
    training = replace(config.training, steps=steps, warmup=min(config.training.warmup, steps), evaluate_every=steps)
    return replace(config, training=training)


def _member(job: Job) -> Member:
    (measurement,), (ablation,) = job.done(), job.ablations.values()
    assert isinstance(ablation, LatentDimension)
    data = open_trajectories(job.data)
    model = ablation.load(job.folder, data)
    closure = decoder_weighted_defect(
        KDMLatentModel(model), pairs_in_rows(data.heldout()), rng=np.random.default_rng(measurement.seed)
    )
    parameters = sum(parameter.numel() for parameter in model.parameters())
    return Member(latent=ablation.latent, parameters=parameters, measurement=measurement, closure=closure)


def _summary(everyone: list[Member], latent: int) -> Row:
    members = [member for member in everyone if member.latent == latent]
    qualities = [member.measurement.quality for member in members]
    errors, closures = [quality.paired_error for quality in qualities], [member.closure for member in members]
    return {
        "latents": latent,
        "parameters": members[0].parameters,
        "paired error, median": median(errors),
        "least": min(errors),
        "largest": max(errors),
        "median distance": median(quality.median for quality in qualities),
        "decoder-weighted defect": median(closure.defect.estimate for closure in closures),
        "reconstruction error": median(closure.reconstruction_error.estimate for closure in closures),
        "varying directions": int(median(closure.dimension for closure in closures)),
        "CPU s a training": median(member.measurement.cpu_seconds for member in members),
    }


def _row(member: Member) -> Row:
    return {
        "latents": member.latent,
        "seed": member.measurement.seed,
        "paired error": member.measurement.quality.paired_error,
        "median distance": member.measurement.quality.median,
        "decoder-weighted defect": member.closure.defect,
        "state error": member.closure.state_error,
        "reconstruction error": member.closure.reconstruction_error,
    }
