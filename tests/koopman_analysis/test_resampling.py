import numpy as np
import pytest
import scipy.stats

from koopman_analysis.resampling import (
    Bootstrap,
    Interval,
    central_interval,
    jackknife_intervals,
    largest,
    object_bootstrap,
    pair_weights,
    permutation_p_value,
    random_groups,
    ratio_bootstrap,
    smallest,
    sums_by_group,
)


def test_the_bootstrap_of_a_mean_has_the_standard_error_of_a_mean():
    x = np.random.default_rng(0).exponential(size=400)
    boot = object_bootstrap(lambda n: n @ x / n.sum(), 400, resamples=2000, rng=np.random.default_rng(1))
    assert boot.estimate[0] == pytest.approx(x.mean())
    # The standard error of a standard deviation over B resamples is 1 in sqrt(2 B), so 1.6 %: four of them.
    assert boot.replicates.std() == pytest.approx(x.std() / 20, rel=0.07)
    interval = boot.intervals()[0]
    assert interval.low < x.mean() < interval.high
    assert "2000 resamples" in interval.method


def test_a_ratio_of_sums_is_the_object_bootstrap_of_that_ratio():
    rng = np.random.default_rng(2)
    above, below = rng.random((50, 3)), 1 + rng.random((50, 3))
    fast = ratio_bootstrap(above, below, resamples=40, rng=np.random.default_rng(3))
    slow = object_bootstrap(lambda n: (n @ above) / (n @ below), 50, resamples=40, rng=np.random.default_rng(3))
    np.testing.assert_allclose(fast.replicates, slow.replicates, rtol=1e-12)


def test_resampling_units_widens_the_interval_of_dependent_samples():
    rng = np.random.default_rng(4)
    unit = np.repeat(np.arange(40), 25)
    x = rng.standard_normal(40)[unit][:, None]
    ones = np.ones_like(x)
    naive = ratio_bootstrap(x, ones, rng=np.random.default_rng(5)).intervals()[0]
    honest = ratio_bootstrap(x, ones, unit=unit, rng=np.random.default_rng(5)).intervals()[0]
    assert honest.n == 40
    assert (honest.high - honest.low) / (naive.high - naive.low) == pytest.approx(5, rel=0.15)


def test_copies_of_one_object_are_never_paired():
    weights = pair_weights(np.array([2, 0, 3]))
    np.testing.assert_array_equal(weights, [[0, 0, 6], [0, 0, 0], [6, 0, 0]])


def test_nearest_neighbour_agreement_on_random_labels_is_chance_only_with_pair_weights():
    rng = np.random.default_rng(6)
    points, labels = rng.standard_normal((150, 2)), rng.integers(10, size=150)
    distance = np.linalg.norm(points[:, None] - points[None], axis=2)

    def agreement(blocked: bool):
        def statistic(n):
            allowed = pair_weights(n) > 0 if blocked else np.multiply.outer(n, n) - np.diag(n) > 0
            nearest = np.where(allowed, distance, np.inf).argmin(axis=1)
            return np.average(labels[nearest] == labels, weights=n)

        return object_bootstrap(statistic, 150, resamples=60, rng=np.random.default_rng(7)).replicates.mean()

    assert agreement(blocked=False) > 0.4
    assert agreement(blocked=True) < 0.2


def test_simultaneous_intervals_cover_all_truths_at_once_where_single_ones_do_not():
    rng = np.random.default_rng(8)
    together, singly = 0, 0
    for _ in range(100):
        x = rng.standard_normal((60, 12))
        boot = ratio_bootstrap(x, np.ones_like(x), resamples=199, rng=rng)
        together += all(0.0 in interval for interval in boot.simultaneous())
        singly += all(0.0 in interval for interval in boot.intervals())
    # Binomial with p = .95: 87 of 100 or fewer has probability below .002; independent single ones have p = .54.
    assert together >= 87
    assert singly <= 75


def test_a_statistic_that_never_varies_has_a_point_as_its_simultaneous_interval():
    boot = object_bootstrap(lambda n: np.array([1.0, n[0]]), 20, resamples=50, rng=np.random.default_rng(9))
    constant, varying = boot.simultaneous()
    assert constant.low == constant.high == 1.0
    assert varying.low < varying.high


@pytest.mark.parametrize("resamples", [39, 199])
def test_a_new_replicate_is_as_often_inside_as_the_level_says(resamples):
    rng = np.random.default_rng(16)
    inside = []
    for _ in range(4000):
        replicates = rng.exponential(size=(resamples + 1, 1))
        interval = Bootstrap(estimate=np.ones(1), replicates=replicates[1:], objects=9).intervals(0.9)[0]
        inside.append(replicates[0, 0] in interval)
    # Exactly .9, of which three standard errors over 4000 are .014; positions 1 + u (B - 1) hold .86 for 39.
    assert np.mean(inside) == pytest.approx(0.9, abs=0.014)


def test_a_contrast_is_the_difference_on_the_same_resamples():
    x = np.random.default_rng(10).standard_normal((30, 2))
    boot = ratio_bootstrap(x, np.ones_like(x), resamples=20, rng=np.random.default_rng(11))
    difference = boot.contrasts(np.array([[1.0, -1.0]]))
    np.testing.assert_allclose(difference.replicates[:, 0], boot.replicates[:, 0] - boot.replicates[:, 1])
    assert difference.estimate[0] == pytest.approx(x[:, 0].mean() - x[:, 1].mean())


def test_the_jackknife_of_a_mean_without_single_samples_is_the_t_interval():
    x = np.random.default_rng(12).exponential(size=30)
    without = (x.sum() - x)[:, None] / 29
    interval = jackknife_intervals(np.array([x.mean()]), without, n=30)[0]
    low, high = scipy.stats.t.interval(0.95, 29, loc=x.mean(), scale=scipy.stats.sem(x))
    np.testing.assert_allclose([interval.low, interval.high], [low, high], rtol=1e-12)


def test_groups_hold_whole_units_and_sums_by_group_lose_nothing():
    unit = np.random.default_rng(13).integers(9, size=200)
    unit[:9] = np.arange(9)
    group = random_groups(unit, 4, rng=np.random.default_rng(14))
    assert set(group) == set(range(4))
    assert all(len(set(group[unit == u])) == 1 for u in range(9))
    terms = np.random.default_rng(15).standard_normal((200, 2))
    np.testing.assert_allclose(
        sums_by_group(terms, group, 4), [terms[group == g].sum(axis=0) for g in range(4)], atol=1e-12
    )


def test_an_empty_group_sums_to_zero_and_takes_nothing_from_its_neighbours():
    sums = sums_by_group(np.ones((5, 1)), np.array([2, 0, 0, 2, 2]), 4)
    np.testing.assert_array_equal(sums.ravel(), [2, 0, 3, 0])


def test_a_permutation_p_value_counts_the_observation_among_its_equals():
    assert permutation_p_value(2.0, np.array([0.0, 1.0, 2.0, 3.0])) == 3 / 5
    assert permutation_p_value(9.0, np.zeros(19)) == 1 / 20


def test_one_object_cannot_be_resampled():
    with pytest.raises(ValueError, match="at least two independent objects"):
        object_bootstrap(np.sum, 1, rng=np.random.default_rng(0))
    with pytest.raises(ValueError, match="at least two independent objects"):
        jackknife_intervals(np.ones(1), np.ones((1, 1)), n=1)


def test_the_largest_of_several_may_have_its_ends_from_different_ones():
    wide = Interval(estimate=0.5, low=0.0, high=1.0, n=9)
    narrow = Interval(estimate=0.6, low=0.55, high=0.65, n=9)
    both = largest([wide, narrow])
    assert (both.low, both.estimate, both.high, both.n) == (0.55, 0.6, 1.0, 9)
    with pytest.raises(ValueError, match="at least one interval"):
        largest([])


def test_a_statistic_that_is_not_defined_has_no_p_value_and_permuted_ones_count_against_it():
    with pytest.raises(ValueError, match="expected a statistic that is defined, got NaN: it compares with no permuted"):
        permutation_p_value(np.nan, np.zeros(19))
    assert permutation_p_value(9.0, np.array([np.nan, 0.0, 0.0])) == 2 / 4


def test_one_resample_has_no_spread():
    with pytest.raises(ValueError, match="expected two or more resamples, got 1: fewer have no spread, choose 199"):
        object_bootstrap(lambda counts: 1.0, 5, resamples=1, rng=np.random.default_rng(0))


def test_the_smallest_of_several_has_the_smallest_ends_and_of_none_there_is_none():
    wide, narrow = (Interval(estimate=e, low=a, high=b) for e, a, b in ((1.0, -1.0, 3.0), (0.5, 0.0, 1.0)))
    both = smallest([wide, narrow])
    assert (both.estimate, both.low, both.high) == (0.5, -1.0, 1.0)
    with pytest.raises(ValueError, match="take the smallest of, got none"):
        smallest([])


def test_differences_are_those_of_every_replicate_and_an_undefined_statistic_spoils_only_its_own():
    drawn = object_bootstrap(
        lambda n: np.array([n[0], 2.0 * n[0], np.nan]), 5, resamples=9, rng=np.random.default_rng(0)
    )
    found = drawn.differences([(1, 0), (2, 0)])
    np.testing.assert_array_equal(found.replicates[:, 0], drawn.replicates[:, 1] - drawn.replicates[:, 0])
    assert np.isfinite(found.estimate[0])
    assert np.isnan(found.estimate[1])


def test_the_central_interval_of_a_control_is_that_of_its_draws():
    found = central_interval(np.arange(101.0), n=7, method="101 draws")
    assert (found.estimate, found.low, found.high, found.n) == (50.0, 2.5, 97.5, 7)
