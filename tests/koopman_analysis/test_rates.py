"""Rates of decay: recovered where a law holds, told apart where the data tell, and not claimed where neither does."""

import numpy as np
import pytest

from koopman_analysis.dimension import Curve, fitted_rates
from koopman_analysis.jackknife import Jackknife
from koopman_analysis.resampling import Bootstrap

DIMENSIONS = (2, 4, 8, 16, 32)
M = np.array(DIMENSIONS, dtype=float)


def measured(values: np.ndarray, *, error: float, seed: int = 0, dimensions=DIMENSIONS) -> Curve:
    """Values with a relative error each, half of it common to all, as resamples of a hundred groups tell it."""
    rng = np.random.default_rng(seed)
    groups = 100
    own, common = rng.standard_normal((groups, len(values))), rng.standard_normal((groups, 1))
    # Without one group of a hundred the mean of the others moves by a hundredth of that group's share.
    terms = values * (1 + error * np.sqrt(groups) * (own + common) / np.sqrt(2))
    estimate = terms.mean(axis=0)
    jackknife = Jackknife(estimate=estimate, replicates=(terms.sum(axis=0) - terms) / (groups - 1), units=1000)
    bootstrap = jackknife.bootstrap(rng=np.random.default_rng(seed + 1))
    return Curve.of_shares("share", dimensions, bootstrap)


def test_a_power_law_is_recovered_and_preferred():
    rates = fitted_rates(measured(3 * M**-1.5, error=0.02))
    assert rates.power_law.rate.low < 1.5 < rates.power_law.rate.high
    assert rates.power_law.rate.high - rates.power_law.rate.low < 0.1
    assert rates.power_law.factor == pytest.approx(3, rel=0.1)
    assert rates.power_law.holds
    assert not rates.exponential.holds
    assert rates.better is rates.power_law
    assert rates.conclusion.startswith("the power law fits better, rate 1.49 [")
    np.testing.assert_allclose(rates.power_law.at(M), 3 * M**-1.5, rtol=0.1)


def test_an_exponential_is_recovered_and_preferred():
    rates = fitted_rates(measured(0.5 * np.exp(-0.2 * M), error=0.02))
    assert rates.exponential.rate.low < 0.2 < rates.exponential.rate.high
    assert rates.exponential.holds
    assert not rates.power_law.holds
    assert rates.better is rates.exponential


def test_where_neither_holds_that_is_said_beside_the_better_one():
    rates = fitted_rates(measured(np.array([1.0, 0.9, 0.3, 0.29, 0.1]), error=0.005))
    assert not rates.power_law.holds
    assert not rates.exponential.holds
    assert rates.better is rates.power_law
    assert "neither holds: misfit" in rates.conclusion


def test_two_laws_that_large_errors_do_not_tell_apart_are_not_told_apart():
    values = 3 * np.array([8.0, 9.0, 10.0, 11.0, 12.0]) ** -1.0
    rates = fitted_rates(measured(values, error=0.05, dimensions=(8, 9, 10, 11, 12)))
    assert rates.better is None
    assert rates.conclusion == "the two laws are not told apart; power law and exponential within the intervals"


def interval_covers(seed: int) -> tuple[bool, bool]:
    rates = fitted_rates(measured(3 * M**-1.5, error=0.05, seed=2 * seed))
    return 1.5 in rates.power_law.rate, rates.power_law.holds


def test_the_interval_of_a_rate_covers_it_and_a_law_that_holds_is_seldom_refuted():
    covered, held = np.sum([interval_covers(seed) for seed in range(200)], axis=0)
    # At 95 % fewer than 179 of 200 has probability .001.
    assert covered >= 179
    assert held >= 179


@pytest.mark.parametrize("values", [M[:3], np.array([1.0, 0.5, 0.2, 0.0, 0.1])])
def test_too_few_dimensions_or_values_that_are_not_positive_have_no_rate(values):
    bootstrap = Bootstrap(estimate=values, replicates=np.tile(values, (5, 1)), objects=9)
    curve = Curve.of_shares("share", DIMENSIONS[: len(values)], bootstrap)
    with pytest.raises(ValueError, match="expected positive values at 4 dimensions or more"):
        fitted_rates(curve)


def test_of_two_laws_that_are_hardly_told_apart_the_wrong_one_is_seldom_named():
    dimensions = (8, 9, 10, 11, 12)
    values = 3 * np.array(dimensions, dtype=float) ** -1.5
    named = [
        rates.better.law.name
        for rates in (fitted_rates(measured(values, error=0.05, seed=2 * s, dimensions=dimensions)) for s in range(200))
        if rates.better is not None
    ]
    assert 0 < len(named) < 100, "the premise: mostly not told apart"
    # More than 11 of 200 have probability .01 at the 2.5 % of one side.
    assert named.count("exponential") <= 11


def test_a_curve_that_rises_or_stays_is_not_said_to_fall():
    for values in (0.1 * M**0.5, np.full(len(M), 0.2)):
        rates = fitted_rates(measured(values, error=0.02))
        assert rates.power_law.rate.low <= 0, "the premise"
        assert rates.conclusion.startswith("the curve is not known to fall: rate")
