import math
import tracemalloc

import jaxtyping
import numpy as np
import ot
import pytest
import scipy.stats
import torch
from sklearn.dummy import DummyClassifier
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.naive_bayes import GaussianNB

from koopman_analysis.twosample import (
    ENERGY,
    GaussianKernel,
    classifier_accuracy,
    discrepancies,
    energy_distance,
    frechet_distance,
    kernel_distance,
    kernels,
    permutation_test,
    precision_recall,
    sliced_wasserstein,
    squared_mmd,
)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def normals(n, m, shift=0.0, width=2, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, width)), rng.standard_normal((m, width)) + shift


@pytest.mark.parametrize(("n", "m"), [(60, 60), (50, 83)])
def test_the_energy_distance_is_that_of_an_independent_implementation(n, m, rng):
    x, y = normals(n, m, shift=0.5, width=1)
    # scipy integrates the squared difference of the distribution functions, which is the average over all ordered
    # pairs, each value with itself included; rescaling the inner means makes it unbiased.
    oracle = scipy.stats.energy_distance(x[:, 0], y[:, 0]) ** 2
    within = [np.abs(z - z.T).mean() for z in (x, y)]
    unbiased = oracle - within[0] / (n - 1) - within[1] / (m - 1)
    assert oracle > 0.05
    assert energy_distance(x, y, resamples=19, rng=rng).estimate == pytest.approx(unbiased, rel=1e-10)
    assert permutation_test(x, y, permutations=19, rng=rng).statistic == pytest.approx(unbiased, rel=1e-10)


def test_the_energy_distance_is_the_mean_over_all_directions_of_its_lines(rng):
    x, y = normals(40, 70, shift=0.5)
    # In the plane, |v| is pi / 2 times the mean over directions u of |<u, v>|.
    angles = np.linspace(0, np.pi, 720, endpoint=False)
    directions = np.stack([np.cos(angles), np.sin(angles)])
    along = [energy_distance(x @ u[:, None], y @ u[:, None], resamples=2, rng=rng).estimate for u in directions.T]
    oracle = np.pi / 2 * np.mean(along)
    assert oracle > 0.05
    assert energy_distance(x, y, resamples=19, rng=rng).estimate == pytest.approx(oracle, rel=1e-4)


def test_the_squared_mmd_is_that_of_an_independent_implementation(rng):
    x, y = normals(40, 70, shift=0.7)
    kernel = GaussianKernel(bandwidth=1.3)
    gamma = 1 / (2 * 1.3**2)
    within = [(rbf_kernel(z, gamma=gamma).sum() - len(z)) / (len(z) * (len(z) - 1)) for z in (x, y)]
    oracle = sum(within) - 2 * rbf_kernel(x, y, gamma=gamma).mean()
    assert oracle > 0.01
    assert squared_mmd(x, y, kernel=kernel, resamples=19, rng=rng).estimate == pytest.approx(oracle, rel=1e-10)
    assert permutation_test(x, y, kernel=kernel, permutations=19, rng=rng).statistic == pytest.approx(oracle, rel=1e-10)


@pytest.mark.parametrize(("n", "m"), [(60, 60), (50, 83)])
def test_the_sliced_wasserstein_distance_is_that_of_an_independent_implementation(n, m, rng):
    x, y = normals(n, m, shift=0.5)
    theta = np.random.default_rng(5).standard_normal((2, 8))
    theta /= np.linalg.norm(theta, axis=0)
    oracle = ot.sliced_wasserstein_distance(x, y, projections=theta, p=2)
    measured = sliced_wasserstein(x, y, directions=8, resamples=9, rng=np.random.default_rng(5))
    assert measured.estimate == pytest.approx(oracle, rel=1e-10)
    assert measured.low < measured.estimate < measured.high


def test_strips_give_the_same_forms_as_the_whole_kernel_matrix(monkeypatch, rng):
    x, y = normals(50, 31)
    whole = discrepancies({"x": x}, y, resamples=9, rng=np.random.default_rng(1)).absolute
    test = permutation_test(x, y, permutations=19, rng=np.random.default_rng(1))
    monkeypatch.setattr(kernels, "STRIP", 7)
    striped = discrepancies({"x": x}, y, resamples=9, rng=np.random.default_rng(1)).absolute
    np.testing.assert_allclose(striped.replicates, whole.replicates, atol=1e-13)
    again = permutation_test(x, y, permutations=19, rng=np.random.default_rng(1))
    assert again.statistic == pytest.approx(test.statistic, abs=1e-13)
    assert again.p_value == test.p_value


def test_a_resample_never_pairs_copies_of_one_object():
    x, y = normals(30, 30)
    replicate = discrepancies({"x": x}, y, resamples=1, rng=np.random.default_rng(3)).absolute.replicates[0, 0]
    rng = np.random.default_rng(3)
    counts = [rng.multinomial(30, np.full(30, 1 / 30)) for _ in range(2)]
    assert max(counts[0]) > 1
    means = []
    for points, other, u, v in [(x, y, *counts), (x, x, counts[0], counts[0]), (y, y, counts[1], counts[1])]:
        first, second = np.repeat(np.arange(30), u), np.repeat(np.arange(30), v)
        kept = np.ones((30, 30), bool) if points is not other else first[:, None] != second
        means.append(np.linalg.norm(points[first][:, None] - other[second], axis=2)[kept].mean())
    assert replicate == pytest.approx(2 * means[0] - means[1] - means[2], abs=1e-12)


def test_the_interval_of_the_energy_coefficient_covers_its_closed_form():
    shift, n = 0.5, 150
    covered, estimates = 0, []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        x, y = rng.standard_normal((n, 1)), rng.standard_normal((n, 1)) + shift
        interval = energy_distance(x, y, resamples=99, rng=rng)
        estimates.append(interval.estimate)
        # E|N(δ, 2)| = √(4/π) exp(−δ²/4) + δ erf(δ/2)
        truth = 2 * (math.sqrt(4 / math.pi) * (math.exp(-(shift**2) / 4) - 1) + shift * math.erf(shift / 2))
        covered += truth in interval
    assert np.std(estimates) > truth / 10
    assert covered >= 51  # 57 expected; P(fewer than 51) < 1 % at 95 %
    assert np.mean(estimates) == pytest.approx(truth, abs=4 * np.std(estimates) / math.sqrt(60))


def test_the_permutation_test_keeps_its_level_and_has_power():
    null = [
        permutation_test(*normals(30, 40, seed=s), permutations=19, rng=np.random.default_rng(s)) for s in range(200)
    ]
    rejected = sum(test.p_value <= 0.05 for test in null)
    assert 1 <= rejected <= 20  # 10 expected
    assert np.mean([test.statistic for test in null]) == pytest.approx(0, abs=0.02)
    far = permutation_test(*normals(30, 40, shift=1.5), permutations=99, rng=np.random.default_rng(0))
    assert far.p_value == 0.01


def test_the_energy_coefficient_of_disjoint_points_is_one_and_of_close_normals_a_quarter_of_the_square(rng):
    x, y = np.full((5, 2), 1.0), np.full((5, 2), -1.0)
    assert discrepancies({"x": x}, y, resamples=9, rng=rng).coefficients()["x"].estimate == pytest.approx(1.0)
    z = rng.standard_normal((2000, 1))
    moved = discrepancies({"z": z + 0.3}, z, resamples=9, rng=rng).coefficients()["z"]
    assert moved.estimate == pytest.approx(0.3**2 / 4, rel=0.1)


def test_differences_on_the_same_resamples_are_sharper_than_apart():
    rng = np.random.default_rng(0)
    y, noise = rng.standard_normal((300, 2)), rng.standard_normal((300, 2))
    samples = {"a": noise + 0.4, "b": noise + 0.5}
    measured = discrepancies(samples, y, rng=rng)
    difference = measured.differences_from("a")["b"]
    apart = [interval.high - interval.low for interval in measured.coefficients().values()]
    assert difference.low > 0
    assert difference.high - difference.low < min(apart)
    assert set(measured.distances()) == {"a", "b"}
    assert discrepancies({"a": noise}, y, resamples=9, rng=rng).differences_from("a") == {}


def test_the_median_bandwidth_scales_with_the_data():
    x, _ = normals(200, 1)
    small, large = (
        GaussianKernel.of_median_distance(scale * x, rng=np.random.default_rng(0)).bandwidth for scale in (1.0, 80.0)
    )
    assert large == pytest.approx(80 * small)
    assert 1.0 < small < 2.5  # the median distance of 2-D normals is √(4 log 2) = 1.67
    assert squared_mmd(80 * x, 80 * x + 80, resamples=19, rng=np.random.default_rng(0)).low > 0


def test_a_classifier_tells_what_can_be_told(rng):
    alike = classifier_accuracy(
        *normals(150, 150), classifier=DummyClassifier(strategy="uniform", random_state=0), rng=rng
    )
    assert 0.5 in alike
    apart = classifier_accuracy(*normals(150, 100, shift=3.0), folds=2, rng=rng)
    assert apart.low > 0.85
    assert apart.n == 250


@pytest.mark.parametrize("n", [10, 20, 40])
def test_trees_tell_few_points_apart_and_an_accuracy_of_one_has_an_interval(n):
    apart = classifier_accuracy(*normals(n, n, shift=8.0), rng=np.random.default_rng(0))
    assert apart.estimate > 0.9
    assert 0.5 < apart.low < apart.high
    right = classifier_accuracy(*normals(n, n, shift=50.0), classifier=GaussianNB(), rng=np.random.default_rng(0))
    z, count = 1.959964, n / 2.25
    assert right.estimate == 1.0
    assert right.low == pytest.approx(1.0 - z**2 / (count + z**2) / 2**0.5, rel=1e-5)  # l = n / (n + z²) at p̂ = 1
    assert right.high == 1.0


def test_fewer_than_two_points_a_fold_are_not_told_apart(rng):
    with pytest.raises(ValueError, match="at least 10 points in each sample, two a fold, got 9 and 12: take more"):
        classifier_accuracy(*normals(9, 12), rng=rng)


@pytest.mark.parametrize(
    "measure", [permutation_test, energy_distance, sliced_wasserstein], ids=["permutation", "energy", "sliced"]
)
def test_samples_that_cannot_be_compared_are_refused(measure, rng):
    x, y = normals(5, 5)
    with pytest.raises(ValueError, match="at least two points of width 2, got shape"):
        measure(x[:, :1], y, rng=rng)
    with pytest.raises(ValueError, match="at least two points"):
        measure(x[:1], y, rng=rng)
    y[0, 0] = np.nan
    with pytest.raises(ValueError, match="finite points in .*, got 1 that are not"):
        measure(x, y, rng=rng)


COLUMN = np.zeros((4, 1))


@pytest.fixture
def unchecked():
    """Without the checks of the tests, which would come first."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.mark.parametrize(
    ("samples", "error", "message"),
    [
        ((COLUMN.tolist(), COLUMN), TypeError, r"'x' as a NumPy array of real numbers, got list: use np\.asarray"),
        ((COLUMN, torch.zeros(4, 1)), TypeError, "'(y|reference)' as a NumPy array of real numbers, got Tensor"),
        ((COLUMN, COLUMN + 1j), TypeError, "got an array of complex128"),
        (
            (COLUMN[:, 0], COLUMN[:, 0]),
            ValueError,
            r"in 'x', one a row, got shape \(4,\): reshape to \(points, numbers",
        ),
        ((COLUMN[:, :0], COLUMN[:, :0]), ValueError, r"points of one number or more in 'x', .* got shape \(4, 0\)"),
        ((np.zeros((4, 3)), COLUMN), ValueError, r"'x' to have at least two points of width 1, got shape \(4, 3\)"),
    ],
    ids=["lists", "tensors", "complex", "flat", "empty", "widths"],
)
@pytest.mark.parametrize(
    "measure",
    [permutation_test, energy_distance, squared_mmd, kernel_distance, sliced_wasserstein, precision_recall,
     classifier_accuracy, frechet_distance],
)  # fmt: skip
@pytest.mark.usefixtures("unchecked")
def test_what_is_no_sample_is_refused_and_it_is_said_why(measure, samples, error, message, rng):
    with pytest.raises(error, match=message):
        measure(*samples, rng=rng)


def test_many_points_are_compared_in_bounded_memory(rng):
    x, y = normals(2500, 2500)
    whole_matrix = 8 * 5000**2
    tracemalloc.start()
    test = permutation_test(x, y, kernel=ENERGY, permutations=19, rng=rng)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert test.p_value > 0.05
    assert peak < whole_matrix / 3
