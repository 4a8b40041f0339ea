"""Whatever way the moments took, one operator, one spectrum, one prediction come of them.

Gram matrix or triangular factor, NumPy or torch, whole or in chunks, in one process or in several, in single precision
or in double: with κ the condition number of the features, the Gram matrix squares it,

    ‖K_G − K_R‖ ≤ c ε κ² ‖K_R‖,                                                                                (1)

and every other way agrees to c ε κ. With a ridge ρ, relative to the mean square of m features, the equation that a Gram
matrix is in has the condition number m/ρ, whatever κ is, and loses no more digits than that.

Sources: Björck 1996, ch. 2 (equation (1)); Demmel, Grigori, Hoemmen & Langou 2012 (factors of factors).
"""

import numpy as np
import pytest
import rounding
import torch
from hypothesis import given
from hypothesis import strategies as st
from strategies import any_dictionaries, dictionaries, generators, snapshot_pairs

from koopman_analysis.dictionaries import Constant, Coordinates, RandomFourier
from koopman_analysis.estimators import EDMD
from koopman_analysis.moments import FactorMoments, GramMoments, triangular_factor
from koopman_analysis.snapshots import SnapshotPairs

kinds = st.sampled_from([FactorMoments, GramMoments])


def as_tensors(pairs: SnapshotPairs, dtype: torch.dtype = torch.float64) -> SnapshotPairs:
    before, after, weights = (
        None if array is None else torch.from_numpy(array).to(dtype)
        for array in (pairs.before, pairs.after, pairs.weights)
    )
    return SnapshotPairs(before=before, after=after, weights=weights)


def parts_of(pairs: SnapshotPairs, count: int, rng: np.random.Generator) -> list[SnapshotPairs]:
    """The pairs, in random order, in this many parts of at least one."""
    order, cuts = rng.permutation(pairs.n), np.sort(rng.permutation(pairs.n - 1)[: count - 1] + 1)
    return [pairs.subset(rows) for rows in np.split(order, cuts)]


@given(pairs=snapshot_pairs(smallest=30, width=2), decades=st.floats(0, 4), rng=generators())
def test_a_gram_matrix_gives_the_operator_of_the_factor_up_to_the_square_of_the_condition(pairs, decades, rng):
    squeeze = np.array([[1.0, 1.0], [0.0, 10.0**-decades]])
    squeezed = SnapshotPairs(before=pairs.before @ squeeze, after=pairs.after, weights=pairs.weights)
    psi = Constant() + Coordinates()
    factor, gram = FactorMoments.of(squeezed, psi), GramMoments.of(squeezed, psi)
    condition = factor.condition()
    assert condition > 10**decades / 10
    np.testing.assert_allclose(gram.factor_moments().condition(), condition, rtol=1e2 * rounding.EPSILON * condition**2)
    K = factor.operator()
    tolerance = 1e2 * rounding.EPSILON * condition**2
    assert tolerance < 1e-2
    assert np.linalg.norm(gram.operator() - K) <= tolerance * np.linalg.norm(K)


@given(rng=generators(), decades=st.floats(2, 8))
def test_with_a_ridge_a_gram_matrix_gives_the_operator_of_the_factor_whatever_the_condition(rng, decades):
    # Waves so long that most of them are the same: without a ridge no digit of a Gram matrix's operator is right.
    x = rng.standard_normal((300, 2))
    pairs = SnapshotPairs(before=x, after=0.7 * x + 0.1 * rng.standard_normal((300, 2)))
    psi, ridge = RandomFourier(30, 10.0, rng=rng), 10.0**-decades
    factor = FactorMoments.of(pairs, psi)
    assert factor.condition() > 1e9
    K = factor.operator(ridge=ridge)
    tolerance = 1e2 * rounding.EPSILON * psi.size / ridge
    assert np.linalg.norm(GramMoments.of(pairs, psi).operator(ridge=ridge) - K) <= tolerance * np.linalg.norm(K)


@given(pairs=snapshot_pairs(), psi=any_dictionaries)
def test_the_factor_of_a_factor_is_itself_up_to_phases(pairs, psi):
    R = FactorMoments.of(pairs, psi).factor
    again = triangular_factor(R)
    assert np.array_equal(np.tril(R, -1), np.zeros_like(R))
    scale = np.linalg.norm(R, axis=0)
    np.testing.assert_allclose(np.linalg.norm(again, axis=0), scale, rtol=1e-12)
    np.testing.assert_allclose(again.conj().T @ again, R.conj().T @ R, atol=1e-12 * scale.max() ** 2)


@given(pairs=snapshot_pairs(), psi=any_dictionaries)
def test_a_gram_matrix_is_hermitian_positive_semidefinite_and_counts_the_weight(pairs, psi):
    moments = GramMoments.of(pairs, psi)
    G, scale = moments.gram, np.trace(moments.gram).real
    np.testing.assert_allclose(G, G.conj().T, rtol=0, atol=1e-14 * scale)
    assert np.linalg.eigvalsh(G)[0] >= -1e-13 * scale
    assert moments.weight == pytest.approx(pairs.n if pairs.weights is None else pairs.weights.sum(), rel=1e-12)
    np.testing.assert_allclose(moments.gram_in, G[1 : 1 + moments.sizes[0], 1 : 1 + moments.sizes[0]])
    before, after = psi(pairs.before), psi(pairs.after)
    weights = np.ones((pairs.n, 1)) if pairs.weights is None else pairs.weights[:, None]
    np.testing.assert_allclose(moments.cross, before.conj().T @ (weights * after), rtol=0, atol=1e-13 * scale)


@given(
    pairs=snapshot_pairs(smallest=40, width=2),
    psi=any_dictionaries,
    chunk=st.integers(1, 70),
    kind=kinds,
    rng=generators(),
)
def test_neither_chunks_nor_order_change_a_prediction_or_an_eigenvalue(pairs, psi, chunk, kind, rng):
    whole = EDMD(psi).fit(pairs)
    tolerance = rounding.of_eigenvalues(whole) * (1 if kind is FactorMoments else whole.moments_.condition())
    assert tolerance < 1e-4
    moments = kind.of(pairs.subset(rng.permutation(pairs.n)), psi, chunk=chunk)
    again = EDMD.from_moments(moments, psi)
    found, expected = (edmd.eigenpairs(heldout=pairs).eigenvalues for edmd in (again, whole))
    assert rounding.spectral_distance(found, expected) <= tolerance
    fresh = rng.standard_normal((10, 2))
    reach = np.abs(whole.predict(fresh)).max() + np.abs(whole.matrix_).max()
    np.testing.assert_allclose(again.predict(fresh), whole.predict(fresh), atol=10 * tolerance * reach)


@given(pairs=snapshot_pairs(smallest=40, width=2), processes=st.integers(1, 5), kind=kinds, rng=generators())
def test_processes_that_gather_their_moments_all_end_with_those_of_all_pairs(pairs, processes, kind, rng):
    psi = Constant() + Coordinates()
    own = [kind.of(part, psi) for part in parts_of(pairs, processes, rng)]
    merged = [moments.merged(lambda _: own) for moments in own]
    assert all(moments.count == pairs.n for moments in merged)
    operators = [moments.operator() for moments in merged]
    for K in operators:
        np.testing.assert_array_equal(K, operators[0])
    np.testing.assert_allclose(operators[0], kind.of(pairs, psi).operator(), atol=1e-9)


@given(pairs=snapshot_pairs(smallest=40, width=2), psi=dictionaries(), kind=kinds, rng=generators())
def test_tensors_have_the_operator_the_predictions_and_the_eigenvalues_of_arrays(pairs, psi, kind, rng):
    arrays = EDMD(psi, moments=kind).fit(pairs)
    tensors = EDMD(psi, moments=kind).fit(as_tensors(pairs))
    reference = EDMD(psi).fit(pairs)
    tolerance = rounding.of_eigenvalues(reference) * (1 if kind is FactorMoments else reference.moments_.condition())
    assert tolerance < 1e-4
    assert isinstance(tensors.matrix_, np.ndarray)
    np.testing.assert_allclose(tensors.matrix_, arrays.matrix_, atol=10 * tolerance * np.abs(arrays.matrix_).max())
    fresh = rng.standard_normal((10, 2))
    predicted, expected = tensors.predict(torch.from_numpy(fresh)), arrays.predict(fresh)
    assert isinstance(predicted, torch.Tensor)
    np.testing.assert_allclose(predicted.numpy(), expected, atol=10 * tolerance * (1 + np.abs(expected).max()))
    found, same = tensors.eigenpairs(heldout=as_tensors(pairs)), arrays.eigenpairs(heldout=pairs)
    assert rounding.spectral_distance(found.eigenvalues, same.eigenvalues) <= tolerance


@given(pairs=snapshot_pairs(), psi=dictionaries(), kind=kinds, library=st.sampled_from(["numpy", "torch"]))
def test_single_precision_states_are_lifted_and_summed_in_double(pairs, psi, kind, library):
    single = SnapshotPairs(
        before=pairs.before.astype(np.float32),
        after=pairs.after.astype(np.float32),
        weights=None if pairs.weights is None else pairs.weights.astype(np.float32),
    )
    double = single.on_host()
    assert single.before.dtype == np.float32
    if library == "torch":
        single, double = as_tensors(single, torch.float32), as_tensors(double)
    found, expected = kind.of(single, psi), kind.of(double, psi)
    one, other = ((m.gram if kind is GramMoments else m.factor) for m in (found, expected))
    assert one.dtype == other.dtype
    assert one.dtype in (np.float64, torch.float64)
    np.testing.assert_array_equal(np.asarray(one), np.asarray(other))
