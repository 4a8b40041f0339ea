"""Whether a critic beside a distillation makes its digits sharper, and what that costs.

A digit that is a mean of several is far from each of them: sharpness is the mean distance of one-step samples to the
nearest real digit, beside that of the teacher's samples. A critic may buy it with the error of the pairs and with the
class that the noise stands for; both stand beside it. All trainings have the same pairs, seed and number of steps.
"""

from dataclasses import replace

import numpy as np
import torch

from kdm.evaluation import generated, labels_of, paired_error
from kdm.networks.discriminator import CriticConfig
from kdm.teachers import Digits
from kdm.training.adversary import Adversary, PairedGame
from kdm.training.optimisation import AdamConfig
from kdm.trajectories import Trajectories, collect
from koopman_analysis.resampling import Interval, object_bootstrap

from .experiments import Profile, Trained, trained
from .page import Page, Row, Table

CRITIC, OPTIMISER = CriticConfig(channels=(32, 64)), AdamConfig(learning_rate=1e-3, betas=(0.5, 0.99))
PUBLISHED = Adversary(critic=CRITIC)
SMOOTH = replace(PUBLISHED, smoothness=1.0, optimiser=OPTIMISER)
ADVERSARIES: dict[str, Adversary | None] = {
    "none": None,
    "non-saturating, weight 0.01, as published": PUBLISHED,
    "non-saturating, weight 0.1, γ = 1": replace(SMOOTH, weight=0.1),
    "non-saturating, weight 0.1, γ = 10": replace(SMOOTH, weight=0.1, smoothness=10.0),
    "in pairs, weight 0.03, γ = 1": replace(SMOOTH, weight=0.03, game=PairedGame()),
}
COLUMNS = {
    "adversary": "", "distance to the nearest digit": ".3f", "paired error, held out": ".1%",
    "label agreement, held out": ".1%", "wall s": ".0f", "CPU s": ".0f", "others, cores": ".2f",
}  # fmt: skip
STEPS, BATCH = 800, 128


def measured(profile: Profile) -> Page:
    """The digits preset, shortened, beside each adversary."""
    preset = profile.preset("digits")
    data = collect(
        preset.teacher_object(), preset.pairs, generator=torch.Generator().manual_seed(0), steps=preset.solver_steps,
        out=profile.work / f"adversary-{preset.pairs}", progress=True,
    )  # fmt: skip
    steps = profile.count(STEPS, fast=10)
    training = replace(preset.distillation.training, steps=steps, batch=BATCH, evaluate_every=steps)
    distillation = replace(preset.distillation, training=training)
    heldout = data.heldout()
    rows: list[Row] = [
        {"adversary": "the teacher's samples", "distance to the nearest digit": _nearest(heldout.data)}
    ]  # fmt: skip
    for name, adversary in ADVERSARIES.items():
        rows.append(
            {"adversary": name} | _row(trained(replace(distillation, adversary=adversary), data, name=name), data)
        )
    return Page(
        title="Critics beside the distillation of digits",
        about=f"Preset `digits` with {steps:,} steps of {BATCH} pairs, seed {training.seed}, on {len(heldout):,} "
        f"held-out pairs. The critic has {' and '.join(map(str, CRITIC.channels))} channels. Intervals resample "
        "held-out pairs, at 95 %: they say nothing of other seeds.",
        tables=[Table(columns=COLUMNS, rows=rows)],
        goals=[],
        notes=["Training uses one thread: its CPU seconds are what the clock shows where nothing else runs."],
    )


def _row(fitted: Trained, data: Trajectories) -> Row:
    heldout = data.heldout()
    samples = generated(fitted.model, heldout.noise)
    ours, theirs = labels_of(data, samples), labels_of(data, heldout.data)
    assert ours is not None
    assert theirs is not None
    return {
        "distance to the nearest digit": _nearest(samples),
        "paired error, held out": paired_error(fitted.model, heldout).relative_rmse,
        "label agreement, held out": _mean((ours == theirs).double()),
        "wall s": fitted.cost.wall,
        "CPU s": fitted.cost.cpu,
        "others, cores": fitted.cost.others,
    }


def _nearest(samples: torch.Tensor) -> Interval:
    points = Digits().points.flatten(1)
    return _mean(torch.cdist(samples.double().flatten(1), points).min(dim=1).values)


def _mean(values: torch.Tensor) -> Interval:
    terms, rng = values.numpy(), np.random.default_rng(0)
    return object_bootstrap(lambda n: n @ terms / len(terms), len(terms), rng=rng).intervals()[0]
