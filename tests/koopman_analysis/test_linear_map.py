"""Linear maps: the exact operator of equation (2) against tensor powers, and the eigenvalues that are asked for."""

from functools import reduce

import numpy as np
import pytest
import scipy.linalg

from koopman_analysis.estimators.edmd import EDMD
from koopman_analysis.systems import LinearMap

A = np.array([[0.9, 0.3, 0.0], [-0.4, 0.5, 1.0], [0.2, 0.0, -0.7]])


def exponents(names: tuple[str, ...], dimension: int) -> np.ndarray:
    """The powers that each monomial's name states, shape (m, d)."""
    powers = np.zeros((len(names), dimension), dtype=int)
    for row, name in zip(powers, names, strict=True):
        for factor in name.split() if name != "1" else []:
            variable, _, power = factor.partition("^")
            row[int(variable[1:]) - 1] = int(power or 1)
    return powers


def of_tensor_powers(A: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    """K by another road: the entries of x ⊗ … ⊗ x are monomials, and (x ⊗ … ⊗ x)(A ⊗ … ⊗ A) those of x A."""
    d, powers = len(A), exponents(names, len(A))
    K = np.zeros((len(names), len(names)))
    for degree in range(powers.sum(axis=1).max() + 1):
        columns = np.flatnonzero(powers.sum(axis=1) == degree)
        entries = np.array([np.bincount(index, minlength=d) for index in np.ndindex(*(d,) * degree)])
        belongs = (entries[:, None] == powers[columns]).all(axis=2)
        tensor = reduce(np.kron, [A] * degree, np.eye(1))
        K[np.ix_(columns, columns)] = belongs.T @ tensor[:, belongs.argmax(axis=0)]
    return K


@pytest.mark.parametrize("degree", [1, 2, 3, 4])
def test_the_exact_operator_is_that_of_tensor_powers(degree):
    system = LinearMap(transition=A, degree=degree)
    expected = of_tensor_powers(A, system.dictionary.names)
    assert not np.allclose(expected, expected.T)
    np.testing.assert_allclose(system.matrix, expected, rtol=1e-13, atol=1e-14)


def test_the_matrix_is_the_one_that_a_hand_computes():
    # x1 becomes λ x1, and x2 becomes x1 + λ x2: so x2² becomes x1² + 2 λ x1 x2 + λ² x2².
    system = LinearMap.jordan_block(eigenvalue=0.5, size=2, degree=2)
    assert system.dictionary.names == ("1", "x1", "x2", "x1^2", "x1 x2", "x2^2")
    expected = scipy.linalg.block_diag(
        [[1.0]], [[0.5, 1.0], [0.0, 0.5]], [[0.25, 0.5, 1.0], [0.0, 0.25, 1.0], [0.0, 0.0, 0.25]]
    )
    np.testing.assert_allclose(system.matrix, expected, atol=1e-15)


@pytest.mark.parametrize(
    "system",
    [
        LinearMap(transition=A, degree=3),
        LinearMap.jordan_block(degree=3),
        LinearMap.non_normal(eigenvalues=(0.9, 0.5, 0.2), departure=3.0, degree=2),
        LinearMap(transition=[[0.0, 1.0], [0.0, 0.0]], covariance=[[1.0, 0.9], [0.9, 1.0]], degree=2),
    ],
    ids=["full", "defective", "non-normal", "nilpotent"],
)
def test_edmd_finds_the_exact_operator_itself(system):
    pairs = system.pairs(400, rng=np.random.default_rng(0))
    K = EDMD(system.dictionary).fit(pairs).matrix_
    np.testing.assert_allclose(K, system.matrix, atol=1e-11 * np.abs(system.matrix).max())


def test_the_eigenvalues_are_all_products_with_their_multiplicity():
    system = LinearMap(transition=np.diag([0.5, 0.2]), degree=2)
    np.testing.assert_allclose(np.sort(system.eigenvalues), np.sort([1, 0.5, 0.2, 0.25, 0.1, 0.04]), rtol=1e-14)
    found = np.linalg.eigvals(LinearMap(transition=A, degree=3).matrix)
    stated = LinearMap(transition=A, degree=3).eigenvalues
    assert np.iscomplexobj(stated)
    for power in range(1, 6):
        assert np.sum(found**power) == pytest.approx(np.sum(stated**power), abs=1e-12)


def test_rows_are_multiplied_from_the_right():
    states = np.array([[1.0, 0.0], [0.0, 1.0]])
    np.testing.assert_array_equal(LinearMap(transition=[[0.0, 2.0], [0.0, 0.0]]).flow(states), [[0, 2], [0, 0]])
    # An eighth of a turn to the left.
    turned = LinearMap.rotation_scaling(radius=2.0, angle=np.pi / 4).flow(states)
    np.testing.assert_allclose(turned, np.sqrt(2) * np.array([[1, 1], [-1, 1]]), rtol=1e-15)


def test_a_rotation_scaling_is_normal_with_the_eigenvalues_that_are_asked_for():
    A = LinearMap.rotation_scaling(radius=0.9, angle=0.4).transition
    np.testing.assert_allclose(A @ A.T, 0.81 * np.eye(2), atol=1e-15)
    np.testing.assert_allclose(np.sort_complex(np.linalg.eigvals(A)), 0.9 * np.exp([-0.4j, 0.4j]), rtol=1e-14)


def test_a_jordan_block_has_one_eigenvector():
    A = LinearMap.jordan_block(eigenvalue=0.3, size=4).transition
    np.testing.assert_array_equal(np.linalg.eigvals(A), np.full(4, 0.3))
    assert np.linalg.matrix_rank(A - 0.3 * np.eye(4)) == 3


@pytest.mark.parametrize("eigenvalues", [(0.9, 0.5), (0.9, -0.5, 0.1, 0.1)])
def test_a_non_normal_map_has_the_departure_that_is_asked_for(eigenvalues):
    A = LinearMap.non_normal(eigenvalues=eigenvalues, departure=7.0).transition
    np.testing.assert_allclose(np.sort(np.linalg.eigvals(A)), np.sort(eigenvalues), atol=1e-12)
    # Equation (4), from a Schur form that does not know how A was made.
    orthogonal = np.linalg.qr(np.random.default_rng(1).standard_normal(A.shape))[0]
    triangle = scipy.linalg.schur(orthogonal @ A @ orthogonal.T, output="complex")[0]
    assert np.linalg.norm(np.triu(triangle, 1)) == pytest.approx(7.0, rel=1e-12)
    assert np.linalg.norm(LinearMap.non_normal(departure=0.0).transition - np.diag([0.9, 0.5])) == 0


def test_states_have_the_covariance_that_is_asked_for():
    covariance = np.array([[2.0, -0.6], [-0.6, 0.5]])
    given = LinearMap(transition=np.eye(2), covariance=covariance).sampled(40_000, rng=np.random.default_rng(2))
    plain = LinearMap(transition=np.eye(2)).sampled(40_000, rng=np.random.default_rng(2))
    # The relative standard error of a variance is √(2/n) = 0.7 %; six of them.
    np.testing.assert_allclose(np.cov(given.T), covariance, atol=0.042 * 2.0)
    np.testing.assert_allclose(np.cov(plain.T), np.eye(2), atol=0.042)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LinearMap(transition=np.ones((2, 3))), "real, square matrix"),
        (lambda: LinearMap(transition=np.empty((0, 0))), "real, square matrix"),
        (lambda: LinearMap(transition=np.ones(4)), "real, square matrix"),
        (lambda: LinearMap(transition=1j * np.eye(2)), "real, square matrix"),
        (lambda: LinearMap(transition=[[np.nan]]), "finite, real"),
        (lambda: LinearMap(transition=np.eye(2), covariance=np.eye(3)), r"symmetric covariance of shape \(2, 2\)"),
        (lambda: LinearMap(transition=np.eye(2), covariance=[[1.0, 2.0], [0.0, 1.0]]), "symmetric covariance"),
        (lambda: LinearMap(transition=np.eye(2), covariance=np.diag([1.0, 0.0])), "positive definite covariance"),
        (lambda: LinearMap(transition=np.eye(2), covariance=-np.eye(2)), "positive definite covariance"),
        (lambda: LinearMap(transition=np.eye(2), degree=0), "degree of at least 1"),
        (lambda: LinearMap.rotation_scaling(radius=0.0), "positive radius"),
        (lambda: LinearMap.jordan_block(size=1), "size at least 2"),
        (lambda: LinearMap.non_normal(eigenvalues=[0.5]), "at least two eigenvalues"),
        (lambda: LinearMap.non_normal(departure=-1.0), "departure from normality of at least 0"),
    ],
)
def test_a_linear_map_that_does_not_exist_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
