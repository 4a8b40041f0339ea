import numpy as np
import pytest
import torch

from koopman_analysis.dictionaries import Constant, Coordinates, FunctionDictionary, Monomials, RandomFourier
from koopman_analysis.estimators.base import NotFitted
from koopman_analysis.estimators.edmd import EDMD
from koopman_analysis.moments import FactorMoments, GramMoments
from koopman_analysis.regression import ConstantData
from koopman_analysis.snapshots import SnapshotPairs

A = np.array([[0.9, 0.3], [0.0, 0.5]])


def linear_pairs(n: int = 80, seed: int = 0, **options) -> SnapshotPairs:
    x = np.random.default_rng(seed).standard_normal((n, 2))
    return SnapshotPairs(before=x, after=x @ A + [1.0, -2.0], **options)


def test_an_affine_map_is_recovered_to_rounding():
    edmd = EDMD(Constant() + Coordinates()).fit(linear_pairs())
    np.testing.assert_allclose(edmd.matrix_, [[1, 1, -2], [0, 0.9, 0.3], [0, 0.0, 0.5]], atol=1e-13)
    x = np.array([[2.0, 3.0]])
    np.testing.assert_allclose(edmd.predict(x), x @ A + [1.0, -2.0], atol=1e-13)


def test_the_eigenvalues_of_a_linear_maps_monomials_are_all_products():
    pairs = SnapshotPairs(before=linear_pairs().before, after=linear_pairs().before @ A)
    eigenvalues = np.sort(np.linalg.eigvals(EDMD(Monomials(2)).fit(pairs).matrix_).real)
    np.testing.assert_allclose(eigenvalues, np.sort([1, 0.9, 0.5, 0.81, 0.45, 0.25]), atol=1e-12)


def test_two_spaces_may_have_different_sizes_and_dimensions():
    x = np.random.default_rng(1).standard_normal((60, 2))
    pairs = SnapshotPairs(before=x, after=x[:, :1] * x[:, 1:])
    edmd = EDMD(Monomials(2), Coordinates()).fit(pairs)
    assert edmd.matrix_.shape == (6, 1)
    np.testing.assert_allclose(edmd.predict(x), pairs.after, atol=1e-12)


def test_the_state_is_read_by_least_squares_where_the_dictionary_lacks_it():
    pairs = linear_pairs()
    shifted = FunctionDictionary([lambda x: x[:, 0] + x[:, 1], lambda x: x[:, 1] - 3, lambda x: 1 + 0 * x[:, 0]])
    assert shifted.coordinates is None
    np.testing.assert_allclose(EDMD(shifted).fit(pairs).predict(pairs.before), pairs.after, atol=1e-12)


def test_any_function_serves_as_a_dictionary():
    pairs = linear_pairs()
    edmd = EDMD(lambda x: np.concatenate([np.ones((len(x), 1)), x], axis=1)).fit(pairs)
    np.testing.assert_allclose(edmd.predict(pairs.before), pairs.after, atol=1e-12)


def test_a_stream_of_parts_ends_where_one_fit_does():
    pairs, psi = linear_pairs(), Monomials(2)
    whole = EDMD(psi).fit(pairs)
    stream = EDMD(psi)
    for start in range(0, 80, 13):
        stream.partial_fit(pairs.subset(np.arange(start, min(start + 13, 80))))
    np.testing.assert_allclose(stream.matrix_, whole.matrix_, atol=1e-10)
    np.testing.assert_allclose(stream.predict(pairs.before), pairs.after, atol=1e-10)


def test_a_fit_forgets_what_was_fitted_before():
    psi = Constant() + Coordinates()
    edmd = EDMD(psi).partial_fit(SnapshotPairs(before=linear_pairs().before, after=-linear_pairs().before))
    np.testing.assert_allclose(edmd.fit(linear_pairs()).matrix_, EDMD(psi).fit(linear_pairs()).matrix_, atol=1e-14)


def test_moments_taken_elsewhere_make_the_same_estimator():
    pairs, psi = linear_pairs(), Monomials(2)
    for kind in (GramMoments, FactorMoments):
        edmd = EDMD.from_moments(kind.of(pairs, psi), psi)
        np.testing.assert_allclose(edmd.predict(pairs.before), pairs.after, atol=1e-10)


def test_a_weight_of_two_is_the_pair_twice_and_of_zero_is_no_pair():
    x = np.random.default_rng(2).standard_normal((30, 2))
    y = np.sin(x)
    counts = np.random.default_rng(3).integers(0, 3, 30)
    weighted = EDMD(Coordinates()).fit(SnapshotPairs(before=x, after=y, weights=counts.astype(float)))
    repeated = EDMD(Coordinates()).fit(SnapshotPairs(before=np.repeat(x, counts, 0), after=np.repeat(y, counts, 0)))
    np.testing.assert_allclose(weighted.matrix_, repeated.matrix_, atol=1e-13)


def test_trajectories_are_not_joined_end_to_end():
    rng = np.random.default_rng(4)
    trajectories = []
    for _ in range(5):
        states = [rng.standard_normal(2)]
        for _ in range(4):
            states.append(states[-1] @ A)
        trajectories.append(np.array(states))
    edmd = EDMD(Coordinates()).fit(SnapshotPairs.from_trajectories(trajectories))
    np.testing.assert_allclose(edmd.matrix_, A, atol=1e-12)


def test_predictions_keep_the_library_and_precision_of_the_states():
    edmd = EDMD(Constant() + Coordinates()).fit(linear_pairs())
    predicted = edmd.predict(torch.ones(3, 2))
    assert predicted.dtype == torch.float32
    np.testing.assert_allclose(predicted.numpy(), edmd.predict(np.ones((3, 2))), rtol=1e-6)


def test_in_sample_residuals_vanish_for_unrelated_pairs_once_functions_outnumber_pairs():
    rng = np.random.default_rng(5)
    x, y = rng.standard_normal((2, 40, 2))
    unrelated = SnapshotPairs(before=x, after=y)
    edmd = EDMD(RandomFourier(60, 1.0, rng=rng), Coordinates()).fit(unrelated)
    np.testing.assert_allclose(edmd.predict(x), y, atol=1e-6)
    fresh = rng.standard_normal((40, 2))
    assert np.square(edmd.predict(fresh) - rng.standard_normal((40, 2))).mean() > 0.5


def test_an_estimator_that_saw_nothing_says_so():
    with pytest.raises(NotFitted, match="call fit"):
        EDMD(Coordinates()).predict(np.ones((1, 2)))
    with pytest.raises(NotFitted, match="call fit"):
        _ = EDMD(Coordinates()).matrix_


@pytest.mark.parametrize(
    ("rank", "error", "message"),
    [
        (0, ValueError, "rank of at least 1"),
        (-3, ValueError, "rank of at least 1"),
        (1.5, TypeError, "whole number"),
        (False, TypeError, "whole number"),
    ],
)
def test_a_rank_that_is_no_rank_is_refused_at_once(rank, error, message):
    with pytest.raises(error, match=message):
        EDMD(Coordinates(), rank=rank)


def test_a_rank_above_the_number_of_functions_is_refused_and_numpy_integers_are_ranks():
    with pytest.raises(ValueError, match="number of input features, 2"):
        EDMD(Coordinates(), rank=3).fit(linear_pairs())
    assert np.linalg.matrix_rank(EDMD(Coordinates(), rank=np.int64(1)).fit(linear_pairs()).matrix_) == 1


def test_one_pair_constant_states_and_a_negative_ridge_are_refused():
    with pytest.raises(ValueError, match="at least two pairs"):
        EDMD(Coordinates()).fit(linear_pairs(1))
    with pytest.raises(ConstantData, match="features that vary"):
        EDMD(Coordinates()).fit(SnapshotPairs(before=np.ones((5, 2)), after=np.ones((5, 2))))
    with pytest.raises(ValueError, match="ridge of at least 0"):
        EDMD(Coordinates(), ridge=-1.0)
