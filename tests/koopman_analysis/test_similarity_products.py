import itertools
import subprocess
import sys

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from koopman_analysis.resampling import object_bootstrap
from koopman_analysis.similarity import (
    DebiasedCKA,
    DistanceCorrelation,
    cosine_distances,
    euclidean_distances,
    linear_cka,
    plain_linear_cka,
    plain_squared_distance_correlation,
    relabelled_distances,
    relabelled_labels,
    squared_distance_correlation,
)
from koopman_analysis.similarity.labels import SameClassAuroc


def related_points(n, rng):
    x = rng.standard_normal((n, 2))
    return x, np.tanh(x @ rng.standard_normal((2, 3))) + 0.5 * rng.standard_normal((n, 3))


def covariance_of_quadruples(a, b, original):
    """U(a, b) over the ordered quadruples of rows that are copies of four different originals: its definition."""
    terms = [
        a[i, j] * (b[i, j] + b[k, l] - 2 * b[i, k])
        for i, j, k, l in itertools.permutations(range(len(a)), 4)
        if len({original[i], original[j], original[k], original[l]}) == 4
    ]
    return np.mean(terms)


@hypothesis.settings(max_examples=8)
@hypothesis.given(seed=st.integers(0, 2**31))
def test_a_weight_is_a_number_of_copies_of_which_no_two_are_in_one_quadruple(seed):
    rng = np.random.default_rng(seed)
    x, y = related_points(6, rng)
    copies = rng.permutation([2, 1, 1, 2, 1, 0])
    original = np.repeat(np.arange(6), copies)
    for statistic, power in ((DistanceCorrelation(), 1), (DebiasedCKA(), 2)):
        a, b = (euclidean_distances(points) for points in (x, y))
        written = [matrix[np.ix_(original, original)] ** power for matrix in (a, b)]
        both, first, second = (
            covariance_of_quadruples(written[i], written[j], original) for i, j in ((0, 1), (0, 0), (1, 1))
        )
        hypothesis.assume(first * second > 1e-6)
        assert statistic.weighted(a, b)(copies) == pytest.approx(both / np.sqrt(first * second), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("n", [4, 5, 40])
def test_weights_of_one_give_the_statistic_of_the_objects(n):
    x, y = related_points(n, np.random.default_rng(n))
    a, b = euclidean_distances(x), euclidean_distances(y)
    once = np.ones(n, dtype=np.int64)
    assert DistanceCorrelation().weighted(a, b)(once) == pytest.approx(squared_distance_correlation(a, b), rel=1e-10)
    # The CKA of points is that of their distances: inner products and −½ d² differ by rᵢ + rⱼ.
    assert DebiasedCKA().weighted(a, b)(once) == pytest.approx(linear_cka(x, y), rel=1e-8)
    assert linear_cka(x + 1e3, y) == pytest.approx(linear_cka(x, y), rel=1e-8)


def test_resamples_are_centred_on_the_statistic():
    rng = np.random.default_rng(1)
    x = rng.standard_normal((60, 1))
    a, b = euclidean_distances(x), euclidean_distances(0.6 * x + 0.8 * rng.standard_normal((60, 1)))
    bootstrap = object_bootstrap(DistanceCorrelation().weighted(a, b), 60, resamples=800, rng=rng)
    spread = bootstrap.replicates.std()
    assert 0.02 < spread < 0.3
    assert abs(bootstrap.replicates.mean() - bootstrap.estimate[0]) < 0.2 * spread


def test_a_resample_of_three_objects_or_of_equal_distances_has_no_correlation():
    x, y = related_points(6, np.random.default_rng(2))
    statistic = DistanceCorrelation().weighted(euclidean_distances(x), euclidean_distances(y))
    assert np.isnan(statistic(np.array([2, 2, 2, 0, 0, 0])))
    assert np.isfinite(statistic(np.array([2, 2, 1, 1, 0, 0])))
    simplex = 1.0 - np.eye(6)
    assert np.isnan(DistanceCorrelation().weighted(simplex, euclidean_distances(y))(np.ones(6, dtype=int)))
    assert np.isnan(squared_distance_correlation(simplex, euclidean_distances(y)))
    with pytest.raises(ValueError, match="at least four objects for an unbiased product of Gram matrices, got 3"):
        DebiasedCKA().weighted(simplex[:3, :3], simplex[:3, :3])


def test_the_plain_distance_correlation_is_that_of_the_law_of_the_sample():
    x, y = related_points(9, np.random.default_rng(3))
    a, b = euclidean_distances(x), euclidean_distances(y)

    # Székely & Rizzo 2009, eq. 2.6, over all quadruples with repetition: the sample as a population.
    def covariance(first, second):
        return np.mean(first * second) + first.mean() * second.mean() - 2 * np.mean(first.mean(1) * second.mean(1))

    oracle = covariance(a, b) / np.sqrt(covariance(a, a) * covariance(b, b))
    assert plain_squared_distance_correlation(a, b) == pytest.approx(oracle, rel=1e-10)
    assert oracle > squared_distance_correlation(a, b)


@pytest.mark.parametrize("rho", [0.3, 0.8])
def test_the_distance_correlation_of_a_normal_pair_is_the_closed_form(rho):
    rng = np.random.default_rng(4)
    x = rng.standard_normal((2000, 1))
    y = rho * x + np.sqrt(1 - rho**2) * rng.standard_normal((2000, 1))
    above = rho * np.arcsin(rho) + np.sqrt(1 - rho**2) - rho * np.arcsin(rho / 2) - np.sqrt(4 - rho**2) + 1
    expected = above / (1 + np.pi / 3 - np.sqrt(3))
    assert 0.05 < expected < 0.7
    assert squared_distance_correlation(euclidean_distances(x), euclidean_distances(y)) == pytest.approx(
        expected, abs=0.04
    )


def test_plain_cka_is_the_norm_of_the_cross_covariance():
    x, y = related_points(30, np.random.default_rng(5))
    a, b = x - x.mean(axis=0), y - y.mean(axis=0)
    oracle = np.linalg.norm(a.T @ b) ** 2 / (np.linalg.norm(a.T @ a) * np.linalg.norm(b.T @ b))
    assert plain_linear_cka(x, y) == pytest.approx(oracle, rel=1e-12)


def test_the_cka_of_a_representation_with_itself_is_one_and_with_noise_only_debiased_zero():
    x, y = np.random.default_rng(6).standard_normal((2, 200, 256))
    assert plain_linear_cka(x, x) == pytest.approx(1.0)
    assert plain_linear_cka(x, y) == pytest.approx(0.56, abs=0.01)
    assert abs(linear_cka(x, y)) < 0.02


def test_cosine_distances_are_those_of_scipy_and_need_a_direction():
    x = np.random.default_rng(7).standard_normal((9, 3))
    np.testing.assert_allclose(cosine_distances(x), cdist(x, x, "cosine"), atol=1e-14)
    np.testing.assert_allclose(cosine_distances(np.arange(1.0, 10)[:, None] * x), cosine_distances(x), atol=1e-12)
    assert cosine_distances(np.concatenate([x, x])).min() == 0.0
    x[4] = 0.0
    with pytest.raises(ValueError, match=r"away from the origin, got 1 at it or too near it .* \(the first is row 4\)"):
        cosine_distances(x)


def test_relabelling_finds_what_is_related_and_counts_ties():
    rng = np.random.default_rng(8)
    x, y = related_points(30, rng)
    a, b = euclidean_distances(x), euclidean_distances(y)
    related = relabelled_distances(DistanceCorrelation(), a, b, permutations=99, rng=rng)
    assert related.statistic == pytest.approx(squared_distance_correlation(a, b))
    assert related.p_value == 0.01
    labels = (x[:, 0] > 0).astype(int)
    assert relabelled_labels(SameClassAuroc(), a, labels, permutations=99, rng=rng).p_value == 0.01
    assert relabelled_labels(SameClassAuroc(), a, rng.permutation(labels), permutations=99, rng=rng).p_value > 0.02
    # Where every relabelling is alike, none is above: p = 1.
    equal = 1.0 - np.eye(30)
    assert relabelled_labels(SameClassAuroc(), equal, labels, permutations=19, rng=rng).p_value == 1.0


DCOR = """
import sys
import dcor, numpy as np
x, y = (np.load(file) for file in sys.argv[1:])
print(repr(float(dcor.u_distance_correlation_sqr(x, y))), repr(float(dcor.distance_correlation_sqr(x, y))))
"""


@pytest.mark.slow
def test_distance_correlations_are_those_of_dcor(tmp_path):
    x, y = related_points(50, np.random.default_rng(9))
    files = [tmp_path / "x.npy", tmp_path / "y.npy"]
    for file, points in zip(files, (x, y), strict=True):
        np.save(file, points)
    # In a process of its own: Numba compiles for most of a minute, and stays.
    told = subprocess.run([sys.executable, "-c", DCOR, *files], capture_output=True, check=True).stdout
    unbiased, plain = (float(number) for number in told.split())
    a, b = euclidean_distances(x), euclidean_distances(y)
    assert 0.1 < unbiased < 0.9
    assert squared_distance_correlation(a, b) == pytest.approx(unbiased, rel=1e-12)
    assert plain_squared_distance_correlation(a, b) == pytest.approx(plain, rel=1e-12)


@pytest.mark.parametrize("length", [1e-160, 5e-324, 0.0])
def test_objects_too_near_the_origin_for_an_angle_are_refused(length):
    x = np.random.default_rng(7).standard_normal((9, 3))
    x[2] = [length, 0.0, 0.0]
    with pytest.raises(ValueError, match=r"got 1 at it or too near it for an angle \(the first is row 2\): scale"):
        cosine_distances(x)
    assert np.isfinite(cosine_distances(1e-100 * np.delete(x, 2, axis=0))).all()
    with pytest.raises(ValueError, match="objects with a squared length, got one too far from the origin: scale"):
        cosine_distances(1e200 * np.delete(x, 2, axis=0))


@pytest.mark.parametrize("distances", [cosine_distances, euclidean_distances])
def test_distances_of_what_has_no_place_are_refused(distances):
    x = np.random.default_rng(7).standard_normal((9, 3))
    for nowhere in (np.nan, np.inf):
        x[4, 1] = nowhere
        with pytest.raises(ValueError, match="expected finite points, got NaN or infinity: leave out the objects"):
            distances(x)


def test_matrices_that_are_no_distances_have_no_distance_correlation():
    a = euclidean_distances(np.random.default_rng(0).standard_normal((6, 2)))
    askew = a + np.triu(np.ones((6, 6)), 1)
    for correlation in (squared_distance_correlation, plain_squared_distance_correlation):
        with pytest.raises(ValueError, match="expected symmetric distance matrices"):
            correlation(a, askew)
        with pytest.raises(ValueError, match="expected finite distances"):
            correlation(a, np.where(np.eye(6) > 0, 0.0, np.nan))


def test_what_is_not_defined_is_not_tested_by_relabelling():
    rng = np.random.default_rng(0)
    a, still = euclidean_distances(rng.standard_normal((8, 2))), np.zeros((8, 8))
    with pytest.raises(ValueError, match="expected a statistic that is defined, got NaN: do all the distances vary"):
        relabelled_distances(DistanceCorrelation(), a, still, permutations=19, rng=rng)
    with pytest.raises(ValueError, match="expected no fewer than zero relabellings, got -1: choose 999"):
        relabelled_labels(SameClassAuroc(), a, np.arange(8) % 2, permutations=-1, rng=rng)
