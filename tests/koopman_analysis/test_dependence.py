"""Dependent values: how long they remember, and intervals that know it."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.signal

from koopman_analysis.closure import Closedness, Tolerances, closure_report, closure_sweep, mean_closure_report
from koopman_analysis.dependence import integrated_autocorrelation_time
from koopman_analysis.dictionaries import Coordinates, Monomials
from koopman_analysis.resampling import jackknife_intervals, random_groups, sums_by_group
from koopman_analysis.snapshots import DoublePairs, SnapshotPairs
from koopman_analysis.systems import OrnsteinUhlenbeck, Rotation


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def autoregression(correlation: float, n: int, seed: int) -> np.ndarray:
    """A stationary series of variance one with ρ_k = correlation^k."""
    noise = rng(seed).standard_normal(n)
    noise[1:] *= np.sqrt(1 - correlation**2)
    return scipy.signal.lfilter([1.0], [1.0, -correlation], noise)


def one_trajectory(correlation: float, n: int, seed: int) -> SnapshotPairs:
    return SnapshotPairs.from_trajectories([autoregression(correlation, n + 1, seed)[:, None]])


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.9])
def test_the_autocorrelation_time_of_an_autoregression_is_the_known_one(correlation):
    n, exact = 400_000, (1 + correlation) / (1 - correlation)
    time = integrated_autocorrelation_time(autoregression(correlation, n, 1))
    # Sokal's error of a sum over a window M = 5 τ: τ √((4 M + 2)/n); the window leaves out e^{-10} of τ.
    assert time == pytest.approx(exact, rel=4 * np.sqrt((20 * exact + 2) / n))


def test_the_autocorrelation_time_is_its_equation_over_each_trajectory():
    lengths, trajectory = (40, 25, 60), np.repeat([0, 1, 2], (40, 25, 60))
    series = np.concatenate([autoregression(0.6, n, n) for n in lengths])
    parts = np.split(series - series.mean(), np.cumsum(lengths)[:-1])
    times = [1.0]
    for k in range(1, 25):
        covariance = sum(part[:-k] @ part[k:] for part in parts)
        times.append(times[-1] + 2 * covariance / sum(part @ part for part in parts))
    expected = next(time for M, time in enumerate(times) if 5 * time <= M)
    assert expected > 1.5
    for order in (np.arange(len(series)), _interleaved(trajectory)):
        time = integrated_autocorrelation_time(series[order], trajectory=trajectory[order])
        assert time == pytest.approx(expected, rel=1e-10)


def _interleaved(trajectory: np.ndarray) -> np.ndarray:
    """Positions that mix the trajectories and keep the order within each."""
    names = rng(3).permutation(trajectory)
    assert (np.diff(names) < 0).any()
    order = np.empty(len(names), dtype=int)
    for name in np.unique(trajectory):
        order[names == name] = np.flatnonzero(trajectory == name)
    return order


def test_what_never_varies_or_alternates_is_worth_all_its_values():
    assert integrated_autocorrelation_time(np.full(50, 3.0)) == 1.0
    assert integrated_autocorrelation_time(np.resize([1.0, -1.0], 50)) == 1.0


def test_a_trend_remembers_for_as_long_as_it_is_seen():
    assert integrated_autocorrelation_time(np.arange(1000.0)) > 1000 / 50


def test_intervals_of_a_mean_know_dependence_only_by_blocks():
    correlation, n, covered = 0.95, 4000, np.zeros(2)
    for seed in range(200):
        series = autoregression(correlation, n, seed)
        pairs = SnapshotPairs(before=series[:, None], after=series[:, None])
        for k, some in enumerate((pairs, pairs.in_blocks(180, gap=20))):
            group = random_groups(some.unit, 100, rng=rng(seed))
            sums = sums_by_group(np.column_stack([some.before[:, 0], np.ones(some.n)]), group, int(group.max()) + 1)
            above, below = (sums.sum(axis=0) - sums).T
            total = sums.sum(axis=0)
            (interval,) = jackknife_intervals(total[:1] / total[1], (above / below)[:, None], n=some.units)
            covered[k] += 0.0 in interval
    # The standard error is too small by √39, so that 25 % are covered; 200 binomial draws of it stay below 40 %.
    assert covered[0] <= 80
    assert covered[1] >= 170


def test_one_long_trajectory_is_cut_into_blocks_whose_intervals_cover():
    correlation, truth = 0.95, 1 - 0.95**2
    covered, spread, enough = np.zeros(2), np.zeros(2), 0
    for seed in range(100):
        pairs = one_trajectory(correlation, 4000, seed)
        apart = replace(pairs, trajectory=np.arange(pairs.n))  # each pair as if it were its own unit
        for k, some in enumerate((apart, pairs)):
            report = closure_report(some, inputs=Coordinates(), rng=rng(seed))
            covered[k] += truth in report.defect
            spread[k] += report.defect.high - report.defect.low
        assert report.autocorrelation_time > 3
        assert report.units == report.defect.n < 4000 / (10 * report.autocorrelation_time)
        # 4000 pairs have 39 blocks of ten times, up to the error of an estimated time.
        enough += report.units >= 20
        assert report.closedness is (Closedness.NOT_CLOSED if report.units >= 20 else Closedness.INCONCLUSIVE)
    # The variance of the estimate is 1/(1 − .95²) ≈ 10 times that from independent pairs: √10 too short cover 46 %.
    assert covered[0] <= 65
    assert covered[1] >= 85
    assert spread[1] > 2 * spread[0]
    assert enough > 85


def test_consecutive_states_are_refused_as_pairs_unless_their_trajectory_is_named():
    pairs = one_trajectory(0.95, 400, 1)
    unnamed = replace(pairs, trajectory=None)
    draws = DoublePairs(first=unnamed, second=unnamed)
    for refused in (
        lambda: closure_report(unnamed, inputs=Coordinates(), rng=rng()),
        lambda: closure_sweep(unnamed, family=[Coordinates()], rng=rng()),
        lambda: mean_closure_report(draws, inputs=Coordinates(), rng=rng()),
    ):
        with pytest.raises(ValueError, match=r"expected independent pairs, got 399 of 400 .*from_trajectories"):
            refused()
    closure_report(pairs, inputs=Coordinates(), rng=rng())
    closure_report(replace(unnamed, trajectory=np.arange(400)), inputs=Coordinates(), rng=rng())


def test_states_of_few_values_are_no_trajectory_because_many_of_them_are_equal():
    before = (rng(3).random((400, 1)) < 0.05).astype(float)
    same = SnapshotPairs(before=before, after=before)
    assert (same.after[:-1] == same.before[1:]).mean() > 0.8
    assert closure_report(same, inputs=Coordinates(), rng=rng()).units == 400


def test_a_trajectory_that_is_too_short_decides_nothing_and_says_why():
    report = closure_report(one_trajectory(0.95, 300, 1), inputs=Coordinates(), rng=rng())
    assert report.closedness is Closedness.INCONCLUSIVE
    assert report.units < 20
    assert report.autocorrelation_time > 1
    assert "blocks of ten autocorrelation times" in report.because(Tolerances())


def test_an_exact_flow_along_one_trajectory_is_exact():
    system = Rotation()
    angle = np.arange(4001) * 1.0
    states = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    report = closure_report(SnapshotPairs.from_trajectories([states]), inputs=system.dictionary, rng=rng())
    assert report.units >= 20
    assert report.closedness is Closedness.EXACT


def test_many_trajectories_are_units_as_they_are():
    states = OrnsteinUhlenbeck().trajectories(30, 40, rng=rng(1))
    report = closure_report(SnapshotPairs.from_trajectories(list(states)), inputs=Monomials(2), rng=rng())
    assert report.units == 30
    assert report.autocorrelation_time is None


def test_dependent_pairs_that_do_not_vary_at_the_output_are_not_closed():
    pairs = one_trajectory(0.5, 2000, 1)
    constant = closure_report(pairs, inputs=Coordinates(), outputs=lambda y: np.ones((len(y), 1)), rng=rng())
    assert constant.dimension == 0
    assert constant.closedness is Closedness.NOT_CLOSED
