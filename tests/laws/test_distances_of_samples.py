"""Distances of two samples are distances: symmetric, moved by no rigid motion, and never negative as a form.

With k(x, y) = −‖x − y‖ or a Gaussian, X of n points and Y of m,

    D(X, Y) = D(Y, X),     D(c Q X + t, c Q Y + t) = c D(X, Y)  for the energy distance,                            (1)
    Σ u_i u_j k(z_i, z_j) ≥ 0  for u = (1/n, …, −1/m, …):  k is conditionally positive definite,                    (2)
    SW₂ is a metric: SW₂(X, Z) ≤ SW₂(X, Y) + SW₂(Y, Z), on the same directions.                                   (3)

Sources: Székely & Rizzo 2013; Schoenberg 1938 (equation (2)); Bonneel, Rabin, Peyré & Pfister 2015 (equation (3)).
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import generators, seeds, widths

from koopman_analysis.twosample import (
    ENERGY,
    GaussianKernel,
    discrepancies,
    energy_distance,
    permutation_test,
    sliced_wasserstein,
    squared_mmd,
)
from koopman_analysis.twosample.kernels import quadratic_forms

kernels = st.one_of(st.just(ENERGY), st.builds(GaussianKernel, bandwidth=st.floats(0.3, 5.0)))
sizes = st.integers(2, 15)


def ends(interval) -> list[float]:
    return [interval.estimate, interval.low, interval.high]


def sliced(x: np.ndarray, y: np.ndarray, seed: int) -> float:
    """SW₂ on directions that the seed decides."""
    return sliced_wasserstein(x, y, directions=8, resamples=1, rng=np.random.default_rng(seed)).estimate


@given(n=sizes, m=sizes, d=widths, kernel=kernels, rng=generators())
def test_a_discrepancy_is_symmetric_and_has_one_value_however_it_is_computed(n, m, d, kernel, rng):
    x, y = rng.standard_normal((n, d)), rng.standard_normal((m, d)) * 1.5 + 0.5
    forth, back = (discrepancies({"sample": a}, b, kernel=kernel, resamples=2, rng=rng) for a, b in ((x, y), (y, x)))
    np.testing.assert_allclose(forth.absolute.estimate, back.absolute.estimate, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(forth.relative.estimate, back.relative.estimate, rtol=1e-9, atol=1e-12)
    for a, b in ((x, y), (y, x)):
        tested = permutation_test(a, b, kernel=kernel, permutations=3, rng=rng).statistic
        assert tested == pytest.approx(float(forth.absolute.estimate[0]), rel=1e-9, abs=1e-12)
    assert forth.relative.estimate[0] <= 1 + 1e-12


@given(n=sizes, m=sizes, d=widths, kernel=kernels, rng=generators())
def test_a_discrepancy_of_empirical_laws_is_never_negative(n, m, d, kernel, rng):
    x, y = rng.standard_normal((n, d)), rng.standard_normal((m, d))
    u = np.concatenate([np.full(n, 1 / n), np.full(m, -1 / m)])[None]
    form = float(quadratic_forms(kernel, np.concatenate([x, y]), u).forms[0])
    assert form > 1e-9
    halves = np.concatenate([np.full(n, 1 / n), np.full(n, -1 / n)])[None]
    assert abs(quadratic_forms(kernel, np.concatenate([x, x]), halves).forms[0]) < 1e-13


@given(n=sizes, m=sizes, d=widths, scale=st.floats(1e-3, 1e3), seed=seeds)
def test_rigid_motions_change_no_distance_of_samples_and_units_scale_it(n, m, d, scale, seed):
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((n, d)), rng.standard_normal((m, d)) + 0.5
    rotation, shift = np.linalg.qr(rng.standard_normal((d, d)))[0], rng.uniform(-5, 5, d)
    moved = [scale * (points @ rotation + shift) for points in (x, y)]
    plain, again = (energy_distance(*p, resamples=9, rng=np.random.default_rng(seed)) for p in ((x, y), moved))
    np.testing.assert_allclose(ends(again), scale * np.array(ends(plain)), rtol=1e-8, atol=1e-10 * scale)
    plain, again = (
        squared_mmd(*p, kernel=GaussianKernel(bandwidth=unit), resamples=9, rng=np.random.default_rng(seed))
        for p, unit in (((x, y), 1.0), (moved, scale))
    )
    np.testing.assert_allclose(ends(again), ends(plain), rtol=1e-8, atol=1e-10)
    plain, again = (permutation_test(*p, permutations=19, rng=np.random.default_rng(seed)) for p in ((x, y), moved))
    assert again.p_value == plain.p_value


@given(n=sizes, m=sizes, permutations=st.integers(1, 59), kernel=kernels, rng=generators())
def test_the_p_value_of_two_samples_is_on_its_grid_and_the_same_for_either_order(n, m, permutations, kernel, rng):
    x, y = rng.standard_normal((n, 2)), rng.standard_normal((m, 2))
    count = permutation_test(x, y, kernel=kernel, permutations=permutations, rng=rng).p_value * (permutations + 1)
    assert abs(count - round(count)) < 1e-9
    assert 1 <= round(count) <= permutations + 1
    # Samples of a single point twice over: every relabelling ties with the observed one.
    same = np.zeros((n, 2)), np.zeros((m, 2))
    assert permutation_test(*same, kernel=kernel, permutations=permutations, rng=rng).p_value == 1.0


@given(n=sizes, m=sizes, k=sizes, d=widths, seed=seeds)
def test_the_sliced_wasserstein_distance_is_a_metric_on_the_same_directions(n, m, k, d, seed):
    rng = np.random.default_rng(seed)
    x, y, z = (rng.standard_normal((size, d)) + offset for size, offset in ((n, 0.0), (m, 1.0), (k, 2.0)))
    xy, yz, xz = sliced(x, y, seed), sliced(y, z, seed), sliced(x, z, seed)
    assert xz <= xy + yz + 1e-12
    assert sliced(y, x, seed) == pytest.approx(xy, rel=1e-12)
    assert sliced(x, x[rng.permutation(n)], seed) == 0.0
    assert xy > 0


@given(n=sizes, d=widths, seed=seeds, scale=st.floats(1e-2, 1e2))
def test_a_shifted_sample_is_as_far_as_its_shift_along_each_direction(n, d, seed, scale):
    rng = np.random.default_rng(seed)
    x, shift = rng.standard_normal((n, d)), rng.standard_normal(d)
    near, far = (sliced(x, x + factor * shift, seed) for factor in (1.0, -scale))
    assert near <= np.linalg.norm(shift) * (1 + 1e-12)
    assert far == pytest.approx(scale * near, rel=1e-9)
    if d == 1:
        assert near == pytest.approx(abs(float(shift[0])), rel=1e-9)
    repeated = sliced(np.repeat(x, 3, axis=0), x + shift, seed)
    assert repeated == pytest.approx(near, rel=1e-9)
