"""Optimisers and orders of the pairs at equal CPU time, on the published checkerboard trajectories.

The schedule of the learning rate ends with the training, so the number of steps must be known before: it is the CPU
budget divided by the CPU time of one step, measured on a short training. Each optimiser gets its best rate of three.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from kdm.evaluation import paired_error
from kdm.training.batches import ImportanceConfig, PermutationConfig
from kdm.training.distillation import DistillationConfig
from kdm.training.optimisation import AdamConfig, SOAPConfig
from kdm.trajectories import Trajectories

from .experiments import Profile, published_trajectories, trained
from .page import Page, Row, Table, number

SEEDS = (0, 1)
CALIBRATION_STEPS = 200
COLUMNS = {
    "optimiser": "", "pairs": "", "largest rate": "g", "seed": "", "steps": ",", "CPU s": ".1f",
    "paired error, held out": ".2%", "median error": ".4f",
}  # fmt: skip
BEST = {"at its best rate": "", "paired error, mean over seeds": ".2%", "relative to the first": ".2f"}


@dataclass(frozen=True, kw_only=True)
class Contestant:
    """One way to train, at several rates."""

    optimiser: type[AdamConfig | SOAPConfig]
    batches: PermutationConfig | ImportanceConfig
    rates: Sequence[float]

    @property
    def name(self) -> str:
        """What the table calls it."""
        pairs = "by importance" if isinstance(self.batches, ImportanceConfig) else "uniform"
        return f"{self.optimiser.__name__.removesuffix('Config')}, {pairs}"

    def at(self, rate: float, config: DistillationConfig) -> DistillationConfig:
        """The same distillation, trained in this way at this rate."""
        optimiser = self.optimiser(learning_rate=rate)
        return replace(config, training=replace(config.training, optimiser=optimiser, batches=self.batches))


CONTESTANTS = (
    Contestant(optimiser=AdamConfig, batches=PermutationConfig(), rates=(1e-3, 2e-3, 4e-3)),
    Contestant(optimiser=AdamConfig, batches=ImportanceConfig(), rates=(2e-3,)),
    Contestant(optimiser=SOAPConfig, batches=PermutationConfig(), rates=(1.5e-3, 3e-3, 6e-3)),
    Contestant(optimiser=SOAPConfig, batches=ImportanceConfig(), rates=(1.5e-3, 3e-3, 6e-3)),
)


def measured(profile: Profile) -> Page:
    """Every contestant at every rate and seed."""
    data, config = published_trajectories(profile.work), profile.preset("checkerboard").distillation
    seconds = profile.count(40, fast=2)
    rows: list[Row] = []
    best: list[tuple[str, float]] = []
    for contestant in CONTESTANTS:
        errors = {}
        for rate in contestant.rates:
            chosen = contestant.at(rate, config)
            steps = _steps_within(seconds, chosen, data)
            trials = [_row(contestant, rate, _with(chosen, steps=steps, seed=seed), data) for seed in SEEDS]
            errors[rate] = fmean(number(trial["paired error, held out"]) for trial in trials)
            rows += trials
        winner = min(errors, key=errors.__getitem__)
        best.append((f"{contestant.name}, {winner:g}", errors[winner]))
    ranking: list[Row] = [
        {BEST_NAME: name, "paired error, mean over seeds": error, "relative to the first": error / best[0][1]}
        for name, error in best
    ]
    return Page(
        title=f"Optimisers at {seconds} s of CPU",
        about=f"The architecture of preset `checkerboard` on the published trajectories, batch "
        f"{config.training.batch}, one thread; linear warm-up and linear decay to zero at the last step.",
        tables=[Table(columns=BEST, rows=ranking), Table(columns=COLUMNS, rows=rows)],
        notes=["The best rate is chosen on the same held-out pairs, alike for all; Adam by importance has one rate."],
    )


BEST_NAME = next(iter(BEST))


def _with(config: DistillationConfig, *, steps: int, seed: int) -> DistillationConfig:
    training = replace(config.training, steps=steps, seed=seed, evaluate_every=steps)
    return replace(config, training=training)


def _steps_within(seconds: float, config: DistillationConfig, data: Trajectories) -> int:
    short = trained(_with(config, steps=CALIBRATION_STEPS, seed=0), data, name="measuring a step")
    return max(CALIBRATION_STEPS, round(seconds / short.cost.cpu * CALIBRATION_STEPS))


def _row(contestant: Contestant, rate: float, config: DistillationConfig, data: Trajectories) -> Row:
    fitted = trained(config, data, name=f"{contestant.name}, {rate:g}")
    error = paired_error(fitted.model, data.heldout())
    optimiser, _, pairs = contestant.name.partition(", ")
    return {
        "optimiser": optimiser,
        "pairs": pairs,
        "largest rate": rate,
        "seed": config.training.seed,
        "steps": config.training.steps,
        "CPU s": fitted.cost.cpu,
        "paired error, held out": error.relative_rmse,
        "median error": error.median,
    }
