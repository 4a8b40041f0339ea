"""Distances of features of images: closed forms of normal laws, what moves no distance, and what is zero on average.

With F² of `koopman_analysis.twosample.frechet`, for normal laws of means μ, ν and covariances S, T,

    S, T diagonal in one basis:   F² = ‖μ − ν‖² + Σ (√s_i − √t_i)²,                                          (1)
    F²(μ, S; ν, S) = ‖μ − ν‖²,    F²(μ, S; μ, c² S) = (1 − c)² tr S,                                          (2)
    on the way between the two,   F(x_s, y) = (1 − s) F(x, y)                                                 (3)

(the squared 2-Wasserstein distance: Dowson & Landau 1982; Givens & Shortt 1984; McCann 1997). The extrapolated F²_∞ is
the line in 1/n through two plug-ins (Chong & Forsyth 2020). The kernel distance is unbiased (Bińkowski et al.
2018): over all ways to divide one set of points it has mean zero.
"""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import sqrtm
from strategies import generators, seeds, widths

from koopman_analysis.twosample import (
    NormalMoments,
    carried_towards,
    frechet_distance,
    frechet_distances,
    kernel_distance,
    precision_recall,
    squared_frechet,
)

ROUNDING = 1e-10


def law(mean: np.ndarray, variances: np.ndarray, axes: np.ndarray) -> NormalMoments:
    return NormalMoments.of_covariance(mean, axes.T * variances @ axes)


def orthogonal(d: int, rng: np.random.Generator) -> np.ndarray:
    return np.linalg.qr(rng.standard_normal((d, d)))[0]


def symmetric(factor: np.ndarray) -> np.ndarray:
    return factor.T @ factor


@given(d=widths, rng=generators(), missing=st.integers(0, 2))
def test_the_frechet_distance_of_normal_laws_of_common_axes_is_its_closed_form(d, rng, missing):
    axes, means = orthogonal(d, rng), rng.standard_normal((2, d))
    s, t = rng.uniform(0.1, 3.0, (2, d))
    s[:missing] = 0.0  # a law may be flat; its root then has no derivative, and rounding is that of roots
    expected = np.square(means[0] - means[1]).sum() + np.square(np.sqrt(s) - np.sqrt(t)).sum()
    found = squared_frechet(law(means[0], s, axes), law(means[1], t, axes))
    assert found == pytest.approx(expected, abs=1e-7 if missing else ROUNDING)


@given(d=widths, rng=generators())
def test_the_frechet_distance_is_the_trace_of_a_root_of_the_product_of_covariances(d, rng):
    first, second = (symmetric(rng.standard_normal((d + 3, d))) for _ in range(2))
    common = np.trace(sqrtm(first @ second)).real
    expected = np.trace(first) + np.trace(second) - 2 * common
    found = squared_frechet(*(NormalMoments.of_covariance(np.zeros(d), some) for some in (first, second)))
    assert found == pytest.approx(expected, rel=1e-7, abs=1e-7 * np.trace(first))


@given(d=widths, n=st.integers(2, 12), m=st.integers(2, 12), rng=generators(), scale=st.floats(1e-2, 1e2))
def test_the_frechet_distance_is_symmetric_moved_by_no_rigid_motion_and_scaled_by_units(d, n, m, rng, scale):
    x, y = rng.standard_normal((n, d)), rng.standard_normal((m, d)) + 0.5  # singular where they are few
    plain = squared_frechet(NormalMoments.of(x), NormalMoments.of(y))
    assert plain > 0.0
    assert squared_frechet(NormalMoments.of(y), NormalMoments.of(x)) == pytest.approx(plain, rel=1e-9)
    turn, step = orthogonal(d, rng), rng.uniform(-5, 5, d)
    moved = [NormalMoments.of(scale * (some @ turn + step)) for some in (x, y)]
    assert squared_frechet(*moved) == pytest.approx(scale**2 * plain, rel=1e-8, abs=1e-9 * scale**2)


@given(d=widths, n=st.integers(2, 12), rng=generators(), factor=st.floats(0.1, 3.0))
def test_the_frechet_distance_is_zero_iff_the_moments_are_equal(d, n, rng, factor):
    x = rng.standard_normal((n, d))
    own, spread = NormalMoments.of(x), x.var(axis=0, ddof=1).sum()
    assert squared_frechet(own, NormalMoments.of(x[::-1].copy())) == pytest.approx(0.0, abs=1e-13 * (1 + spread) * d)
    step = rng.standard_normal(d)
    shifted = squared_frechet(own, NormalMoments.of(x + step))
    assert shifted == pytest.approx(np.square(step).sum(), rel=1e-9, abs=1e-12 * (1 + spread))
    mean = x.mean(axis=0)
    stretched = squared_frechet(own, NormalMoments.of(mean + factor * (x - mean)))
    assert stretched == pytest.approx((1 - factor) ** 2 * spread, rel=1e-8, abs=1e-12 * (1 + spread) * d)


@given(d=widths, sizes=st.lists(st.integers(2, 9), min_size=2, max_size=4), rng=generators())
def test_moments_of_features_are_a_commutative_monoid_over_chunks(d, sizes, rng):
    x = rng.standard_normal((sum(sizes), d)) + 3.0
    chunks = [NormalMoments.of(part) for part in np.split(x, np.cumsum(sizes)[:-1])]
    for some in (chunks, chunks[::-1]):
        merged = some[0]
        for part in some[1:]:
            merged = merged + part
        assert merged.n == len(x)
        np.testing.assert_allclose(merged.mean, x.mean(axis=0), rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(merged.covariance, np.cov(x.T).reshape(d, d), rtol=1e-10, atol=1e-12)


@given(d=st.integers(1, 4), n=st.integers(8, 30), share=st.floats(-0.05, 1.0), rng=generators())
def test_a_sample_carried_part_of_the_way_is_so_much_nearer(d, n, share, rng):
    x, target = rng.standard_normal((n, d)) + 1.0, NormalMoments.of(2.0 * rng.standard_normal((n, d)))
    whole = squared_frechet(NormalMoments.of(x), target)
    near = squared_frechet(NormalMoments.of(carried_towards(x, target, share=share)), target)
    if share >= 0:
        assert near == pytest.approx((1 - share) ** 2 * whole, rel=1e-6, abs=1e-8)
    else:
        assert near > whole


@given(d=st.integers(1, 3), groups=st.integers(2, 6), per=st.integers(4, 7), seed=seeds)
def test_the_extrapolated_distance_is_the_line_in_one_over_n_through_two_sizes(d, groups, per, seed):
    rng = np.random.default_rng(seed)
    n = groups * per
    x, y = rng.standard_normal((n, d)), rng.standard_normal((n, d)) + 1.0
    found = frechet_distances({"x": x}, y, groups=groups, rng=np.random.default_rng(seed))
    sizes = np.array([n, n - per])
    plug_ins = [found.jackknife.estimate[0], found.jackknife.replicates[:, 0].mean()]
    line = np.polyfit(1.0 / sizes, plug_ins, 1)
    assert found.extrapolated()["x"].estimate == pytest.approx(line[1], rel=1e-6, abs=1e-8)
    assert plug_ins[0] == pytest.approx(squared_frechet(NormalMoments.of(x), NormalMoments.of(y)), rel=1e-8)


@given(seed=seeds)
def test_without_each_group_the_distance_is_that_of_the_other_objects(seed):
    rng = np.random.default_rng(seed)
    x, law_of_y = rng.standard_normal((12, 2)), NormalMoments.of(rng.standard_normal((30, 2)))
    found = frechet_distances({"x": x}, law_of_y, groups=3, rng=np.random.default_rng(seed)).jackknife
    dealt = np.random.default_rng(seed).permutation(12) % 3
    direct = [squared_frechet(NormalMoments.of(x[dealt != which]), law_of_y) for which in range(3)]
    np.testing.assert_allclose(found.replicates[:, 0], direct, rtol=1e-9)


@given(d=widths, n=st.integers(2, 3), rng=generators())
def test_the_kernel_distance_is_zero_on_average_over_all_ways_to_divide_one_sample(d, n, rng):
    z = rng.standard_normal((2 * n, d)) + 1.0
    k = (z @ z.T / d + 1.0) ** 3
    found = []
    for chosen in combinations(range(2 * n), n):
        first = np.isin(np.arange(2 * n), chosen)
        found.append(kernel_distance(z[first], z[~first], resamples=2, rng=rng).estimate)
        within = [k[np.ix_(some, some)].sum() - np.trace(k[np.ix_(some, some)]) for some in (first, ~first)]
        direct = sum(within) / (n * (n - 1)) - 2.0 * k[np.ix_(first, ~first)].mean()
        assert found[-1] == pytest.approx(direct, rel=1e-9, abs=1e-11 * np.abs(k).max())
    assert np.mean(found) == pytest.approx(0.0, abs=1e-11 * np.abs(k).max())
    assert min(found) < 0.0 < max(found)


@given(n=st.integers(45, 70), d=st.integers(1, 5), seed=seeds, scale=st.floats(1e-2, 1e2))
def test_precision_and_recall_change_places_with_the_samples_and_no_rigid_motion_moves_them(n, d, seed, scale):
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((n, d)), 1.5 * rng.standard_normal((n, d))
    plain, exchanged = (precision_recall(*both, rng=rng) for both in ((x, y), (y, x)))
    assert exchanged.precision.estimate == plain.recall.estimate
    assert exchanged.recall.estimate == plain.precision.estimate
    turn, step = orthogonal(d, rng), rng.uniform(-5, 5, d)
    moved = precision_recall(*(scale * (some @ turn + step) for some in (x, y)), rng=rng)
    assert moved.precision.estimate == plain.precision.estimate
    assert moved.recall.estimate == plain.recall.estimate
    same = precision_recall(x, x[rng.permutation(n)], rng=rng)
    assert same.precision.estimate == same.recall.estimate == 1.0


@settings(max_examples=8)
@given(seed=seeds)
def test_an_interval_of_the_frechet_distance_holds_its_estimate_and_no_order_of_the_samples_matters(seed):
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((2, 60, 3))
    forth = frechet_distance(x, y, rng=np.random.default_rng(seed))
    assert forth.low <= forth.estimate <= forth.high
    both = frechet_distances({"a": x, "b": x}, y, rng=np.random.default_rng(seed)).extrapolated()
    assert both["a"] == both["b"] == forth
