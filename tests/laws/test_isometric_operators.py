"""The isometric operator keeps every norm, for any pairs, at a price that is known.

In coordinates that are white at each end, Ψ_in = Q₁ T₁ and Ψ_out = Q₂ T₂ with Q₁ᴴ Q₂ = U Σ Vᴴ, least squares has
M = U Σ Vᴴ and the isometric operator M = U Vᴴ, so that over the pairs

    ‖Ψ_in K g‖ = ‖Ψ_out g‖ for all g,      singular values of T₁ K T₂⁻¹ all 1,                                     (1)
    ‖Q₂ − Q₁ M‖² = Σ (1 − σ²) for least squares,   Σ (2 − 2σ) for the isometric operator,                        (2)

and both are one where the flow is closed. Its eigenvalues are on the unit circle where both ends have one measure.

Sources: Schönemann 1966 (equation (2)); Colbrook 2023.
"""

import numpy as np
import rounding
from hypothesis import given
from strategies import (
    any_dictionaries,
    closed_flows,
    generators,
    snapshot_pairs,
    well_conditioned_matrices,
)
from white import white

from koopman_analysis.dictionaries import Coordinates, Monomials
from koopman_analysis.estimators import EDMD, IsometricEDMD
from koopman_analysis.moments import FactorMoments, orthonormal_factors
from koopman_analysis.snapshots import SnapshotPairs

many_pairs = snapshot_pairs(smallest=40, width=2)


def size(columns: np.ndarray) -> np.ndarray:
    return np.linalg.norm(columns, axis=0)


@given(pairs=many_pairs, psi=any_dictionaries, rng=generators())
def test_the_isometric_operator_preserves_the_norm_of_every_function_for_any_pairs(pairs, psi, rng):
    theta = Coordinates()
    shuffled = SnapshotPairs(
        before=pairs.before, after=pairs.after[rng.permutation(pairs.n)] ** 3, weights=pairs.weights
    )
    edmd = IsometricEDMD(psi, theta).fit(shuffled)
    root = np.ones((pairs.n, 1)) if pairs.weights is None else np.sqrt(pairs.weights)[:, None]
    g = rng.standard_normal((2, 5)) + 1j * rng.standard_normal((2, 5))
    carried, images = root * psi(shuffled.before) @ edmd.matrix_ @ g, root * shuffled.after @ g
    np.testing.assert_allclose(size(carried), size(images), rtol=10 * rounding.of_both_ends(edmd.moments_))


@given(pairs=many_pairs, psi=any_dictionaries, theta=any_dictionaries)
def test_its_singular_values_in_white_coordinates_are_ones_and_zeros_where_outputs_outnumber_inputs(pairs, psi, theta):
    moments = FactorMoments.of(pairs, psi, theta)
    values = np.linalg.svd(white(moments, moments.isometric_operator()), compute_uv=False)
    expected = np.zeros(len(values))
    expected[: min(moments.sizes[:2])] = 1.0
    np.testing.assert_allclose(values, expected, atol=10 * rounding.of_both_ends(moments))


@given(flow=closed_flows(), rng=generators())
def test_where_the_flow_is_closed_least_squares_is_isometric_already(flow, rng):
    pairs = flow.pairs(100, rng=rng)
    free, isometric = (kind(flow.dictionary).fit(pairs) for kind in (EDMD, IsometricEDMD))
    carried, expected = (flow.dictionary(pairs.before) @ edmd.matrix_ for edmd in (isometric, free))
    assert rounding.distance(carried, expected) <= 10 * rounding.of_both_ends(free.moments_)


@given(pairs=many_pairs, psi=any_dictionaries, theta=any_dictionaries)
def test_least_squares_misses_one_minus_sigma_squared_and_the_isometric_operator_two_minus_two_sigma(pairs, psi, theta):
    moments = FactorMoments.of(pairs, psi, theta)
    (free, isometric) = (white(moments, K) for K in (moments.operator(), moments.isometric_operator()))
    sigma = np.linalg.svd(free, compute_uv=False)
    paired = min(moments.sizes[:2])
    left, right = (orthonormal_factors(part, moments.resolution)[0] for part in (moments.inputs, moments.outputs))
    left = np.concatenate([left, np.zeros((len(right) - len(left), left.shape[1]))])
    missed = [np.linalg.norm(right - left @ M) ** 2 for M in (free, isometric)]
    unpaired = moments.sizes[1] - paired
    tolerance = 10 * rounding.of_both_ends(moments) * moments.sizes[1]
    np.testing.assert_allclose(missed[0], unpaired + (1 - sigma[:paired] ** 2).sum(), atol=tolerance)
    np.testing.assert_allclose(missed[1], unpaired + (2 - 2 * sigma[:paired]).sum(), atol=tolerance)
    assert missed[0] <= missed[1] + tolerance


@given(pairs=many_pairs, psi=any_dictionaries, rng=generators())
def test_its_eigenvalues_are_on_the_unit_circle_where_the_flow_permutes_the_states(pairs, psi, rng):
    permuted = SnapshotPairs(before=pairs.before, after=pairs.before[rng.permutation(pairs.n)])
    edmd, free = (kind(psi).fit(permuted) for kind in (IsometricEDMD, EDMD))
    np.testing.assert_allclose(
        np.abs(edmd.eigenpairs().eigenvalues), 1.0, atol=10 * rounding.of_both_ends(edmd.moments_)
    )
    assert np.abs(free.eigenpairs().eigenvalues).min() < 0.9  # the premise


@given(pairs=many_pairs, A=well_conditioned_matrices(2), B=well_conditioned_matrices(6))
def test_the_isometric_operator_follows_a_change_of_basis_at_either_end(pairs, A, B):
    psi, theta = Monomials(2), Coordinates()
    moments = FactorMoments.of(pairs, psi, theta)
    changed = FactorMoments.of(pairs, lambda x: psi(x) @ B, lambda y: theta(y) @ A)
    # A polar factor turns by rounding over the least singular value.
    sigma = np.linalg.svd(white(moments, moments.operator()), compute_uv=False)
    tolerance = (rounding.of_both_ends(moments) + rounding.of_both_ends(changed)) / sigma[1]
    assert tolerance < 1e-4
    values, expected = (
        psi(pairs.before) @ B @ changed.isometric_operator(),
        psi(pairs.before) @ moments.isometric_operator() @ A,
    )
    assert rounding.distance(values, expected) <= tolerance
