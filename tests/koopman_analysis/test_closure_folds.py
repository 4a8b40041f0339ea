"""What the folds of a closure report find in canonical coordinates is what its definition says, pair by pair."""

import numpy as np
import pytest

from koopman_analysis.closure.folds import canonical, judged_folds
from koopman_analysis.closure.sample import GROUPS, ROWS, lifted_sample
from koopman_analysis.dictionaries import ComplexFourier, Coordinates, Monomials
from koopman_analysis.moments.rows import columns_of
from koopman_analysis.resampling import random_groups
from koopman_analysis.snapshots import SnapshotPairs


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def curved(n: int = 2500, *, weighted: bool = True) -> SnapshotPairs:
    x, noise = rng(1).standard_normal((2, n, 2))
    after = np.sin(x @ [[1.0, 0.3], [-0.2, 0.8]]) + 0.2 * noise + 3.0
    return SnapshotPairs(before=x, after=after, weights=rng(2).uniform(0.1, 2, n) if weighted else None)


def real(features: np.ndarray) -> np.ndarray:
    return np.hstack([features.real, features.imag]) if np.iscomplexobj(features) else features


CASES = {
    "as many": (Monomials(3), Monomials(3)),
    "fewer inputs": (Coordinates(), Monomials(3)),
    "fewer outputs": (Monomials(3), Coordinates()),
    "complex": (ComplexFourier(4, 2.0, rng=rng(3)), ComplexFourier(3, 2.0, rng=rng(4))),
}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_residuals_are_those_of_least_squares_on_the_other_half(name, weighted):
    pairs, (psi, theta) = curved(weighted=weighted), CASES[name]
    assert pairs.n > 2 * ROWS  # more than one chunk a half
    folds = judged_folds(lifted_sample(pairs, psi, theta, rng(5)))
    root = np.ones(pairs.n) if pairs.weights is None else np.sqrt(pairs.weights / pairs.weights.mean())
    X, Y = real(psi(pairs.before)), real(theta(pairs.after))
    W = folds.basis_out.matrix
    half = random_groups(pairs.unit, GROUPS, rng=rng(5)) % 2
    for side in (0, 1):
        fit, judge = half != side, half == side
        mean = [np.average(values[fit], axis=0, weights=root[fit] ** 2) for values in (X, Y, pairs.after)]
        P, Q, S = ((values - m) * root[:, None] for values, m in zip((X, Y, pairs.after), mean, strict=True))
        K, B = (np.linalg.lstsq(A[fit], b[fit], rcond=None)[0] for A, b in ((P, Q), (Q, S)))
        residual, unread = (Q - P @ K) @ W, S - P @ K @ B
        chunks, judgement = folds.sample.halves[side], folds.judgements[side]
        position = np.concatenate([chunk.position for chunk in chunks])
        np.testing.assert_array_equal(np.sort(position), np.flatnonzero(judge))
        # Both ways lose digits to the condition of [1 Ψ], a few hundred here.
        rounding = 1e-12 * folds.basis_in.condition
        assert rounding < 1e-8
        np.testing.assert_allclose(np.concatenate(judgement.residuals, axis=1).T, residual[position], atol=rounding)
        seen = [
            canonical(chunk, folds.fits[side], folds.basis_in, folds.basis_out, columns_of(folds.sample.sizes)[2])
            for chunk in chunks
        ]
        np.testing.assert_allclose(
            np.concatenate([one.unread for one in seen], axis=1).T, unread[position], atol=rounding
        )
        assert judgement.state_error.sum() == pytest.approx(np.square(unread[judge]).sum(), rel=1e-9)
        assert judgement.weight.sum() == pytest.approx(np.square(root[judge]).sum(), rel=1e-12)


def test_canonical_variables_are_uncorrelated_on_the_half_that_fits():
    pairs = curved()
    sample = lifted_sample(pairs, Monomials(2), Monomials(2), rng(5))
    folds = judged_folds(sample)
    for side in (0, 1):
        seen = [
            canonical(chunk, folds.fits[side], folds.basis_in, folds.basis_out, columns_of(sample.sizes)[2])
            for chunk in sample.halves[1 - side]
        ]
        alpha, beta = (np.concatenate([getattr(one, name) for one in seen], axis=1) for name in ("alpha", "beta"))
        np.testing.assert_allclose(alpha @ alpha.T, np.eye(5), atol=1e-11)
        np.testing.assert_allclose(beta @ beta.T, np.eye(5), atol=1e-11)
        np.testing.assert_allclose(alpha @ beta.T, np.diag(folds.fits[side].correlations), atol=1e-11)
        assert (np.diff(folds.fits[side].correlations) <= 0).all()


def test_a_direction_that_one_half_has_never_seen_is_not_predicted_by_it():
    pairs = curved(400, weighted=False)
    half = random_groups(pairs.unit, GROUPS, rng=rng(5)) % 2
    marked = np.zeros((400, 1))
    marked[np.flatnonzero(half == 0)[:5]] = 1.0
    outputs = SnapshotPairs(before=pairs.before, after=np.hstack([pairs.after, marked]))
    folds = judged_folds(lifted_sample(outputs, Coordinates(), Coordinates(), rng(5)))
    assert folds.basis_out.dimension == 3
    # Half 0 is judged by what half 1 fits, where the mark never varies.
    back, onto = folds.fits[0].back, folds.fits[0].onto_out
    np.testing.assert_allclose(folds.basis_out.matrix @ folds.basis_out.back, np.eye(3), atol=1e-10)
    np.testing.assert_allclose(onto @ back @ folds.basis_out.back, np.eye(3), atol=1e-10)
    residual = np.concatenate(folds.judgements[0].residuals, axis=1)
    marks = residual.T @ folds.basis_out.back[:, 2]
    position = np.concatenate([chunk.position for chunk in folds.sample.halves[0]])
    np.testing.assert_allclose(marks, marked[position, 0], atol=1e-10)
