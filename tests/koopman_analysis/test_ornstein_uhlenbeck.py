"""The Ornstein–Uhlenbeck process: exact by quadrature, and what a sample finds within its standard errors."""

import numpy as np
import pytest

from koopman_analysis.closure import Closedness, Tolerances, closure_report
from koopman_analysis.estimators.edmd import EDMD
from koopman_analysis.snapshots import SnapshotPairs
from koopman_analysis.systems import OrnsteinUhlenbeck

SYSTEM = OrnsteinUhlenbeck(integrated_rates=(0.5, 1.2), degree=2)
CONTRACTION = np.exp([-0.25, -0.6])


def normal_grid(dimension: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes (n, d) and weights (n,) that integrate polynomials of degree 15 a coordinate exactly against N(0, I)."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(8)
    grid = np.stack(np.meshgrid(*[nodes] * dimension), axis=-1).reshape(-1, dimension)
    mass = np.prod(np.meshgrid(*[weights / weights.sum()] * dimension), axis=0).ravel()
    return grid, mass


def stepped(states: np.ndarray, noise: np.ndarray) -> np.ndarray:
    return CONTRACTION * states + np.sqrt(1 - CONTRACTION**2) * noise


def test_the_dictionary_is_orthonormal_in_the_law_of_either_end():
    grid, mass = normal_grid(4)
    psi = SYSTEM.dictionary
    for states in (grid[:, :2], stepped(grid[:, :2], grid[:, 2:])):
        features = psi(states)
        np.testing.assert_allclose(features.T * mass @ features, np.eye(psi.size), atol=1e-12)


def test_each_function_is_an_eigenfunction_of_the_conditional_expectation():
    noise, mass = normal_grid(2)
    psi = SYSTEM.dictionary
    for state in np.random.default_rng(0).standard_normal((10, 2)):
        mean = mass @ psi(stepped(state[None], noise))
        np.testing.assert_allclose(mean, psi(state[None])[0] * SYSTEM.eigenvalues, atol=1e-12)


def test_the_closure_spectrum_is_the_singular_values_of_the_exact_cross_moment():
    grid, mass = normal_grid(4)
    before, after = SYSTEM.dictionary(grid[:, :2]), SYSTEM.dictionary(stepped(grid[:, :2], grid[:, 2:]))
    singular = np.linalg.svd((before.T * mass @ after)[1:, 1:], compute_uv=False)
    np.testing.assert_allclose(SYSTEM.closure_spectrum, singular, atol=1e-12)
    assert (np.diff(SYSTEM.closure_spectrum) < 0).all()
    assert len(SYSTEM.closure_spectrum) == SYSTEM.dictionary.size - 1


def test_pairs_follow_the_law_of_equation_1():
    n = 40_000
    pairs = SYSTEM.pairs(n, rng=np.random.default_rng(1))
    noise = (pairs.after - CONTRACTION * pairs.before) / np.sqrt(1 - CONTRACTION**2)
    moments = np.cov(np.hstack([pairs.before, noise]).T)
    # Standard errors: √(2/n) of a variance, 1/√n of a covariance or a mean.
    np.testing.assert_allclose(moments, np.eye(4), atol=6 * np.sqrt(2 / n))
    np.testing.assert_allclose(np.hstack([pairs.before, noise]).mean(axis=0), 0, atol=6 / np.sqrt(n))
    np.testing.assert_allclose((noise**4).mean(axis=0), 3, atol=6 * np.sqrt(96 / n))


def test_edmd_finds_the_eigenvalues_within_their_standard_errors():
    n = 100_000
    K = EDMD(SYSTEM.dictionary).fit(SYSTEM.pairs(n, rng=np.random.default_rng(2))).matrix_
    grid, mass = normal_grid(4)
    before, after = SYSTEM.dictionary(grid[:, :2]), SYSTEM.dictionary(stepped(grid[:, :2], grid[:, 2:]))
    # To first order in 1/√n the error of K is the mean of Ψ(x)ᵀ (Ψ(y) − Ψ(x) K), since E[Ψ(x)ᵀ Ψ(x)] = I.
    residual = after - before * SYSTEM.eigenvalues
    errors = np.sqrt((before**2).T * mass @ residual**2 / n)
    # The constant predicts itself, exactly.
    assert (errors[:, 1:] > 0).all()
    assert (np.abs(K - np.diag(SYSTEM.eigenvalues)) <= 6 * errors + 1e-12).all()
    order = np.argsort(SYSTEM.eigenvalues)
    found = np.sort(np.linalg.eigvals(K).real)
    assert (np.abs(found - SYSTEM.eigenvalues[order]) <= 6 * np.diag(errors)[order] + 1e-12).all()


def test_the_intervals_of_the_closure_spectrum_cover_the_exact_one():
    covered = []
    for seed in range(40):
        # The intervals hold the fitted directions fixed, so the pairs must tell .61 from .55: with 1500 they do not.
        pairs = SYSTEM.pairs(24_000, rng=np.random.default_rng(seed))
        report = closure_report(pairs, inputs=SYSTEM.dictionary, rng=np.random.default_rng(1000 + seed))
        assert report.closedness is Closedness.NOT_CLOSED
        covered.append([s in i for s, i in zip(SYSTEM.closure_spectrum, report.spectrum, strict=True)])
    # At 95 % fewer than 33 of 40 has probability .001.
    assert (np.sum(covered, axis=0) >= 33).all()


def test_the_interval_of_the_defect_covers_the_exact_one_with_few_pairs():
    exact, covered = 1 - np.square(SYSTEM.closure_spectrum).mean(), 0
    for seed in range(40):
        pairs = SYSTEM.pairs(1500, rng=np.random.default_rng(seed))
        report = closure_report(pairs, inputs=SYSTEM.dictionary, rng=np.random.default_rng(1000 + seed))
        covered += exact in report.measurements(Tolerances())[0].interval
    assert covered >= 33


def test_two_draws_tell_the_noise_from_a_wrong_operator():
    n, psi = 40_000, SYSTEM.dictionary
    double = SYSTEM.double_pairs(n, rng=np.random.default_rng(3))

    def defects(K: np.ndarray) -> np.ndarray:
        """The terms of equation (3)."""
        first, second = (psi(pairs.after) - psi(pairs.before) @ K for pairs in (double.first, double.second))
        return (first * second).sum(axis=1)

    exact, wrong = defects(np.diag(SYSTEM.eigenvalues)), defects(np.eye(psi.size))
    assert abs(exact.mean()) < 6 * exact.std() / np.sqrt(n)
    # Equation (3) for K = I: the mean square of Ψ(x) (Λ − I).
    assert abs(wrong.mean() - np.square(SYSTEM.eigenvalues - 1).sum()) < 6 * wrong.std() / np.sqrt(n)
    # The control: one draw twice has the whole of the noise, Σ (1 − λ²), for a defect.
    alone = np.square(psi(double.first.after) - psi(double.first.before) * SYSTEM.eigenvalues).sum(axis=1)
    assert abs(alone.mean() - (1 - SYSTEM.eigenvalues**2).sum()) < 6 * alone.std() / np.sqrt(n)
    assert alone.mean() > 1


def test_double_pairs_share_their_states_before_and_not_their_noise():
    double = SYSTEM.double_pairs(4000, rng=np.random.default_rng(4))
    np.testing.assert_array_equal(double.first.before, double.second.before)
    one, other = (pairs.after - CONTRACTION * pairs.before for pairs in (double.first, double.second))
    assert np.abs(np.corrcoef(one.T, other.T)[:2, 2:]).max() < 6 / np.sqrt(4000)
    again = SYSTEM.double_pairs(4000, rng=np.random.default_rng(4))
    np.testing.assert_array_equal(double.second.after, again.second.after)


def test_trajectories_are_stationary_and_forget_at_their_rates():
    count, times = 2000, 20
    trajectories = SYSTEM.trajectories(count, times, rng=np.random.default_rng(6))
    assert trajectories.shape == (count, times, 2)
    # Trajectories are independent, so each time on its own is a sample of `count` from N(0, I).
    np.testing.assert_allclose(trajectories.var(axis=0), 1, atol=6 * np.sqrt(2 / count))
    for steps in (0, 1, 3):
        products = (trajectories[:, : times - steps] * trajectories[:, steps:]).mean(axis=1)
        error = products.std(axis=0) / np.sqrt(count)
        assert (np.abs(products.mean(axis=0) - CONTRACTION**steps) < 6 * error).all()


def test_consecutive_states_of_trajectories_are_pairs_of_dependent_units():
    trajectories = SYSTEM.trajectories(30, 400, rng=np.random.default_rng(7))
    pairs = SnapshotPairs.from_trajectories(list(trajectories))
    assert (pairs.n, pairs.units) == (30 * 399, 30)
    K = EDMD(SYSTEM.dictionary).fit(pairs).matrix_
    # 12 000 pairs; an error of one coefficient is about 1/√n, dependence at most doubles it here.
    np.testing.assert_allclose(np.diag(K), SYSTEM.eigenvalues, atol=0.1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: OrnsteinUhlenbeck(integrated_rates=()), "one positive, finite integrated rate for each"),
        (lambda: OrnsteinUhlenbeck(integrated_rates=(0.5, 0.0)), "positive, finite integrated rate"),
        (lambda: OrnsteinUhlenbeck(integrated_rates=(np.inf,)), "positive, finite integrated rate"),
        (lambda: OrnsteinUhlenbeck(integrated_rates=np.ones((2, 2))), "positive, finite integrated rate"),
        (lambda: OrnsteinUhlenbeck(degree=0), "degree of at least 1"),
        (lambda: SYSTEM.trajectories(0, 5, rng=np.random.default_rng(0)), "count 0 and times 5"),
        (lambda: SYSTEM.trajectories(5, 0, rng=np.random.default_rng(0)), "count 5 and times 0"),
    ],
)
def test_a_process_that_does_not_exist_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
