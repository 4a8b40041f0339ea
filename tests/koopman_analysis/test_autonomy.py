"""Autonomy, where the answer is known: what is one semigroup, what is not, and what only looks like one."""

import numpy as np
import pytest
import scipy.linalg

from koopman_analysis.autonomy import Semigroup, StraightLine, autonomy_report, fitted_path
from koopman_analysis.autonomy.report import COMPOSED, INDEPENDENT, SEMIGROUP, STRAIGHT
from koopman_analysis.checks import autonomous, autonomy_controls
from koopman_analysis.claims import Verdict
from koopman_analysis.dictionaries import FunctionDictionary, Monomials
from koopman_analysis.snapshots import SnapshotTrajectories
from koopman_analysis.systems import GaussianFlow

LEVELS = np.linspace(80.0 ** (1 / 7), 0.002 ** (1 / 7), 9) ** 7
CLOCK = np.array([0.0, 0.05, 0.3, 0.35, 0.7, 1.0])
GENERATOR = np.array([[-0.4, 2.0, 0.0], [-2.0, -0.4, 0.5], [0.0, 0.0, -1.5]])
PATHS = {"semigroup": Semigroup(), "straight line": StraightLine()}


def rng(seed=0):
    return np.random.default_rng(seed)


def along(path, A=GENERATOR, clock=CLOCK, n=60):
    """Trajectories that follow a path of operators exactly."""
    states = np.einsum("nr,krm->nkm", rng(7).standard_normal((n, len(A))), path.operators(A, clock))
    return SnapshotTrajectories(states=states, times=np.arange(len(clock), dtype=float))


def gaussian(*variances, n=400, centre=0.0):
    flow = GaussianFlow(
        mean=np.full(len(variances), centre), covariance=np.diag(variances), noise_scale=float(LEVELS[0])
    )
    return flow.trajectories(n, scales=LEVELS, rng=rng(3))


def worst(report, contender):
    return max(interval.estimate for interval in report.by_contender[contender])


def objective(path, A, clock, features):
    """Equation (1) as it is written."""
    operators = path.operators(A, clock)
    return sum(
        np.square(features[:, k] - features[:, 0] @ operators[k]).sum()
        / np.square(features[:, k] - features[:, k].mean(axis=0)).sum()
        for k in range(1, len(clock))
    )


def test_derivatives_of_a_semigroup_are_those_of_scipy():
    in_A, in_s = (derivatives[1] for derivatives in Semigroup().derivatives(GENERATOR, np.array([0.2, 0.7])))
    for entry, derivative in enumerate(in_A):
        H = np.zeros(9)
        H[entry] = 1.0
        exact = scipy.linalg.expm_frechet(0.7 * GENERATOR, 0.7 * H.reshape(3, 3), compute_expm=False)
        np.testing.assert_allclose(derivative, exact, atol=1e-13)
    np.testing.assert_allclose(in_s, GENERATOR @ scipy.linalg.expm(0.7 * GENERATOR), atol=1e-13)


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
def test_derivatives_are_those_of_the_operators(path):
    in_A, in_s = (derivatives[1] for derivatives in path.derivatives(GENERATOR, np.array([0.2, 0.7])))
    step = 1e-6  # central differences err by step² and ε/step, both below 1e-9
    for entry, derivative in enumerate(in_A):
        H = np.zeros(9)
        H[entry] = step
        ends = [path.operators(GENERATOR + sign * H.reshape(3, 3), np.array([0.7]))[0] for sign in (1, -1)]
        np.testing.assert_allclose(derivative, (ends[0] - ends[1]) / (2 * step), atol=1e-8)
    ends = [path.operators(GENERATOR, np.array([0.7 + sign * step]))[0] for sign in (1, -1)]
    np.testing.assert_allclose(in_s, (ends[0] - ends[1]) / (2 * step), atol=1e-8)


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
def test_a_path_that_is_there_is_found_with_its_clock_to_rounding(path):
    found = fitted_path(path, along(path).states, rng=rng())
    assert found.objective < 1e-25
    np.testing.assert_allclose(found.clock, CLOCK, atol=1e-11)
    np.testing.assert_allclose(found.generator, GENERATOR, atol=1e-10)


def test_a_turn_of_more_than_a_half_is_found_where_the_single_steps_are_small():
    turning = np.array([[0.0, 5.0], [-5.0, 0.0]])
    clock = np.linspace(0.0, 1.0, 7)
    found = fitted_path(Semigroup(), along(Semigroup(), turning, clock).states, rng=rng())
    ends_alone = scipy.linalg.logm(scipy.linalg.expm(turning))
    assert abs(ends_alone - turning).max() > 1, "the ends alone would give a turn the other way round"
    np.testing.assert_allclose(found.generator, turning, atol=1e-9)


def test_oscillations_of_nearly_a_half_turn_a_step_are_found():
    def oscillator(frequency):
        return np.array([[-0.1, frequency], [-frequency, -0.1]])

    two = scipy.linalg.block_diag(oscillator(2.0), oscillator(5.0))
    times = np.linspace(0.0, 6.0, 13)
    assert 2.0 < 5.0 * times[1] < np.pi, "more than equation (6) is near to, less than the times alias"
    states = along(Semigroup(), two, times, n=200).states
    report = autonomy_report(SnapshotTrajectories(states=states, times=times), starts=1, rng=rng())
    assert worst(report, SEMIGROUP) < 1e-12
    assert autonomous(report).verdict is Verdict.SUPPORTED


def test_a_step_that_nearly_forgets_has_a_logarithm_that_need_not_be_accurate():
    features = along(Semigroup(), n=200).states[:, :2].copy()
    turned, _ = np.linalg.qr(rng(1).standard_normal((3, 3)))
    step = turned @ np.array([[1.0, 1.0, 0.0], [0.0, 1e-6, 1.0], [0.0, 0.0, 2e-6]]) @ turned.T
    features[:, 1] = features[:, 0] @ step
    with pytest.warns(RuntimeWarning, match="may be inaccurate"):
        scipy.linalg.logm(step)
    guesses = Semigroup().steps(np.moveaxis(features, 1, 0))
    assert len(guesses) == 2
    assert np.isfinite(guesses).all()


def test_features_that_a_step_forgets_are_fitted_without_a_warning():
    features = along(Semigroup()).states
    features[:, 2:, 2] = features[:, 2:, 1]
    steps = [np.linalg.lstsq(features[:, k], features[:, k + 1])[0] for k in range(2)]
    assert np.linalg.matrix_rank(steps[1]) == 2, "a step must be singular"
    assert np.isfinite(fitted_path(Semigroup(), features, rng=rng()).objective)


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
def test_the_objective_is_the_sum_that_is_minimised_and_no_neighbour_has_a_smaller_one(path):
    features = gaussian(9.0, 1.0, 0.09, n=50).states
    features = np.concatenate([features, features**2 / 100], axis=2)
    found = fitted_path(path, features, rng=rng())
    assert found.objective == pytest.approx(objective(path, found.generator, found.clock, features), rel=1e-9)
    assert found.objective > 1e-3, "there must be something left to gain"
    for seed in range(20):
        nudge = 1e-3 * rng(seed).standard_normal(found.generator.shape) * np.abs(found.generator)
        assert objective(path, found.generator + nudge, found.clock, features) > found.objective
    for k in range(1, len(LEVELS) - 1):
        for step in (-1e-3, 1e-3):
            clock = found.clock.copy()
            clock[k] += step
            if (np.diff(clock) >= 0).all():
                assert objective(path, found.generator, clock, features) > found.objective


def test_more_starts_never_end_higher():
    features = gaussian(9.0, 1.0, 0.09, n=50).states
    few, many = (fitted_path(Semigroup(), features, starts=starts, rng=rng()) for starts in (1, 6))
    assert many.objective <= few.objective * (1 + 1e-12)


def test_an_autonomous_linear_flow_is_supported_to_rounding_with_its_controls():
    trajectories = along(Semigroup(), n=200)
    report = autonomy_report(trajectories, rng=rng())
    claim = autonomous(report, controls=autonomy_controls(trajectories, report, rng=rng()))
    assert claim.verdict is Verdict.SUPPORTED
    assert claim.interval.high < 1e-13
    assert [control.behaves for control in claim.controls] == [True] * 3
    assert worst(report, STRAIGHT) > 0.1, "a straight line must not do as well"


def test_a_gaussian_of_equal_variances_is_autonomous_and_one_of_three_is_not():
    equal, three = (autonomy_report(gaussian(*variances), rng=rng()) for variances in ((2.0, 2.0, 2.0), (9, 1, 0.09)))
    assert worst(equal, SEMIGROUP) < 1e-13
    assert worst(three, SEMIGROUP) == pytest.approx(0.27, abs=0.03)
    assert autonomous(three).verdict is Verdict.REFUTED
    # It is linear and closed at every time all the same.
    assert worst(three, INDEPENDENT) < 1e-13
    assert worst(three, COMPOSED) < 1e-11


def test_an_affine_flow_is_autonomous_wherever_its_centre_is():
    moved = gaussian(2.0, 2.0, 2.0, centre=3.0)
    report = autonomy_report(moved, rng=rng())
    claim = autonomous(report, controls=autonomy_controls(moved, report, rng=rng()))
    assert claim.interval.high < 1e-12
    assert [control.behaves for control in claim.controls] == [True] * 3
    start, last = moved.states[:, 0], moved.states[:, -1]
    linear = last - start @ np.linalg.lstsq(start, last)[0]
    assert np.linalg.norm(linear) > 0.9 * np.linalg.norm(last - last.mean(axis=0)), "no linear map may do it"


def test_an_equilibrium_may_lie_anywhere_and_hides_no_error():
    """x' = (x − c) A, of any c, beside a flow that is no semigroup for any c."""
    turning = along(Semigroup(), n=200)
    moved = SnapshotTrajectories(states=turning.states + np.array([5.0, -3.0, 20.0]), times=turning.times)
    report = autonomy_report(moved, rng=rng())
    assert worst(report, SEMIGROUP) < 1e-12
    np.testing.assert_allclose(report.semigroup.generator[1:, 1:], GENERATOR, atol=1e-9)
    np.testing.assert_array_equal(report.semigroup.generator[:, 0], np.zeros(4))
    here, there = (autonomy_report(gaussian(9.0, 1.0, 0.09, centre=c), rng=rng()) for c in (0.0, 3.0))
    assert worst(here, SEMIGROUP) > 0.2
    assert worst(there, SEMIGROUP) == pytest.approx(worst(here, SEMIGROUP), rel=1e-3)


def test_features_that_move_along_segments_are_straight_and_no_semigroup():
    report = autonomy_report(along(StraightLine(), n=200), rng=rng())
    assert worst(report, STRAIGHT) < 1e-12
    assert worst(report, SEMIGROUP) > 0.05


def test_no_path_beats_a_matrix_for_each_time_in_sample():
    features = np.tanh(along(Semigroup()).states)
    floors = [
        np.square(after - features[:, 0] @ np.linalg.lstsq(features[:, 0], after)[0]).sum()
        / np.square(after - after.mean(axis=0)).sum()
        for after in np.moveaxis(features, 1, 0)[1:]
    ]
    for path in PATHS.values():
        assert fitted_path(path, features, rng=rng()).objective > sum(floors)


def test_what_is_not_autonomous_in_the_state_may_be_in_a_dictionary():
    """x ↦ x / (1 + s x) is one semigroup, and linear in 1/x alone."""
    start = rng().uniform(1.0, 2.0, 200)
    states = (start[:, None] / (1 + 2 * CLOCK * start[:, None]))[..., None]
    trajectories = SnapshotTrajectories(states=states, times=np.arange(len(CLOCK), dtype=float))
    inverse = FunctionDictionary([lambda x: 1 / x[:, 0], lambda x: np.ones(len(x))], names=["1/x", "1"])
    assert worst(autonomy_report(trajectories, dictionary=inverse, rng=rng()), SEMIGROUP) < 1e-12
    assert worst(autonomy_report(trajectories, rng=rng()), SEMIGROUP) > 0.01


def test_a_dictionary_that_no_matrix_closes_is_blamed_for_it():
    bent = SnapshotTrajectories(states=np.sin(4 * along(Semigroup(), n=300).states), times=CLOCK)
    claim = autonomous(autonomy_report(bent, rng=rng()))
    assert claim.verdict is Verdict.REFUTED
    assert "the dictionary is not closed" in claim.because
    assert (
        "with a matrix for each time it is" in autonomous(autonomy_report(gaussian(9.0, 1.0, 0.09), rng=rng())).because
    )


def test_the_same_seed_gives_the_same_report_and_intervals_are_of_whole_trajectories():
    first, again = (autonomy_report(gaussian(9.0, 1.0, 0.09), rng=rng(5)) for _ in range(2))
    assert first.by_contender == again.by_contender
    assert {interval.n for interval in first.by_contender[SEMIGROUP]} == {200}
    assert first.fitted == 200


def test_a_large_constant_beside_the_features_hides_no_error():
    trajectories = gaussian(9.0, 1.0, 0.09)
    constant = np.full((*trajectories.states.shape[:2], 1), 1e4)
    beside = SnapshotTrajectories(
        states=np.concatenate([trajectories.states, constant], axis=2), times=trajectories.times
    )  # fmt: skip
    alone, both = (autonomy_report(some, rng=rng()) for some in (trajectories, beside))
    assert worst(both, SEMIGROUP) == pytest.approx(worst(alone, SEMIGROUP), rel=1e-3)
    assert [len(report.semigroup.generator) for report in (alone, both)] == [4, 4], "a constant takes the place of 1"


def test_what_cannot_be_fitted_is_refused():
    features = along(Semigroup()).states
    with pytest.raises(ValueError, match=r"features of shape \(n, times, m\) .* got shape \(60, 1, 3\)"):
        fitted_path(Semigroup(), features[:, :1], rng=rng())
    many = rng().standard_normal((5, 3, 25))
    many[..., 0] = 1.0
    with pytest.raises(ValueError, match="at most 24 functions that vary, got 25"):
        fitted_path(Semigroup(), np.concatenate([many, many[..., 1:2]], axis=2), rng=rng())
    with pytest.raises(ValueError, match="at least one start"):
        fitted_path(Semigroup(), features, starts=0, rng=rng())
    gone = features.copy()
    gone[:, 2] = 5.0
    with pytest.raises(ValueError, match="features that vary over trajectories, got none that does at time 2"):
        fitted_path(Semigroup(), gone, rng=rng())


def test_what_cannot_be_reported_on_is_refused():
    trajectories = along(Semigroup())
    with pytest.raises(ValueError, match="held-out share strictly between 0 and 1, got 1"):
        autonomy_report(trajectories, held_out=1.0, rng=rng())
    with pytest.raises(
        ValueError, match="at least 50 trajectories to fit .* for 10 functions, the constant among them"
    ):
        autonomy_report(trajectories, dictionary=Monomials(2), rng=rng())
    turning = SnapshotTrajectories(states=trajectories.states + 0j, times=trajectories.times)
    with pytest.raises(ValueError, match="real features, got complex"):
        autonomy_report(turning, rng=rng())
    with pytest.raises(ValueError, match="positive bound"):
        autonomous(autonomy_report(trajectories, rng=rng()), bound=0.0)


def test_gaussian_trajectories_are_the_flow_between_any_two_levels():
    flow = GaussianFlow()
    trajectories = flow.trajectories(5, scales=LEVELS, rng=rng())
    np.testing.assert_allclose(trajectories.states[:, -1], flow.flow(trajectories.states[:, 0]), atol=1e-12)
    between = GaussianFlow(noise_scale=float(LEVELS[2]), data_scale=float(LEVELS[5]))
    np.testing.assert_allclose(trajectories.states[:, 5], between.flow(trajectories.states[:, 2]), atol=1e-12)
    with pytest.raises(ValueError, match=r"levels that begin at the noise scale 80\.0, got 70"):
        flow.trajectories(5, scales=np.array([70.0, 1.0]), rng=rng())
