"""How often statistics of objects are wrong where the truth is known: a few samples here, thousands where slow."""

import numpy as np
import pytest
import scipy.stats
from benchmarks import calibration_of_correlations as calibration
from benchmarks import correlation_kinds as kinds
from benchmarks.experiments import Profile
from sklearn.metrics import roc_auc_score

WORLDS = {world.name: world for world in kinds.WORLDS}


def test_the_truths_are_those_of_a_large_sample():
    rng = np.random.default_rng(0)
    u = rng.standard_normal(400_000)
    v = kinds.RHO * u + np.sqrt(1 - kinds.RHO**2) * rng.standard_normal(400_000)
    truth = kinds.normal_truths()
    assert truth["Pearson"] == pytest.approx(np.corrcoef(abs(u), abs(v))[0, 1], abs=0.008)
    assert truth["Spearman"] == pytest.approx(scipy.stats.spearmanr(abs(u), abs(v)).statistic, abs=0.008)
    labels = rng.integers(3, size=2 * 10**5)
    points = kinds.class_points(2.5, labels, rng)
    (a, b), (first, second) = np.split(points, 2), np.split(labels, 2)
    oracle = roc_auc_score(first == second, -np.linalg.norm(a - b, axis=1))
    assert kinds.class_truth(2.5) == pytest.approx(oracle, abs=0.008)
    assert kinds.class_truth(0.0) == 0.5


def test_p_values_on_the_grid_are_at_no_distance_from_it_and_small_ones_are():
    grid = np.arange(1, 101) / 100
    assert calibration.distance_to_uniform(grid)[0] == pytest.approx(0.0)
    distance, p_value = calibration.distance_to_uniform(grid**3)
    assert distance == pytest.approx(0.385, abs=0.02)
    assert p_value < 1e-6
    assert calibration.rejected(grid).estimate == 0.05


@pytest.mark.slow
def test_few_p_values_are_small_where_objects_are_independent():
    found = calibration.simulated(WORLDS["independent objects"], range(20))
    for name in ("Mantel", "distance correlation", "AUROC", "neighbours"):
        # Of errors at 5 % there are more than 5 among 20 with probability below .001.
        assert np.count_nonzero(found[name] <= 0.05) <= 5, name
        assert found[name].max() > 0.5, name
    assert np.all(found["neighbours, ties broken"] <= found["neighbours"])


def test_the_partial_mantel_test_rejects_what_is_conditionally_independent():
    found = calibration.simulated(WORLDS["conditionally independent"], range(20))
    # Were its level 5 %, more than 6 of 20 would have probability below .0001.
    assert np.count_nonzero(found["partial Mantel, uncorrected"] <= 0.05) > 6


def test_copies_fool_the_naive_bootstrap_only():
    found = calibration.simulated(WORLDS["copies as neighbours"], range(10))
    assert found["naive"].mean() > 0.6
    assert found["copies never paired"].mean() == pytest.approx(0.1, abs=0.03)


def test_the_intervals_of_pairs_taken_for_independent_miss_the_truth():
    found = calibration.simulated(WORLDS["pairs as if independent"], range(40))
    row = calibration._coverage_row("AUROC, pairs as if independent", found, kinds.class_truth(2.5))
    assert row["covered"].estimate < 0.75


def test_coverage_counts_the_sides_and_both_differences_at_once():
    ends = {"low": np.array([0.0, 0.0, 2.0, 0.0]), "high": np.array([3.0, 0.5, 3.0, 3.0])}
    row = calibration._coverage_row("x", {f"x: {end}": values for end, values in ends.items()}, 1.0)
    assert (row["covered"].estimate, row["below"], row["above"]) == (0.5, 0.25, 0.25)
    apart = kinds.APART
    means = {name: np.full(2, value) for name, value in zip(apart, (0.7, 0.6, 0.5), strict=True)}
    differences = {
        "neighbours, latent − control 1: low": np.array([0.0, 0.0, 0.2]),
        "neighbours, latent − control 1: high": np.array([0.2, 0.2, 0.3]),
        "neighbours, latent − control 2: low": np.array([0.1, 0.3, 0.1]),
        "neighbours, latent − control 2: high": np.array([0.3, 0.4, 0.3]),
    }
    rows = calibration.coverage_rows({"new classes": means, "neighbours of classes": differences})
    covered = {row["interval"]: row["covered"].estimate for row in rows}
    assert covered["neighbours, latent − control 1"] == pytest.approx(2 / 3)
    assert covered["neighbours, both differences"] == pytest.approx(1 / 3)


def test_simulations_go_on_where_they_were(tmp_path, monkeypatch):
    world = WORLDS["copies as neighbours"]
    first = calibration._in_blocks(tmp_path, world, 3)
    monkeypatch.setattr(calibration, "simulated", lambda *_: pytest.fail("what is there was computed again"))
    again = calibration._in_blocks(tmp_path, world, 3)
    np.testing.assert_array_equal(first["naive"], again["naive"])
    assert len(again["naive"]) == 3


@pytest.mark.slow
def test_all_simulations_come_out_as_the_table_says(tmp_path):
    page = calibration.measured(Profile(fast=False, work=tmp_path))
    assert [goal.quantity for goal in page.goals if not goal.met] == []
