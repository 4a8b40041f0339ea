import itertools

import numpy as np
import pytest
import scipy.integrate
import scipy.optimize
from zoo import flows, systems

from koopman_analysis.estimators.edmd import EDMD
from koopman_analysis.systems import ContinuousSlowManifold, Flow, GaussianFlow, SlowManifold, Unrelated

LONGEST_BLOCK = {"slow manifold, defective": 2, "linear, defective": 5}
"""Sizes of the largest Jordan blocks; the products of two eigenfunctions of a block of 3 make one of 5."""


def unmatched(found: np.ndarray, stated: np.ndarray) -> float:
    """The largest distance between partners when each eigenvalue found is given one of those stated."""
    assert found.shape == stated.shape
    distances = np.abs(found[:, None] - stated[None])
    return float(distances[scipy.optimize.linear_sum_assignment(distances)].max())


@pytest.mark.parametrize("name", systems())
def test_samples_depend_on_the_generator_alone(name):
    system = systems()[name]
    one, same = (system.pairs(5, rng=np.random.default_rng(0)) for _ in range(2))
    assert one.n == 5
    np.testing.assert_array_equal(one.before, same.before)
    np.testing.assert_array_equal(one.after, same.after)


@pytest.mark.parametrize("name", [name for name, system in systems().items() if isinstance(system, Flow)])
def test_pairs_are_states_of_the_input_measure_and_their_images(name):
    system = systems()[name]
    pairs = system.pairs(20, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(pairs.before, system.sampled(20, rng=np.random.default_rng(0)))
    np.testing.assert_array_equal(pairs.after, system.flow(pairs.before))
    assert pairs.lag == system.duration


@pytest.mark.parametrize("name", flows())
def test_the_closed_dictionary_is_closed_with_the_eigenvalues_that_are_stated(name):
    system = flows()[name]
    pairs = system.pairs(300, rng=np.random.default_rng(1))
    K = EDMD(system.dictionary).fit(pairs).matrix_
    fresh = system.sampled(50, rng=np.random.default_rng(2))
    psi = system.dictionary
    lifted = psi(system.flow(fresh))
    scale = np.abs(lifted).max(axis=0)
    np.testing.assert_allclose((psi(fresh) @ K) / scale, lifted / scale, atol=1e-9)
    stated = system.eigenvalues
    assert np.trace(K) == pytest.approx(stated.sum(), abs=1e-9)
    # K − λ is as far from singular as the nearest matrix that has λ for an eigenvalue is from K: no digits are lost to
    # defectiveness. An eigenvalue itself, in a block of size b, is found to the b-th root of the error.
    distances = [np.linalg.svd(K - value * np.eye(len(K)), compute_uv=False)[-1] for value in stated]
    assert max(distances) < 1e-9 * np.linalg.norm(K, 2)
    block = LONGEST_BLOCK.get(name, 1)
    assert unmatched(np.linalg.eigvals(K), stated) < (1e-9 if block == 1 else 10 * np.finfo(float).eps ** (1 / block))


def test_the_gaussian_flow_carries_one_law_to_the_other():
    flow = GaussianFlow(noise_scale=5.0, data_scale=0.5)
    identity = np.eye(2)
    noise, data = (np.asarray(flow.covariance) + s**2 * identity for s in (5.0, 0.5))
    np.testing.assert_allclose(flow.matrix.T @ noise @ flow.matrix, data, rtol=1e-12)
    before = flow.sampled(40_000, rng=np.random.default_rng(3))
    # Relative error of a sample covariance: sqrt(2 / n) is 0.7 %; five of them.
    np.testing.assert_allclose(np.cov(before.T), noise, atol=0.035 * noise.max())


def test_the_gaussian_flow_solves_its_probability_flow_ode():
    flow = GaussianFlow(noise_scale=5.0, data_scale=0.5)
    mean, covariance = np.asarray(flow.mean), np.asarray(flow.covariance)

    def velocity(sigma, x):
        # dx/dσ = −σ ∇ log p_σ(x)
        return sigma * np.linalg.solve(covariance + sigma**2 * np.eye(2), x - mean)

    x = np.array([3.0, -4.0])
    solution = scipy.integrate.solve_ivp(velocity, (5.0, 0.5), x, method="DOP853", rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(flow.flow(x[None])[0], solution.y[:, -1], rtol=1e-9)


@pytest.mark.parametrize("curvature", [1.0, 0.0, -2.0])
def test_the_polynomials_that_the_slow_manifold_multiplies_are_counted_with_their_eigenvalues(curvature):
    system = SlowManifold(curvature=curvature)
    degree = 5
    x = np.random.default_rng(0).standard_normal((50, 2))
    w, w_after = (y[:, 1] - curvature * y[:, 0] ** 2 for y in (x, system.flow(x)))
    # Products of x_1 and w by brute force, those alone whose polynomial has no power above the degree.
    expected = []
    for i, j in itertools.product(range(degree + 1), repeat=2):
        if (i + 2 * j if curvature else i + j) <= degree:
            factor = system.slow**i * system.fast**j
            after = system.flow(x)[:, 0] ** i * w_after**j
            np.testing.assert_allclose(after, factor * x[:, 0] ** i * w**j, rtol=1e-9, atol=1e-12)
            expected.append(factor)
    assert len(expected) == (12 if curvature else 21)
    np.testing.assert_allclose(system.eigenvalues_up_to(degree), np.sort(expected)[::-1])


def test_the_continuous_slow_manifold_solves_its_equation():
    system = ContinuousSlowManifold(slow_rate=-0.2, fast_rate=-1.5, lag=0.8)
    x = np.array([1.2, -0.7])
    solution = scipy.integrate.solve_ivp(
        lambda t, z: [-0.2 * z[0], -1.5 * (z[1] - z[0] ** 2)], (0, 0.8), x, method="DOP853", rtol=1e-11, atol=1e-12
    )
    np.testing.assert_allclose(system.flow(x[None])[0], solution.y[:, -1], rtol=1e-9)
    assert system.pairs(2, rng=np.random.default_rng(0)).lag == 0.8


def test_unrelated_pairs_are_uncorrelated_and_know_only_the_constant():
    system = Unrelated(dimension=3)
    pairs = system.pairs(5000, rng=np.random.default_rng(4))
    assert np.abs(pairs.before.T @ pairs.after / 5000).max() < 5 / np.sqrt(5000)
    assert system.dictionary.size == len(system.eigenvalues) == 1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: GaussianFlow(covariance=np.eye(3)), "symmetric covariance of shape"),
        (lambda: GaussianFlow(covariance=np.array([[1.0, 2.0], [0.0, 1.0]])), "symmetric covariance"),
        (lambda: GaussianFlow(covariance=np.array([[1.0, 2.0], [2.0, 1.0]])), "positive semi-definite"),
        (lambda: GaussianFlow(data_scale=0.0), "0 < data_scale < noise_scale"),
        (lambda: GaussianFlow(data_scale=90.0), "0 < data_scale < noise_scale"),
        (lambda: ContinuousSlowManifold(slow_rate=-0.5, fast_rate=-1.0), "other than twice the slow"),
    ],
)
def test_a_system_that_does_not_exist_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
