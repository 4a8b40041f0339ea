"""A pseudospectrum is a distance to singularity: of no unitary basis, one-Lipschitz, and below every residual.

For s(z) = σ_min(A − z) or res(z), with any unitary U,

    s(z) ≤ dist(z, spectrum), with equality for normal A,                                                     (1)
    s(z; Uᴴ A U) = s(z; A),          |s(z) − s(w)| ≤ |z − w|,                                                 (2)
    z is an eigenvalue of A − s(z) u vᴴ,                                                                      (3)
    res(λ) ≤ r(λ, v) for every eigenpair,  and res is of the span of the dictionary alone, falling as it grows.   (4)

Sources: Trefethen & Embree 2005, ch. 2; Colbrook & Townsend 2024 (4).
"""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import unitary_group
from strategies import generators, well_conditioned_matrices

from koopman_analysis.dictionaries import Chebyshev
from koopman_analysis.estimators import EDMD
from koopman_analysis.moments import FactorMoments
from koopman_analysis.pseudospectrum import Pencil, matrix_pseudospectrum
from koopman_analysis.systems import LogisticMap

SIZES = st.integers(2, 12)
POINTS = st.lists(st.complex_numbers(max_magnitude=3, allow_nan=False), min_size=2, max_size=6).map(np.array)
EPSILON = np.finfo(np.float64).eps


def drawn(size, rng):
    """A complex matrix, mostly far from normal."""
    upper = np.triu(rng.standard_normal((size, size)) + 1j * rng.standard_normal((size, size)), 1)
    return np.diag(rng.uniform(-1, 1, size) + 1j * rng.uniform(-1, 1, size)) + rng.uniform(0, 2) * upper


def least(A, points):
    return matrix_pseudospectrum(A, points[None, :]).values[0]


def rounding(A, points):
    return 100 * len(A) * EPSILON * (np.linalg.norm(A) + np.abs(points).max())


@given(size=SIZES, points=POINTS, rng=generators())
def test_the_least_residual_is_at_most_the_distance_to_the_spectrum_and_equal_to_it_where_the_matrix_is_normal(
    size, points, rng
):
    A = drawn(size, rng)
    eigenvalues = np.diag(A)  # A is triangular
    distances = np.abs(points[:, None] - eigenvalues).min(axis=1)
    assert np.all(least(A, points) <= distances + rounding(A, points))
    U = unitary_group.rvs(size, random_state=rng)
    normal = U @ np.diag(eigenvalues) @ U.conj().T
    np.testing.assert_allclose(least(normal, points), distances, rtol=0, atol=rounding(A, points))


@given(size=SIZES, points=POINTS, rng=generators())
def test_no_unitary_change_of_coordinates_moves_the_pseudospectrum_of_a_matrix(size, points, rng):
    A, U = drawn(size, rng), unitary_group.rvs(size, random_state=rng)
    np.testing.assert_allclose(
        least(U.conj().T @ A @ U, points), least(A, points), rtol=0, atol=rounding(A, points)
    )  # fmt: skip


@given(size=SIZES, points=POINTS, rng=generators())
def test_the_least_residual_changes_by_no_more_than_the_point(size, points, rng):
    A = drawn(size, rng)
    values = least(A, points)
    assert np.all(np.abs(np.diff(values)) <= np.abs(np.diff(points)) + rounding(A, points))


@given(size=SIZES, points=POINTS, rng=generators())
def test_a_perturbation_by_the_least_singular_value_makes_a_point_an_eigenvalue(size, points, rng):
    A = drawn(size, rng)
    for z, value, v in zip(points, least(A, points), Pencil.of_matrix(A).minimisers(points).T, strict=True):
        shifted = A - z * np.eye(size)
        left = shifted @ v  # of length s(z)
        np.testing.assert_allclose(np.linalg.norm(left), value, rtol=0, atol=rounding(A, points))
        perturbed = shifted - np.outer(left, v.conj())
        assert np.linalg.svd(perturbed, compute_uv=False)[-1] <= rounding(A, points)


@given(degree=st.integers(1, 5), seed=st.integers(0, 99))
def test_no_eigenpair_has_a_smaller_residual_than_the_least_one_at_its_eigenvalue(degree, seed):
    pairs = LogisticMap().pairs(200, rng=np.random.default_rng(seed))
    edmd = EDMD(Chebyshev(degree, dimension=1)).fit(pairs)
    found = edmd.eigenpairs()
    assert np.all(Pencil.of_moments(edmd.moments_).residuals(found.eigenvalues) <= found.residuals + 1e-12)


@given(degree=st.integers(1, 4), points=POINTS, data=st.data())
def test_no_basis_of_the_dictionary_moves_the_least_residual(degree, points, data):
    pairs = LogisticMap().pairs(200, rng=np.random.default_rng(0))
    psi = Chebyshev(degree, dimension=1)
    B = data.draw(well_conditioned_matrices(degree + 1))
    values = [
        Pencil.of_moments(FactorMoments.of(pairs, each)).residuals(points)
        for each in (psi, lambda states: psi(states) @ B)
    ]
    np.testing.assert_allclose(values[1], values[0], rtol=1e-9, atol=1e-10)


@given(degree=st.integers(1, 5), points=POINTS, seed=st.integers(0, 99))
def test_more_functions_never_raise_the_least_residual(degree, points, seed):
    pairs = LogisticMap().pairs(200, rng=np.random.default_rng(seed))
    fewer, more = (
        Pencil.of_moments(FactorMoments.of(pairs, Chebyshev(size, dimension=1))).residuals(points)
        for size in (degree, degree + 1)
    )
    assert np.all(more <= fewer + 1e-12 * (1 + np.abs(points)))
