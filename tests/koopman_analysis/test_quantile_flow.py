"""The one-dimensional probability flow: against its ODE, in both tails, and with the functions that it keeps."""

import mpmath
import numpy as np
import pytest
import scipy.integrate
import scipy.stats

from koopman_analysis.systems import GaussianFlow, QuantileFlow

FLOW = QuantileFlow(
    weights=(0.2, 0.5, 0.3), means=(-3.0, 0.0, 2.0), scales=(0.2, 0.5, 0.0), noise_scale=10.0, data_scale=0.3
)
EPSILON = np.finfo(float).eps


def density(flow: QuantileFlow, x: np.ndarray, sigma: float) -> np.ndarray:
    """p_σ, the derivative of F_σ."""
    spread = np.hypot(flow.scales, sigma)
    z = (x[:, None] - flow.means) / spread
    return (flow.weights * np.exp(-(z**2) / 2) / spread).sum(axis=1) / np.sqrt(2 * np.pi)


def score(flow: QuantileFlow, x: float, sigma: float) -> float:
    """∂ log p_σ, written out again."""
    variance = np.square(flow.scales) + sigma**2
    log_terms = np.log(flow.weights) - (x - flow.means) ** 2 / (2 * variance) - np.log(variance) / 2
    share = np.exp(log_terms - log_terms.max())
    return float((share * (np.asarray(flow.means) - x) / variance).sum() / share.sum())


@pytest.mark.parametrize("x", [-25.0, -7.0, -0.4, 0.0, 3.3, 11.0, 30.0])
def test_it_solves_the_probability_flow_ode(x):
    solution = scipy.integrate.solve_ivp(
        lambda sigma, state: [-sigma * score(FLOW, state[0], sigma)],
        (10.0, 0.3), [x], method="DOP853", rtol=1e-12, atol=1e-12,
    )  # fmt: skip
    assert FLOW.flow(np.array([[x]]))[0, 0] == pytest.approx(solution.y[0, -1], rel=1e-8, abs=1e-8)


@pytest.mark.parametrize("deviations", [-35.0, -12.0, -5.0, -1.0, 0.3, 2.0, 9.0, 30.0])
def test_quantiles_are_kept_in_both_tails_to_all_digits(deviations):
    x = 10.0 * deviations
    y = FLOW.flow(np.array([[x]]))[0, 0]
    with mpmath.workdps(400):
        modes = [tuple(map(mpmath.mpf, mode)) for mode in zip(FLOW.weights, FLOW.means, FLOW.scales, strict=True)]
        total = mpmath.fsum(w for w, _, _ in modes)  # one, up to rounding

        def log_tail(value, sigma):
            sign = mpmath.sign(-deviations)
            terms = (w * mpmath.ncdf(sign * (value - m) / mpmath.hypot(s, mpmath.mpf(sigma))) for w, m, s in modes)
            return mpmath.log(mpmath.fsum(terms) / total)

        exact = mpmath.findroot(lambda value: log_tail(value, 0.3) - log_tail(mpmath.mpf(x), 10.0), y)
        error = float(abs(exact - y))
    # log F ≈ −z²/2 in the tail carries rounding of its own size, which its slope z/s turns into one of y.
    assert error <= 100 * EPSILON * max(abs(y), 1.0)


def test_it_carries_the_law_at_one_end_to_that_at_the_other():
    x = FLOW.sampled(400, rng=np.random.default_rng(0))
    y = FLOW.flow(x)
    step = 1e-4
    slope = (FLOW.flow(x + step) - FLOW.flow(x - step))[:, 0] / (2 * step)
    # p_T(x) = p_0(Φ(x)) Φ'(x); central differences err by step² times the third derivative.
    np.testing.assert_allclose(density(FLOW, x[:, 0], 10.0), density(FLOW, y[:, 0], 0.3) * slope, rtol=1e-4)
    many = FLOW.sampled(40_000, rng=np.random.default_rng(1))
    levels = FLOW.cumulative(many, noise_scale=10.0)
    # Kolmogorov's distance of 40 000 uniform draws: above 1.95/√n with probability .001.
    assert scipy.stats.kstest(levels[:, 0], "uniform").statistic < 1.95 / np.sqrt(40_000)


def test_one_mode_is_the_affine_flow_of_gaussian_data():
    one = QuantileFlow(weights=[1.0], means=[0.5], scales=[0.7])
    gaussian = GaussianFlow(mean=[0.5], covariance=[[0.49]])
    x = np.concatenate([one.sampled(200, rng=np.random.default_rng(2)), [[-3000.0], [3000.0]]])
    np.testing.assert_allclose(one.flow(x), gaussian.flow(x), rtol=1e-13, atol=1e-13)


def test_equal_modes_are_symmetric_and_their_middle_stays():
    flow = QuantileFlow.of_equal_modes(4)
    np.testing.assert_allclose(flow.means, [-3.0, -1.0, 1.0, 3.0])
    x = flow.sampled(300, rng=np.random.default_rng(3))
    # Where no mode is, an error ε of F becomes one of ε/p_0 in y: the points there are few and left out.
    y, mirrored = flow.flow(x)[:, 0], -flow.flow(-x)[:, 0]
    dense = density(flow, y, flow.data_scale) > 1e-3
    assert dense.mean() > 0.98
    np.testing.assert_allclose(y[dense], mirrored[dense], atol=1e-12)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: QuantileFlow(weights=(1.0,)), "a weight, a mean and a scale for each mode"),
        (lambda: QuantileFlow(weights=(), means=(), scales=()), "for each mode"),
        (lambda: QuantileFlow(weights=(0.5, 0.6)), "positive weights of sum one"),
        (lambda: QuantileFlow(weights=(-0.5, 1.5)), "positive weights of sum one"),
        (lambda: QuantileFlow(scales=(0.1, -0.1)), "scales of at least 0"),
        (lambda: QuantileFlow(means=(0.0, np.inf)), "finite means"),
        (lambda: QuantileFlow(data_scale=0.0), "0 < data_scale < noise_scale"),
        (lambda: QuantileFlow(data_scale=90.0), "0 < data_scale < noise_scale"),
        (lambda: QuantileFlow.of_equal_modes(0), "at least one mode"),
    ],
)
def test_a_mixture_that_does_not_exist_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
