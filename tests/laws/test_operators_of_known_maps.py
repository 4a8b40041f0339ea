"""What any estimator of the operator owes to linear algebra."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from strategies import dictionaries, generators, snapshot_pairs, well_conditioned_matrices

from koopman_analysis.closure import Closedness, closure_report
from koopman_analysis.dictionaries import Constant, Coordinates, Hermite, Monomials
from koopman_analysis.estimators.edmd import EDMD
from koopman_analysis.estimators.pydmd import PyDMDRegression
from koopman_analysis.moments import FactorMoments
from koopman_analysis.snapshots import SnapshotPairs
from koopman_analysis.systems import LinearMap

CLOSED = st.sampled_from([Constant() + Coordinates(), Monomials(2), Monomials(3), Hermite(2)])


@given(A=well_conditioned_matrices(2), psi=CLOSED, rng=generators())
def test_a_linear_map_is_recovered_exactly_in_a_closed_dictionary(A, psi, rng):
    x, fresh = rng.standard_normal((2, 120, 2))
    edmd = EDMD(psi).fit(SnapshotPairs(before=x, after=x @ A))
    np.testing.assert_allclose(psi(fresh) @ edmd.matrix_, psi(fresh @ A), rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(edmd.predict(fresh), fresh @ A, rtol=1e-9, atol=1e-9)


@given(A=well_conditioned_matrices(2), psi=CLOSED, rng=generators())
def test_a_closed_dictionary_is_exact_on_held_out_pairs(A, psi, rng):
    x = rng.standard_normal((260, 2))
    report = closure_report(SnapshotPairs(before=x, after=x @ A + 1.0), inputs=psi, rng=rng)
    assert report.closedness is Closedness.EXACT


@given(A=well_conditioned_matrices(2), B=well_conditioned_matrices(2), psi=CLOSED, rng=generators())
def test_the_operator_of_a_composition_is_the_product_in_the_order_of_the_flow(A, B, psi, rng):
    x, z = rng.standard_normal((2, 120, 2))
    first, second, both = (
        EDMD(psi).fit(SnapshotPairs(before=s, after=t)).matrix_ for s, t in ((x, x @ A), (z, z @ B), (x, x @ A @ B))
    )
    np.testing.assert_allclose(first @ second, both, rtol=1e-7, atol=1e-7)


@given(A=well_conditioned_matrices(3), B=well_conditioned_matrices(3), degree=st.integers(1, 3))
def test_the_exact_operators_of_linear_maps_multiply_as_the_maps_do(A, B, degree):
    first, second, both = (LinearMap(transition=M, degree=degree).matrix for M in (A, B, A @ B))
    np.testing.assert_allclose(first @ second, both, rtol=1e-10, atol=1e-10)


@given(pairs=snapshot_pairs(smallest=30, width=2), A=well_conditioned_matrices(6), B=well_conditioned_matrices(6))
def test_a_change_of_basis_of_the_dictionaries_changes_the_basis_of_the_operator(pairs, A, B):
    psi = Monomials(2)
    K = FactorMoments.of(pairs, psi).operator()
    changed = FactorMoments.of(pairs, lambda x: psi(x) @ B, lambda y: psi(y) @ A).operator()
    np.testing.assert_allclose(changed, np.linalg.solve(B, K @ A), rtol=1e-6, atol=1e-6)


@given(
    pairs=snapshot_pairs(smallest=30, width=2),
    scale=st.floats(1e-6, 1e6),
    ridge=st.sampled_from([0.0, 1e-3]),
    rank=st.sampled_from([None, 1]),
)
def test_the_unit_of_the_states_changes_nothing(pairs, scale, ridge, rank):
    scaled = SnapshotPairs(before=scale * pairs.before, after=scale * pairs.after, weights=pairs.weights)
    one, other = (EDMD(Coordinates(), ridge=ridge, rank=rank).fit(p).matrix_ for p in (pairs, scaled))
    np.testing.assert_allclose(other, one, rtol=1e-8, atol=1e-10)


@given(pairs=snapshot_pairs(smallest=20), factor=st.floats(1e-3, 1e3))
def test_the_unit_of_the_weights_changes_nothing(pairs, factor):
    weights = np.ones(pairs.n) if pairs.weights is None else pairs.weights
    reweighted = SnapshotPairs(before=pairs.before, after=pairs.after, weights=factor * weights)
    one, other = (EDMD(Coordinates(), ridge=1e-2).fit(p).matrix_ for p in (pairs, reweighted))
    np.testing.assert_allclose(other, one, rtol=1e-8, atol=1e-10)


@given(rng=generators(), shift=st.floats(-10, 10))
def test_dmd_on_centred_pairs_is_edmd_in_the_affine_functions(rng, shift):
    x = rng.standard_normal((60, 2))
    pairs = SnapshotPairs(before=x + shift, after=np.tanh(x) + 0.1 * rng.standard_normal((60, 2)))
    fresh = rng.standard_normal((20, 2)) + shift
    expected = EDMD(Constant() + Coordinates()).fit(pairs).predict(fresh)
    # Through modes the digits lost are those of the eigenvectors' condition.
    np.testing.assert_allclose(PyDMDRegression().fit(pairs).predict(fresh), expected, rtol=1e-6, atol=1e-6)


@given(pairs=snapshot_pairs(smallest=40, width=2), psi=dictionaries())
def test_a_stream_ends_where_one_fit_does(pairs, psi):
    half = pairs.n // 2
    stream = EDMD(psi, ridge=1e-4).partial_fit(pairs.subset(np.arange(half)))
    stream.partial_fit(pairs.subset(np.arange(half, pairs.n)))
    np.testing.assert_allclose(stream.matrix_, EDMD(psi, ridge=1e-4).fit(pairs).matrix_, rtol=1e-6, atol=1e-6)
