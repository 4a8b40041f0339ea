"""The residual of an eigenpair is a distance: of its definition, of no basis, and with the bounds of geometry.

With norms and inner products over the weighted pairs, f = Ψ(x) v, g = Ψ(y) v and the Rayleigh quotient
q = ⟨f, g⟩/‖f‖²,

    r(λ, v)² = ‖g − λ f‖²/‖f‖² = |λ − q|² + r(q, v)²   ≥ |λ − q|²,                                             (1)
    r(λ, v) ≥ | ‖g‖/‖f‖ − |λ| |,      that is | 1 − |λ| | for an isometry,                                        (2)
    r(λ, v)² = ‖g‖²/‖f‖² − |λ|²       on the fitted pairs, that is 1 − |λ|² where the flow permutes the states.     (3)

Sources: Colbrook & Townsend 2024 (the residual, equation (3)); Parlett 1998, ch. 4 (equation (1)).
"""

import numpy as np
import rounding
from hypothesis import given
from strategies import any_dictionaries, dictionaries, generators, snapshot_pairs, well_conditioned_matrices

from koopman_analysis.dictionaries import Constant, Monomials
from koopman_analysis.estimators import EDMD
from koopman_analysis.snapshots import SnapshotPairs

fitted_pairs = snapshot_pairs(smallest=40, width=2)
heldout_pairs = snapshot_pairs(smallest=12, width=2)


def eigenfunctions(pairs: SnapshotPairs, psi, coefficients: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """f and g of the module, a column for each eigenpair."""
    root = np.ones((pairs.n, 1)) if pairs.weights is None else np.sqrt(pairs.weights)[:, None]
    return root * psi(pairs.before) @ coefficients, root * psi(pairs.after) @ coefficients


def size(columns: np.ndarray) -> np.ndarray:
    return np.linalg.norm(columns, axis=0)


def rounding_of_residuals(pairs: SnapshotPairs, psi, found) -> np.ndarray:
    """c ε of what cancels in f and g."""
    lifted, images = psi(pairs.before), psi(pairs.after)
    reach = (np.abs(images) + np.abs(lifted)) @ np.abs(found.coefficients) * (1 + np.abs(found.eigenvalues))
    return rounding.OPERATIONS * rounding.EPSILON * size(reach) / size(lifted @ found.coefficients)


@given(pairs=fitted_pairs, heldout=heldout_pairs, psi=any_dictionaries, rng=generators())
def test_the_residual_is_that_of_its_definition_at_any_scale_of_the_eigenvector(pairs, heldout, psi, rng):
    found = EDMD(psi).fit(pairs).eigenpairs(heldout=heldout)
    factors = rng.standard_normal(len(found)) + 1j * rng.standard_normal(len(found))
    f, g = eigenfunctions(heldout, psi, found.coefficients * factors)
    direct = size(g - found.eigenvalues * f) / size(f)
    tolerance = rounding_of_residuals(heldout, psi, found)
    assert np.all(np.abs(found.residuals - direct) <= tolerance)
    assert np.all(found.residuals >= 0)
    assert np.all(found.floor <= tolerance)
    assert np.all(np.diff(found.residuals) >= 0)


@given(pairs=fitted_pairs, heldout=heldout_pairs, psi=any_dictionaries)
def test_the_residual_exceeds_the_distance_to_the_rayleigh_quotient_by_pythagoras(pairs, heldout, psi):
    found = EDMD(psi).fit(pairs).eigenpairs(heldout=heldout)
    f, g = eigenfunctions(heldout, psi, found.coefficients)
    quotients = (f.conj() * g).sum(axis=0) / size(f) ** 2
    least = size(g - quotients * f) / size(f)
    tolerance = rounding_of_residuals(heldout, psi, found)
    assert np.all(found.residuals >= np.abs(found.eigenvalues - quotients) - tolerance)
    together = np.hypot(np.abs(found.eigenvalues - quotients), least)
    assert np.all(np.abs(found.residuals - together) <= tolerance)


@given(pairs=fitted_pairs, heldout=heldout_pairs, psi=any_dictionaries)
def test_the_residual_is_at_least_what_the_growth_of_the_norm_demands(pairs, heldout, psi):
    found = EDMD(psi).fit(pairs).eigenpairs(heldout=heldout)
    f, g = eigenfunctions(heldout, psi, found.coefficients)
    demanded = np.abs(size(g) / size(f) - np.abs(found.eigenvalues))
    assert np.all(found.residuals >= demanded - rounding_of_residuals(heldout, psi, found))


@given(pairs=fitted_pairs, heldout=heldout_pairs, B=well_conditioned_matrices(6))
def test_the_residual_belongs_to_no_basis_of_the_dictionary(pairs, heldout, B):
    psi = Monomials(2)
    plain, changed = EDMD(psi).fit(pairs), EDMD(lambda x: psi(x) @ B).fit(pairs)
    one, other = (edmd.eigenpairs(heldout=heldout) for edmd in (plain, changed))
    rows, columns = rounding.matching(one.eigenvalues, other.eigenvalues)
    gaps = np.abs(one.eigenvalues[:, None] - one.eigenvalues[None, :]) + np.diag(np.full(6, np.inf))
    f, g = eigenfunctions(heldout, psi, one.coefficients)
    # An eigenfunction turns by rounding over gap towards the others, whose norms on other pairs are not one.
    reach = np.linalg.norm(np.hstack([f, g])) / size(f)
    tolerance = (rounding.of_eigenvalues(plain) + rounding.of_eigenvalues(changed)) / gaps.min(axis=1) * reach
    assert tolerance.max() < 1e-3
    assert np.all(
        np.abs(one.residuals[rows] - other.residuals[columns]) <= (10 * tolerance * (1 + one.residuals))[rows]
    )


@given(x=snapshot_pairs(smallest=40, width=2), psi=any_dictionaries, rng=generators())
def test_where_the_flow_permutes_the_states_eigenvalues_lie_in_the_disc_at_the_residuals_distance(x, psi, rng):
    order = rng.permutation(x.n)
    permuted = SnapshotPairs(before=x.before, after=x.before[order])
    edmd = EDMD(psi).fit(permuted)
    found = edmd.eigenpairs()
    slack = rounding.of_operator(edmd.moments_)
    assert np.all(np.abs(found.eigenvalues) <= 1 + slack)
    squares = found.residuals**2 + np.abs(found.eigenvalues) ** 2
    np.testing.assert_allclose(squares, 1.0, atol=10 * slack)
    assert found.residuals.max() > 0.1  # the premise: the dictionary is not closed


@given(pairs=fitted_pairs, psi=any_dictionaries)
def test_eigenvalues_sum_to_the_trace_and_multiply_to_the_determinant(pairs, psi):
    edmd = EDMD(psi).fit(pairs)
    K, eigenvalues = edmd.matrix_, edmd.eigenpairs().eigenvalues
    tolerance = rounding.of_operator(edmd.moments_)
    scale = max(1.0, np.abs(eigenvalues).max())
    np.testing.assert_allclose(eigenvalues.sum(), np.trace(K), atol=10 * tolerance * scale)
    np.testing.assert_allclose((eigenvalues**2).sum(), np.trace(K @ K), atol=100 * tolerance * scale**2)
    np.testing.assert_allclose(eigenvalues.prod(), np.linalg.det(K), atol=100 * tolerance * scale ** len(K))


@given(pairs=fitted_pairs, heldout=heldout_pairs, psi=dictionaries())
def test_a_dictionary_that_holds_the_constant_has_the_eigenvalue_one_without_residual(pairs, heldout, psi):
    psi(pairs.before)  # only now does it know its functions
    psi = psi if psi.constants else Constant() + psi
    edmd = EDMD(psi).fit(pairs)
    found = edmd.eigenpairs(heldout=heldout)
    tolerance = rounding.of_eigenvalues(edmd)
    first = int(np.argmin(np.abs(found.eigenvalues - 1)))
    assert abs(found.eigenvalues[first] - 1) <= tolerance
    assert found.residuals[first] <= 10 * tolerance * np.linalg.norm(psi(heldout.after)) / np.sqrt(heldout.n)
    constant = psi(heldout.before) @ found.coefficients[:, first]
    np.testing.assert_allclose(np.abs(constant), 1.0, atol=1e-4)
