"""Distillation of the exact checkerboard at latent dimensions from 2 to 256, several seeds each, at one small budget.

The trainings are RUNs in the folder of the benchmark's data: interrupted, it goes on where it stopped.
"""

from dataclasses import replace
from statistics import median

import torch
from tqdm import tqdm

from kdm.sweeps import LatentQuality, LatentTraining, latent_quality, latent_trainings
from kdm.training.distillation import DistillationConfig
from kdm.trajectories import Trajectories, collect
from koopman_analysis.closure import DecoderWeightedClosure

from .cost import Stopwatch
from .experiments import Profile
from .page import Page, Row, Table

LATENTS = (2, 4, 8, 16, 32, 64, 128, 256)
SEEDS = (0, 1, 2)
STEPS = 500
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


def measured(profile: Profile) -> Page:
    """Every dimension and seed."""
    preset = profile.preset("checkerboard")
    data = collect(
        preset.teacher_object(), preset.pairs, generator=torch.Generator().manual_seed(0), steps=preset.solver_steps,
        out=profile.work / f"checkerboard-{preset.pairs}", progress=True,
    )  # fmt: skip
    config = budgeted(preset.distillation, profile)
    latents, seeds = (LATENTS[:2], SEEDS[:2]) if profile.fast else (LATENTS, SEEDS)
    folder = profile.work / f"latent-dimension-{config.training.steps}"
    seconds: dict[int, list[float]] = {}
    qualities: list[LatentQuality] = []
    for training in latent_trainings(config, folder, latents=latents, seeds=seeds):
        seconds.setdefault(training.latent, []).append(_trained(training, data))
        qualities.append(latent_quality(training, data))
    return Page(
        title="Quality against the latent dimension",
        about=f"Preset `checkerboard` at {config.training.steps:,} steps of {config.training.batch} pairs, on "
        f"{preset.pairs:,} pairs of its own teacher, a tenth held out; {len(seeds)} seeds at each latent dimension. "
        "Medians are over seeds; intervals resample held-out pairs, at 95 %.",
        tables=[
            Table(columns=COLUMNS, rows=[_summary(qualities, latent, seconds[latent]) for latent in latents]),
            Table(columns=EACH, rows=[_row(quality) for quality in qualities]),
        ],
        notes=[
            "The budget is a thirteenth of the preset's: differences between dimensions are those of a short training.",
            "Latents are normalised to root mean square 1: two of them are a circle, and carry one number.",
            "A training that an earlier call finished is only read, and costs nothing here.",
        ],
    )


def budgeted(config: DistillationConfig, profile: Profile) -> DistillationConfig:
    """The distillation with the steps of this benchmark, measured at the end alone."""
    steps = profile.count(STEPS, fast=20)
    training = replace(config.training, steps=steps, warmup=min(config.training.warmup, steps), evaluate_every=steps)
    return replace(config, training=training)


def _trained(training: LatentTraining, data: Trajectories) -> float:
    """CPU seconds of what was left to train."""
    watch = Stopwatch()
    steps = training.steps(data, device=torch.device("cpu"))
    for _ in tqdm(steps, total=training.config.training.steps, desc=training.run.name, unit="step", mininterval=5):
        pass
    return watch.cost().cpu


def _summary(qualities: list[LatentQuality], latent: int, seconds: list[float]) -> Row:
    members = [quality for quality in qualities if quality.latent == latent]
    errors = [member.error.relative_rmse for member in members]
    closures: list[DecoderWeightedClosure] = [member.closure for member in members]
    return {
        "latents": latent,
        "parameters": members[0].parameters,
        "paired error, median": median(errors),
        "least": min(errors),
        "largest": max(errors),
        "median distance": median(member.error.median for member in members),
        "decoder-weighted defect": median(closure.defect.estimate for closure in closures),
        "reconstruction error": median(closure.reconstruction_error.estimate for closure in closures),
        "varying directions": int(median(closure.dimension for closure in closures)),
        "CPU s a training": median(seconds),
    }


def _row(quality: LatentQuality) -> Row:
    return {
        "latents": quality.latent,
        "seed": quality.seed,
        "paired error": quality.error.relative_rmse,
        "median distance": quality.error.median,
        "decoder-weighted defect": quality.closure.defect,
        "state error": quality.closure.state_error,
        "reconstruction error": quality.closure.reconstruction_error,
    }
