"""Numbers of matrices at the ends of the range of numbers: right, or refused with the reason."""

import math

import numpy as np
import pytest
import scipy.linalg

from koopman_analysis import Coordinates, SnapshotPairs, Verdict
from koopman_analysis.checks import eigenvalue_residuals
from koopman_analysis.checks.spectral import normality, stable
from koopman_analysis.magnitude import enlarged, enlarged_array, unit_and_exponent
from koopman_analysis.matrix_functions import NoPrincipalLogarithm, fractional_power, generator
from koopman_analysis.moments import FactorMoments
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
from koopman_analysis.pseudospectrum import matrix_pseudospectrum, residual_intervals, residual_pseudospectrum, window
from koopman_analysis.spectrum import rounded_eigenpairs

RANDOM = np.random.default_rng(0).standard_normal((2, 4, 4))
EXPONENTS = (-1000, -664, 664, 1016)
"""Of two: 10⁻³⁰¹, 10⁻²⁰⁰, 10²⁰⁰ and 7·10³⁰⁵."""
each_exponent = pytest.mark.parametrize("exponent", EXPONENTS)


def moved(values: np.ndarray, exponent: int) -> np.ndarray:
    return values * 2.0 ** (exponent // 2) * 2.0 ** (exponent - exponent // 2)


def in_jordan(size: int) -> np.ndarray:
    return 0.5 * np.eye(size) + np.eye(size, k=1)


MATRICES = (RANDOM[0], RANDOM[0] + 1j * RANDOM[1], in_jordan(3), np.diag([0.5, 0.2, 0.1]))


@pytest.mark.parametrize("A", MATRICES, ids=("random", "complex", "block", "diagonal"))
@each_exponent
def test_homogeneous_numbers_have_the_magnitude_of_the_matrix(A, exponent):
    far = moved(A, exponent)
    for number in (spectral_radius, henrici_departure, numerical_abscissa, numerical_radius):
        assert moved(number(far), -exponent) == number(A)
    for share in (eigenvector_conditioning, effective_rank, stable_rank):
        assert share(far) == share(A)
    near, range_of_far = numerical_range(A), numerical_range(far)
    np.testing.assert_allclose(moved(range_of_far.corners, -exponent), near.corners, rtol=1e-15)
    assert moved(range_of_far.gap, -exponent) == pytest.approx(near.gap, rel=1e-6)  # along a flat side it is rounding
    points = np.array([3.0, 0.1j])
    np.testing.assert_allclose(
        moved(range_of_far.beyond(moved(points, exponent)), -exponent), near.beyond(points), rtol=1e-15
    )
    eigenvalues, _, rounding = rounded_eigenpairs(far)
    assert np.abs(eigenvalues).max() == pytest.approx(spectral_radius(far))
    assert (rounding > 0).all()


@pytest.mark.parametrize("size", [4, 41])
@each_exponent
def test_a_pseudospectrum_has_the_magnitude_of_the_matrix_and_points_may_be_of_another(size, exponent):
    A = np.random.default_rng(size).standard_normal((size, size))
    points = np.array([[0.3, 1.0 + 1.0j, -3.0]])
    near = matrix_pseudospectrum(A, points).values
    far = matrix_pseudospectrum(moved(A, exponent), moved(points, exponent)).values
    np.testing.assert_allclose(moved(far, -exponent), near, rtol=1e-9)
    apart = matrix_pseudospectrum(A, np.array([[0.3, moved(np.ones(1), exponent)[0]]])).values[0]
    away = moved(np.ones(1), exponent)[0] if exponent > 0 else matrix_pseudospectrum(A, np.zeros((1, 1))).values[0, 0]
    np.testing.assert_allclose(apart, [near[0, 0], away], rtol=1e-9)


@each_exponent
def test_a_logarithm_differs_by_that_of_the_magnitude_and_powers_by_its_power(exponent):
    K = scipy.linalg.expm(RANDOM[0] / 3)
    far = moved(K, exponent)
    shift = exponent * math.log(2) * np.eye(4)
    np.testing.assert_allclose(generator(far, 0.5), (scipy.linalg.logm(K) + shift) / 0.5, atol=1e-12 * abs(exponent))
    root = fractional_power(far, 0.5)
    np.testing.assert_allclose(moved(root, -exponent // 2), fractional_power(K, 0.5), rtol=1e-9)
    np.testing.assert_allclose(
        moved(fractional_power(far, -0.25), exponent // 4), fractional_power(K, -0.25), rtol=1e-9
    )
    np.testing.assert_allclose(fractional_power(far, -1) @ far, np.eye(4), atol=1e-12)
    with pytest.raises(NoPrincipalLogarithm, match=r"away from \(−∞, 0\], got .*e[+-]\d+, .* by up to \de[+-]\d+"):
        generator(moved(-np.eye(2), exponent), 1.0)


def test_kreiss_constants_and_growth_of_enormous_and_of_tiny_matrices_are_right():
    for tiny in (moved(RANDOM[0], -664), moved(RANDOM[0], -1070)):
        assert kreiss_constant(tiny).high == 1
        assert transient_growth(tiny).norm.high == 1
    for size in (4, 50):
        enormous = moved(np.random.default_rng(1).standard_normal((size, size)), 1000)
        assert kreiss_constant(enormous).low == math.inf
        assert transient_growth(enormous).norm.low == pytest.approx(np.linalg.norm(enormous, 2))
    coupled = np.array([[0.5, 1e200], [0.0, 0.5]])
    growth = transient_growth(coupled, powers=1000)
    assert growth.attained
    assert growth.norm.low == pytest.approx(1e200)
    found = kreiss_constant(coupled)
    assert 1 <= found.low <= 1e200 < found.high


@pytest.mark.parametrize("scale", [1e-300, 1e-200, 1e200, 1e300])
def test_what_pairs_say_of_eigenvalues_is_in_no_units(scale):
    x, noise = np.random.default_rng(0).standard_normal((2, 200, 2))
    K = np.array([[0.9, 0.3], [0.0, 0.5]])

    def measured(unit: float) -> list:
        pairs = SnapshotPairs(before=unit * x, after=unit * (x @ K + 0.1 * noise))
        rng = np.random.default_rng
        points = [0.3, 0.9j]
        return [
            residual_pseudospectrum(FactorMoments.of(pairs, Coordinates()), np.array([points])).values[0],
            [each.high for each in residual_intervals(points, pairs, pairs, Coordinates(), resamples=20, rng=rng(0))],
            [normality(K * unit, pairs, resamples=20, rng=rng(0)).departure.high],
            [each.high for each in eigenvalue_residuals(K, pairs, resamples=20, rng=rng(0)).intervals],
        ]

    for far, near in zip(measured(scale), measured(1.0), strict=True):
        np.testing.assert_allclose(far, near, rtol=1e-9)


@each_exponent
def test_a_matrix_is_stable_or_not_at_any_magnitude_and_its_control_grows(exponent):
    claim = stable(moved(RANDOM[0], exponent))
    assert claim.verdict is (Verdict.SUPPORTED if exponent < 0 else Verdict.REFUTED)
    assert claim.controls[0].behaves
    assert stable(np.diag([0.5, 0.2]) * 1e-310).controls[0].behaves


def test_a_window_goes_to_the_end_of_the_range_of_numbers():
    points = window(np.array([1.4e308]))
    assert points.real.max() == -points.real.min() == pytest.approx(1.75e308)


def test_the_residual_of_a_point_far_away_is_its_distance():
    x = np.random.default_rng(0).standard_normal((100, 2))
    pairs = SnapshotPairs(before=x, after=0.5 * x)
    rng, psi = np.random.default_rng(0), Coordinates()
    far, near = residual_intervals([1e200, 1.5], pairs, pairs, psi, resamples=20, rng=rng)
    assert far.low == pytest.approx(1e200, rel=1e-9)
    assert near.high == pytest.approx(1.0)


def test_what_lies_beyond_the_range_of_numbers_is_refused():
    largest = np.full((9, 9), 1.7e308)
    for number in (spectral_radius, numerical_abscissa, numerical_radius, numerical_range, kreiss_constant):
        with pytest.raises(
            ValueError, match=r"a result within the range of numbers, got .* · 2\^1024: choose a larger"
        ):
            number(largest)
    with pytest.raises(ValueError, match="a result within the range of numbers"):
        matrix_pseudospectrum(np.full((1, 1), 1.7e308), np.array([[-1.7e308]]))
    with pytest.raises(ValueError, match="a window within the range of numbers, got eigenvalues next to its end"):
        window(np.array([1.7e308]))
    with pytest.raises(ValueError, match="rates within the range of numbers, got one beyond it at lag 1e-310"):
        generator(np.diag([0.5, 0.2]), 1e-310)
    for smallest, s in ((2.0**-1023, -2), (2.0**-1023, -1.5), (2.0, 1e4 + 0.5)):
        with pytest.raises(ValueError, match="a power within the range of numbers, got one beyond it at exponent"):
            fractional_power(np.diag([smallest, 2 * smallest]), s)


def test_a_matrix_apart_from_its_magnitude_is_it_to_the_last_bit():
    for A in (RANDOM[0], RANDOM[0] + 1j * RANDOM[1], RANDOM[0].astype(np.float32), np.zeros((2, 2)), np.zeros(0)):
        unit, exponent = unit_and_exponent(A)
        np.testing.assert_array_equal(unit * 2.0**exponent, A)
        largest = max(np.abs(unit.real).max(initial=0), np.abs(unit.imag).max(initial=0))
        assert 0.5 <= largest < 1 if A.any() else (largest, exponent) == (0, 0)
    unit, exponent = unit_and_exponent(np.array([5e-324, -1e-323]))
    np.testing.assert_array_equal(unit, [0.25, -0.5])
    assert exponent == -1072
    assert enlarged(0.75, -3) == 0.09375
    np.testing.assert_array_equal(enlarged_array(np.array([0.5 + 1j]), 2), [2 + 4j])
    with pytest.raises(ValueError, match=r"got 0.75 · 2\^1025"):
        enlarged(0.75, 1025)
    with pytest.raises(ValueError, match=r"got 0.75 · 2\^1025"):
        enlarged_array(np.array([0.5, -0.75]), 1025)
