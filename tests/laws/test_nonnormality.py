"""What holds for the non-normality of every square matrix."""

import numpy as np
import scipy.linalg
from hypothesis import given
from hypothesis import strategies as st
from strategies import generators, well_conditioned_matrices

from koopman_analysis.nonnormality import (
    effective_rank,
    eigenvector_conditioning,
    henrici_departure,
    kreiss_constant,
    numerical_abscissa,
    numerical_radius,
    spectral_radius,
    stable_rank,
    transient_growth,
)

ROUNDING = 1e-10
"""Of matrices of at most eight rows, whose entries are of order one."""


@st.composite
def square_matrices(draw) -> np.ndarray:
    """Real or complex ones, of at most eight rows, with a spectral radius in [.1, 1.2]."""
    rng = draw(generators())
    m = draw(st.integers(2, 8))
    A = rng.standard_normal((m, m)) + draw(st.sampled_from([0, 1j])) * rng.standard_normal((m, m))
    A = np.real_if_close(scipy.linalg.schur(A, output="complex")[0] if draw(st.booleans()) else A)
    A = A + draw(st.floats(0, 3)) * np.triu(rng.standard_normal((m, m)), 1)
    return A * draw(st.floats(0.1, 1.2)) / np.abs(np.linalg.eigvals(A)).max()


@given(A=square_matrices(), rng=generators())
def test_no_number_changes_with_an_orthogonal_change_of_coordinates(A, rng):
    Q, _ = np.linalg.qr(rng.standard_normal(A.shape) + 1j * rng.standard_normal(A.shape))
    turned = Q.conj().T @ A @ Q
    for number in (
        spectral_radius,
        henrici_departure,
        numerical_abscissa,
        numerical_radius,
        stable_rank,
        effective_rank,
    ):
        np.testing.assert_allclose(number(turned), number(A), rtol=1e-6, atol=1e-6)


@given(A=square_matrices())
def test_the_departure_is_what_the_eigenvalues_leave_of_the_squares(A):
    squares = np.linalg.norm(A) ** 2 - np.square(np.abs(np.linalg.eigvals(A))).sum()
    np.testing.assert_allclose(henrici_departure(A) ** 2, squares, rtol=1e-6, atol=1e-6)


@given(A=square_matrices())
def test_the_spectrum_lies_in_the_numerical_range_and_that_in_the_disc_of_the_norm(A):
    radius, norm = numerical_radius(A), np.linalg.norm(A, 2)
    assert spectral_radius(A) <= radius * (1 + 1e-9)
    assert norm / 2 <= radius * (1 + 1e-9) <= norm * (1 + 2e-9)
    assert np.linalg.eigvals(A).real.max() <= numerical_abscissa(A) + ROUNDING
    assert numerical_abscissa(A) <= radius * (1 + 1e-9)


@given(A=square_matrices())
def test_the_powers_of_a_matrix_have_at_most_the_powers_of_its_numerical_radius(A):
    for k in (2, 3, 5):
        assert numerical_radius(np.linalg.matrix_power(A, k)) <= numerical_radius(A) ** k * (1 + 1e-8)


@given(A=square_matrices())
def test_the_kreiss_constant_is_at_most_the_growth_and_the_growth_at_most_e_m_of_it(A):
    kreiss, growth = kreiss_constant(A), transient_growth(A).norm
    assert 1 <= kreiss.low <= kreiss.high
    assert kreiss.low <= growth.high * (1 + 1e-9)
    assert growth.low <= np.e * len(A) * kreiss.high


@given(A=square_matrices(), share=st.floats(1e-3, 5.0), angle=st.floats(0, 6.3))
def test_no_point_outside_the_circle_exceeds_the_kreiss_constant(A, share, angle):
    z = (1 + share) * np.exp(1j * angle)
    here = share / np.linalg.svd(z * np.eye(len(A)) - A, compute_uv=False)[-1]
    assert here <= kreiss_constant(A).high * (1 + 1e-9)


@given(A=square_matrices(), k=st.integers(1, 60))
def test_no_power_exceeds_the_growth(A, k):
    growth = transient_growth(A)
    assert np.linalg.norm(np.linalg.matrix_power(A, k), 2) <= growth.norm.high * (1 + 1e-9)
    reached = np.linalg.norm(np.linalg.matrix_power(A, growth.power), 2)
    np.testing.assert_allclose(reached, growth.norm.low, rtol=1e-8)


@given(A=square_matrices(), S=well_conditioned_matrices(8))
def test_a_change_of_coordinates_multiplies_growth_and_kreiss_by_at_most_its_condition(A, S):
    S = S[: len(A), : len(A)] + 3 * np.eye(len(A))
    changed = np.linalg.solve(S, A @ S)
    condition = np.linalg.cond(S)
    assert kreiss_constant(changed).low <= condition * kreiss_constant(A).high * (1 + 1e-8)
    assert transient_growth(changed).norm.low <= condition * transient_growth(A).norm.high * (1 + 1e-8)


@given(rng=generators(), m=st.integers(1, 8))
def test_a_normal_matrix_has_none_of_it(rng, m):
    Q, _ = np.linalg.qr(rng.standard_normal((m, m)) + 1j * rng.standard_normal((m, m)))
    A = Q * (rng.uniform(0, 1, m) * np.exp(6.28j * rng.uniform(size=m))) @ Q.conj().T
    assert henrici_departure(A) < ROUNDING
    assert eigenvector_conditioning(A) < 1 + 1e-6
    assert kreiss_constant(A).high == 1
    np.testing.assert_allclose(numerical_radius(A), spectral_radius(A), rtol=1e-8)
    assert transient_growth(A).attained


@given(A=square_matrices())
def test_the_two_ranks_lie_between_one_and_the_rank(A):
    rank = np.linalg.matrix_rank(A)
    assert 1 - ROUNDING <= stable_rank(A) <= rank * (1 + ROUNDING)
    assert 1 - ROUNDING <= effective_rank(A) <= len(A) * (1 + ROUNDING)
    assert eigenvector_conditioning(A) >= 1
