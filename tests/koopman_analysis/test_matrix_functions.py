"""Generators and fractional powers against closed forms, and refusals where there are none."""

import warnings

import numpy as np
import pytest
import scipy.linalg

from koopman_analysis import EDMD, Coordinates
from koopman_analysis.matrix_functions import NoPrincipalLogarithm, fractional_power, generator
from koopman_analysis.systems import ContinuousSlowManifold, LinearMap

EPSILON = float(np.finfo(np.float64).eps)


def jordan(size: int, value: float) -> np.ndarray:
    return value * np.eye(size) + np.eye(size, k=1)


def turning(angle: float, radius: float = 1.0) -> np.ndarray:
    return radius * np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])


def similar(A: np.ndarray, condition: float) -> np.ndarray:
    """A in coordinates of this condition number."""
    rng = np.random.default_rng(0)
    left, right = (np.linalg.qr(rng.standard_normal(A.shape))[0] for _ in range(2))
    S = left * np.geomspace(1, condition, len(A)) @ right
    return np.linalg.solve(S, A @ S)


def test_the_generator_of_the_slow_manifold_is_found_from_pairs_of_states():
    system = ContinuousSlowManifold(slow_rate=-0.05, fast_rate=-1.0, lag=0.7)
    pairs = system.pairs(200, rng=np.random.default_rng(0))
    found = generator(EDMD(system.dictionary).fit(pairs).matrix_, pairs.lag)
    # d/dt of x₁, x₂ and x₁², one a column.
    exact = np.array([[-0.05, 0.0, 0.0], [0.0, -1.0, 0.0], [0.0, 1.0, -0.1]])
    np.testing.assert_allclose(found, exact, atol=1e-10)


def test_the_generator_of_a_linear_flow_is_its_matrix_and_acts_on_rows():
    field = np.array([[-0.2, 1.5], [-0.7, -0.1]])
    assert not np.allclose(field, field.T), "the premise: the transpose would show"
    flow = LinearMap(transition=scipy.linalg.expm(0.5 * field))
    pairs = flow.pairs(50, rng=np.random.default_rng(0))
    found = generator(EDMD(Coordinates()).fit(pairs).matrix_, 0.5)
    np.testing.assert_allclose(found, field, atol=1e-12)
    step = 1e-6
    moved = pairs.before @ scipy.linalg.expm(step * field)
    np.testing.assert_allclose((moved - pairs.before) / step, pairs.before @ found, atol=1e-5)


def test_a_jordan_block_far_from_the_cut_has_its_logarithm_and_its_root():
    # log(λ + N) = log λ + N/λ − N²/2λ².
    N = np.eye(3, k=1)
    np.testing.assert_allclose(
        generator(jordan(3, 0.8), 2.0), (np.log(0.8) * np.eye(3) + N / 0.8 - N @ N / 1.28) / 2, atol=1e-14
    )
    root = fractional_power(jordan(3, 0.8), 0.5)
    np.testing.assert_allclose(root @ root, jordan(3, 0.8), atol=1e-14)


def test_a_turn_has_the_generator_that_turns_less_than_half_way():
    for angle in (0.3, 2.0, 3.0):
        np.testing.assert_allclose(generator(turning(angle), 1.0), [[0, angle], [-angle, 0]], atol=1e-13)
    np.testing.assert_allclose(generator(turning(2 * np.pi - 3.0), 1.0), [[0, -3.0], [3.0, 0]], atol=1e-13)


def test_complex_matrices_have_complex_generators():
    K = np.diag([0.5 + 0.5j, -0.2j])
    np.testing.assert_allclose(generator(K, 1.0), np.diag(np.log([0.5 + 0.5j, -0.2j])), atol=1e-14)
    assert np.isrealobj(generator(turning(2.0), 1.0))


def test_a_zero_eigenvalue_has_no_logarithm_although_scipy_returns_one():
    K = np.diag([0.5, 0.2, 0.0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert np.isfinite(scipy.linalg.logm(K)).all(), "the premise: nothing in the numbers tells"
    for ask in (lambda: generator(K, 1.0), lambda: fractional_power(K, 0.5), lambda: fractional_power(K, -1)):
        with pytest.raises(NoPrincipalLogarithm, match=r"other than 0, got 0, which rounding moves by up to 1e-15"):
            ask()


@pytest.mark.parametrize("condition", [1.0, 1e2, 1e4])
def test_a_zero_eigenvalue_is_one_within_rounding_of_the_coordinates(condition):
    def with_smallest(value: float) -> np.ndarray:
        return similar(np.diag([0.5, 0.2, value]), condition)

    K = with_smallest(0.0)
    _, V = np.linalg.eig(K)
    reach = 10 * EPSILON * np.linalg.cond(V) * np.linalg.norm(K, 2)
    assert 0 < reach < 1e-3
    for value in (0.0, 0.3 * reach):
        with pytest.raises(NoPrincipalLogarithm, match="leave the direction out"):
            generator(with_smallest(value), 1.0)
    K = with_smallest(min(100 * reach, 0.1))
    np.testing.assert_allclose(scipy.linalg.expm(generator(K, 1.0)), K, atol=1e-6 * np.linalg.norm(K))


@pytest.mark.parametrize(
    "K",
    [-np.eye(2), np.diag([0.5, -0.2]), similar(np.diag([0.5, -0.2, 0.1]), 1e3), np.array([[-0.5 + 1e-17j]])],
    ids=["half turn", "negative", "in other coordinates", "complex"],
)
def test_an_eigenvalue_on_the_negative_axis_is_refused(K):
    for ask in (lambda: generator(K, 1.0), lambda: fractional_power(K, 0.5)):
        with pytest.raises(NoPrincipalLogarithm, match=r"away from \(−∞, 0\], got .*: there are several"):
            ask()


def test_a_defective_matrix_is_refused_near_the_cut_and_only_there():
    near = np.kron(np.eye(2), turning(3.0, 1e-3)) + np.kron(np.eye(2, k=1), np.eye(2))
    far = np.kron(np.eye(2), turning(2.0, 0.8)) + np.kron(np.eye(2, k=1), np.eye(2))
    assert np.pi - np.abs(np.angle(np.linalg.eigvals(near))).max() > 0.1, "the premise: not for the margin"
    with pytest.raises(NoPrincipalLogarithm, match="which rounding moves by up to 0.000"):
        generator(near, 1.0)
    np.testing.assert_allclose(scipy.linalg.expm(generator(far, 1.0)), far, atol=1e-13)
    for value, reason in ((1e-9, "other than 0"), (-0.5, "away from")):
        with pytest.raises(NoPrincipalLogarithm, match=reason):
            generator(jordan(2, value), 1.0)


def test_a_pair_that_turns_almost_half_way_is_ambiguous():
    with pytest.raises(NoPrincipalLogarithm, match="less than π − 0.01 in a lag, got .* shorter lag"):
        generator(turning(3.135, 0.9), 1.0)
    np.testing.assert_allclose(generator(turning(3.135), 1.0, margin=1e-3), [[0, 3.135], [-3.135, 0]], atol=1e-12)
    with pytest.raises(NoPrincipalLogarithm, match="less than π − 0.5 in a lag"):
        fractional_power(turning(2.8), 0.3, margin=0.5)


def test_whole_powers_need_no_logarithm():
    K = np.diag([0.5, -0.2, 0.0])
    np.testing.assert_allclose(fractional_power(K, 3), np.diag([0.125, -0.008, 0.0]))
    np.testing.assert_allclose(fractional_power(K, 0), np.eye(3))
    np.testing.assert_allclose(fractional_power(-np.eye(2), -1.0), -np.eye(2))


def test_a_logarithm_that_does_not_give_the_matrix_back_is_refused():
    K = similar(np.diag([0.5, 0.2, 0.1]), 1e6)
    with pytest.raises(NoPrincipalLogarithm, match="gives the matrix back to 1e-06, got it back with a relative error"):
        generator(K, 1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        back = scipy.linalg.expm(scipy.linalg.logm(K))
    assert np.linalg.norm(back - K) > 1e-5 * np.linalg.norm(K), "the premise: double precision is not enough"


def test_a_power_that_is_not_the_exponential_of_the_logarithm_is_refused(monkeypatch):
    monkeypatch.setattr(scipy.linalg, "fractional_matrix_power", lambda K, s: K)
    with pytest.raises(NoPrincipalLogarithm, match="too far from normal"):
        fractional_power(np.diag([0.5, 0.2]), 0.5)


def test_what_is_no_matrix_no_lag_and_no_exponent_is_refused():
    for ask in (lambda K: generator(K, 1.0), lambda K: fractional_power(K, 0.5), lambda K: fractional_power(K, 2)):
        with pytest.raises(ValueError, match=r"a square matrix, got shape \(2, 3\)"):
            ask(np.ones((2, 3)))
    for lag in (0.0, -1.0, np.inf, np.nan):
        with pytest.raises(ValueError, match=f"a positive, finite lag, got {lag}"):
            generator(np.eye(2), lag)
    with pytest.raises(ValueError, match="a finite exponent, got nan"):
        fractional_power(np.eye(2), np.nan)
    for margin in (np.nan, -0.1, np.pi):
        for ask in (generator, fractional_power):
            with pytest.raises(ValueError, match=rf"a margin in \[0, π\), got {margin}: it is how far"):
                ask(np.eye(2), 0.5, margin=margin)
    np.testing.assert_array_equal(generator(np.eye(2), 1.0, margin=0.0), np.zeros((2, 2)))


def test_whole_powers_are_those_of_real_numbers_or_refused():
    assert fractional_power(np.array([[3.0]], np.float32), 90)[0, 0] == pytest.approx(3.0**90)
    with pytest.raises(ValueError, match="expected a power within the range of numbers, got one beyond it at exponent"):
        fractional_power(np.diag([2.0, 0.9]), 1e4)
