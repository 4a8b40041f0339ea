"""Pseudospectra of matrices and of operators seen through a dictionary."""

import numpy as np
import pytest

from koopman_analysis import EDMD, Coordinates, Monomials, SnapshotPairs
from koopman_analysis.dictionaries import Chebyshev
from koopman_analysis.moments import FactorMoments
from koopman_analysis.pseudospectrum import (
    Pencil,
    matrix_pseudospectrum,
    residual_intervals,
    residual_pseudospectrum,
    window,
)
from koopman_analysis.pseudospectrum.maps import _over
from koopman_analysis.regression import ConstantData
from koopman_analysis.shapes import require_whole
from koopman_analysis.systems import LogisticMap, Rotation, TorusModes


def rng(seed=0):
    return np.random.default_rng(seed)


def grid(*, half=1.5, resolution=9):
    side = np.linspace(-half, half, resolution)
    return side[None, :] + 1j * side[:, None]


def by_svd(A, z):
    return np.linalg.svd(A - z * np.eye(len(A)), compute_uv=False)[-1]


def by_generalised_svd(moments, z):
    """Equation (2) with another factorisation: the inputs' triangle inverted, its zero rows put back."""
    R_x, R_y = moments.inputs, moments.outputs
    R_x = np.concatenate([R_x, np.zeros((len(R_y) - len(R_x), R_x.shape[1]))])
    _, T = np.linalg.qr(R_x)
    return np.linalg.svd((R_y - z * R_x) @ np.linalg.inv(T), compute_uv=False)[-1]


def unclosed(n=400):
    """Pairs of a logistic map in polynomials: not closed."""
    pairs = LogisticMap().pairs(n, rng=rng(1))
    return pairs, FactorMoments.of(pairs, Chebyshev(4, dimension=1))


@pytest.mark.parametrize("size", [1, 2, 7, 55])
@pytest.mark.parametrize("kind", [np.float64, np.complex128])
def test_of_a_matrix_it_is_the_least_singular_value_of_the_shifted_matrix(size, kind):
    A = rng(size).standard_normal((size, size)).astype(kind)
    if kind is np.complex128:
        A += 1j * rng(size + 1).standard_normal((size, size))
    points = grid() * np.sqrt(size)
    found = matrix_pseudospectrum(A, points)
    expected = np.array([by_svd(A, z) for z in points.ravel()]).reshape(points.shape)
    np.testing.assert_allclose(found.values, expected, rtol=1e-7, atol=1e-12 * size)
    np.testing.assert_array_equal(found.points, points)


def test_of_an_operator_it_is_the_least_residual_of_any_function():
    _, moments = unclosed()
    found = residual_pseudospectrum(moments, grid())
    expected = [by_generalised_svd(moments, z) for z in grid().ravel()]
    np.testing.assert_allclose(found.values.ravel(), expected, rtol=1e-9)


def test_many_functions_are_iterated_and_few_decomposed_with_one_result(monkeypatch):
    pairs = LogisticMap().pairs(900, rng=rng(2))
    moments = FactorMoments.of(pairs, Chebyshev(8, dimension=1))
    points = grid(resolution=12)
    few = residual_pseudospectrum(moments, points)
    monkeypatch.setattr("koopman_analysis.pseudospectrum.pencil.FEW", 0)
    many = residual_pseudospectrum(moments, points)
    np.testing.assert_allclose(many.values, few.values, rtol=1e-8, atol=1e-13)


@pytest.mark.parametrize("few", [0, 40])
def test_the_minimiser_has_the_least_residual(monkeypatch, few):
    monkeypatch.setattr("koopman_analysis.pseudospectrum.pencil.FEW", few)
    pairs, moments = unclosed()
    pencil, points = Pencil.of_moments(moments), np.array([0.3 + 0.4j, -0.9, 1.1j])
    before, after = (Chebyshev(4, dimension=1)(x) for x in (pairs.before, pairs.after))
    v = pencil.minimisers(points)
    residuals = np.linalg.norm(after @ v - before @ v * points, axis=0) / np.linalg.norm(before @ v, axis=0)
    np.testing.assert_allclose(residuals, pencil.residuals(points), rtol=1e-8)


def test_at_an_eigenvalue_of_a_closed_dictionary_the_residual_is_rounding_and_away_from_all_it_is_the_distance():
    system = Rotation(angles=(0.7,))
    moments = FactorMoments.of(system.pairs(500, rng=rng()), TorusModes(3))
    eigenvalues = np.exp(0.7j * np.arange(-3, 4))
    pencil = Pencil.of_moments(moments)
    assert pencil.residuals(eigenvalues).max() < 1e-13
    points = grid().ravel()
    distances = np.abs(points[:, None] - eigenvalues).min(axis=1)
    # Unitary up to the sampling of the circle: the resolvent is nearly that of a normal operator.
    np.testing.assert_allclose(pencil.residuals(points), distances, rtol=0.2)


def test_a_spurious_eigenvalue_of_the_matrix_is_none_of_the_operator():
    pairs, moments = unclosed(4000)
    K = EDMD(Chebyshev(4, dimension=1)).fit(pairs).matrix_
    spurious = np.linalg.eigvals(K)
    spurious = spurious[np.abs(spurious - 1.0) > 0.1]
    assert len(spurious), "the premise: there are others than 1"
    assert matrix_pseudospectrum(K, spurious[None, :]).values.max() < 1e-10
    assert Pencil.of_moments(moments).residuals(spurious).min() > 0.05


@pytest.mark.parametrize("few", [0, 40])
def test_a_singular_shift_is_zero_with_a_vector(monkeypatch, few):
    monkeypatch.setattr("koopman_analysis.pseudospectrum.pencil.FEW", few)
    A = np.diag([0.5, 0.25, 0.5, 1.0]) + np.diag([1.0, 1.0, 1.0], 1)
    pencil = Pencil.of_matrix(A)
    points = np.array([0.25, 0.5, 1.0]) + 0j
    assert pencil.residuals(points).max() < 1e-15
    v = pencil.minimisers(points)
    np.testing.assert_allclose(A @ v, v * points, atol=1e-14)
    np.testing.assert_allclose(np.linalg.norm(v, axis=0), 1.0)


def test_conjugate_points_have_one_value_where_functions_are_real():
    points = grid()
    values = matrix_pseudospectrum(rng(3).standard_normal((5, 5)), points).values
    np.testing.assert_array_equal(values, values[::-1])


def test_intervals_bracket_the_least_residual_of_the_population():
    system, points = LogisticMap(), np.array([0.5 + 0.2j, -0.3 + 0j])
    psi = Chebyshev(3, dimension=1)
    truth = Pencil.of_moments(FactorMoments.of(system.pairs(200_000, rng=rng(5)), psi)).residuals(points)
    fit, heldout = (system.pairs(1500, rng=rng(seed)) for seed in (6, 7))
    intervals = residual_intervals(points, fit, heldout, psi, resamples=199, rng=rng(8))
    in_sample = Pencil.of_moments(FactorMoments.of(fit, psi)).residuals(points)
    for true, interval, below in zip(truth, intervals, in_sample, strict=True):
        assert interval.low <= 1.02 * true <= 1.02 * interval.high
        assert below < 1.05 * true
        assert interval.n == 1500


def test_in_sample_the_residual_vanishes_with_as_many_functions_as_pairs_so_that_few_pairs_are_refused():
    pairs = SnapshotPairs(before=rng().standard_normal((20, 2)), after=rng(1).standard_normal((20, 2)))
    psi = Monomials(5)
    assert psi(pairs.before).shape[1] > pairs.n
    with pytest.raises(ValueError, match=r"expected at least ten pairs for each of 21 functions, got 20"):
        residual_pseudospectrum(FactorMoments.of(pairs, psi), grid())
    with pytest.raises(ValueError, match="at least ten pairs for each of 21 functions"):
        residual_intervals(np.array([0.5]), pairs, pairs, psi, rng=rng())


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match=r"expected a square matrix, got shape \(2, 3\)"):
        matrix_pseudospectrum(np.ones((2, 3)), grid())
    with pytest.raises(ValueError, match="expected finite entries, got 1 that are not"):
        matrix_pseudospectrum(np.array([[np.nan]]), grid())
    with pytest.raises(ValueError, match=r"expected a grid of points, got shape \(9,\): window gives one"):
        _over(Pencil.of_matrix(np.eye(2)), np.ones(9))
    with pytest.raises(ValueError, match="expected finite points, got NaN or infinity"):
        matrix_pseudospectrum(np.eye(2), np.array([[np.inf]]))
    with pytest.raises(ValueError, match="expected finite points, got NaN or infinity"):
        window(np.array([np.nan]))
    with pytest.raises(ValueError, match=r"expected a few points in a row, got shape \(0,\): ravel a grid"):
        residual_intervals(np.zeros(0), *[LogisticMap().pairs(50, rng=rng())] * 2, Chebyshev(2, dimension=1), rng=rng())
    pairs = SnapshotPairs(before=np.ones((40, 1)), after=rng().standard_normal((40, 1)))
    with pytest.raises(ConstantData, match="expected input features that vary"):
        residual_pseudospectrum(FactorMoments.of(pairs, Coordinates()), grid())
    two = FactorMoments.of(pairs, Coordinates(), Monomials(2))
    with pytest.raises(ValueError, match="expected one dictionary at both ends, got 1 functions before and 3 after"):
        residual_pseudospectrum(two, grid())


def test_a_window_holds_the_unit_disc_and_the_eigenvalues_and_is_symmetric():
    points = window(np.array([2.0 + 1j, 0.1]), margin=0.5, resolution=11)
    assert points.shape == (11, 11)
    assert points.real.max() == points.imag.max() == pytest.approx(1.5 * abs(2 + 1j))
    np.testing.assert_array_equal(points.conj(), points[::-1])
    assert window(np.zeros(0, complex)).real.max() == pytest.approx(1.25)
    with pytest.raises(TypeError, match="a whole number of points along a side, got 2.5"):
        require_whole("points along a side", 2.5)
    with pytest.raises(ValueError, match="expected two points or more a side and a margin of at least 0, got 1, 0.25"):
        window(np.array([1.0]), resolution=1)


@pytest.mark.parametrize("size", [41, 60])
def test_where_many_singular_values_are_alike_none_but_the_least_is_found(size):
    """Of a normal matrix with eigenvalues all around the circle, asked along lines of points."""
    for A in (np.roll(np.eye(size), 1, axis=1), np.linalg.qr(rng(size).standard_normal((size, size)))[0]):
        points = window(np.ones(1), resolution=16)
        eigenvalues = np.linalg.eigvals(A)
        distances = np.abs(points[..., None] - eigenvalues).min(axis=-1)
        np.testing.assert_allclose(matrix_pseudospectrum(A, points).values, distances, rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("scale", [1e-200, 1.0, 1e200])
def test_where_solving_leaves_the_range_of_numbers_the_matrix_is_decomposed(scale):
    shift = np.eye(60, k=1)
    points = np.array([[0.0, 1e-9, 0.3, 2.0]])
    found = matrix_pseudospectrum(scale * shift, scale * points).values
    expected = [by_svd(shift, z) for z in points.ravel()]
    np.testing.assert_allclose(found[0] / scale, expected, rtol=1e-9, atol=1e-14)
    alike = matrix_pseudospectrum(scale * np.eye(41), scale * points).values
    np.testing.assert_allclose(alike[0] / scale, np.abs(1.0 - points[0]), rtol=1e-12)


def test_single_precision_is_decomposed_in_double():
    A = rng().standard_normal((41, 41)).astype(np.float32)
    points = grid(half=6.0, resolution=5)
    single, double = (matrix_pseudospectrum(matrix, points).values for matrix in (A, A.astype(np.float64)))
    np.testing.assert_allclose(single, double, rtol=1e-9)
