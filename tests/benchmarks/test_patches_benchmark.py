"""The page of patches: which rivals must be passed, and what stands there to warn."""

import numpy as np
import pytest
import torch

from benchmarks.patches import DIRECT, FRECHET, LEAST_SQUARES, MODEL, RATIOS, RESTORED, Judge, Measured, page
from kdm.teachers import named
from kdm.trajectories import collect
from koopman_analysis.twosample import NormalMoments

WIDTH, N = 4, 400


@pytest.fixture(scope="module")
def judged() -> Judge:
    rng = np.random.default_rng(0)
    data = collect(named("mixture"), 20, generator=torch.Generator().manual_seed(0), steps=4)
    reference, second, training = rng.standard_normal((3, N, WIDTH))
    return Judge(
        data=data, extractor=Named(), noise=torch.zeros(N, 2), reference=reference, second=second,
        moments=NormalMoments.of(training),
    )  # fmt: skip


class Named:
    name = "four numbers"

    def __call__(self, images):
        raise AssertionError("features are given")


def cloud(scale: float, *, seed: int, error: float | None = 0.5) -> Measured:
    features = scale * np.random.default_rng(seed).standard_normal((N, WIDTH))
    return Measured(features=features, error=error)


def trainings(judged: Judge, *, model: float, direct: float) -> list[dict[str, Measured]]:
    found = []
    for seed in range(3):
        regression = cloud(direct, seed=10 + seed)
        found.append(
            {
                MODEL: cloud(model, seed=seed),
                LEAST_SQUARES: cloud(0.5, seed=20 + seed),
                DIRECT: regression,
                RESTORED: judged.restored(regression),
            }
        )
    return found


@pytest.mark.parametrize(("model", "met"), [(0.8, True), (0.5, False)])
def test_the_goal_is_the_worst_rival_and_neither_least_squares_nor_restored_moments(judged, model, met):
    fixed = {"mean": cloud(0.0, seed=30), "DMD": cloud(0.55, seed=31)}
    found = page(judged, trainings(judged, model=model, direct=0.6), fixed, training=100)
    (goal,) = found.goals
    assert goal.met is met
    assert DIRECT in goal.quantity
    verdicts = {row["rival"]: row["at most 1"] for row in found.tables[1].rows}
    assert verdicts[DIRECT] == verdicts["DMD"] == ("supported" if met else "refuted")
    assert verdicts["mean"] == "supported"
    assert verdicts[RESTORED] != "supported", "what is given the moments has them"


def test_every_training_has_its_row_and_the_teachers_distance_is_none(judged):
    found = page(judged, trainings(judged, model=0.8, direct=0.6), {"mean": cloud(0.0, seed=30)}, training=100)
    rows = found.tables[0].rows
    assert [(row["samples"], row["seed"]) for row in rows[:4]] == [
        (name, "0") for name in (MODEL, LEAST_SQUARES, DIRECT, RESTORED)
    ]
    by_name = {row["samples"]: row[FRECHET] for row in rows}
    assert by_name["the teacher"].low < 0 < by_name["the teacher"].high
    assert by_name[RESTORED].high < 0.1 < by_name[DIRECT].low
    assert list(found.tables[1].rows[0]) == list(RATIOS)
