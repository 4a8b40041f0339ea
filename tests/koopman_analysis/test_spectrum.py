import numpy as np
import pytest

from koopman_analysis.dictionaries import Coordinates, Hermite, Monomials
from koopman_analysis.estimators import EDMD, IsometricEDMD
from koopman_analysis.moments import FactorMoments, GramMoments
from koopman_analysis.snapshots import SnapshotPairs
from koopman_analysis.spectrum import eigenpairs_of
from koopman_analysis.systems import SlowManifold, Unrelated

EXACT = [0.9**i * 0.5**j for i in range(6) for j in range(3) if i + 2 * j <= 5]
"""The eigenvalues of the slow manifold whose eigenfunctions are polynomials of degree 5 at most."""


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def noisy_rotation(n: int, *, seed: int, noise: float = 0.1) -> SnapshotPairs:
    draw = rng(seed)
    x = draw.standard_normal((n, 2))
    turn = 0.8 * np.array([[np.cos(0.7), np.sin(0.7)], [-np.sin(0.7), np.cos(0.7)]])
    return SnapshotPairs(before=x, after=x @ turn + noise * draw.standard_normal((n, 2)))


@pytest.mark.parametrize("n", [300, 20_000])
def test_the_true_eigenvalues_of_the_slow_manifold_come_before_the_spurious_ones(n):
    system = SlowManifold(slow=0.9, fast=0.5)
    assert len(EXACT) == 12
    found = EDMD(Monomials(5)).fit(system.pairs(n, rng=rng())).eigenpairs(heldout=system.pairs(n, rng=rng(1)))
    assert len(found) == 21
    np.testing.assert_allclose(np.sort(found.eigenvalues[:12].real), np.sort(EXACT), atol=1e-11)
    assert np.abs(found.eigenvalues[:12].imag).max() < 1e-11
    assert found.residuals[11] < 1e-12
    assert found.residuals[12] > 1e-3
    assert np.all(np.diff(found.residuals) >= 0)


def test_by_modulus_as_everyone_else_lists_them_spurious_eigenvalues_come_first():
    system = SlowManifold(slow=0.9, fast=0.5)
    found = EDMD(Monomials(5), moments=GramMoments).fit(system.pairs(2000, rng=rng())).eigenpairs()
    assert found.residuals is None
    assert found.floor is None
    assert "floors residuals at 2e-8" in found.remark
    assert np.all(np.diff(np.abs(found.eigenvalues)) <= 1e-12)
    away = np.abs(found.eigenvalues[:12, None] - np.array(EXACT)).min(axis=1)
    assert away.max() > 0.05


def test_the_residual_is_that_of_equation_1_and_its_square_would_drown_in_rounding():
    system = SlowManifold()
    heldout = system.pairs(500, rng=rng(1))
    found = EDMD(Monomials(3)).fit(system.pairs(500, rng=rng())).eigenpairs(heldout=heldout)
    before, after = (Monomials(3)(states) for states in (heldout.before, heldout.after))
    phi, image = before @ found.coefficients, after @ found.coefficients
    direct = np.linalg.norm(image - phi * found.eigenvalues, axis=0) / np.linalg.norm(phi, axis=0)
    np.testing.assert_allclose(found.residuals, direct, rtol=1e-6, atol=1e-13)
    G, A, L = before.T @ before, before.T @ after, after.T @ after
    exact = found.trusted(1e-9)
    squares = []
    for v, lam in zip(exact.coefficients.T, exact.eigenvalues, strict=True):
        expanded = L - lam * A.T - np.conj(lam) * A + abs(lam) ** 2 * G
        squares.append(abs((v.conj() @ expanded @ v) / (v.conj() @ G @ v)))
    assert len(exact) == 6
    assert exact.residuals.max() < 1e-13
    assert np.sqrt(max(squares)) > 1e3 * exact.residuals.max()


def test_the_floor_bounds_what_an_exact_pair_reaches():
    system = SlowManifold()
    found = (
        EDMD(system.dictionary).fit(system.pairs(2000, rng=rng())).eigenpairs(heldout=system.pairs(2000, rng=rng(1)))
    )
    assert np.all(found.residuals <= 100 * found.floor)
    assert np.all(found.floor < 1e-13)


def test_in_sample_residuals_vanish_at_as_many_functions_as_pairs_and_held_out_ones_do_not():
    psi = Monomials(3)
    unrelated = Unrelated().pairs(10, rng=rng())
    edmd = EDMD(psi).fit(unrelated)
    inside = edmd.eigenpairs()
    assert inside.residuals.max() < 1e-8
    assert not inside.held_out
    assert "in sample" in inside.remark
    outside = edmd.eigenpairs(heldout=Unrelated().pairs(500, rng=rng(1)))
    assert outside.held_out
    assert np.count_nonzero(outside.residuals < 0.1) <= 1  # the constant


def test_conjugates_stay_together_and_are_conjugate():
    found = EDMD(Monomials(4)).fit(noisy_rotation(400, seed=0)).eigenpairs(heldout=noisy_rotation(400, seed=1))
    complex_ones = np.flatnonzero(found.eigenvalues.imag != 0)
    assert len(complex_ones) >= 6
    first, second = complex_ones[::2], complex_ones[1::2]
    np.testing.assert_array_equal(second, first + 1)
    np.testing.assert_array_equal(found.eigenvalues[first], found.eigenvalues[second].conj())
    np.testing.assert_array_equal(found.residuals[first], found.residuals[second])
    np.testing.assert_allclose(found.coefficients[:, first], found.coefficients[:, second].conj(), atol=1e-12)


def test_conjugates_stay_together_where_one_pair_occurs_twice():
    turn = 0.8 * np.array([[np.cos(0.7), np.sin(0.7)], [-np.sin(0.7), np.cos(0.7)]])
    K = np.kron(np.eye(2), turn)

    def moments(images: np.ndarray) -> FactorMoments:
        factor = np.eye(13)
        factor[1:5, 5:9] = images
        return FactorMoments(count=13, sizes=(4, 4, 4), factor=factor)

    for disturbed in (0, 2):
        images = K + 0.3 * np.diag(np.eye(4)[disturbed])
        found = eigenpairs_of(K, moments(K), judge=moments(images), held_out=True, remark="")
        assert len(set(np.round(found.eigenvalues, 12))) == 2  # the premise
        np.testing.assert_array_equal(found.eigenvalues[::2], found.eigenvalues[1::2].conj())
        np.testing.assert_array_equal(found.residuals[::2], found.residuals[1::2])
        assert found.residuals[0] < found.residuals[2]


def test_the_coefficients_are_normalised_over_the_fitted_pairs():
    pairs = noisy_rotation(400, seed=0)
    weighted = SnapshotPairs(before=pairs.before, after=pairs.after, weights=rng(2).uniform(0.5, 2, 400))
    for data in (pairs, weighted):
        found = EDMD(Monomials(2)).fit(data).eigenpairs()
        weights = np.ones(400) if data.weights is None else data.weights
        mean_square = np.average(np.abs(Monomials(2)(data.before) @ found.coefficients) ** 2, axis=0, weights=weights)
        np.testing.assert_allclose(mean_square, 1.0, rtol=1e-10)


def test_rates_are_logarithms_per_lag():
    system = SlowManifold(slow=0.9, fast=0.5)
    found = EDMD(system.dictionary).fit(system.pairs(200, rng=rng())).eigenpairs()
    expected = np.log([0.9, 0.5, 0.81]) / 0.25
    np.testing.assert_allclose(np.sort(found.rates(0.25).real), np.sort(expected), rtol=1e-12)
    with pytest.raises(ValueError, match="a positive lag, got 0"):
        found.rates(0.0)


def test_a_rate_of_zero_or_of_a_negative_eigenvalue_is_refused():
    x = rng().standard_normal((100, 2))
    for multipliers in ([0.5, 0.0], [0.5, -0.3]):
        found = EDMD(Coordinates()).fit(SnapshotPairs(before=x, after=x * multipliers)).eigenpairs()
        with pytest.raises(ValueError, match="away from .* where the logarithm is undefined or has two values"):
            found.rates(1.0)
        kept = found.subset(np.abs(found.eigenvalues - 0.5) < 1e-9)
        np.testing.assert_allclose(kept.rates(1.0), np.log([0.5]), rtol=1e-9)


def test_the_trusted_are_those_below_a_tolerance():
    system = SlowManifold()
    edmd = EDMD(Monomials(5)).fit(system.pairs(500, rng=rng()))
    assert len(edmd.eigenpairs(heldout=system.pairs(500, rng=rng(1))).trusted(1e-9)) == 12
    without = EDMD(Monomials(5), moments=GramMoments).fit(system.pairs(500, rng=rng())).eigenpairs()
    with pytest.raises(ValueError, match="eigenpairs with residuals, got none"):
        without.trusted(1e-9)


def test_two_dictionaries_have_no_eigenvalues():
    edmd = EDMD(Monomials(2), outputs=Coordinates()).fit(noisy_rotation(100, seed=0))
    with pytest.raises(ValueError, match="one dictionary at both ends, got two"):
        edmd.eigenpairs()
    with pytest.raises(ValueError, match="one dictionary at both ends, got two"):
        edmd.eigenvalue_intervals(noisy_rotation(100, seed=0), rng=rng())


def test_functions_that_repeat_each_other_add_no_eigenvalue():
    system = SlowManifold()
    psi = system.dictionary
    repeated = EDMD(psi + psi).fit(system.pairs(300, rng=rng())).eigenpairs()
    assert len(repeated) == 3
    np.testing.assert_allclose(np.sort(repeated.eigenvalues.real), np.sort([0.9, 0.5, 0.81]), atol=1e-12)


@pytest.mark.slow
def test_the_bootstrap_covers_the_eigenvalues_and_narrows_with_the_data():
    truth = 0.8 * np.exp(0.7j)
    covered, widths = 0, {}
    for seed in range(25):
        pairs = noisy_rotation(200, seed=seed, noise=0.4)
        edmd = EDMD(Coordinates()).fit(pairs)
        found = edmd.eigenvalue_intervals(pairs, resamples=99, groups=60, rng=rng(seed))
        upper = int(np.argmax(edmd.eigenpairs().eigenvalues.imag))
        covered += truth.real in found.real[upper]
        widths[200] = found.modulus[upper].high - found.modulus[upper].low
    # 24 expected; fewer than 20 has probability below .001 at the nominal level.
    assert covered >= 20
    pairs = noisy_rotation(3200, seed=1, noise=0.4)
    modulus = EDMD(Coordinates()).fit(pairs).eigenvalue_intervals(pairs, rng=rng()).modulus[0]
    assert 0.8 in modulus
    assert 0.15 < (modulus.high - modulus.low) / widths[200] < 0.4  # a quarter


def test_whole_trajectories_are_resampled():
    draw = rng()
    states = [draw.standard_normal((5, 1)) for _ in range(30)]
    pairs = SnapshotPairs.from_trajectories([np.cumsum(s, axis=0) for s in states])
    intervals = EDMD(Coordinates()).fit(pairs).eigenvalue_intervals(pairs, rng=rng())
    assert intervals.real[0].n == 30
    assert "30 groups of units" in intervals.real[0].method
    one = SnapshotPairs(before=pairs.before, after=pairs.after, trajectory=np.zeros(pairs.n, dtype=int))
    with pytest.raises(ValueError, match="at least two independent units to resample, got 1"):
        EDMD(Coordinates()).fit(one).eigenvalue_intervals(one, rng=rng())


def test_the_isometric_operator_has_its_eigenvalues_on_the_circle_where_the_measure_is_kept():
    draw = rng()
    angle = draw.uniform(0, 2 * np.pi, 3000)
    circle, turned = (np.stack([np.cos(a), np.sin(a)], axis=1) for a in (angle, angle + 0.7))
    pairs = SnapshotPairs(before=circle, after=turned + 0.3 * draw.standard_normal((3000, 2)))
    least_squares, isometric = (kind(Coordinates()).fit(pairs).eigenpairs() for kind in (EDMD, IsometricEDMD))
    before, after = (np.linalg.norm(states) for states in (pairs.before, pairs.after))
    np.testing.assert_allclose(np.abs(isometric.eigenvalues), after / before, rtol=0.02)
    assert np.abs(least_squares.eigenvalues).max() < 1.02
    np.testing.assert_allclose(np.abs(np.angle(isometric.eigenvalues)), 0.7, atol=0.02)


def test_the_isometric_operator_preserves_norms_between_two_measures_and_predicts_no_better():
    pairs = noisy_rotation(600, seed=3, noise=0.5)
    psi, theta = Hermite(3), Hermite(2)
    isometric, free = IsometricEDMD(psi, theta).fit(pairs), EDMD(psi, theta).fit(pairs)
    g = rng(1).standard_normal((theta(pairs.after).shape[1], 4))
    lifted, images = psi(pairs.before), theta(pairs.after) @ g
    np.testing.assert_allclose(
        np.linalg.norm(lifted @ isometric.matrix_ @ g, axis=0), np.linalg.norm(images, axis=0), rtol=1e-10
    )
    errors = [np.linalg.norm(lifted @ edmd.matrix_ @ g - images) for edmd in (isometric, free)]
    assert errors[0] > errors[1]
    gram = IsometricEDMD(psi, theta, moments=GramMoments).fit(pairs)
    np.testing.assert_allclose(gram.matrix_, isometric.matrix_, atol=1e-8)
