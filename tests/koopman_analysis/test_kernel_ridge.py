import numpy as np
import pytest
from sklearn.kernel_ridge import KernelRidge

from koopman_analysis.dictionaries import Constant, Coordinates
from koopman_analysis.estimators import kernel_ridge
from koopman_analysis.estimators.base import NotFitted
from koopman_analysis.estimators.edmd import EDMD
from koopman_analysis.estimators.kernel_ridge import KernelRidgeRegression, exponential, gaussian
from koopman_analysis.regression import ConstantData
from koopman_analysis.snapshots import SnapshotPairs


def steps(n: int, *, seed: int = 0) -> SnapshotPairs:
    """Noise of unequal spread, sent to one of four points through narrow fronts."""
    rng = np.random.default_rng(seed)
    x = [1.0, -2.0] + rng.standard_normal((n, 2)) * [80.0, 0.5]
    return SnapshotPairs(before=x, after=np.tanh(20.0 * (x - [1.0, -2.0]) / [80.0, 0.5]) + 5.0)


def fixed(length: float, ridge: float, **options) -> KernelRidgeRegression:
    return KernelRidgeRegression(lengths=(length,), ridges=(ridge,), rng=np.random.default_rng(0), **options)


def relative_error(estimator, pairs: SnapshotPairs) -> float:
    return float(np.linalg.norm(estimator.predict(pairs.before) - pairs.after) / np.linalg.norm(pairs.after - 5.0))


@pytest.mark.parametrize("kernel", [exponential, gaussian])
def test_the_solution_is_that_of_scikit_learn(kernel):
    pairs, fresh = steps(200), steps(50, seed=1).before
    ours = fixed(0.7, 1e-3, kernel=kernel).fit(pairs)
    spread = pairs.before.std(axis=0)
    distances = np.linalg.norm((pairs.before[:, None] - pairs.before) / spread, axis=2)
    # The pairs are in another order inside, and the median is of all distances, to themselves excepted.
    unit = 0.7 * spread * np.median(distances[np.triu_indices(200, 1)])
    theirs = KernelRidge(alpha=1e-3, kernel="precomputed")
    mean = pairs.after.mean(axis=0)
    theirs.fit(kernel(pairs.before / unit, pairs.before / unit), pairs.after - mean)
    expected = mean + theirs.predict(kernel(fresh / unit, pairs.before / unit))
    # Condition number: at most n / ridge.
    np.testing.assert_allclose(ours.predict(fresh), expected, atol=200 / 1e-3 * 1e-14)


def test_kernels_are_what_they_are_called():
    a, b = np.random.default_rng(0).standard_normal((2, 4, 3))
    distances = np.linalg.norm(a[:, None] - b, axis=2)
    np.testing.assert_allclose(exponential(a, b), np.exp(-distances), rtol=1e-13)
    np.testing.assert_allclose(gaussian(a, b), np.exp(-(distances**2) / 2), rtol=1e-13)


def test_fronts_are_fitted_far_better_than_by_a_line_and_better_by_the_exponential_kernel():
    train, test = steps(1000), steps(500, seed=1)
    affine = relative_error(EDMD(Constant() + Coordinates(), outputs=Coordinates()).fit(train), test)
    errors = {
        kernel: relative_error(KernelRidgeRegression(kernel, rng=np.random.default_rng(0)).fit(train), test)
        for kernel in (exponential, gaussian)
    }
    assert affine > 0.4
    assert errors[exponential] < errors[gaussian] < affine / 2


def test_length_and_ridge_are_the_best_of_the_grid_on_held_out_pairs():
    train, test = steps(1000), steps(500, seed=1)
    lengths, ridges = (0.02, 1.0, 50.0), (1e-6, 10.0)
    chosen = KernelRidgeRegression(lengths=lengths, ridges=ridges, rng=np.random.default_rng(0)).fit(train)
    errors = {(l, r): relative_error(fixed(l, r).fit(train), test) for l in lengths for r in ridges}
    assert max(errors.values()) > 2 * min(errors.values()), "the grid matters"
    assert relative_error(chosen, test) <= 1.1 * min(errors.values())
    assert (chosen.length_, chosen.ridge_) in errors


@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_units_and_shifts_of_the_states_do_not_matter(scale):
    pairs, fresh = steps(100), steps(20, seed=1).before
    moved = SnapshotPairs(before=scale * pairs.before + 1.0 * scale, after=scale * pairs.after)
    expected = scale * fixed(1.0, 1e-3).fit(pairs).predict(fresh)
    found = fixed(1.0, 1e-3).fit(moved).predict(scale * fresh + 1.0 * scale)
    np.testing.assert_allclose(found, expected, rtol=1e-8)


def test_a_feature_that_does_not_vary_does_not_matter():
    pairs, fresh = steps(100), steps(20, seed=1).before
    widened = SnapshotPairs(before=np.hstack([pairs.before, np.full((100, 1), 7.0)]), after=pairs.after)
    expected = fixed(1.0, 1e-3).fit(pairs).predict(fresh)
    found = fixed(1.0, 1e-3).fit(widened).predict(np.hstack([fresh, np.full((20, 1), 7.0)]))
    np.testing.assert_allclose(found, expected, rtol=1e-10)


def test_a_heavier_pair_is_fitted_more_closely_and_one_without_weight_is_not_seen():
    pairs = steps(100)
    weights = np.ones(100)
    weights[0] = 1000.0
    missed = [
        np.linalg.norm(
            fixed(1.0, 1.0)
            .fit(SnapshotPairs(before=pairs.before, after=pairs.after, weights=w))
            .predict(pairs.before[:1])
            - pairs.after[0]
        )
        for w in (np.ones(100), weights)
    ]
    assert missed[1] < missed[0] / 10
    weights = np.r_[np.ones(50), np.zeros(50)]
    wrong = SnapshotPairs(before=pairs.before, after=pairs.after + 1e3 * (weights == 0)[:, None], weights=weights)
    half = pairs.subset(np.arange(50))
    half = SnapshotPairs(before=half.before, after=half.after, weights=np.ones(50))
    fresh = steps(20, seed=1).before
    np.testing.assert_allclose(fixed(1.0, 1e-3).fit(wrong).predict(fresh), fixed(1.0, 1e-3).fit(half).predict(fresh))


def test_of_more_pairs_than_the_limit_some_are_drawn_from_the_rng_alone():
    pairs, fresh = steps(500), steps(20, seed=1).before

    def prediction(seed: int) -> np.ndarray:
        estimator = KernelRidgeRegression(most=50, rng=np.random.default_rng(seed)).fit(pairs)
        first = estimator.predict(fresh)
        np.testing.assert_array_equal(estimator.fit(pairs).predict(fresh), first)
        return first

    np.testing.assert_array_equal(prediction(0), prediction(0))
    assert not np.array_equal(prediction(0), prediction(1))


def test_prediction_by_parts_is_prediction(monkeypatch):
    pairs, fresh = steps(100), steps(50, seed=1).before
    fitted = fixed(1.0, 1e-3).fit(pairs)
    whole = fitted.predict(fresh)
    monkeypatch.setattr(kernel_ridge, "NUMBERS", 700)
    np.testing.assert_allclose(fitted.predict(fresh), whole, rtol=1e-12)


def test_what_cannot_be_fitted_is_refused():
    pairs, rng = steps(50), np.random.default_rng(0)
    with pytest.raises(ValueError, match="at least one of lengths, all positive"):
        KernelRidgeRegression(lengths=(), rng=rng)
    with pytest.raises(ValueError, match="at least one of ridges, all positive"):
        KernelRidgeRegression(ridges=(0.0,), rng=rng)
    with pytest.raises(ValueError, match="at least 10 pairs, got 5"):
        KernelRidgeRegression(most=5, rng=rng)
    with pytest.raises(ValueError, match="at least 10 pairs of positive weight, got 9"):
        KernelRidgeRegression(rng=rng).fit(pairs.subset(np.arange(9)))
    with pytest.raises(TypeError, match="expected real states"):
        KernelRidgeRegression(rng=rng).fit(SnapshotPairs(before=1j * pairs.before, after=pairs.after))
    with pytest.raises(ConstantData, match="states before that vary"):
        KernelRidgeRegression(rng=rng).fit(SnapshotPairs(before=np.ones((50, 2)), after=pairs.after))
    with pytest.raises(ValueError, match="expected a positive definite kernel"):
        KernelRidgeRegression(lambda a, b: a @ b.T - 100.0, rng=rng).fit(pairs)
    with pytest.raises(NotFitted, match="call fit"):
        KernelRidgeRegression(rng=rng).predict(pairs.before)
