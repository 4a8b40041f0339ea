"""The jackknife of several statistics together."""

import numpy as np
import pytest

from koopman_analysis.jackknife import Jackknife
from koopman_analysis.resampling import jackknife_intervals


def test_multipliers_of_one_statistic_give_the_interval_of_the_jackknife():
    x = np.random.default_rng(16).exponential(size=30)
    jackknife = Jackknife(estimate=np.array([x.mean()]), replicates=(x.sum() - x)[:, None] / 29, units=30)
    (plain,) = jackknife_intervals(jackknife.estimate, jackknife.replicates, n=30)
    (drawn,) = jackknife.bootstrap(resamples=20_000, rng=np.random.default_rng(17)).simultaneous()
    # The standard error of the 95 % quantile of |t| over B resamples is about 1.9 / √B of it: four of them.
    assert drawn.high - drawn.low == pytest.approx(plain.high - plain.low, rel=4 * 1.9 / np.sqrt(20_000))
    assert drawn.n == 30
    assert "jackknife, 30 groups, multipliers, 20000 resamples, max-t" in drawn.method


def test_multipliers_keep_how_statistics_depend_on_each_other():
    x = np.random.default_rng(18).standard_normal((50, 2)) @ np.array([[1.0, 0.9], [0.0, 0.1]])
    values = np.column_stack([x, x[:, 0] - x[:, 1]])
    jackknife = Jackknife(estimate=values.mean(axis=0), replicates=(values.sum(axis=0) - values) / 49, units=50)
    boot = jackknife.bootstrap(rng=np.random.default_rng(19))
    difference = boot.replicates[:, 0] - boot.replicates[:, 1]
    np.testing.assert_allclose(difference, boot.replicates[:, 2], atol=1e-13)
    assert difference.std() < 0.3 * boot.replicates[:, 0].std()


def test_statistics_without_the_same_groups_stand_side_by_side_and_others_do_not():
    x = np.random.default_rng(21).standard_normal((20, 3))
    jackknife = Jackknife(estimate=x.mean(axis=0), replicates=(x.sum(axis=0) - x) / 19, units=20)
    first, others = jackknife.columns(slice(0, 1)), jackknife.columns(slice(1, 3))
    joined = Jackknife.joined([first, others])
    np.testing.assert_array_equal(joined.replicates, jackknife.replicates)
    np.testing.assert_array_equal(joined.estimate, jackknife.estimate)
    fewer = Jackknife(estimate=first.estimate, replicates=first.replicates[:10], units=10)
    with pytest.raises(ValueError, match=r"same groups of units, got \(units, groups\) \[\(10, 10\), \(20, 20\)\]"):
        Jackknife.joined([others, fewer])


def test_the_multipliers_of_a_jackknife_cover_twelve_truths_at_once():
    rng = np.random.default_rng(20)
    together = 0
    for _ in range(100):
        x = rng.standard_normal((60, 12))
        jackknife = Jackknife(estimate=x.mean(axis=0), replicates=(x.sum(axis=0) - x) / 59, units=60)
        together += all(0.0 in interval for interval in jackknife.bootstrap(resamples=499, rng=rng).simultaneous())
    # Binomial with p = .95: 87 of 100 or fewer has probability below .002.
    assert together > 87


def test_one_group_tells_no_variation():
    with pytest.raises(ValueError, match="at least two groups to resample, got 1"):
        Jackknife(estimate=np.ones(1), replicates=np.ones((1, 1)), units=1).bootstrap(rng=np.random.default_rng(0))
