"""Integrated flows: volumes, symmetries, cycles and tolerances, each known without integrating."""

import numpy as np
import pytest
import scipy.integrate

from koopman_analysis.snapshots import SnapshotTrajectories
from koopman_analysis.systems import Lorenz, VanDerPol
from koopman_analysis.systems.integrated import TOGETHER


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def jacobian(flow, state: np.ndarray, step: float = 1e-4) -> np.ndarray:
    """DΦ by central differences, ∂Φ_j/∂x_i in row i."""
    moved = np.concatenate([state + step * np.eye(len(state)), state - step * np.eye(len(state))])
    forward, backward = np.split(flow(moved), 2)
    return (forward - backward) / (2 * step)


def test_lorenz_shrinks_every_volume_alike():
    system = Lorenz(lag=0.2)
    for state in system.sampled(5, rng=rng(1)):
        volume = np.linalg.det(jacobian(system.flow, state))
        # Differences err by step² times third derivatives, some 1e-6.
        assert volume == pytest.approx(np.exp(0.2 * system.divergence), rel=1e-4)
        assert np.trace(jacobian(system.velocity, state)) == pytest.approx(system.divergence, rel=1e-6)


def test_van_der_pol_changes_volumes_by_the_divergence_along_the_trajectory():
    system = VanDerPol(lag=0.8, damping=1.5)
    for state in system.sampled(5, rng=rng(2)):
        solution = scipy.integrate.solve_ivp(
            lambda t, z: [z[1], 1.5 * (1 - z[0] ** 2) * z[1] - z[0], 1.5 * (1 - z[0] ** 2)],
            (0, 0.8), [*state, 0.0], method="DOP853", rtol=1e-11, atol=1e-12,
        )  # fmt: skip
        assert np.log(np.linalg.det(jacobian(system.flow, state))) == pytest.approx(solution.y[2, -1], rel=1e-5)


def test_lorenz_rests_at_its_fixed_points_and_knows_no_left_from_right():
    system = Lorenz()
    wing = np.sqrt(8 / 3 * 27)
    fixed = np.array([[0.0, 0.0, 0.0], [wing, wing, 27.0], [-wing, -wing, 27.0]])
    np.testing.assert_allclose(system.flow(fixed), fixed, atol=1e-9)
    states, mirror = system.sampled(20, rng=rng(3)), np.array([-1.0, -1.0, 1.0])
    np.testing.assert_allclose(system.flow(mirror * states), mirror * system.flow(states), rtol=1e-9, atol=1e-9)


def test_van_der_pol_without_damping_is_a_rotation():
    system = VanDerPol(lag=0.9, damping=0.0)
    states = system.sampled(50, rng=rng(4))
    cosine, sine = np.cos(0.9), np.sin(0.9)
    np.testing.assert_allclose(system.flow(states), states @ np.array([[cosine, -sine], [sine, cosine]]), atol=1e-9)


def test_van_der_pol_returns_to_its_cycle_after_the_period_that_is_known():
    # Period of the limit cycle for μ = 1: 6.66328686…, amplitude 2.00861986…
    on_cycle = VanDerPol(lag=60.0).flow(np.array([[0.5, 0.5]]))
    np.testing.assert_allclose(VanDerPol(lag=6.663286859).flow(on_cycle), on_cycle, atol=1e-7)
    path = VanDerPol(lag=0.01)._integrated(on_cycle, 700)
    assert np.abs(path[0, :, 0]).max() == pytest.approx(2.008619861, abs=1e-4)


@pytest.mark.parametrize("system", [Lorenz(), VanDerPol()], ids=["lorenz", "van der pol"])
def test_states_integrated_together_end_where_each_does_alone(system):
    states = system.sampled(TOGETHER + 20, rng=rng(5))
    together = system.flow(states)
    for i in (0, 17, TOGETHER - 1, TOGETHER, TOGETHER + 19):
        solution = scipy.integrate.solve_ivp(
            lambda t, z: system.velocity(z[None])[0],
            (0, system.lag), states[i], method="DOP853", rtol=1e-13, atol=1e-13,
        )  # fmt: skip
        # The mean over the states may leave one of them √n times the tolerance.
        np.testing.assert_allclose(together[i], solution.y[:, -1], rtol=1e-7, atol=1e-8)


def test_a_looser_tolerance_is_a_larger_error():
    states = Lorenz().sampled(50, rng=rng(6))
    reference = Lorenz(rtol=1e-12, lag=0.5).flow(states)
    errors = [np.abs(Lorenz(rtol=rtol, lag=0.5).flow(states) - reference).max() for rtol in (1e-9, 1e-6, 1e-3)]
    assert errors[0] < errors[1] < errors[2]


@pytest.mark.parametrize("system", [Lorenz(), VanDerPol()], ids=["lorenz", "van der pol"])
def test_trajectories_are_steps_of_the_flow(system):
    trajectories = system.trajectories(7, times=4, rng=rng(7))
    assert isinstance(trajectories, SnapshotTrajectories)
    np.testing.assert_allclose(trajectories.times, system.lag * np.arange(4))
    np.testing.assert_array_equal(trajectories.states[:, 0], system.sampled(7, rng=rng(7)))
    for k in range(3):
        np.testing.assert_allclose(
            system.flow(trajectories.states[:, k]), trajectories.states[:, k + 1], rtol=1e-7, atol=1e-7
        )  # fmt: skip
    assert system.pairs(3, rng=rng()).lag == system.lag


@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid")
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Lorenz(lag=0.0), "positive lag and positive tolerances"),
        (lambda: Lorenz(rtol=0.0), "positive lag and positive tolerances"),
        (lambda: VanDerPol(atol=-1.0), "positive lag and positive tolerances"),
        (lambda: VanDerPol(damping=-1.0), "damping of at least 0"),
        (lambda: Lorenz().trajectories(3, times=1, rng=rng()), "at least two times"),
        (lambda: VanDerPol().flow(np.array([[1e200, 1e200]])), "trajectories exist for a time of 0.5"),
    ],
)
def test_a_flow_that_does_not_exist_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
