"""Optimisers and orders of the pairs at equal CPU time, on the published checkerboard trajectories.

Two optimisers by two orders of the pairs. The largest learning rate of each optimiser is the best of three for uniform
pairs and one seed; what is compared are other seeds. The schedule of the rate ends with the training, so the number of
steps must be known beforehand: it is the CPU budget divided by the CPU time of one step, measured on a short training.
"""

from collections.abc import Mapping
from dataclasses import replace
from statistics import fmean

from kdm.evaluation import paired_error
from kdm.training.batches import ImportanceConfig, PermutationConfig
from kdm.training.distillation import DistillationConfig
from kdm.training.optimisation import AdamConfig, OptimiserConfig, SOAPConfig
from kdm.trajectories import Trajectories

from .experiments import Profile, published_trajectories, trained
from .page import Page, Row, Table, number

SEED_OF_THE_RATE = 0
SEEDS = (1, 2)
SECONDS, SECONDS_FAST = 40, 2
CALIBRATION_STEPS = 200
CANDIDATES: Mapping[str, tuple[OptimiserConfig, ...]] = {
    "Adam": tuple(AdamConfig(learning_rate=rate) for rate in (2e-3, 4e-3, 8e-3)),
    "SOAP": tuple(SOAPConfig(learning_rate=rate) for rate in (1.5e-3, 3e-3, 6e-3)),
}
ORDERS: Mapping[str, PermutationConfig | ImportanceConfig] = {
    "uniform": PermutationConfig(),
    "by importance": ImportanceConfig(),
}
ERROR = "paired error, held out"
TRIALS = {
    "optimiser": "", "pairs": "", "largest rate": "g", "seed": "", "steps": ",", "CPU s": ".1f",
    ERROR: ".2%", "median error": ".4f",
}  # fmt: skip
MEANS = {
    "optimiser": "", "pairs": "", "largest rate": "g", ERROR: ".2%", "relative": ".2f",
    "median error": ".4f", "median, relative": ".2f",
}  # fmt: skip


def measured(profile: Profile) -> Page:
    """The rates first, then every optimiser with every order of the pairs."""
    data, config = published_trajectories(profile.work), profile.preset("checkerboard").distillation
    seconds = profile.count(SECONDS, fast=SECONDS_FAST)
    search: list[Row] = []
    chosen: list[Row] = []
    for name, candidates in CANDIDATES.items():
        uniform = [_variant(config, candidate, "uniform") for candidate in candidates]
        trials = _trials(name, "uniform", uniform, data, seeds=(SEED_OF_THE_RATE,), seconds=seconds)
        best = candidates[min(range(len(candidates)), key=lambda index: number(trials[index][ERROR]))]
        search += trials
        for order in ORDERS:
            variant = _variant(config, best, order)
            chosen += _trials(name, order, [variant], data, seeds=SEEDS, seconds=seconds)
    return Page(
        title=f"Optimisers at {seconds} s of CPU",
        about="The architecture of preset `checkerboard` on the published trajectories, batch "
        f"{config.training.batch}, one thread; linear warm-up, and linear decay to zero at the last step. First the "
        "means over the seeds, relative to the first row; then those trainings; then those that chose the rates.",
        tables=[Table(columns=MEANS, rows=_means(chosen)), *(Table(columns=TRIALS, rows=r) for r in (chosen, search))],
    )


def _variant(config: DistillationConfig, optimiser: OptimiserConfig, order: str) -> DistillationConfig:
    return replace(config, training=replace(config.training, optimiser=optimiser, batches=ORDERS[order]))


def _trials(
    name: str, order: str, variants: list[DistillationConfig], data: Trajectories, *,
    seeds: tuple[int, ...], seconds: float,
) -> list[Row]:  # fmt: skip
    """One row for each variant and seed."""
    rows: list[Row] = []
    for variant in variants:
        short = trained(_lasting(variant, steps=CALIBRATION_STEPS, seed=0), data, name="measuring a step")
        steps = max(CALIBRATION_STEPS, round(seconds / short.cost.cpu * CALIBRATION_STEPS))
        for seed in seeds:
            rate = variant.training.optimiser.learning_rate
            fitted = trained(_lasting(variant, steps=steps, seed=seed), data, name=f"{name}, {order}, {rate:g}")
            error = paired_error(fitted.model, data.heldout())
            rows.append(
                {
                    "optimiser": name,
                    "pairs": order,
                    "largest rate": rate,
                    "seed": seed,
                    "steps": steps,
                    "CPU s": fitted.cost.cpu,
                    ERROR: error.relative_rmse,
                    "median error": error.median,
                }
            )
    return rows


def _lasting(config: DistillationConfig, *, steps: int, seed: int) -> DistillationConfig:
    return replace(config, training=replace(config.training, steps=steps, seed=seed, evaluate_every=steps))


def _means(rows: list[Row]) -> list[Row]:
    """The mean over seeds of each optimiser and order, and its ratio to the first."""
    means: list[Row] = []
    first: Row = {}
    for start in range(0, len(rows), len(SEEDS)):
        group = rows[start : start + len(SEEDS)]
        mean = {column: fmean(number(row[column]) for row in group) for column in (ERROR, "median error")}
        first = first or mean
        relative = {
            "relative": mean[ERROR] / number(first[ERROR]),
            "median, relative": mean["median error"] / number(first["median error"]),
        }
        means.append({**{name: group[0][name] for name in ("optimiser", "pairs", "largest rate")}, **mean, **relative})
    return means
