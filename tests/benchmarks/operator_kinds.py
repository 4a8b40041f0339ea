"""Distillation with each kind of operator: quality, spectrum and conditioning, at one reduced budget.

The trainings are those of a study of ablations (`kdm.ablations.study`) on the reduced presets of `ablations`, and go on
where they were interrupted. What is said of K holds in the coordinates that training chose: with an encoder for each
end, other coordinates give the same model another spectrum.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
from tqdm import tqdm

from kdm.ablations import PLAIN, operator_kinds
from kdm.ablations.study import Job, Measurement, energy_floor, jobs
from kdm.latent_model import KDMLatentModel
from kdm.model import KoopmanDistillationModel
from kdm.operators import SpectralConfig
from kdm.trajectories import open_trajectories
from koopman_analysis.gauge import ThisGauge, nonnormality_in_gauge, spectrum_in_gauge

from .ablation_tables import (
    ABLATION,
    DATA,
    LEVEL,
    RATIOS,
    compared_and_levels,
    grouped,
    pooled,
    sentence,
    shared_seeds,
)  # fmt: skip
from .ablations import BATCH, PAIRS, STEPS, problems
from .experiments import Profile
from .page import Page, Row, Table

DATA_SETS = ("checkerboard", "digits")
SEEDS, SEEDS_FAST = range(1, 6), range(1, 3)
SAMPLES, SAMPLES_FAST = 4000, 100
RADIUS, LEAST, CONDITION, HENRICI = (
    "spectral radius", "least |λ|", "eigenvector conditioning", "Henrici's departure / Frobenius norm",
)  # fmt: skip
IN_GAUGE = {
    DATA: "", ABLATION: "", "parameters of K": ",", RADIUS: ".3f", LEAST: ".1e", "norm": ".3f", CONDITION: ".3g",
    HENRICI: ".2f", "stable rank": ".1f",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Member:
    """One training: what the study measured, and K in the coordinates that it chose."""

    measurement: Measurement
    parameters: int
    in_gauge: dict[str, float]


def measured(profile: Profile) -> Page:
    """Every kind on both data sets with every seed."""
    work = profile.work / ("operator-kinds-fast" if profile.fast else "operator-kinds")
    seeds, samples = (SEEDS_FAST, SAMPLES_FAST) if profile.fast else (SEEDS, SAMPLES)
    data_sets = DATA_SETS[: profile.count(len(DATA_SETS), fast=1)]
    asked = [
        job
        for problem in problems(profile)
        if problem.name in data_sets
        for job in jobs(problem, operator_kinds(), seeds, samples=samples, work=work)
    ]
    asked.sort(key=lambda job: job.config.training.seed)  # whoever stops it has whole seeds
    members = [_member(job) for job in tqdm(asked, desc="trainings", unit="run")]
    floors = {job.problem: energy_floor(open_trajectories(job.data), samples=samples) for job in asked}
    return page(members, floors)


def page(members: Sequence[Member], floors: dict[str, float]) -> Page:
    """What the kinds reach, beside the plain one, and what K is like."""
    groups, names = grouped(member.measurement for member in members), list(floors)
    kinds = [name for name in operator_kinds() if name != PLAIN]
    seeds = shared_seeds(groups)
    of_K = [_in_gauge(members, data, name) for data in names for name in operator_kinds()]
    together = [{ABLATION: name, **pooled(groups, names, name)} for name in kinds]
    return Page(
        title="Distillation with each kind of operator",
        about=f"The model with each kind of operator (`kdm.ablations.operators`), {seeds} training seeds each, on the "
        f"reduced presets of the page on ablations: {PAIRS:,} pairs, batches of {BATCH}, {STEPS['checkerboard']:,} "
        f"steps in the plane, {STEPS['digits']:,} on digits. First the ratios over both data sets, then of each, then "
        "means over seeds, then K: medians over seeds.",
        tables=[
            Table(columns={ABLATION: "", **RATIOS}, rows=together),
            *compared_and_levels(groups, floors, list(operator_kinds()), kinds),
            Table(columns=IN_GAUGE, rows=of_K),
        ],
        notes=[
            *(sentence(groups, names, row, cells=len(names) * len(kinds)) for row in together),
            "The last table holds in the coordinates that training chose. With two encoders another linear change of "
            "the latents at each end gives the same model any other K of the same rank: these numbers say what a kind "
            "does to K, and nothing of the flow.",
            f"Spectral operators start with |λ| = {SpectralConfig().modulus}; moduli that are still there were "
            "hardly moved by so short a training.",
            "Latents are normalised but where they are said to be bare. The encoders end linearly: on normalised "
            "latents the identity stands for every orthogonal basis, on bare ones for every basis.",
            f"Intervals: paired t over {seeds} seeds at {LEVEL:.0%}, on logarithms; those of the sentences hold "
            "together (Bonferroni). The pairs of a data set are fixed: nothing is said of other data, budgets or "
            "networks.",
        ],
    )


def _member(job: Job) -> Member:
    (measurement,), (ablation,) = job.done(), job.ablations.values()
    model = ablation.load(job.folder, open_trajectories(job.data))
    assert isinstance(model, KoopmanDistillationModel)
    seen, gauge = KDMLatentModel(model), ThisGauge()
    moduli = np.abs(spectrum_in_gauge(seen, gauge=gauge))
    return Member(
        measurement=measurement,
        parameters=sum(parameter.numel() for parameter in model.operator.parameters()),
        in_gauge={**nonnormality_in_gauge(seen, gauge=gauge), LEAST: float(moduli[-1])},
    )


def _in_gauge(members: Sequence[Member], data: str, name: str) -> Row:
    its = [each for each in members if (each.measurement.problem, each.measurement.ablation) == (data, name)]
    numbers = [column for column in IN_GAUGE if column in its[0].in_gauge]
    return {
        DATA: data,
        ABLATION: name,
        "parameters of K": its[0].parameters,
        **{column: median(member.in_gauge[column] for member in its) for column in numbers},
    }
