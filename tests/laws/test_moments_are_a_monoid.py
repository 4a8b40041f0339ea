"""Moments merge in any order, from any chunks, in any library."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from strategies import dictionaries, generators, snapshot_pairs

from koopman_analysis.moments import FactorMoments, GramMoments
from koopman_analysis.snapshots import SnapshotPairs

# A sum of at most 60 products of order one, in double precision.
CLOSE = {"rtol": 1e-10, "atol": 1e-10}


@given(a=snapshot_pairs(width=2), b=snapshot_pairs(width=2), c=snapshot_pairs(width=2), psi=dictionaries())
def test_moments_are_a_commutative_monoid(a, b, c, psi):
    one, two, three = (GramMoments.of(pairs, psi) for pairs in (a, b, c))
    zero = GramMoments.zero(inputs=psi.size, outputs=psi.size, features=2)
    np.testing.assert_allclose(((one + two) + three).gram, (one + (two + three)).gram, **CLOSE)
    np.testing.assert_array_equal((one + two).gram, (two + one).gram)
    np.testing.assert_array_equal((one + zero).gram, one.gram)
    assert (one + zero).count == one.count == a.n


@given(a=snapshot_pairs(width=2), b=snapshot_pairs(width=2), psi=dictionaries())
def test_factors_merge_as_their_gram_matrices_do(a, b, psi):
    gram = (GramMoments.of(a, psi) + GramMoments.of(b, psi)).gram
    for merged in (
        FactorMoments.of(a, psi) + FactorMoments.of(b, psi),
        FactorMoments.of(b, psi) + FactorMoments.of(a, psi),
    ):
        np.testing.assert_allclose(merged.factor.T @ merged.factor, gram, **CLOSE)
        assert len(merged.factor) <= merged.factor.shape[1]


@given(pairs=snapshot_pairs(), psi=dictionaries(), chunk=st.integers(1, 70))
def test_the_size_of_chunks_does_not_matter(pairs, psi, chunk):
    whole = GramMoments.of(pairs, psi)
    np.testing.assert_allclose(GramMoments.of(pairs, psi, chunk=chunk).gram, whole.gram, **CLOSE)
    factor = FactorMoments.of(pairs, psi, chunk=chunk).factor
    np.testing.assert_allclose(factor.T @ factor, whole.gram, **CLOSE)


@given(pairs=snapshot_pairs(), psi=dictionaries(), rng=generators())
def test_the_order_of_pairs_does_not_matter(pairs, psi, rng):
    shuffled = pairs.subset(rng.permutation(pairs.n))
    np.testing.assert_allclose(GramMoments.of(shuffled, psi).gram, GramMoments.of(pairs, psi).gram, **CLOSE)


@given(pairs=snapshot_pairs(), psi=dictionaries(), rng=generators())
def test_a_weight_is_a_number_of_repetitions(pairs, psi, rng):
    counts = rng.integers(0, 4, pairs.n)
    counts[0] = 1
    weighted = SnapshotPairs(before=pairs.before, after=pairs.after, weights=counts.astype(float))
    repeated = SnapshotPairs(before=np.repeat(pairs.before, counts, 0), after=np.repeat(pairs.after, counts, 0))
    np.testing.assert_allclose(GramMoments.of(weighted, psi).gram, GramMoments.of(repeated, psi).gram, **CLOSE)


@given(pairs=snapshot_pairs(), psi=dictionaries())
def test_tensors_have_the_moments_of_arrays(pairs, psi):
    tensors = SnapshotPairs(
        before=torch.from_numpy(pairs.before),
        after=torch.from_numpy(pairs.after),
        weights=None if pairs.weights is None else torch.from_numpy(pairs.weights),
    )
    moments = GramMoments.of(tensors, psi)
    np.testing.assert_allclose(moments.gram.numpy(), GramMoments.of(pairs, psi).gram, **CLOSE)
    none = GramMoments.zero(inputs=psi.size, outputs=psi.size, features=pairs.after.shape[1])
    for still in (none + moments, moments + none):
        assert torch.equal(still.gram, moments.gram)
