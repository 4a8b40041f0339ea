"""The headline rows of the ablations at full size: the presets as they are, on their own data.

What the reduced study says may depend on its budget. Here are the rows that decide what linearity buys, with the
presets' networks, pairs and steps. A training takes minutes: there are fewer seeds, and intervals are wider for it.
"""

from dataclasses import replace
from statistics import median

from tqdm import tqdm

from kdm.ablations import ABLATIONS, PLAIN
from kdm.ablations.study import Problem, energy_floor, jobs, measurements
from kdm.trajectories import open_trajectories

from .ablation_tables import (
    LEVEL,
    Groups,
    compared_and_levels,
    grouped,
    shared_seeds,
)  # fmt: skip
from .experiments import Profile
from .page import Page

HEADLINE = (PLAIN, "identity", "refitted operator", "random encoders", "no bottleneck")
PRESETS = ("checkerboard", "digits")
SEEDS, SEEDS_FAST = range(1, 4), range(1, 3)
SAMPLES, SAMPLES_FAST = 4000, 100


def measured(profile: Profile) -> Page:
    """The headline ablations of each preset with every seed; what is trained is kept in WORK."""
    work = profile.work / ("ablations-full-fast" if profile.fast else "ablations-full")
    seeds, samples = (SEEDS_FAST, SAMPLES_FAST) if profile.fast else (SEEDS, SAMPLES)
    rows = {name: ABLATIONS[name] for name in HEADLINE}
    asked = [job for name in PRESETS for job in jobs(_problem(name, profile), rows, seeds, samples=samples, work=work)]
    asked.sort(key=lambda job: job.config.training.seed)  # whoever stops it has whole seeds
    groups = grouped(measurements(tqdm(asked, desc="trainings", unit="run")))
    floors = {job.problem: energy_floor(open_trajectories(job.data), samples=samples) for job in asked}
    return page(groups, floors)


def page(groups: Groups, floors: dict[str, float]) -> Page:
    """What the headline rows say on each data set."""
    changed = [name for name in HEADLINE if name != PLAIN]
    seconds = [one.cpu_seconds for (_, name), group in groups.items() if name == PLAIN for one in group]
    return Page(
        title="Ablations at full size",
        about=f"The headline rows of the ablations (`kdm.ablations`) with the presets' own networks, pairs and steps, "
        f"{shared_seeds(groups)} training seeds each: {median(seconds):.0f} s of CPU for a training of the plain model "
        "and its measurement (median). An error ratio above 1 says that the change costs, below 1 that it buys.",
        tables=[
            *compared_and_levels(groups, floors, HEADLINE, changed),
        ],
        notes=[
            f"Intervals: paired t over {shared_seeds(groups)} seeds at {LEVEL:.0%}, on logarithms where ratios are "
            "told; none of them is simultaneous. The pairs of a data set are the same throughout.",
            "The CPU seconds of refitting are those of the plain training that it shares. Trainings of an earlier call "
            "are kept: the seconds in the last lines are those of the last call alone.",
        ],
    )


def _problem(name: str, profile: Profile) -> Problem:
    preset = profile.preset(name)
    config = preset.distillation
    if profile.fast:
        config = replace(config, training=replace(config.training, steps=10, evaluate_every=10))
    return Problem(
        name=name,
        teacher=preset.teacher_object(),
        pairs=profile.count(preset.pairs, fast=500),
        solver_steps=profile.count(preset.solver_steps, fast=8),
        distillation=config,
    )
