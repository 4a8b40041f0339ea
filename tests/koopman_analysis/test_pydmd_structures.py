"""Physics-informed DMD is held to a definition that knows nothing of it: a structure is a basis of matrices."""

import warnings

import numpy as np
import pytest

from koopman_analysis.estimators.pydmd import PyDMDRegression, StructuredDMD, structures
from koopman_analysis.snapshots import SnapshotPairs

D = 6
ONES = np.eye(D)
UNITS = [np.outer(ONES[i], ONES[j]) for i in range(D) for j in range(D)]


def units(condition) -> list[np.ndarray]:
    return [np.outer(ONES[i], ONES[j]) for i in range(D) for j in range(D) if condition(i, j)]


def shifts(size: int) -> list[np.ndarray]:
    return [np.roll(np.eye(size), k, axis=1) for k in range(size)]


def hermitian(basis: list[np.ndarray]) -> list[np.ndarray]:
    """What Hermitian combinations of a basis are real combinations of."""
    return [B + B.conj().T for B in basis] + [1j * (B - B.conj().T) for B in basis]


def turned(basis: list[np.ndarray]) -> list[np.ndarray]:
    return [1j * B for B in hermitian(basis)]


DIAGONALS = [np.eye(D, k=k) for k in range(-D + 1, D)]
BLOCKS = [np.kron(P, np.outer(a, b)) for P in shifts(3) for a in np.eye(2) for b in np.eye(2)]
# Each structure with a basis of its matrices, over the complex numbers, or over the real ones where it is Hermitian.
LINEAR = {
    "upper triangular": (structures.UPPER_TRIANGULAR, units(lambda i, j: i <= j), False),
    "lower triangular": (structures.LOWER_TRIANGULAR, units(lambda i, j: i >= j), False),
    "diagonal": (structures.DIAGONAL, units(lambda i, j: i == j), False),
    "banded": (structures.banded(below=1, above=2), units(lambda i, j: -1 <= j - i <= 2), False),
    "symmetric": (structures.SYMMETRIC, hermitian(UNITS), True),
    "skew-symmetric": (structures.SKEW_SYMMETRIC, turned(UNITS), True),
    "tridiagonal": (structures.TRIDIAGONAL_SYMMETRIC, hermitian(units(lambda i, j: abs(i - j) <= 1)), True),
    "Toeplitz": (structures.TOEPLITZ, DIAGONALS, False),
    "Hankel": (structures.HANKEL, [B[:, ::-1] for B in DIAGONALS], False),
    "circulant": (structures.CIRCULANT, shifts(D), False),
    "circulant symmetric": (structures.CIRCULANT_SYMMETRIC, hermitian(shifts(D)), True),
    "circulant skew-symmetric": (structures.CIRCULANT_SKEW_SYMMETRIC, turned(shifts(D)), True),
    "block circulant": (structures.block_circulant(size=2, blocks=3), BLOCKS, False),
    "doubly circulant": (
        structures.doubly_circulant(size=2, blocks=3),
        [np.kron(P, Q) for P in shifts(3) for Q in shifts(2)],
        False,
    ),
}
UNITARY = {"unitary": structures.UNITARY, "circulant unitary": structures.CIRCULANT_UNITARY}


def pairs_of(K: np.ndarray, *, complex_states: bool = False, residual: float = 0.0) -> SnapshotPairs:
    rng = np.random.default_rng(1)
    x = 2 + rng.standard_normal((200, D)) * [5.0, 3.0, 2.0, 1.0, 1.0, 0.5]
    if complex_states:
        x = x + 1j * rng.standard_normal(x.shape)
    return SnapshotPairs(before=x, after=x @ K + 1.0 + residual * rng.standard_normal(x.shape))


def unstructured(*, complex_states: bool = False) -> np.ndarray:
    rng = np.random.default_rng(2)
    K = rng.standard_normal((D, D))
    return K + 1j * rng.standard_normal((D, D)) if complex_states else K


def constrained_least_squares(pairs: SnapshotPairs, basis: list[np.ndarray], *, real: bool) -> np.ndarray:
    """The minimiser over the span of a basis, by the normal equations of nobody's library but NumPy's."""
    x, y = (states - states.mean(axis=0) for states in (pairs.before, pairs.after))
    columns, target = np.stack([(x @ B).ravel() for B in basis], axis=1), y.ravel()
    if real:
        columns, target = np.concatenate([columns.real, columns.imag]), np.concatenate([target.real, target.imag])
    coefficients = np.linalg.lstsq(columns, target, rcond=1e-12)[0]
    return sum(c * B for c, B in zip(coefficients, basis, strict=True))


def fitted(structure: structures.Structure, pairs: SnapshotPairs) -> np.ndarray:
    return PyDMDRegression(StructuredDMD(structure=structure)).fit(pairs).matrix_


def tolerance(structure: structures.Structure) -> float:
    # Its equations are normal ones: half of the digits are lost, and the rounding of the processor decides about more.
    return 1e-4 if structure is structures.TRIDIAGONAL_SYMMETRIC else 1e-10


@pytest.mark.parametrize(("structure", "basis", "real"), LINEAR.values(), ids=LINEAR)
def test_a_structured_operator_is_the_best_of_its_structure(structure, basis, real):
    pairs = pairs_of(unstructured())
    expected = constrained_least_squares(pairs, basis, real=real)
    if real:
        assert np.abs(expected.imag).max() < 1e-12, "real states have real operators"
    found = fitted(structure, pairs)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, expected.real, atol=tolerance(structure))
    assert np.abs(expected.real - unstructured()).max() > 0.1, "the structure binds"


@pytest.mark.parametrize(("structure", "basis", "real"), LINEAR.values(), ids=LINEAR)
def test_a_map_of_the_structure_is_recovered_from_exact_pairs(structure, basis, real):
    rng = np.random.default_rng(3)
    K = sum(c * B for c, B in zip(rng.standard_normal(len(basis)), basis, strict=True)).real
    assert np.abs(K).max() > 0.1
    np.testing.assert_allclose(fitted(structure, pairs_of(K)), K, atol=tolerance(structure))


@pytest.mark.parametrize("structure", UNITARY.values(), ids=UNITARY)
def test_a_unitary_operator_is_orthogonal_for_real_states(structure):
    found = fitted(structure, pairs_of(unstructured()))
    np.testing.assert_allclose(found @ found.T, np.eye(D), atol=1e-12)
    if structure is structures.CIRCULANT_UNITARY:
        np.testing.assert_allclose(found, np.roll(found, (1, 1), axis=(0, 1)), atol=1e-12)


def test_the_unitary_operator_is_that_of_procrustes():
    for complex_states in (False, True):
        pairs = pairs_of(unstructured(complex_states=complex_states), complex_states=complex_states)
        x, y = (states - states.mean(axis=0) for states in (pairs.before, pairs.after))
        left, _, right = np.linalg.svd(x.conj().T @ y)
        np.testing.assert_allclose(fitted(structures.UNITARY, pairs), left @ right, atol=1e-12)


@pytest.mark.parametrize(
    ("structure", "basis", "real"),
    [case for case in LINEAR.values() if case[0].complex_states],
    ids=[name for name, case in LINEAR.items() if case[0].complex_states],
)
def test_complex_states_have_the_best_operator_where_they_are_taken(structure, basis, real):
    pairs = pairs_of(unstructured(complex_states=True), complex_states=True)
    expected = constrained_least_squares(pairs, basis, real=real)
    assert np.abs(expected.imag).max() > 0.1
    np.testing.assert_allclose(fitted(structure, pairs), expected, atol=1e-10)


@pytest.mark.parametrize(
    ("structure", "basis", "real"),
    [case for case in LINEAR.values() if not case[0].complex_states],
    ids=[name for name, case in LINEAR.items() if not case[0].complex_states],
)
def test_complex_states_are_refused_where_pydmd_does_not_minimise(structure, basis, real):
    from pydmd import PiDMD

    pairs = pairs_of(unstructured(complex_states=True), complex_states=True)
    with pytest.raises(ValueError, match="does not minimise for complex states"):
        fitted(structure, pairs)
    x, y = (states - states.mean(axis=0) for states in (pairs.before, pairs.after))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", np.exceptions.ComplexWarning)
        own = PiDMD(structure.manifold, compute_A=True, svd_rank=-1).fit(x.T, y.T).A.T
    best = constrained_least_squares(pairs, basis, real=real)
    assert np.linalg.norm(y - x @ own) > 1.0005 * np.linalg.norm(y - x @ best)


def test_what_leaves_a_structured_operator_undetermined_is_refused():
    x = np.random.default_rng(4).standard_normal((50, 1)) * np.ones(3)
    with pytest.raises(ValueError, match="span their 3 dimensions, got 1"):
        fitted(structures.CIRCULANT, SnapshotPairs(before=x, after=x))
    with pytest.raises(ValueError, match="at least 0, got -1 below"):
        structures.banded(below=-1, above=0)
