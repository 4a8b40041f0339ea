"""On a closed dictionary the finite operator is the Koopman operator, and has its algebra.

With Ψ(Φ(x)) = Ψ(x) K exactly, f(x) = Ψ(x) v and K v = λ v,

    every residual on any pairs is rounding, and the eigenvalues are those that are known,                         (1)
    Ψ(Φ^k(x)) = Ψ(x) K^k,                                                                                    (2)
    (f f')(Φ(x)) = λ λ' (f f')(x):  products of eigenfunctions are eigenfunctions,                              (3)
    the rates log λ / t of a flow do not depend on its time t.                                                 (4)

Sources: Koopman 1931; Williams, Kevrekidis & Rowley 2015 (1); Budišić, Mohr & Mezić 2012 (3).
"""

import numpy as np
import rounding
from hypothesis import given
from hypothesis import strategies as st
from strategies import closed_flows, generators
from zoo import flows

from koopman_analysis.estimators import EDMD
from koopman_analysis.snapshots import SnapshotPairs
from koopman_analysis.systems import ContinuousSlowManifold

LONGEST_BLOCK = {"linear, defective": 5}
"""Size of the largest Jordan block of K: rounding ε moves its eigenvalue by ε^{1/size}."""

every_flow = st.one_of(closed_flows(), st.sampled_from(list(flows().values())))
PAIRS = 120


def size(columns: np.ndarray) -> np.ndarray:
    return np.linalg.norm(columns, axis=0)


@given(flow=every_flow, rng=generators())
def test_every_eigenpair_of_a_closed_flow_holds_on_fresh_pairs_to_rounding(flow, rng):
    edmd = EDMD(flow.dictionary).fit(flow.pairs(PAIRS, rng=rng))
    found = edmd.eigenpairs(heldout=flow.pairs(PAIRS, rng=rng))
    assert len(found) == flow.dictionary.size
    assert np.all(found.residuals <= 10 * rounding.of_operator(edmd.moments_))


@given(name=st.sampled_from(list(flows())), rng=generators())
def test_every_eigenvalue_of_a_closed_flow_is_found(name, rng):
    flow, block = flows()[name], LONGEST_BLOCK.get(name, 1)
    edmd = EDMD(flow.dictionary).fit(flow.pairs(PAIRS, rng=rng))
    tolerance = rounding.of_operator(edmd.moments_) if block > 1 else rounding.of_eigenvalues(edmd)
    assert tolerance ** (1 / block) < 0.05
    found = edmd.eigenpairs().eigenvalues
    assert rounding.spectral_distance(found, flow.eigenvalues + 0j) <= tolerance ** (1 / block)


@given(flow=every_flow, rng=generators(), times=st.integers(2, 4))
def test_the_operator_of_a_flow_applied_again_and_again_is_its_power(flow, rng, times):
    before = flow.sampled(PAIRS, rng=rng)
    after = before
    for _ in range(times):
        after = flow.flow(after)
    psi = flow.dictionary
    once = EDMD(psi).fit(SnapshotPairs(before=before, after=flow.flow(before)))
    repeatedly = EDMD(psi).fit(SnapshotPairs(before=before, after=after))
    power = psi(before) @ np.linalg.matrix_power(once.matrix_, times)
    assert rounding.distance(psi(before) @ repeatedly.matrix_, psi(after)) <= rounding.of_operator(repeatedly.moments_)
    # Each further step may stretch what the first one erred.
    tolerance = rounding.of_operator(once.moments_) * np.linalg.norm(once.matrix_, 2) ** (times - 1)
    assert np.all(size(power - psi(after)) <= tolerance * (size(psi(after)) + size(psi(before)).max()))


@given(flow=every_flow, rng=generators())
def test_the_product_of_two_eigenfunctions_is_an_eigenfunction_of_the_product_of_their_eigenvalues(flow, rng):
    edmd = EDMD(flow.dictionary).fit(flow.pairs(PAIRS, rng=rng))
    found, fresh = edmd.eigenpairs(), flow.pairs(PAIRS, rng=rng)
    f, g = (edmd.inputs(states) @ found.coefficients for states in (fresh.before, fresh.after))
    i, j = np.triu_indices(len(found))
    products, images = f[:, i] * f[:, j], g[:, i] * g[:, j]
    difference = size(images - found.eigenvalues[i] * found.eigenvalues[j] * products)
    tolerance = rounding.of_operator(edmd.moments_) * (1 + np.abs(found.eigenvalues)).max()
    # Either factor errs by rounding, times the other.
    reach = size(np.abs(f)[:, i] * size(g)[j]) + size(np.abs(g)[:, i] * size(f)[j])
    assert np.all(difference <= 10 * tolerance * reach)


@given(
    lags=st.tuples(st.floats(0.1, 2.0), st.floats(0.1, 2.0)),
    slow=st.floats(-0.3, -0.05),
    fast=st.floats(-1.5, -0.8),
    rng=generators(),
)
def test_the_rates_of_a_flow_do_not_depend_on_the_time_between_snapshots(lags, slow, fast, rng):
    spectra = []
    for lag in lags:
        flow = ContinuousSlowManifold(slow_rate=slow, fast_rate=fast, lag=lag)
        pairs = flow.pairs(PAIRS, rng=rng)
        assert pairs.lag == lag
        spectra.append(np.sort(EDMD(flow.dictionary).fit(pairs).eigenpairs().rates(pairs.lag).real))
    np.testing.assert_allclose(spectra[0], spectra[1], rtol=1e-6)
    np.testing.assert_allclose(spectra[0], np.sort([slow, 2 * slow, fast]), rtol=1e-6)


@given(lags=st.tuples(st.floats(0.1, 1.0), st.floats(0.1, 1.0)), rng=generators())
def test_the_operators_of_two_times_multiply_to_that_of_their_sum(lags, rng):
    K = []
    for lag in (*lags, sum(lags)):
        flow = ContinuousSlowManifold(slow_rate=0.2, fast_rate=-1.0, lag=lag)
        K.append(EDMD(flow.dictionary).fit(flow.pairs(PAIRS, rng=rng)).matrix_)
    np.testing.assert_allclose(K[0] @ K[1], K[2], atol=1e-10)
    assert not np.allclose(K[0], np.eye(3), atol=1e-3)
