"""Polynomials of normal noise: the error in closed form, and what samples make of it."""

import math

import numpy as np
import pytest
import scipy.stats

from koopman_analysis.dictionaries import Coordinates, Hermite
from koopman_analysis.dimension import gauss_hermite_pairs, hermite_curve, sampled_hermite_curve
from koopman_analysis.estimators import EDMD
from koopman_analysis.systems import DoubleWell

DEGREES = range(1, 16)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


double_well = DoubleWell(lag=1.0).flow


def exponential_errors(a: float) -> np.ndarray:
    """E_p / Var y of y = e^{a x}, x ~ N(0, 1): the coefficients are e^{a²/2} a^k/√k!, and (1) is a Poisson tail."""
    tail = scipy.stats.poisson.sf(list(DEGREES), a**2)
    return tail / -math.expm1(-(a**2))


@pytest.mark.parametrize("scale", [1.0, 80.0])
def test_the_error_of_an_exponential_is_a_poisson_tail(scale):
    found = hermite_curve(lambda x: np.exp(0.7 * x / scale), DEGREES, nodes=40, scale=scale)
    expected = exponential_errors(0.7)
    assert expected[0] > 0.1
    # A difference of numbers of order one: rounding is ε, whatever is left.
    np.testing.assert_allclose(found.errors, expected, atol=1e-14)


def test_in_the_plane_the_error_of_an_exponential_has_the_length_of_its_exponent():
    direction = np.array([[0.6], [0.3]])
    found = hermite_curve(lambda x: np.exp(x @ direction), DEGREES, nodes=30, dimension=2)
    np.testing.assert_allclose(found.errors, exponential_errors(float(np.linalg.norm(direction))), atol=1e-13)
    assert found.dimensions[:3] == (3, 6, 10)


@pytest.mark.parametrize(("flow", "dimension", "nodes"), [(np.tanh, 1, 40), (double_well, 1, 40), (double_well, 2, 12)])
def test_the_closed_form_is_weighted_least_squares_at_the_nodes(flow, dimension, nodes):
    degrees = (1, 2, 3, 5, 8)
    found = hermite_curve(flow, degrees, nodes=nodes, scale=1.5, dimension=dimension)
    pairs = gauss_hermite_pairs(flow, nodes=nodes, scale=1.5, dimension=dimension)
    assert len(pairs) == nodes**dimension
    mean = np.average(pairs.after, axis=0, weights=pairs.weights)
    for degree, error in zip(degrees, found.errors, strict=True):
        fitted = EDMD(Hermite(degree, scale=1.5), outputs=Coordinates()).fit(pairs)
        squares = np.square(fitted.predict(pairs.before) - pairs.after).sum(axis=1)
        expected = (pairs.weights @ squares) / (pairs.weights @ np.square(pairs.after - mean).sum(axis=1))
        assert error == pytest.approx(expected, abs=1e-13)


def test_the_error_falls_with_the_degree_and_odd_functions_gain_by_odd_degrees_alone():
    errors = hermite_curve(np.tanh, DEGREES, nodes=100).errors
    more = hermite_curve(np.tanh, DEGREES, nodes=200).errors
    np.testing.assert_allclose(errors, more, atol=1e-10)
    assert (np.diff(errors) <= 1e-15).all()
    assert errors[-1] > 1e-6, "the premise: there is something left to gain"
    np.testing.assert_allclose(errors[1::2], errors[:-1:2], atol=1e-14)
    assert (np.diff(errors[::2]) < -1e-7).all()


def test_least_squares_on_a_sample_explodes_beyond_small_degrees_though_the_best_polynomial_improves():
    exact = hermite_curve(double_well, DEGREES, nodes=400).errors
    sampled = sampled_hermite_curve(double_well, DEGREES, pairs=200, draws=21, rng=rng())
    low, high = sampled.quartiles
    assert (low <= sampled.median).all()
    assert (sampled.median <= high).all()
    # Degree 3 is learned from 200 states; degree 15 is worse than predicting the mean, in most draws by far.
    assert sampled.median[2] < 1.5 * exact[2]
    assert sampled.median[-1] > 1
    assert sampled.errors[:, -1].max() > 20 * sampled.median[-1], "the premise of medians: a mean is one draw's"
    assert exact[-1] < 0.6 * exact[2]


def test_nodes_whose_weight_is_nothing_are_left_out():
    pairs = gauss_hermite_pairs(np.tanh, nodes=1000)
    assert 100 < len(pairs) < 1000
    assert pairs.weights.sum() == pytest.approx(1, rel=1e-12)
    assert pairs.weights @ pairs.before[:, 0] ** 4 == pytest.approx(3, rel=1e-10)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: gauss_hermite_pairs(np.tanh, nodes=0), "positive nodes, dimension and scale, got nodes 0"),
        (lambda: hermite_curve(np.tanh, (1, 8), nodes=8), "more nodes than the largest degree, 8, got 8"),
        (lambda: hermite_curve(np.tanh, (2, 2), nodes=8), r"degrees that rise from 1 or more, got \[2, 2\]"),
        (lambda: sampled_hermite_curve(np.tanh, (), pairs=9, rng=rng()), r"degrees that rise from 1 or more, got \[\]"),
        (lambda: hermite_curve(np.ones_like, (1,), nodes=8), "states after that vary"),
    ],
)
def test_what_has_no_hermite_curve_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
