"""What holds for the non-normality of every square matrix."""

import math

import numpy as np
import pytest
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
    numerical_range,
    spectral_radius,
    stable_rank,
    transient_growth,
)
from koopman_analysis.nonnormality.conditioning import eigenvalues_and_radii, reach_of_rounding

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


@st.composite
def blocks(draw) -> np.ndarray:
    """Jordan blocks of two to eight rows."""
    m, value = (
        draw(st.integers(2, 8)),
        draw(st.floats(0.1, 1.2)) * np.exp(1j * draw(st.sampled_from([0.0, 0.7, np.pi]))),
    )
    return np.real_if_close(value * np.eye(m) + draw(st.floats(0.01, 2.0)) * np.eye(m, k=1))


@st.composite
def grcar_matrices(draw) -> np.ndarray:
    """Grcar's: ones on the diagonal and some above it, minus ones below."""
    m, above = draw(st.integers(4, 8)), draw(st.integers(1, 4))
    A = sum(np.eye(m, k=k) for k in range(above + 1)) - np.eye(m, k=-1)
    return A * draw(st.floats(0.1, 1.2)) / np.abs(np.linalg.eigvals(A)).max()


@st.composite
def companions(draw) -> np.ndarray:
    """Companion matrices of polynomials whose roots have modulus below 1.1."""
    rng, m = draw(generators()), draw(st.integers(2, 7))
    roots = rng.uniform(0.1, 1.1, m) * np.exp(1j * rng.uniform(0, 6.3, m))
    return scipy.linalg.companion(np.poly(roots))


@st.composite
def almost_normal_matrices(draw) -> np.ndarray:
    """Normal matrices, real or complex, with an error between 10⁻¹² and 10⁻²."""
    rng, m = draw(generators()), draw(st.integers(2, 8))
    error = 10.0 ** draw(st.integers(-12, -2)) * rng.standard_normal((m, m))
    if draw(st.booleans()):
        return normal_matrix(rng, m) + error
    return np.linalg.qr(rng.standard_normal((m, m)))[0] * draw(st.floats(0.5, 1.1)) + error


def normal_matrix(rng: np.random.Generator, m: int) -> np.ndarray:
    """One with eigenvalues in the unit disc."""
    Q, _ = np.linalg.qr(rng.standard_normal((m, m)) + 1j * rng.standard_normal((m, m)))
    return Q * (rng.uniform(0, 1, m) * np.exp(6.28j * rng.uniform(size=m))) @ Q.conj().T


@st.composite
def matrices_beside_the_circle(draw) -> np.ndarray:
    """Two to five eigenvalues inside the unit circle by 10⁻¹² to 10⁻², or on it, in coordinates of a condition ≤ 30."""
    rng, m = draw(generators()), draw(st.integers(2, 5))
    gaps = 10.0 ** -rng.integers(2, 13, m) * rng.integers(0, 2, m)
    turns = np.exp(1j * rng.uniform(0, 6.28, m)) if draw(st.booleans()) else rng.choice([-1.0, 1.0], m)
    left, right = (np.linalg.qr(rng.standard_normal((m, m)))[0] for _ in range(2))
    S = left * np.geomspace(1, draw(st.floats(1.0, 30.0)), m) @ right
    return S @ np.diag((1 - gaps) * turns) @ np.linalg.inv(S)


matrices = st.one_of(
    square_matrices(), blocks(), grcar_matrices(), companions(), almost_normal_matrices(), matrices_beside_the_circle()
)
"""Of every kind."""


def resolvent_norm(A: np.ndarray, z: np.ndarray) -> np.ndarray:
    """‖(z − A)⁻¹‖ at many points, by brute force."""
    return 1 / np.linalg.svd(z[..., None, None] * np.eye(len(A)) - A, compute_uv=False)[..., -1]


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


@given(A=matrices)
def test_the_spectrum_lies_in_the_numerical_range_and_that_in_the_disc_of_the_norm(A):
    radius, norm = numerical_radius(A), np.linalg.norm(A, 2)
    assert spectral_radius(A) <= radius * (1 + 1e-9)
    assert norm / 2 <= radius * (1 + 1e-9) <= norm * (1 + 2e-9)
    assert np.linalg.eigvals(A).real.max() <= numerical_abscissa(A) + ROUNDING
    assert numerical_abscissa(A) <= radius * (1 + 1e-9)


@given(A=matrices)
def test_the_powers_of_a_matrix_have_at_most_the_powers_of_its_numerical_radius(A):
    for k in (2, 3, 5):
        assert numerical_radius(np.linalg.matrix_power(A, k)) <= numerical_radius(A) ** k * (1 + 1e-8)


@given(A=matrices)
def test_the_kreiss_constant_is_at_most_the_growth_and_the_growth_at_most_e_m_of_it(A):
    kreiss, growth = kreiss_constant(A), transient_growth(A).norm
    assert 1 <= kreiss.low <= kreiss.high
    assert kreiss.low <= growth.high * (1 + 1e-9)
    assert growth.low <= np.e * len(A) * kreiss.high


@given(A=matrices_beside_the_circle(), share=st.floats(-13.0, 0.0), which=st.integers(0, 4), k=st.integers(1, 10**6))
def test_beside_the_circle_eigenvectors_bound_the_resolvent_and_the_powers(A, share, which, k):
    values, condition = np.linalg.eigvals(A), eigenvector_conditioning(A)
    kreiss, growth = kreiss_constant(A, circles=2), transient_growth(A)
    gap = 10.0**share
    z = (1 + gap) * np.exp(1j * np.angle(values[which % len(A)]))
    rounding = 1e-13 * np.linalg.norm(A, 2)
    here = gap / (np.linalg.svd(z * np.eye(len(A)) - A, compute_uv=False)[-1] + rounding)
    assert here <= kreiss.high * (1 + 1e-9) <= condition * (1 + 2e-9)
    reached = float(np.linalg.norm(np.linalg.matrix_power(A, k), 2))
    assert reached * (1 - 1e-3) <= growth.norm.high <= condition * (1 + 1e-9)


@given(A=matrices, rng=generators())
def test_no_change_in_the_last_digit_moves_an_eigenvalue_farther_than_rounding_does(A, rng):
    values, radii = eigenvalues_and_radii(A)
    change = rng.standard_normal(A.shape)
    change *= 2.2e-16 * np.linalg.norm(A, 2) / np.linalg.norm(change, 2)
    moved = np.linalg.eigvals(A + change)
    reach = reach_of_rounding(A)
    assert (radii <= reach * (1 + 1e-9)).all()
    assert np.abs(moved[:, None] - values[None, :]).min(axis=1).max() <= 2 * reach  # both are rounded


@given(A=matrices, share=st.floats(1e-3, 5.0), angle=st.floats(0, 6.3))
def test_no_point_outside_the_circle_exceeds_the_kreiss_constant(A, share, angle):
    z = (1 + share) * np.exp(1j * angle)
    here = share / np.linalg.svd(z * np.eye(len(A)) - A, compute_uv=False)[-1]
    assert here <= kreiss_constant(A).high * (1 + 1e-9)


@given(A=matrices, k=st.integers(1, 60))
def test_no_power_exceeds_the_growth(A, k):
    growth = transient_growth(A)
    assert np.linalg.norm(np.linalg.matrix_power(A, k), 2) <= growth.norm.high * (1 + 1e-9)
    reached = np.linalg.norm(np.linalg.matrix_power(A, growth.power), 2)
    np.testing.assert_allclose(reached, growth.norm.low, rtol=1e-8)


@given(A=matrices, S=well_conditioned_matrices(8))
def test_a_change_of_coordinates_multiplies_growth_and_kreiss_by_at_most_its_condition(A, S):
    S = S[: len(A), : len(A)] + 3 * np.eye(len(A))
    changed = np.linalg.solve(S, A @ S)
    condition = np.linalg.cond(S)
    assert kreiss_constant(changed).low <= condition * kreiss_constant(A).high * (1 + 1e-8)
    assert transient_growth(changed).norm.low <= condition * transient_growth(A).norm.high * (1 + 1e-8)


@given(rng=generators(), m=st.integers(1, 8))
def test_a_normal_matrix_has_none_of_it(rng, m):
    A = normal_matrix(rng, m)
    assert henrici_departure(A) < ROUNDING
    assert eigenvector_conditioning(A) < 1 + 1e-6
    assert kreiss_constant(A).high == 1
    np.testing.assert_allclose(numerical_radius(A), spectral_radius(A), rtol=1e-8)
    assert transient_growth(A).attained


@given(A=matrices)
def test_the_two_ranks_lie_between_one_and_the_rank(A):
    rank = np.linalg.matrix_rank(A)
    assert 1 - ROUNDING <= stable_rank(A) <= rank * (1 + ROUNDING)
    assert 1 - ROUNDING <= effective_rank(A) <= len(A) * (1 + ROUNDING)
    assert eigenvector_conditioning(A) >= 1


@given(A=matrices)
def test_the_departure_vanishes_exactly_with_the_commutator(A):
    commutator = np.linalg.norm(A.conj().T @ A - A @ A.conj().T)
    m, departure, size = len(A), henrici_departure(A), np.linalg.norm(A)
    assert departure**2 <= math.sqrt((m**3 - m) / 12) * commutator * (1 + 1e-9) + ROUNDING * size**2
    assert commutator <= math.sqrt(6) * size * departure * (1 + 1e-9) + ROUNDING * size**2


@given(A=matrices)
def test_the_numerical_radius_is_the_farthest_support_over_all_angles(A):
    turns = np.exp(1j * np.linspace(0, 2 * np.pi, 721))[:, None, None]
    farthest = np.linalg.eigvalsh((turns * A + np.conj(turns) * A.conj().T) / 2)[:, -1].max()
    assert farthest <= numerical_radius(A) * (1 + 1e-9) <= farthest / math.cos(math.pi / 720) * (1 + 2e-9)


@given(A=matrices, rng=generators(), count=st.integers(3, 40))
def test_the_numerical_range_holds_the_spectrum_and_the_diagonal_of_every_unitary_transform(A, rng, count):
    Q, _ = np.linalg.qr(rng.standard_normal(A.shape) + 1j * rng.standard_normal(A.shape))
    found, size = numerical_range(A, count=count), np.linalg.norm(A)
    inside = np.concatenate([np.linalg.eigvals(A), np.diag(A), np.diag(Q.conj().T @ A @ Q), found.points])
    assert found.beyond(inside).max() <= ROUNDING * size
    assert found.beyond(found.corners).min() >= -ROUNDING * size, "corners lie on lines"


@given(A=matrices, distance=st.floats(0.05, 3.0), angle=st.floats(0, 6.3))
def test_the_resolvent_lies_between_the_distances_from_the_spectrum_and_from_the_numerical_range(A, distance, angle):
    polygons = numerical_range(A, count=16)
    z = polygons.corners[:1] + distance * np.exp(1j * angle)
    beyond, from_spectrum = float(polygons.beyond(z)[0]), float(np.abs(z - np.linalg.eigvals(A)).min())
    here = float(resolvent_norm(A, z)[0])
    assert here >= (1 - 1e-9) / from_spectrum
    if beyond > 0:
        assert here <= (1 + 1e-9) / beyond
    assert here <= eigenvector_conditioning(A) / from_spectrum * (1 + 1e-9)
    powers = np.arange(len(A))
    by_departure = (henrici_departure(A) ** powers / from_spectrum ** (powers + 1)).sum()
    assert here <= by_departure * (1 + 1e-9)


@given(A=matrices)
def test_the_kreiss_constant_is_the_largest_value_of_a_fine_grid(A):
    radius = 1 + np.geomspace(1e-3, 20, 60)
    z = radius[:, None] * np.exp(1j * np.linspace(0, 2 * np.pi, 120, endpoint=False))
    grid, found = float(((radius - 1)[:, None] * resolvent_norm(A, z)).max()), kreiss_constant(A)
    assert grid <= found.high * (1 + 1e-9)
    assert found.low >= 0.99 * min(grid, 1e9)


@given(A=matrices)
def test_a_kreiss_constant_has_no_upper_end_where_powers_have_none(A):
    reaches_out = spectral_radius(A) > 1 + 1e-3
    block_on_circle = scipy.linalg.block_diag(A, np.eye(2) + 0.5 * np.eye(2, k=1))
    for unbounded in [block_on_circle, *([A] if reaches_out else [])]:
        assert kreiss_constant(unbounded, circles=2).high == math.inf
        assert transient_growth(unbounded).norm.high == math.inf


@given(A=matrices)
def test_a_matrix_over_its_norm_is_a_contraction_and_has_neither_kreiss_constant_nor_growth(A):
    contraction = A / np.linalg.norm(A, 2)
    assert kreiss_constant(contraction).high == 1
    assert transient_growth(contraction).norm.high <= 1 + 1e-12


@given(A=matrices)
def test_the_growth_is_the_largest_of_many_powers(A):
    norms, power = [1.0], np.eye(len(A))
    for _ in range(300):
        power = power @ A
        norms.append(float(np.linalg.norm(power, 2)))
    growth = transient_growth(A)
    assert max(norms) <= growth.norm.high * (1 + 1e-9)
    if growth.attained and growth.power <= 300:
        np.testing.assert_allclose(growth.norm.low, max(norms), rtol=1e-9)


@given(A=matrices, time=st.floats(0.0, 3.0))
def test_a_flow_grows_at_most_at_the_rate_of_its_numerical_abscissa(A, time):
    grown = np.linalg.norm(scipy.linalg.expm(time * A), 2)
    assert np.exp(time * np.linalg.eigvals(A).real.max()) <= grown * (1 + 1e-3)
    assert grown <= np.exp(time * numerical_abscissa(A)) * (1 + 1e-9)


@pytest.mark.slow
@given(rng=generators(), m=st.integers(2, 6), condition=st.floats(1.0, 30.0), inside=st.integers(0, 2))
def test_with_eigenvalues_on_the_circle_the_kreiss_constant_is_at_least_the_largest_projector(
    rng, m, condition, inside
):
    angles = 6.28 * np.arange(m) / m + rng.uniform(0, 2 / m, m)
    values = np.append(np.exp(1j * angles), rng.uniform(0, 0.95, inside))
    left, right = (np.linalg.qr(rng.standard_normal((len(values),) * 2))[0] for _ in range(2))
    S = left * np.geomspace(1, condition, len(values)) @ right
    A = S @ np.diag(values) @ np.linalg.inv(S)
    found = kreiss_constant(A)
    projectors = np.linalg.norm(S, axis=0) * np.linalg.norm(np.linalg.inv(S), axis=1)
    assert projectors[:m].max() <= found.high * (1 + 1e-8)
    gaps, turns = np.geomspace(1e-6, 3, 12), np.exp(1j * np.append(angles, np.linspace(0, 6.28, 40)))
    z = (1 + gaps)[:, None] * turns
    assert (gaps[:, None] * resolvent_norm(A, z)).max() <= found.high * (1 + 1e-8)
    assert found.high <= np.linalg.cond(S) * (1 + 1e-8) * 1.02


@given(A=matrices, exponent=st.integers(-900, 900))
def test_every_number_has_the_magnitude_of_the_matrix_to_the_last_bit(A, exponent):
    far = A * 2.0**exponent
    for number in (spectral_radius, henrici_departure, numerical_abscissa, numerical_radius):
        assert number(far) == number(A) * 2.0**exponent
    for share in (eigenvector_conditioning, stable_rank, effective_rank):
        assert share(far) == share(A)
