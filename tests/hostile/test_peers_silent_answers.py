"""Traps into which other libraries fell, each a test that this one does not.

Each was reproduced in PyDMD 2025.8.1, deeptime 0.4.5, kooplearn 2.0.3 or pykoopman 1.2.1; its test says in which.
The second half is bad input: every estimator answers it with an error that says what it expected.
"""

import numpy as np
import pytest
import torch

from koopman_analysis.closure import closure_report
from koopman_analysis.dictionaries import Constant, Coordinates, FunctionDictionary, RandomFourier
from koopman_analysis.estimators import EDMD, ExactDMD, IsometricEDMD, KernelRidgeRegression, NotFitted, PyDMDRegression
from koopman_analysis.estimators.pydmd import LeastSquaresDMD
from koopman_analysis.moments import GramMoments
from koopman_analysis.regression import ConstantData
from koopman_analysis.snapshots import SnapshotPairs
from koopman_analysis.systems import LinearMap

TURN = LinearMap(transition=[[0.9, 0.1], [-0.1, 0.9]])
PAIRS = TURN.pairs(100, rng=np.random.default_rng(0))

ESTIMATORS = {
    "EDMD": lambda pairs: EDMD(Constant() + Coordinates()).fit(pairs),
    "EDMD, streamed": lambda pairs: EDMD(Constant() + Coordinates()).partial_fit(pairs).matrix_,
    "EDMD of a Gram matrix": lambda pairs: EDMD(Constant() + Coordinates(), moments=GramMoments).fit(pairs),
    "IsometricEDMD": lambda pairs: IsometricEDMD(Constant() + Coordinates()).fit(pairs),
    "ExactDMD": lambda pairs: ExactDMD().fit(pairs),
    "PyDMDRegression": lambda pairs: PyDMDRegression().fit(pairs),
    "closure_report": lambda pairs: closure_report(pairs, inputs=Coordinates(), rng=np.random.default_rng(0)),
}
every_estimator = pytest.mark.parametrize("estimate", ESTIMATORS.values(), ids=ESTIMATORS)


def eigenvalues(edmd: EDMD | PyDMDRegression) -> np.ndarray:
    return np.sort_complex(np.linalg.eigvals(edmd.matrix_))


def trajectory_of(system: LinearMap, start: np.ndarray, times: int) -> np.ndarray:
    states = [start[None]]
    for _ in range(times - 1):
        states.append(system.flow(states[-1]))
    return np.concatenate(states)


# What they answered in silence.


def test_the_default_regularisation_does_not_make_up_eigenvalues():
    """kooplearn's Ridge(alpha=None), the default: 48.8 and 99.9 where the truth is 0.9 ± 0.1i."""
    np.testing.assert_allclose(eigenvalues(EDMD(Coordinates()).fit(PAIRS)), [0.9 - 0.1j, 0.9 + 0.1j], atol=1e-13)
    # Every function twice: a Gram matrix that has no inverse.
    twice = EDMD(Coordinates() + Coordinates()).fit(PAIRS)
    assert np.linalg.matrix_rank(twice.inputs(PAIRS.before)) == 2
    np.testing.assert_allclose(eigenvalues(twice), [0, 0, 0.9 - 0.1j, 0.9 + 0.1j], atol=1e-7)


@pytest.mark.parametrize("unit", [1e-4, 1e-2, 1e4])
def test_a_ridge_means_the_same_in_every_unit_of_the_states(unit):
    """kooplearn's alpha = 1e-6 is absolute: the same data times 1e-2 gave 0.48 and 0.60."""
    scaled = SnapshotPairs(before=unit * PAIRS.before, after=unit * PAIRS.after)
    one, other = (EDMD(Coordinates(), ridge=1e-6).fit(pairs) for pairs in (PAIRS, scaled))
    np.testing.assert_allclose(other.matrix_, one.matrix_, rtol=1e-12)
    np.testing.assert_allclose(eigenvalues(other), [0.9 - 0.1j, 0.9 + 0.1j], atol=1e-5)


def test_states_before_and_after_cannot_be_passed_by_position():
    """kooplearn's fit(X, Y) takes Y for an observable of X, not for the next state."""
    with pytest.raises(TypeError, match="positional argument"):
        SnapshotPairs(PAIRS.before, PAIRS.after)
    with pytest.raises(TypeError, match="positional argument"):
        EDMD(Coordinates()).fit(PAIRS.before, PAIRS.after)
    backwards = SnapshotPairs(before=PAIRS.after, after=PAIRS.before)
    np.testing.assert_allclose(EDMD(Coordinates()).fit(backwards).matrix_, np.linalg.inv(TURN.transition), atol=1e-13)


@pytest.mark.parametrize("name", ["KernelRidgeRegression", "EDMD"])
def test_one_prediction_is_one_step_ahead(name):
    """kooplearn's KernelRidge.predict(x, n_steps=1) returns the smoothed state of now, and two steps are one."""
    quarter = LinearMap(transition=[[0.0, 1.0], [-1.0, 0.0]])
    pairs = quarter.pairs(200, rng=np.random.default_rng(2))
    fitted = {
        "KernelRidgeRegression": KernelRidgeRegression(rng=np.random.default_rng(3)),
        "EDMD": EDMD(Coordinates()),
    }[name].fit(pairs)
    predicted = fitted.predict(pairs.before)
    assert np.abs(predicted - pairs.after).max() < 0.1 < np.abs(pairs.after - pairs.before).mean()


def test_complex_functions_are_conjugated_and_not_only_transposed():
    """deeptime's EDMD on {1, e^{it}, e^{2it}}: −1.36 + 3.88i where least squares gives 0.466 + 0.490i."""
    t = np.random.default_rng(1).uniform(0, 2 * np.pi, (100, 1))
    pairs = SnapshotPairs(before=t, after=np.sqrt(t))
    psi = FunctionDictionary([lambda s, k=k: np.exp(1j * k * s[:, 0]) for k in range(3)], names=["1", "z", "z^2"])
    before, after = psi(pairs.before), psi(pairs.after)
    expected = np.linalg.lstsq(before, after)[0]
    transposed = np.linalg.solve(before.T @ before, before.T @ after)
    assert np.abs(transposed - expected).max() > 0.1
    np.testing.assert_allclose(EDMD(psi).fit(pairs).matrix_, expected, atol=1e-12)
    np.testing.assert_allclose(EDMD(psi).partial_fit(pairs).matrix_, expected, atol=1e-11)


def test_no_rank_means_every_mode():
    """PyDMD's default, svd_rank=0, keeps one mode of a clean system of two."""
    from pydmd import DMD

    decay = LinearMap(transition=np.diag([0.95, 0.8]))
    trajectory = trajectory_of(decay, np.array([1.0, 1.0]), times=30)
    assert len(DMD().fit(trajectory.T).eigs) == 1
    pairs = SnapshotPairs.from_trajectories([trajectory])
    np.testing.assert_allclose(eigenvalues(PyDMDRegression().fit(pairs)), [0.8, 0.95], atol=1e-12)
    np.testing.assert_allclose(eigenvalues(EDMD(Coordinates()).fit(pairs)), [0.8, 0.95], atol=1e-12)


def test_a_rank_that_is_a_numpy_integer_is_obeyed():
    """PyDMD ignores svd_rank=np.int64(1) and keeps both modes."""
    from pydmd import DMD

    assert len(DMD(svd_rank=np.int64(1)).fit(PAIRS.before.T, PAIRS.after.T).eigs) == 2
    assert np.linalg.matrix_rank(PyDMDRegression(LeastSquaresDMD(rank=np.int64(1))).fit(PAIRS).matrix_) == 1
    assert np.linalg.matrix_rank(EDMD(Coordinates(), rank=np.int64(1)).fit(PAIRS).matrix_) == 1


@pytest.mark.parametrize(
    ("rank", "error", "message"),
    [
        (0, ValueError, "rank of at least 1"),
        (-1, ValueError, "rank of at least 1"),
        (-3, ValueError, "rank of at least 1"),
        (1.5, TypeError, "whole number as rank"),
        (2.0, TypeError, "whole number as rank"),
        (True, TypeError, "whole number as rank"),
        ("full", TypeError, "whole number as rank"),
    ],
)
@pytest.mark.parametrize(
    "make",
    [lambda rank: EDMD(Coordinates(), rank=rank), lambda rank: LeastSquaresDMD(rank=rank)],
    ids=["EDMD", "PyDMD"],
)
def test_a_rank_that_is_none_is_refused_and_does_not_mean_full(make, rank, error, message):
    """PyDMD takes −1, −3 and 1.5 for "all modes"."""
    with pytest.raises(error, match=message):
        make(rank)


def test_trajectories_of_equal_length_are_laid_end_to_end_and_not_side_by_side():
    """pykoopman joins a list of equal-length trajectories along features: an eigenvalue of −6e15."""
    starts = np.random.default_rng(2).standard_normal((4, 2))
    trajectories = [trajectory_of(TURN, start, times=6) for start in starts]
    assert len({t.shape for t in trajectories}) == 1
    pairs = SnapshotPairs.from_trajectories(trajectories)
    assert (pairs.before.shape, pairs.units) == ((20, 2), 4)
    # No pair leads from the end of one trajectory to the start of the next.
    np.testing.assert_allclose(pairs.after, TURN.flow(pairs.before), atol=1e-15)
    np.testing.assert_allclose(eigenvalues(EDMD(Coordinates()).fit(pairs)), [0.9 - 0.1j, 0.9 + 0.1j], atol=1e-12)


def test_random_features_leave_the_callers_seed_alone():
    """pykoopman's random Fourier features reset the global seed of whoever calls them."""
    before = np.random.get_state()[1].copy()  # noqa: NPY002 - the global state is what must not change
    psi = RandomFourier(20, rng=np.random.default_rng(3))
    EDMD(psi).fit(PAIRS).predict(PAIRS.before)
    closure_report(PAIRS, inputs=psi, rng=np.random.default_rng(4))
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


@every_estimator
@pytest.mark.parametrize("value", [3.0, 0.1])
def test_constant_states_have_no_operator(estimate, value):
    """pykoopman finds the eigenvalue −1.9e46 of constant data."""
    with pytest.raises(ConstantData, match="that vary"):
        estimate(SnapshotPairs(before=np.full((50, 2), value), after=np.full((50, 2), value)))


@every_estimator
def test_states_that_are_all_zero_have_no_operator(estimate):
    """kooplearn finds the eigenvalue 0 of zeros, and no error."""
    with pytest.raises(ConstantData, match="that vary"):
        estimate(SnapshotPairs(before=np.zeros((50, 2)), after=np.zeros((50, 2))))


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (np.ones((3, 1)), np.ones((2, 1)), "3 before and 2 after"),
        (np.ones((3, 2, 1)), np.ones((3, 2)), r"3-D shape \(3, 2, 1\)"),
        (np.ones((3, 1)), np.ones(3), r"1-D shape \(3,\)"),
    ],
)
def test_the_error_about_a_shape_is_about_that_shape(before, after, message):
    """kooplearn's own shape errors fail to format themselves, and raise a TypeError about strings."""
    with pytest.raises(ValueError, match=message):
        SnapshotPairs(before=before, after=after)


@pytest.mark.parametrize("lag", [0, 0.0, -1.0, np.nan, np.inf])
def test_a_lag_that_is_no_time_is_refused_before_anything_is_divided_by_it(lag):
    """kooplearn's lag_time=0 is a ZeroDivisionError."""
    with pytest.raises(ValueError, match="positive, finite lag"):
        SnapshotPairs(before=PAIRS.before, after=PAIRS.after, lag=lag)
    with pytest.raises(ValueError, match="positive, finite lag"):
        SnapshotPairs.from_trajectories([np.ones((3, 1))], lag=lag)


# Bad input.

BAD_STATES = {
    "NaN": (np.array([[1.0], [np.nan]]), ValueError, "finite states"),
    "Inf": (np.array([[1.0], [-np.inf]]), ValueError, "finite states"),
    "empty": (np.empty((0, 1)), ValueError, "at least one state"),
    "no features": (np.empty((2, 0)), ValueError, "with one feature"),
    "1-D": (np.ones(2), ValueError, "one state a row"),
    "3-D": (np.ones((2, 1, 1)), ValueError, "one state a row"),
    "integers": (np.ones((2, 1), dtype=int), TypeError, "floating or complex"),
    "booleans": (np.ones((2, 1), dtype=bool), TypeError, "floating or complex"),
    "objects": (np.ones((2, 1), dtype=object), TypeError, "floating or complex"),
    "strings": (np.full((2, 1), "1.0"), TypeError, "floating or complex"),
    "a list": ([[1.0], [2.0]], TypeError, "got list"),
}


@pytest.mark.parametrize(("states", "error", "message"), BAD_STATES.values(), ids=BAD_STATES)
@pytest.mark.parametrize("end", ["before", "after"])
def test_bad_states_reach_no_estimator(states, error, message, end):
    good = np.ones((2, 1))
    with pytest.raises(error, match=message) as caught:
        SnapshotPairs(**{"before": good, "after": good, end: states})
    assert end in str(caught.value)


@every_estimator
def test_one_pair_is_refused(estimate):
    with pytest.raises(ValueError, match="at least (two pairs|four independent units)"):
        estimate(PAIRS.subset(np.arange(1)))


@pytest.mark.parametrize(
    "fit",
    [
        lambda rank: EDMD(Coordinates(), rank=rank).fit(PAIRS),
        lambda rank: EDMD(Coordinates(), rank=rank).partial_fit(PAIRS).matrix_,
        lambda rank: PyDMDRegression(LeastSquaresDMD(rank=rank)).fit(PAIRS),
    ],
    ids=["EDMD", "EDMD, streamed", "PyDMDRegression"],
)
def test_a_rank_above_the_number_of_functions_is_refused(fit):
    fit(2)
    with pytest.raises(ValueError, match="rank from 1 to the number of input features, 2, .* got 3"):
        fit(3)


@pytest.mark.parametrize("estimator", [EDMD(Coordinates()), PyDMDRegression()], ids=["EDMD", "PyDMDRegression"])
def test_nothing_is_predicted_before_a_fit(estimator):
    with pytest.raises(NotFitted, match=r"seen no pairs: call fit\(pairs\)"):
        estimator.predict(PAIRS.before)


def test_trajectories_of_different_width_are_refused():
    with pytest.raises(ValueError, match=r"one width d, .* got widths \[\(1,\), \(2,\)\]"):
        SnapshotPairs.from_trajectories([np.ones((3, 2)), np.ones((3, 1))])


def test_tensors_on_two_devices_are_refused():
    states = torch.ones((4, 2))
    with pytest.raises(ValueError, match="states and weights on one device, got .*cpu.*meta"):
        SnapshotPairs(before=states, after=states.to("meta"))
    with pytest.raises(ValueError, match="states and weights on one device"):
        SnapshotPairs(before=states, after=states, weights=torch.ones(4, device="meta"))


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.array([1.0, -1.0, 1.0]), "finite, non-negative weights"),
        (np.array([1.0, np.nan, 1.0]), "finite, non-negative weights"),
        (np.zeros(3), "not all zero"),
        (np.ones(2), r"one weight per pair, shape \(3,\), got shape \(2,\)"),
        (np.ones((3, 1)), r"one weight per pair, shape \(3,\), got shape \(3, 1\)"),
    ],
)
def test_weights_that_are_negative_or_of_the_wrong_length_are_refused(weights, message):
    with pytest.raises(ValueError, match=message):
        SnapshotPairs(before=np.ones((3, 1)), after=np.ones((3, 1)), weights=weights)


def test_integer_states_are_not_predicted_by_an_operator_of_integers():
    states = np.array([[10, 20], [30, -40]])
    predicted = EDMD(Coordinates()).fit(PAIRS).predict(states)
    np.testing.assert_allclose(predicted, TURN.flow(states.astype(float)), atol=1e-11)


def test_states_of_another_width_than_the_fitted_ones_are_not_broadcast():
    fitted = PyDMDRegression().fit(PAIRS)
    with pytest.raises(ValueError, match="features"):
        fitted.predict(PAIRS.before[:, :1])
