"""Distillation of the exact checkerboard, whose teacher can be asked for fresh samples.

One-step samples from fresh noise stand beside fresh samples of the data, and the permutation test of the energy
distance says whether it can tell them apart. A right model is rejected at 5 % once in twenty such tests; so is the
teacher, whose own samples from the same noise are the control: a draw that rejects it says nothing of the model.
"""

from collections import Counter
from collections.abc import Callable
from functools import partial

import numpy as np
import torch

from kdm.evaluation import fresh_samples, generated
from kdm.flows import integrate
from kdm.trajectories import Trajectories, collect
from koopman_analysis.claims import Side
from koopman_analysis.resampling import object_bootstrap
from koopman_analysis.twosample import permutation_test

from .cost import Stopwatch
from .experiments import COLUMNS, Profile, checkerboard_row, trained
from .page import Cell, Goal, Page, Row, Table, number

SEEDS = (0, 1)
TEST_SEEDS = (101, 102, 103, 104, 105)
LEVEL = 0.05
TESTS = {"samples": "", "seed of the test": "", "energy distance": ".2e", "p-value": ".3f"}


def measured(profile: Profile) -> Page:
    """The checkerboard preset on pairs of its own teacher."""
    preset, watch = profile.preset("checkerboard"), Stopwatch()
    data = collect(
        preset.teacher_object(), preset.pairs, generator=torch.Generator().manual_seed(0), steps=preset.solver_steps,
        out=profile.work / f"checkerboard-{preset.pairs}", progress=True,
    )  # fmt: skip
    collecting, count, teacher = watch.cost(), profile.count(10_000, fast=300), preset.teacher_object()
    rows: list[Row] = []
    tests: list[Row] = []
    for seed in SEEDS:
        fitted = trained(preset.seeded(seed).distillation, data, name=f"exact checkerboard, seed {seed}")
        rows.append(checkerboard_row(f"model, seed {seed}", fitted, data, count=count))
        tests += _tests(f"model, seed {seed}", partial(generated, fitted.model), data, count=count)
    name = f"teacher, {preset.solver_steps} steps"
    rows.append({"samples": f"{name}, held-out pairs", "off-support fraction": _leak(data)})
    tests += _tests(
        name, lambda noise: integrate(teacher, noise.to(teacher.precision), steps=preset.solver_steps).data,
        data, count=count,
    )  # fmt: skip
    rejections = Counter(str(test["samples"]) for test in tests if number(test["p-value"]) <= LEVEL)
    return Page(
        title="Exact checkerboard",
        about=f"Preset `checkerboard` ({preset.distillation.training.steps:,} steps) on {preset.pairs:,} pairs of its "
        f"own teacher, a tenth held out. Distributions are compared on {count:,} one-step samples from fresh noise and "
        f"as many fresh samples of the data; 199 relabellings.",
        tables=[Table(columns=COLUMNS, rows=rows), Table(columns=TESTS, rows=tests)],
        goals=[
            Goal(
                quantity=f"energy tests of {len(TEST_SEEDS)} that reject at 5 %, worse model",
                measured=max(rejections[f"model, seed {seed}"] for seed in SEEDS),
                side=Side.AT_MOST, bound=1, form=".0f",
            ),
            Goal(
                quantity="off-support fraction, worse model",
                measured=max(number(row["off-support fraction"]) for row in rows[: len(SEEDS)]),
                side=Side.AT_MOST, bound=0.01, form=".2%",
            ),
        ],
        notes=[
            f"Collecting the pairs took {collecting.wall:.0f} s by the clock and {collecting.cpu:.0f} s of CPU "
            "(a few when an earlier run's are still there).",
            "A seed of the test draws noise and data for all alike: where the teacher is rejected, blame the draw.",
        ],
    )  # fmt: skip


def _tests(
    name: str, samples: Callable[[torch.Tensor], torch.Tensor], data: Trajectories, *, count: int
) -> list[Row]:  # fmt: skip
    rows: list[Row] = []
    for seed in TEST_SEEDS:
        fresh = fresh_samples(data, count=count, generator=torch.Generator().manual_seed(seed))
        points, reference = samples(fresh.noise).double().numpy(), fresh.reference.double().numpy()
        result = permutation_test(points, reference, rng=np.random.default_rng(seed))
        rows.append(
            {
                "samples": name,
                "seed of the test": seed,
                "energy distance": result.statistic,
                "p-value": result.p_value,
            }
        )
    return rows


def _leak(data: Trajectories) -> Cell:
    assert data.support is not None
    outside = (~data.support.contains(data.heldout().data)).double().numpy()
    rng = np.random.default_rng(0)
    return object_bootstrap(lambda n: n @ outside / len(outside), len(outside), rng=rng).intervals()[0]
