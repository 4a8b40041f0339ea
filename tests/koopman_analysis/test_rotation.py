"""Rotations of circles and tori, and with them every estimator on a complex dictionary."""

import warnings

import numpy as np
import pytest
import torch

from koopman_analysis.closure import Closedness, closure_report
from koopman_analysis.dictionaries import Coordinates, Monomials
from koopman_analysis.estimators.edmd import EDMD
from koopman_analysis.moments import FactorMoments, GramMoments
from koopman_analysis.snapshots import SnapshotPairs
from koopman_analysis.systems import Rotation, TorusModes

TORUS = Rotation(angles=(1.0, 2.5), degree=2)


def points(angles: np.ndarray) -> np.ndarray:
    """Equation (1), feature by feature."""
    columns = [f(angles[:, j]) for j in range(angles.shape[1]) for f in (np.cos, np.sin)]
    return np.stack(columns, axis=1)


def angle_grid(circles: int, size: int = 12) -> np.ndarray:
    """Equispaced angles: their mean integrates e^{ik·θ} with |k_j| < size exactly against the uniform law."""
    line = 2 * np.pi * np.arange(size) / size
    return np.stack(np.meshgrid(*[line] * circles), axis=-1).reshape(-1, circles)


def test_the_flow_adds_the_angles():
    angles = np.random.default_rng(0).uniform(0, 2 * np.pi, (50, 2))
    np.testing.assert_allclose(TORUS.flow(points(angles)), points(angles + TORUS.angles), atol=1e-14)


def test_modes_are_the_exponentials_of_equation_2_in_the_angles():
    angles = np.random.default_rng(1).uniform(0, 2 * np.pi, (50, 2))
    psi = TorusModes(3, circles=2)
    assert psi.size == len(set(psi.frequencies)) == len(set(psi.names)) == 25
    assert max(sum(map(abs, k)) for k in psi.frequencies) == 3
    expected = np.exp(1j * angles @ np.array(psi.frequencies).T)
    np.testing.assert_allclose(psi(points(angles)), expected, atol=1e-14)
    # The angle of a point is all that is read.
    np.testing.assert_allclose(psi(3.7 * points(angles)), expected, atol=1e-14)
    assert TorusModes(2).names == ("1", "z1^-1", "z1", "z1^-2", "z1^2")
    assert "z1 z2^-1" in psi.names


def test_modes_are_orthonormal_in_the_uniform_law_and_closed_under_conjugation():
    psi = TORUS.dictionary
    features = psi(points(angle_grid(2)))
    np.testing.assert_allclose(features.conj().T @ features / len(features), np.eye(psi.size), atol=1e-13)
    opposite = [psi.frequencies.index(tuple(-j for j in k)) for k in psi.frequencies]
    np.testing.assert_allclose(features.conj(), features[:, opposite], atol=1e-13)
    assert psi.constants == (0,)
    np.testing.assert_array_equal(features[:, 0], 1)


def test_eigenvalues_lie_on_the_unit_circle_in_conjugate_pairs():
    eigenvalues, frequencies = TORUS.eigenvalues, TORUS.dictionary.frequencies
    np.testing.assert_allclose(np.abs(eigenvalues), 1, rtol=1e-15)
    for value, k in zip(eigenvalues, frequencies, strict=True):
        assert eigenvalues[frequencies.index(tuple(-j for j in k))] == value.conj()
        assert value == pytest.approx(np.exp(1j * (k[0] * 1.0 + k[1] * 2.5)), abs=1e-14)


def test_the_uniform_law_is_invariant():
    n = 20_000
    pairs = TORUS.pairs(n, rng=np.random.default_rng(2))
    for states in (pairs.before, pairs.after):
        np.testing.assert_allclose(np.square(states).reshape(n, 2, 2).sum(axis=2), 1, rtol=1e-14)
        # Every mode but the constant has mean 0 and variance 1.
        assert np.abs(TORUS.dictionary(states).mean(axis=0)[1:]).max() < 6 / np.sqrt(n)


def test_modes_keep_the_library_and_the_precision_of_the_states():
    states = points(angle_grid(2))
    psi = TORUS.dictionary
    tensors = psi(torch.from_numpy(states))
    assert tensors.dtype == torch.complex128
    np.testing.assert_allclose(tensors.numpy(), psi(states), atol=1e-14)
    assert psi(states.astype(np.float32)).dtype == np.complex64
    assert psi(torch.from_numpy(states).float()).dtype == torch.complex64


@pytest.mark.parametrize("library", ["numpy", "torch"])
@pytest.mark.parametrize("weighted", [False, True])
def test_edmd_finds_the_diagonal_operator_of_complex_modes(library, weighted):
    pairs = TORUS.pairs(500, rng=np.random.default_rng(3))
    weights = np.random.default_rng(4).uniform(0.5, 2, 500) if weighted else None
    arrays = {"before": pairs.before, "after": pairs.after, "weights": weights}
    if library == "torch":
        arrays = {name: None if array is None else torch.from_numpy(array) for name, array in arrays.items()}
    given, psi = SnapshotPairs(**arrays), TORUS.dictionary
    expected = np.diag(TORUS.eigenvalues)
    np.testing.assert_allclose(EDMD(psi).fit(given).matrix_, expected, atol=1e-12)
    stream = EDMD(psi)
    for start in range(0, 500, 130):
        stream.partial_fit(given.subset(np.arange(start, min(start + 130, 500))))
    np.testing.assert_allclose(stream.matrix_, expected, atol=1e-11)


def test_moments_of_complex_modes_are_those_of_the_conjugate_product():
    pairs = TORUS.pairs(60, rng=np.random.default_rng(5))
    before, after = (TORUS.dictionary(states) for states in (pairs.before, pairs.after))
    gram = GramMoments.of(pairs, TORUS.dictionary)
    np.testing.assert_allclose(gram.cross, before.conj().T @ after, atol=1e-12)
    assert gram.weight == 60
    merged = FactorMoments.of(pairs.subset(np.arange(25)), TORUS.dictionary)
    merged += FactorMoments.of(pairs.subset(np.arange(25, 60)), TORUS.dictionary)
    np.testing.assert_allclose(merged.factor.conj().T @ merged.factor, gram.gram, atol=1e-11)


@pytest.mark.parametrize("options", [{"ridge": 1e-3}, {"rank": 6}, {"ridge": 1e-3, "rank": 6}])
def test_ridge_and_rank_of_complex_features_are_those_of_equation_4(options):
    pairs = TORUS.pairs(60, rng=np.random.default_rng(6)).shuffled(rng=np.random.default_rng(7))
    before, after = (TORUS.dictionary(states) for states in (pairs.before, pairs.after))
    left, values, right = np.linalg.svd(before, full_matrices=False)
    kept = options.get("rank", len(values))
    penalty = options.get("ridge", 0.0) * np.square(np.abs(before)).sum() / before.shape[1]
    gain = (values / (values**2 + penalty))[:kept]
    expected = right[:kept].conj().T * gain @ left[:, :kept].conj().T @ after
    for moments in (GramMoments.of(pairs, TORUS.dictionary), FactorMoments.of(pairs, TORUS.dictionary)):
        np.testing.assert_allclose(moments.operator(**options), expected, atol=1e-11)


def test_predictions_through_complex_modes_are_the_rotated_states():
    pairs = TORUS.pairs(300, rng=np.random.default_rng(8))
    for outputs in (TORUS.dictionary, Coordinates()):
        edmd = EDMD(TORUS.dictionary, outputs).fit(pairs)
        np.testing.assert_allclose(edmd.predict(pairs.before), pairs.after, atol=1e-12)


def test_closure_of_complex_modes_counts_their_real_and_imaginary_parts_once():
    report = closure_report(
        TORUS.pairs(1000, rng=np.random.default_rng(9)), inputs=TORUS.dictionary, rng=np.random.default_rng(0)
    )
    assert report.closedness is Closedness.EXACT
    # Thirteen modes: the constant, and six conjugate pairs of a cosine and a sine.
    assert report.dimension == report.input_dimension == 12
    assert report.dropped_share < 1e-20


def test_predictions_of_real_states_through_complex_modes_are_real():
    pairs = TORUS.pairs(300, rng=np.random.default_rng(10))
    predicted = EDMD(TORUS.dictionary).fit(pairs).predict(pairs.before)
    assert predicted.dtype == pairs.before.dtype


def test_predictions_from_real_functions_through_complex_ones_are_made_in_silence():
    pairs = TORUS.pairs(300, rng=np.random.default_rng(11))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        predicted = EDMD(Monomials(1), TORUS.dictionary).fit(pairs).predict(pairs.before)
    np.testing.assert_allclose(predicted, pairs.after, atol=1e-12)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Rotation(angles=()), "one finite angle for each circle"),
        (lambda: Rotation(angles=(np.nan,)), "one finite angle"),
        (lambda: Rotation(angles=np.ones((2, 2))), "one finite angle"),
        (lambda: Rotation(degree=0), "degree of at least 1"),
        (lambda: TorusModes(-1), "degree of at least 0"),
        (lambda: TorusModes(1, circles=0), "at least one circle"),
        (lambda: TorusModes(1)(np.ones((3, 4))), "states of 2 features"),
    ],
)
def test_a_rotation_that_does_not_exist_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
