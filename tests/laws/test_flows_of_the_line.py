"""Flows in one dimension: increasing, and a composition of themselves over any time between.

    Φ_{T→0} = Φ_{t→0} ∘ Φ_{T→t},        x < x' ⟹ Φ(x) < Φ(x'),        F_0(Φ(x)) = F_T(x).                            (1)

Source: uniqueness of solutions (Picard & Lindelöf).
"""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from strategies import generators

from koopman_analysis.systems import DoubleWell, QuantileFlow

EPSILON = np.finfo(float).eps


@st.composite
def mixtures(draw) -> dict[str, np.ndarray]:
    """Up to four modes, near enough to each other for every point between them to be a sample."""
    rng, modes = draw(generators()), draw(st.integers(1, 4))
    weights = rng.uniform(0.2, 1.0, modes)
    return {
        "weights": weights / weights.sum(),
        "means": rng.uniform(-2.0, 2.0, modes),
        "scales": rng.uniform(0.0, 1.0, modes),
    }


@given(mixture=mixtures(), middle=st.floats(1.1, 5.0), rng=generators())
def test_a_probability_flow_goes_through_every_noise_level_between(mixture, middle, rng):
    whole = QuantileFlow(**mixture, noise_scale=6.0, data_scale=1.0)
    first = QuantileFlow(**mixture, noise_scale=6.0, data_scale=middle)
    second = QuantileFlow(**mixture, noise_scale=middle, data_scale=1.0)
    x = whole.sampled(50, rng=rng)
    np.testing.assert_allclose(second.flow(first.flow(x)), whole.flow(x), rtol=1e-10, atol=1e-10)


@given(mixture=mixtures(), rng=generators())
def test_a_probability_flow_keeps_quantiles_and_their_order(mixture, rng):
    flow = QuantileFlow(**mixture, noise_scale=6.0, data_scale=1.0)
    x = np.sort(flow.sampled(50, rng=rng), axis=0)
    y = flow.flow(x)
    assert (np.diff(y, axis=0) > 0).all()
    np.testing.assert_allclose(
        flow.cumulative(y, noise_scale=1.0), flow.cumulative(x, noise_scale=6.0), rtol=0, atol=100 * EPSILON
    )


@given(lags=st.tuples(st.floats(0.05, 1.5), st.floats(0.05, 1.5)), rng=generators())
def test_the_double_well_goes_on_where_it_stopped(lags, rng):
    first, second, both = (DoubleWell(lag=lag) for lag in (*lags, sum(lags)))
    x = both.sampled(50, rng=rng)
    np.testing.assert_allclose(second.flow(first.flow(x)), both.flow(x), rtol=1e-12)
    # Each well keeps what is on its side of the barrier.
    assert (np.sign(both.flow(x)) == np.sign(x)).all()
