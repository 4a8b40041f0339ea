"""The jackknife of several statistics together."""

import numpy as np
import pytest

from koopman_analysis.jackknife import Jackknife, ratio_interval
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


def ratio(above: float, below: float, *, errors: tuple[float, float] = (0.1, 0.1), common: float = 0.0):
    covariance = np.diag(np.square(errors))
    covariance[0, 1] = covariance[1, 0] = common * errors[0] * errors[1]
    return ratio_interval(np.array([above, below]), covariance, freedom=19, n=100, method="a test")


def test_a_ratio_has_the_interval_of_every_value_that_the_difference_does_not_refute():
    interval, t = ratio(2.0, 4.0, common=0.5), 2.0930240544
    for value in (interval.low, interval.high):
        variance = 0.01 * (1 - 2 * 0.5 * value + value**2)
        assert (2.0 - 4.0 * value) ** 2 == pytest.approx(t**2 * variance, rel=1e-6)
    assert interval.low < interval.estimate == 0.5 < interval.high
    assert interval.method == "Fieller, a test"


def test_a_ratio_to_what_may_be_zero_has_no_upper_end_and_is_above_one_where_the_difference_is():
    far = ratio(5.0, 0.05)
    assert 1.0 < far.low < far.high == np.inf
    assert (ratio(0.05, 0.05).low, ratio(0.05, 0.05).high) == (0.0, np.inf)
    assert ratio(5.0, -0.5, errors=(0.1, 0.01)).high == np.inf  # not a distance: nothing is said of the ratio
    below_zero = ratio(-0.01, 4.0)
    assert (below_zero.estimate, below_zero.low) == (0.0, 0.0)
    assert below_zero.high < 0.1


def test_a_ratio_of_a_quantity_to_itself_is_not_decided_to_be_at_most_one():
    interval = ratio(4.0, 4.0, common=1.0)
    assert interval.low < 1.0 < interval.high < 1.0 + 1e-6


def test_the_interval_of_a_ratio_covers_as_stated():
    rng, hits = np.random.default_rng(20), 0
    for _ in range(2000):
        x = rng.standard_normal((30, 2)) * [1.0, 2.0] + [1.0, 2.0]
        interval = ratio_interval(x.mean(axis=0), np.cov(x.T) / 30, freedom=29, n=30, method="means")
        hits += 0.5 in interval
    assert abs(hits / 2000 - 0.95) < 4 * np.sqrt(0.05 * 0.95 / 2000)
