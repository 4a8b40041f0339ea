"""What linearity buys: the model beside its ablations, over data sets and training seeds, at equal steps.

Reduced presets: networks of half the presets' width on fewer pairs, with fewer and smaller steps. Two worker processes,
one thread each; what is trained is kept in WORK, and a killed study goes on. The pairs of a data set are the same
throughout; what is said of them stands in `ablation_tables`. On the mixtures alone it is asked whether one encoder for
all times costs the more, the more modes there are (`kdm.ablations.modes`).
"""

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from statistics import median

import threadpoolctl
import torch
from tqdm import tqdm

from kdm.ablations import ABLATIONS, PLAIN, SHARED
from kdm.ablations.modes import LEVEL as MODES_LEVEL
from kdm.ablations.modes import claims_on_modes
from kdm.ablations.study import Job, Problem, energy_floor, jobs, measurements
from kdm.configuration import Architecture
from kdm.presets import preset_named
from kdm.teachers import GaussianMixture, Teacher
from kdm.trajectories import open_trajectories
from koopman_analysis.claims import Claim

from .ablation_tables import (
    ABLATION,
    LEVEL,
    RATIOS,
    Groups,
    compared_and_levels,
    grouped,
    pooled,
    ratio_to_plain,
    sentence,
    shared_seeds,
    simultaneous,
    values,
)  # fmt: skip
from .experiments import Profile
from .page import Page, Row, Table

WORKERS = 2
SEEDS = range(1, 6)
SEEDS_FAST = range(1, 3)
RINGS = {f"mixture of {modes}": modes for modes in (2, 4, 8, 16)}
"""Equal modes on one circle: how many, by the name of the data set."""
PAIRS, PAIRS_FAST = 20_000, 500
STEPS = {"checkerboard": 400, "mixture": 400, "digits": 250}
"""Of the reduced presets; less than ten seconds on one thread."""
STEPS_FAST = 10
INTERVALS = 4
"""Between the stored times, for the ablation that learns from all of them."""
BATCH = 256
SAMPLES, SAMPLES_FAST = 4000, 100
"""Fresh samples for the energy distance."""
CLAIMS = {"claim": "", "quantity": "", "measured": ".2f", "verdict": "", "controls": ""}
REFITTED, DIRECT = "refitted operator", "no bottleneck"


def measured(profile: Profile) -> Page:
    """Every ablation on every data set with every seed."""
    work = profile.work / ("ablations-fast" if profile.fast else "ablations")
    seeds, samples = (SEEDS_FAST, SAMPLES_FAST) if profile.fast else (SEEDS, SAMPLES)
    asked = [
        job for problem in problems(profile) for job in jobs(problem, ABLATIONS, seeds, samples=samples, work=work)
    ]
    asked.sort(key=lambda job: job.config.training.seed)  # whoever stops it has whole seeds
    with ProcessPoolExecutor(
        WORKERS, mp_context=multiprocessing.get_context("spawn"), initializer=prepare_worker
    ) as pool:

        def shown(function: Callable, given: Sequence[Job]) -> Iterable:
            return tqdm(pool.map(function, given), total=len(given), desc="trainings", unit="run")

        groups = grouped(measurements(asked, mapped=shown))
    floors = {job.problem: energy_floor(open_trajectories(job.data), samples=samples) for job in asked}
    return page(groups, floors)


def problems(profile: Profile) -> list[Problem]:
    """The data sets, each with its reduced preset."""
    rings = {name: GaussianMixture.ring(modes) for name, modes in RINGS.items()}
    plane, digits = preset_named("checkerboard").teacher_object(), preset_named("digits").teacher_object()
    return [
        _reduced("checkerboard", "checkerboard", plane, profile),
        *(_reduced(name, "mixture", ring, profile) for name, ring in rings.items()),
        _reduced("digits", "digits", digits, profile),
    ]


def page(groups: Groups, floors: Mapping[str, float]) -> Page:
    """Tables of all data sets together and of each, and the sentences that they support."""
    names, ablations = list(floors), [name for name in ABLATIONS if name != PLAIN]
    seeds = shared_seeds(groups)
    together = [{ABLATION: name, **pooled(groups, names, name)} for name in ablations]
    on_modes = _claims(groups, names)
    # Refitting shares the training of the plain model.
    seconds = [one.cpu_seconds for (_, name), group in groups.items() if name != REFITTED for one in group]
    return Page(
        title="Ablations: what linearity buys",
        about=f"The model beside its ablations (`kdm.ablations`), {seeds} training seeds each, on {len(names)} data "
        f"sets of {PAIRS:,} pairs, a tenth of them held out. The presets' networks at half their width, batches of "
        f"{BATCH}, {STEPS['mixture']:,} steps in the plane, {STEPS['digits']:,} on digits, the same for every "
        f"ablation: a budget of {median(seconds):.0f} s of CPU for one training and its measurement (median; at most "
        f"{max(seconds):.0f} s), {sum(seconds):,.0f} s for all {len(seconds)}. First the ratios over all data sets "
        "together, then each by itself. An error ratio above 1 says that the change costs, below 1 that it buys.",
        tables=[
            Table(columns={ABLATION: "", **RATIOS}, rows=together),
            *compared_and_levels(groups, floors, list(ABLATIONS), ablations),
            Table(columns=CLAIMS, rows=[_claim_row(claim) for claim in on_modes]),
        ],
        notes=[
            *(sentence(groups, names, row, cells=len(names) * len(ablations)) for row in together),
            *(f"**{claim.hypothesis}** {claim.verdict.value.capitalize()}: {claim.because}." for claim in on_modes),
            "One encoder for all times sees the states between the ends, too, and has the parameters of two networks "
            f"in the place of three: the claims are on equal steps. Their intervals have the level {MODES_LEVEL:.1%}.",
            f"The paired error of {SHARED} is {_by_data(groups, names, SHARED)}; that of {DIRECT} is "
            f"{_by_data(groups, names, DIRECT)}. Where both are near 1, something else limits all trainings alike, and "
            "the ratio cannot show what an encoder costs: a trend that such data sets lower is no evidence that more "
            "modes are easier to share.",
            f"Intervals: paired t over {seeds} seeds at {LEVEL:.0%}, on logarithms where ratios are told. The pairs of "
            "a data set, held-out ones and fresh noise included, are fixed: nothing is said of other data, other "
            "budgets or other networks.",
            "What the sentences above say of single data sets holds together: each of those intervals has the level "
            f"{simultaneous(len(names) * len(ablations)):.2%} (Bonferroni), the tables' have {LEVEL:.0%}.",
            "A ratio over all data sets together is the geometric mean of theirs. Energy distances have the units of "
            "their data.",
            "The CPU seconds of refitting are those of the plain training that it shares. Trainings of an earlier call "
            "are kept: the seconds in the last lines are those of the last call alone.",
        ],
    )


def _reduced(name: str, preset: str, teacher: Teacher, profile: Profile) -> Problem:
    config = preset_named(preset).distillation
    steps = profile.count(STEPS[preset], fast=STEPS_FAST)
    solver_steps = profile.count(preset_named(preset).solver_steps, fast=8)
    training = replace(config.training, steps=steps, batch=BATCH, evaluate_every=steps)
    return Problem(
        name=name,
        teacher=teacher,
        pairs=profile.count(PAIRS, fast=PAIRS_FAST),
        solver_steps=solver_steps,
        keep=range(0, solver_steps + 1, solver_steps // INTERVALS),
        distillation=replace(config, architecture=halved(config.architecture), training=training),
    )


def halved(architecture: Architecture) -> Architecture:
    """The architecture with all networks half as wide; the latent dimension stays."""
    places = ("noise_encoder", "data_encoder", "decoder")
    networks = {place: getattr(architecture, place) for place in places}
    return replace(architecture, **{name: replace(net, width=net.width // 2) for name, net in networks.items()})


def prepare_worker() -> None:
    """Makes this process a worker: one thread an operation, and no life after the process that started it."""
    torch.set_num_threads(1)
    threadpoolctl.threadpool_limits(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    # A worker whose parent was killed would go on with what is queued, and then wait for ever. A signal would not do:
    # training turns it into an exception, which ends the job and not the worker. A RUN can be left at any moment.
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _claims(groups: Groups, names: Sequence[str]) -> tuple[Claim, ...]:
    """What the mixtures say of one encoder for all times."""
    shared, two = (
        {RINGS[data]: values(groups[data, name], "paired_error") for data in names if data in RINGS}
        for name in (SHARED, PLAIN)
    )
    return claims_on_modes(shared, two)


def _by_data(groups: Groups, names: Sequence[str], ablation: str) -> str:
    ratios = [
        (data, ratio_to_plain(groups, data, ablation, "paired_error").estimate) for data in names if data in RINGS
    ]
    return ", ".join(f"× {ratio:.2f} on {data}" for data, ratio in ratios)


def _claim_row(claim: Claim) -> Row:
    """A claim above 1, and what its controls came out as beside what they must."""
    controls = [f"{one.name}: {one.verdict.value}, must be {one.expected.value}" for one in claim.controls]
    return {
        "claim": claim.hypothesis,
        "quantity": f"{claim.quantity}, at least {claim.bound:g}",
        "measured": claim.interval,
        "verdict": claim.verdict.value,
        "controls": "; ".join(controls),
    }
