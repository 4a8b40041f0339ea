"""What becomes of the operator when before and after change places.

With P fitted to the exchanged pairs, in the measures ρ_T of the states before and ρ_0 of those after,

    ⟨f, K g⟩_{ρ_T} = ⟨P f, g⟩_{ρ_0},    f in the span of Ψ_in, g in that of Ψ_out:                                  (1)

P is the transfer (Perron–Frobenius) operator as these functions see it, the adjoint of K in white coordinates. Where
the flow is closed and invertible it is the inverse, too, and canonical correlations never knew a direction.

Sources: Lasota & Mackey 1994, ch. 3 (the duality); Klus, Koltai & Schütte 2016 (its estimate); Hotelling 1936.
"""

import numpy as np
import rounding
from hypothesis import given
from hypothesis import strategies as st
from strategies import any_dictionaries, closed_flows, generators, seeds, snapshot_pairs

from koopman_analysis.closure import closure_report
from koopman_analysis.dictionaries import Constant, Coordinates, Hermite, Monomials
from koopman_analysis.estimators import EDMD
from koopman_analysis.moments import FactorMoments
from koopman_analysis.snapshots import SnapshotPairs


def exchanged(pairs: SnapshotPairs) -> SnapshotPairs:
    return SnapshotPairs(before=pairs.after, after=pairs.before, weights=pairs.weights)


@given(pairs=snapshot_pairs(smallest=40, width=2), psi=any_dictionaries, theta=any_dictionaries, rng=generators())
def test_the_operator_of_exchanged_pairs_is_the_adjoint_in_the_two_measures(pairs, psi, theta, rng):
    forward, backward = FactorMoments.of(pairs, psi, theta), FactorMoments.of(exchanged(pairs), theta, psi)
    lifted, images = psi(pairs.before), theta(pairs.after)
    f, g = (rng.standard_normal((2, features.shape[1])) + 0j for features in (lifted, images))
    f, g = f[0] + 1j * f[1], g[0] + 1j * g[1]
    weights = np.ones(pairs.n) if pairs.weights is None else pairs.weights
    here = (weights * (lifted @ f).conj() * (lifted @ (forward.operator() @ g))).sum()
    there = (weights * (images @ (backward.operator() @ f)).conj() * (images @ g)).sum()
    tolerance = rounding.of_projections(forward) + rounding.of_projections(backward)
    scale = np.linalg.norm(np.abs(lifted) @ np.abs(f)) * np.linalg.norm(np.abs(images) @ np.abs(g))
    assert abs(here - there) <= tolerance * weights.max() * scale


@given(flow=closed_flows(), rng=generators())
def test_the_operator_of_the_inverse_flow_is_the_inverse(flow, rng):
    pairs = flow.pairs(150, rng=rng)
    psi = flow.dictionary
    forward, backward = EDMD(psi).fit(pairs), EDMD(psi).fit(exchanged(pairs))
    tolerance = rounding.of_operator(forward.moments_) * rounding.of_operator(backward.moments_)
    tolerance /= rounding.OPERATIONS * rounding.EPSILON
    assert tolerance < 1e-5
    lifted = psi(pairs.before)
    assert rounding.distance(lifted @ forward.matrix_ @ backward.matrix_, lifted) <= tolerance
    assert rounding.distance(lifted @ forward.matrix_, lifted) > 1e-3  # the premise: it moves


@given(
    pairs=snapshot_pairs(smallest=60, largest=80, width=2),
    theta=st.sampled_from([Hermite(2), Coordinates(), Constant() + Monomials(1)]),
    seed=seeds,
)
def test_the_closure_spectrum_has_no_direction_of_time(pairs, theta, seed):
    psi = Monomials(2)
    forward = closure_report(pairs, inputs=psi, outputs=theta, rng=np.random.default_rng(seed))
    backward = closure_report(exchanged(pairs), inputs=theta, outputs=psi, rng=np.random.default_rng(seed))
    assert len(forward.spectrum) == forward.dimension == backward.input_dimension
    for one, other in zip(forward.spectrum, backward.spectrum, strict=False):
        np.testing.assert_allclose([other.estimate, other.low], [one.estimate, one.low], rtol=1e-6, atol=1e-6)
    # Directions without a partner are padded with zeros.
    assert all(sigma.high == 0 for sigma in backward.spectrum[forward.dimension :])
