"""Exact DMD is EDMD in the coordinates, on any shape of data, seen through eigenfunctions and modes.

K = V M with modes ξ_j = u_j M/λ_j and eigenfunctions φ_j(x) = x V w_j,

    ξ_i V w_j = δ_ij,                                                                                         (1)
    x K = Σ_j λ_j φ_j(x) ξ_j,                                                                                (2)
    (X, Y) → (X Q, Y Q)  gives  K → Qᴴ K Q      for unitary Q, whatever the rank.                                (3)

Source: Tu, Rowley, Luchtenburg, Brunton & Kutz 2014.
"""

import numpy as np
import rounding
from hypothesis import given
from hypothesis import strategies as st
from strategies import generators, seeds

from koopman_analysis.dictionaries import Coordinates
from koopman_analysis.estimators import EDMD, ExactDMD
from koopman_analysis.snapshots import SnapshotPairs


@st.composite
def pairs_of_any_shape(draw) -> SnapshotPairs:
    """Pairs from 2 to 30, features from 1 to 30, real or complex, weighted or not, with a linear part and noise."""
    rng = np.random.default_rng(draw(seeds))
    n, d = draw(st.integers(2, 30)), draw(st.integers(1, 30))
    field = np.array([1.0, 1j]) if draw(st.booleans()) else np.array([1.0, 0.0])
    x, noise, A = (
        np.tensordot(field if field[1] else field.real, rng.standard_normal((2, *shape)), 1)
        for shape in ((n, d), (n, d), (d, d))
    )
    weights = rng.uniform(0.5, 2.0, n) if draw(st.booleans()) else None
    return SnapshotPairs(before=x, after=x @ A / np.sqrt(d) + 0.3 * noise, weights=weights)


def gap(pairs: SnapshotPairs, rank: int) -> float:
    """What separates the singular values kept from those left out, relative to the largest."""
    root = 1.0 if pairs.weights is None else np.sqrt(pairs.weights)[:, None]
    values = np.append(np.linalg.svd(root * pairs.before, compute_uv=False), 0.0) if pairs.n else np.zeros(1)
    return float((values[rank - 1] - values[rank]) / values[0])


def of_rank(pairs: SnapshotPairs, share: float) -> int:
    return 1 + int(share * (min(pairs.before.shape) - 1))


@given(pairs=pairs_of_any_shape(), share=st.floats(0, 1))
def test_exact_dmd_of_a_given_rank_is_edmd_in_the_coordinates(pairs, share):
    rank = of_rank(pairs, share)
    tolerance = rounding.OPERATIONS * rounding.EPSILON / gap(pairs, rank) ** 2
    assert tolerance < 1e-3
    V, M = ExactDMD(rank).fit(pairs).factors_
    K = EDMD(Coordinates(), rank=rank).fit(pairs).matrix_
    assert V.shape[1] == rank
    assert np.linalg.norm(V @ M - K) <= tolerance * max(np.linalg.norm(K), np.linalg.norm(pairs.after))


@given(pairs=pairs_of_any_shape(), share=st.floats(0, 1))
def test_eigenfunctions_and_modes_are_biorthogonal(pairs, share):
    dmd = ExactDMD(of_rank(pairs, share)).fit(pairs)
    W = dmd.eigenfunctions(np.eye(pairs.before.shape[1]))
    small = np.abs(dmd.eigenvalues_).min() / np.abs(dmd.eigenvalues_).max()
    tolerance = rounding.OPERATIONS * rounding.EPSILON * np.linalg.cond(W) * max(1.0, np.linalg.norm(dmd.factors_[1]))
    tolerance = tolerance / (small * np.abs(dmd.eigenvalues_).max())
    assert tolerance < 1e-3
    np.testing.assert_allclose(dmd.modes_ @ W, np.eye(W.shape[1]), atol=tolerance)


@given(pairs=pairs_of_any_shape(), share=st.floats(0, 1), rng=generators())
def test_a_prediction_is_one_step_of_each_mode(pairs, share, rng):
    dmd = ExactDMD(of_rank(pairs, share)).fit(pairs)
    fresh = rng.standard_normal((5, pairs.before.shape[1]))
    steps = (dmd.eigenfunctions(fresh) * dmd.eigenvalues_) @ dmd.modes_
    condition = np.linalg.cond(dmd.eigenfunctions(np.eye(fresh.shape[1])))
    tolerance = rounding.OPERATIONS * rounding.EPSILON * condition
    assert tolerance < 1e-4
    scale = np.linalg.norm(fresh) * np.linalg.norm(dmd.factors_[1])
    assert np.linalg.norm(steps - dmd.predict(fresh)) <= tolerance * scale


@given(pairs=pairs_of_any_shape(), share=st.floats(0, 1), rng=generators())
def test_a_rotation_of_the_states_rotates_the_operator_whatever_the_rank(pairs, share, rng):
    rank, d = of_rank(pairs, share), pairs.before.shape[1]
    tolerance = rounding.OPERATIONS * rounding.EPSILON / gap(pairs, rank) ** 2
    assert tolerance < 1e-3
    Q = np.linalg.qr(rng.standard_normal((d, d)) + 1j * rng.standard_normal((d, d)))[0]
    turned = SnapshotPairs(before=pairs.before @ Q, after=pairs.after @ Q, weights=pairs.weights)
    V, M = ExactDMD(rank).fit(pairs).factors_
    V_turned, M_turned = ExactDMD(rank).fit(turned).factors_
    scale = max(np.linalg.norm(M), np.linalg.norm(pairs.after))
    assert np.linalg.norm(V_turned @ M_turned - Q.conj().T @ V @ M @ Q) <= tolerance * scale
