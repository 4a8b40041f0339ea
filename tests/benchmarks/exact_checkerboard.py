"""Distillation of the exact checkerboard, whose teacher can be asked for fresh samples.

One-step samples from fresh noise stand beside fresh samples of the data, and the permutation test of the energy
distance says whether it can tell them apart. A right model is rejected at 5 % once in twenty such tests.
"""

import numpy as np
import torch

from kdm.evaluation import evaluate, fresh_samples, generated, paired_error
from kdm.trajectories import Trajectories, collect
from koopman_analysis.claims import Side
from koopman_analysis.resampling import object_bootstrap
from koopman_analysis.twosample import permutation_test

from .cost import Stopwatch
from .experiments import Profile, Trained, error_quantile, trained
from .page import Cell, Goal, Page, Row, Table, number

SEEDS = (0, 1)
TEST_SEEDS = (101, 102, 103, 104, 105)
LEVEL = 0.05
COLUMNS = {
    "samples": "", "paired error, held out": ".2%", "median error": ".4f", "p90": ".4f",
    "paired error, training": ".2%", "off-support fraction": ".2%", "support-distance excess": ".5f",
    "wall s": ".0f", "CPU s": ".0f", "others, cores": ".2f",
}  # fmt: skip
TESTS = {"model": "", "seed of the test": "", "energy distance": ".2e", "p-value": ".3f"}


def measured(profile: Profile) -> Page:
    """The checkerboard preset on pairs of its own teacher."""
    preset, watch = profile.preset("checkerboard"), Stopwatch()
    data = collect(
        preset.teacher_object(), preset.pairs, generator=torch.Generator().manual_seed(0), steps=preset.solver_steps,
        out=profile.work / f"checkerboard-{preset.pairs}", progress=True,
    )  # fmt: skip
    collecting, count = watch.cost(), profile.count(10_000, fast=300)
    rows: list[Row] = []
    tests: list[Row] = []
    for seed in SEEDS:
        fitted = trained(preset.seeded(seed).distillation, data, name=f"exact checkerboard, seed {seed}")
        rows.append(_row(f"model, seed {seed}", fitted, data, count=count))
        tests += [_test(fitted, data, seed, test_seed, count=count) for test_seed in TEST_SEEDS]
    rows.append(
        {"samples": f"teacher, {preset.solver_steps} steps, held-out pairs", "off-support fraction": _leak(data)}
    )
    rejections = [
        sum(number(test["p-value"]) <= LEVEL for test in tests if test["model"] == row["samples"])
        for row in rows[: len(SEEDS)]
    ]
    return Page(
        title="Exact checkerboard",
        about=f"Preset `checkerboard` ({preset.distillation.training.steps:,} steps) on {preset.pairs:,} pairs of its "
        f"own teacher, a tenth held out. Distributions are compared on {count:,} one-step samples from fresh noise and "
        f"as many fresh samples of the data; 199 relabellings.",
        tables=[Table(columns=COLUMNS, rows=rows), Table(columns=TESTS, rows=tests)],
        goals=[
            Goal(
                quantity=f"energy tests of {len(TEST_SEEDS)} that reject at 5 %, worse model",
                measured=max(rejections), side=Side.AT_MOST, bound=1, form=".0f",
            ),
        ],
        notes=[
            f"Collecting the pairs took {collecting.wall:.0f} s by the clock and {collecting.cpu:.0f} s of CPU "
            "(a few when an earlier run's are still there).",
        ],
    )  # fmt: skip


def _row(name: str, fitted: Trained, data: Trajectories, *, count: int) -> Row:
    quantities = evaluate(fitted.model, data, count=count).quantities
    return {
        "samples": name,
        "paired error, held out": quantities["paired_error"],
        "median error": quantities["paired_error_median"],
        "p90": error_quantile(fitted.model, data.heldout(), 0.9),
        "paired error, training": paired_error(fitted.model, data.training()).relative_rmse,
        "off-support fraction": quantities["off_support_fraction"],
        "support-distance excess": quantities["support_distance_excess"],
        "wall s": fitted.cost.wall,
        "CPU s": fitted.cost.cpu,
        "others, cores": fitted.cost.others,
    }


def _test(fitted: Trained, data: Trajectories, seed: int, test_seed: int, *, count: int) -> Row:
    fresh = fresh_samples(data, count=count, generator=torch.Generator().manual_seed(test_seed))
    samples, reference = generated(fitted.model, fresh.noise).double().numpy(), fresh.reference.double().numpy()
    result = permutation_test(samples, reference, rng=np.random.default_rng(test_seed))
    return {
        "model": f"model, seed {seed}",
        "seed of the test": test_seed,
        "energy distance": result.statistic,
        "p-value": result.p_value,
    }


def _leak(data: Trajectories) -> Cell:
    assert data.support is not None
    outside = (~data.support.contains(data.heldout().data)).double().numpy()
    rng = np.random.default_rng(0)
    return object_bootstrap(lambda n: n @ outside / len(outside), len(outside), rng=rng).intervals()[0]
