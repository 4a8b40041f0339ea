"""Statistics of objects do not know the objects' order, and of distances no more than they claim to read.

With π a permutation of the objects, applied to everything that belongs to them,

    S(π D, π ℓ, π n) = S(D, ℓ, n)      for distances D, labels ℓ and multiplicities n,                            (1)
    Mantel's r knows D up to a D + b, a > 0; Spearman's up to any increasing function,                            (2)
    |CKA| ≤ 1 with CKA(X, X) = 1, and neither it nor distance correlation knows rigid motions or units,           (3)
    p ∈ {1/(B + 1), …, 1}  for B permutations,                                                                  (4)
    an interval of a S + b is a times that of S, plus b.                                                        (5)

Sources: Mantel 1967; Davison & Hinkley 1997, eq. 4.11 (equation (4)); Székely & Rizzo 2014 (Cauchy–Schwarz in (3)).
"""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from strategies import generators, seeds

from koopman_analysis.correlation import mantel, spearman
from koopman_analysis.resampling import (
    Bootstrap,
    jackknife_intervals,
    object_bootstrap,
    permutation_p_value,
    ratio_bootstrap,
)
from koopman_analysis.similarity import (
    NeighbourAgreement,
    SameClassAuroc,
    euclidean_distances,
    linear_cka,
    squared_distance_correlation,
)
from koopman_analysis.twosample import energy_distance

objects = st.integers(6, 20)


def related_points(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Two representations of n objects that have something in common."""
    x = rng.standard_normal((n, 3))
    return x, np.tanh(x @ rng.standard_normal((3, 4))) + 0.5 * rng.standard_normal((n, 4))


def ends(intervals) -> np.ndarray:
    return np.array([[interval.estimate, interval.low, interval.high] for interval in intervals])


@given(n=objects, classes=st.integers(2, 4), neighbours=st.integers(1, 4), rng=generators())
def test_agreement_with_labels_does_not_depend_on_the_order_of_the_objects(n, classes, neighbours, rng):
    D = np.round(euclidean_distances(rng.standard_normal((n, 2))), 6)
    labels, copies, order = np.arange(n) % classes, rng.integers(0, 4, n), rng.permutation(n)
    copies[: 2 * classes] = 1
    for statistic in (SameClassAuroc(), NeighbourAgreement(neighbours=neighbours)):
        value = statistic.weighted(D, labels)(copies)
        permuted = statistic.weighted(D[np.ix_(order, order)], labels[order])(copies[order])
        np.testing.assert_allclose(permuted, value, rtol=1e-12)
        assert 0 <= value <= 1


@given(n=objects, rng=generators())
def test_the_auroc_counts_each_pair_of_distinct_objects_as_often_as_it_was_drawn(n, rng):
    D = np.round(euclidean_distances(rng.standard_normal((n, 2))), 1)
    labels, copies = np.arange(n) % 3, rng.integers(1, 4, n)
    i, j = np.triu_indices(n, 1)
    times, same, d = copies[i] * copies[j], labels[i] == labels[j], D[i, j]
    nearer = (d[same][:, None] < d[~same]) + 0.5 * (d[same][:, None] == d[~same])
    weights = times[same][:, None] * times[~same]
    expected = (weights * nearer).sum() / weights.sum()
    np.testing.assert_allclose(SameClassAuroc().weighted(D, labels)(copies), expected, rtol=1e-12)


@given(n=objects, seed=seeds)
def test_resampled_units_do_not_depend_on_the_order_of_their_samples(n, seed):
    rng = np.random.default_rng(seed)
    numerators, denominators = rng.standard_normal((n, 2)), rng.uniform(0.5, 1.5, (n, 2))
    unit, order = np.arange(n) % 4, rng.permutation(n)
    plain, permuted = (
        ratio_bootstrap(
            numerators[rows], denominators[rows], unit=unit[rows], resamples=9, rng=np.random.default_rng(seed)
        )
        for rows in (np.arange(n), order)
    )
    assert plain.objects == 4
    np.testing.assert_allclose(permuted.replicates, plain.replicates, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(plain.estimate, numerators.sum(axis=0) / denominators.sum(axis=0), rtol=1e-12)


@given(n=objects, a=st.floats(0.1, 10.0), mirrored=st.booleans(), b=st.floats(-5, 5), seed=seeds)
def test_an_interval_moves_with_the_unit_the_zero_and_the_sign_of_its_statistic(n, a, mirrored, b, seed):
    a = -a if mirrored else a
    values = np.random.default_rng(seed).standard_normal((n, 2))
    plain = object_bootstrap(lambda m: m @ values / n, n, resamples=40, rng=np.random.default_rng(seed))
    moved = Bootstrap(estimate=a * plain.estimate + b, replicates=a * plain.replicates + b, objects=n)
    for make in (
        Bootstrap.intervals,
        Bootstrap.simultaneous,
        lambda bootstrap: jackknife_intervals(bootstrap.estimate, bootstrap.replicates, n=n),
    ):
        expected = a * ends(make(plain)) + b
        np.testing.assert_allclose(ends(make(moved)), expected[:, [0, 2, 1] if mirrored else [0, 1, 2]], atol=1e-9)


@given(n=st.integers(3, 9), permutations=st.integers(1, 59), rng=generators())
def test_a_p_value_is_on_its_grid_and_never_zero(n, permutations, rng):
    D1, D2 = (euclidean_distances(rng.standard_normal((n, 2))) for _ in range(2))
    permuted = np.round(rng.standard_normal(permutations), 1)
    for p in (
        mantel(D1, D2, permutations, rng=rng).p_value,
        mantel(D1, D1, permutations, rng=rng).p_value,
        permutation_p_value(float(permuted[0]), permuted),
    ):
        count = p * (permutations + 1)
        assert abs(count - round(count)) < 1e-9
        assert 1 <= round(count) <= permutations + 1
    assert permutation_p_value(np.inf, permuted) == 1 / (permutations + 1)
    assert permutation_p_value(-np.inf, permuted) == 1.0
    assert permutation_p_value(float(permuted[0]), permuted) >= 2 / (permutations + 1)


@given(n=objects, a=st.floats(0.1, 10.0), b=st.floats(0, 10.0), rng=generators())
def test_mantels_correlation_knows_neither_the_order_nor_the_unit_nor_the_zero_of_distances(n, a, b, rng):
    D1, D2 = (euclidean_distances(points) for points in related_points(n, rng))
    order = rng.permutation(n)
    changed = a * D2 + b * (1 - np.eye(n))
    r = mantel(D1, D2, 1, rng=rng).statistic
    assert abs(r) <= 1 + 1e-12
    for one, other in ((D2, D1), (D1[np.ix_(order, order)], D2[np.ix_(order, order)]), (D1, changed)):
        np.testing.assert_allclose(mantel(one, other, 1, rng=rng).statistic, r, rtol=1e-9, atol=1e-12)
    if (order != np.arange(n)).any():
        assert not np.isclose(mantel(D1, D2[np.ix_(order, order)], 1, rng=rng).statistic, r)
    np.testing.assert_allclose(mantel(D1, D1, 1, rng=rng).statistic, 1.0, rtol=1e-12)


@given(n=objects, power=st.floats(0.3, 3.0), seed=seeds)
def test_spearmans_correlation_and_its_interval_know_only_the_order_of_distances(n, power, seed):
    D1, D2 = (euclidean_distances(points) for points in related_points(n, np.random.default_rng(seed)))
    plain, warped = (spearman(D, D2, resamples=9, rng=np.random.default_rng(seed)) for D in (D1, np.expm1(D1**power)))
    assert ends([warped]).tolist() == ends([plain]).tolist()
    backwards = (D1.max() + 1 - D1) * (1 - np.eye(n))
    reversed_order = spearman(backwards, D2, resamples=2, rng=np.random.default_rng(seed))
    np.testing.assert_allclose(reversed_order.estimate, -plain.estimate, rtol=1e-9, atol=1e-12)


@given(n=st.integers(3, 6), rng=generators())
def test_the_fewest_objects_that_are_accepted_have_an_interval(n, rng):
    D1, D2 = (euclidean_distances(rng.standard_normal((n, 2))) for _ in range(2))
    labels = np.arange(n) % 2
    agreement = object_bootstrap(SameClassAuroc().weighted(D1, labels), n, resamples=19, rng=rng).intervals()[0]
    x, y = rng.standard_normal((2, n - 1, 2))
    for interval in (spearman(D1, D2, resamples=19, rng=rng), agreement, energy_distance(x, y, resamples=39, rng=rng)):
        assert np.isfinite([interval.estimate, interval.low, interval.high]).all()


@given(n=objects, rng=generators())
def test_a_similarity_of_representations_is_symmetric_and_at_most_one(n, rng):
    x, y = related_points(n, rng)
    for similarity, one, other in (
        (linear_cka, x, y),
        (squared_distance_correlation, euclidean_distances(x), euclidean_distances(y)),
    ):
        value = similarity(one, other)
        np.testing.assert_allclose(similarity(other, one), value, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(similarity(one, one), 1.0, rtol=1e-12)
        assert abs(value) <= 1 + 1e-12


@given(n=objects, scale=st.floats(1e-3, 1e3), rng=generators())
def test_a_similarity_of_representations_knows_no_rigid_motion_no_unit_and_no_order(n, scale, rng):
    x, y = related_points(n, rng)
    rotation, order = np.linalg.qr(rng.standard_normal((3, 3)))[0], rng.permutation(n)
    moved = scale * (x @ rotation + rng.uniform(-3, 3, 3))
    for similarity in (
        linear_cka,
        lambda a, b: squared_distance_correlation(euclidean_distances(a), euclidean_distances(b)),
    ):
        value = similarity(x, y)
        for one, other in ((moved, y), (x[order], y[order])):
            np.testing.assert_allclose(similarity(one, other), value, rtol=1e-7, atol=1e-9)
        assert not np.isclose(similarity(np.exp(x), y), value, rtol=1e-6)
