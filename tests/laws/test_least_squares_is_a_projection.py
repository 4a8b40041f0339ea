"""The fitted values Ψ_x K are an orthogonal projection of Ψ_y, and ridge and rank shorten it step by step.

In the norm ‖F‖² = Σ_i w_i |F(x_i)|² over the pairs, W = diag(w),

    normal equations     Ψ_xᴴ W (Ψ_y − Ψ_x K) = 0,                                                             (1)
    Pythagoras           ‖Ψ_y‖² = ‖Ψ_x K‖² + ‖Ψ_y − Ψ_x K‖²      for any rank kept,                             (2)
    a ridge ρ > 0        m further pairs (√λ e_i, 0),   λ = ρ tr(Ψ_xᴴ W Ψ_x)/m,                                  (3)

and a weight is a number of repetitions.

Sources: Lawson & Hanson 1974 ((1) to (3), monotonicity in ridge and rank).
"""

import numpy as np
import rounding
from hypothesis import given
from hypothesis import strategies as st
from strategies import any_dictionaries, generators, snapshot_pairs

from koopman_analysis.closure import closure_report
from koopman_analysis.dictionaries import Coordinates, Monomials
from koopman_analysis.estimators import EDMD, ExactDMD
from koopman_analysis.moments import FactorMoments
from koopman_analysis.snapshots import SnapshotPairs


def root_weights(pairs: SnapshotPairs) -> np.ndarray:
    return np.ones((pairs.n, 1)) if pairs.weights is None else np.sqrt(pairs.weights)[:, None]


def weighted_features(pairs: SnapshotPairs, psi) -> tuple[np.ndarray, np.ndarray]:
    root = root_weights(pairs)
    return root * psi(pairs.before), root * psi(pairs.after)


@given(pairs=snapshot_pairs(smallest=4), psi=any_dictionaries)
def test_what_is_not_fitted_is_orthogonal_to_every_input_function(pairs, psi):
    before, after = weighted_features(pairs, psi)
    K = EDMD(psi).fit(pairs).matrix_
    scale = np.linalg.norm(before, axis=0)[:, None] * (
        np.linalg.norm(after, axis=0) + np.linalg.norm(before, axis=0) @ np.abs(K)
    )
    assert np.all(np.abs(before.conj().T @ (after - before @ K)) <= rounding.OPERATIONS * rounding.EPSILON * scale)


@given(pairs=snapshot_pairs(smallest=12), psi=any_dictionaries, share=st.floats(0, 1))
def test_what_is_fitted_and_what_is_not_add_up_in_squares_whatever_the_rank(pairs, psi, share):
    before, after = weighted_features(pairs, psi)
    rank = 1 + int(share * (before.shape[1] - 1))
    fitted = before @ EDMD(psi, rank=rank).fit(pairs).matrix_
    squares = [np.square(np.abs(part)).sum(axis=0) for part in (after, fitted, after - fitted)]
    assert np.all(squares[1] <= squares[0] * (1 + 1e-12))
    np.testing.assert_allclose(squares[1] + squares[2], squares[0], rtol=1e-9)


@given(pairs=snapshot_pairs(smallest=12), psi=any_dictionaries)
def test_a_larger_ridge_shortens_the_operator_and_lengthens_the_residual(pairs, psi):
    before, after = weighted_features(pairs, psi)
    operators = [EDMD(psi, ridge=ridge).fit(pairs).matrix_ for ridge in (1e-6, 1e-4, 1e-2, 1.0, 100.0)]
    lengths = [np.linalg.norm(K) for K in operators]
    residuals = [np.linalg.norm(after - before @ K) for K in operators]
    slack = 1e-10 * np.linalg.norm(after)
    assert np.all(np.diff(lengths) < 0)
    assert np.all(np.diff(residuals) > -slack)
    assert residuals[-1] > residuals[0]


@given(pairs=snapshot_pairs(smallest=12, width=2), psi=any_dictionaries)
def test_a_higher_rank_lengthens_the_operator_and_shortens_the_residual(pairs, psi):
    before, after = weighted_features(pairs, psi)
    operators = [EDMD(psi, rank=rank).fit(pairs).matrix_ for rank in range(1, before.shape[1] + 1)]
    lengths = [np.linalg.norm(K) for K in operators]
    residuals = [np.linalg.norm(after - before @ K) for K in operators]
    slack = 1e-10 * np.linalg.norm(after)
    assert np.all(np.diff(lengths) > -1e-10 * lengths[-1])
    assert np.all(np.diff(residuals) < slack)
    assert lengths[-1] > lengths[0]


@given(pairs=snapshot_pairs(smallest=5), ridge=st.floats(1e-6, 10.0))
def test_a_ridge_is_a_pair_for_each_coordinate_that_maps_its_unit_to_zero(pairs, ridge):
    before, _ = weighted_features(pairs, Coordinates())
    d = before.shape[1]
    unit = np.sqrt(ridge * np.square(before).sum() / d) * np.eye(d)
    weights = np.ones(pairs.n) if pairs.weights is None else pairs.weights
    augmented = SnapshotPairs(
        before=np.concatenate([pairs.before, unit]),
        after=np.concatenate([pairs.after, np.zeros((d, d))]),
        weights=np.concatenate([weights, np.ones(d)]),
    )
    K = EDMD(Coordinates(), ridge=ridge).fit(pairs).matrix_
    tolerance = rounding.of_projections(FactorMoments.of(augmented, Coordinates())) * np.abs(K).max()
    np.testing.assert_allclose(K, EDMD(Coordinates()).fit(augmented).matrix_, atol=10 * tolerance)


@given(pairs=snapshot_pairs(smallest=30, width=2), rng=generators(), rank=st.sampled_from([None, 1, 2]))
def test_a_weight_is_a_number_of_repetitions_for_every_operator_and_spectrum(pairs, rng, rank):
    counts = rng.integers(0, 4, pairs.n)
    counts[:12] = 2
    weighted = SnapshotPairs(before=pairs.before, after=pairs.after, weights=counts.astype(float))
    repeated = SnapshotPairs(before=np.repeat(pairs.before, counts, 0), after=np.repeat(pairs.after, counts, 0))
    unweighted = SnapshotPairs(before=pairs.before, after=pairs.after)
    for estimator in (EDMD(Coordinates(), rank=rank), ExactDMD(rank)):
        plain, once, often = (estimator.fit(p).predict(pairs.before) for p in (unweighted, weighted, repeated))
        assert not np.allclose(plain, once, atol=1e-6)
        np.testing.assert_allclose(once, often, atol=1e-8)
    one, other = (EDMD(Monomials(2)).fit(p) for p in (weighted, repeated))
    tolerance = 2 * rounding.of_eigenvalues(one)
    once, often = one.eigenpairs(), other.eigenpairs()
    assert rounding.spectral_distance(once.eigenvalues, often.eigenvalues) <= tolerance
    np.testing.assert_allclose(once.residuals, often.residuals, atol=tolerance)


@given(pairs=snapshot_pairs(smallest=40, width=2), rng=generators(), absurd=st.floats(1.0, 1e6))
def test_a_pair_of_no_weight_is_absent_from_every_fit(pairs, rng, absurd):
    weights = np.ones(pairs.n) if pairs.weights is None else pairs.weights
    place = np.sort(rng.integers(0, pairs.n, 7))
    x, y = absurd * rng.standard_normal((2, 7, 2))
    present = SnapshotPairs(
        before=np.insert(pairs.before, place, x, axis=0),
        after=np.insert(pairs.after, place, y, axis=0),
        weights=np.insert(weights, place, 0.0),
    )
    absent = SnapshotPairs(before=pairs.before, after=pairs.after, weights=weights)
    for estimator in (EDMD(Monomials(2)), EDMD(Coordinates(), ridge=0.1, rank=1), ExactDMD()):
        one, other = (estimator.fit(p).predict(pairs.before) for p in (present, absent))
        np.testing.assert_allclose(one, other, atol=1e-9)
    one, other = (closure_report(p, inputs=Monomials(2), rng=np.random.default_rng(0)) for p in (present, absent))
    assert one == other
