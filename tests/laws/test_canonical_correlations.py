"""Canonical correlations of the features before and after, in sample: at most one, and no lower for more functions.

In coordinates white at each end the operator of least squares has them as its singular values. With nested spans

    σ_i(Ψ_in, Ψ_out) ≤ 1,      σ_i(Ψ_in + Θ, Ψ_out) ≥ σ_i(Ψ_in, Ψ_out) ≤ σ_i(Ψ_in, Ψ_out + Θ):                       (1)

the first is Cauchy–Schwarz, hence an assertion on this code and never a finding; the second is Courant–Fischer.

Sources: Björck & Golub 1973; Horn & Johnson 1991, ch. 3.
"""

import numpy as np
import rounding
from hypothesis import given
from strategies import any_dictionaries, generators, snapshot_pairs
from white import white

from koopman_analysis.moments import FactorMoments
from koopman_analysis.snapshots import SnapshotPairs

many_pairs = snapshot_pairs(smallest=40, width=2)


def canonical_correlations(pairs: SnapshotPairs, psi, theta) -> tuple[np.ndarray, float]:
    """σ of the module, decreasing, and what rounding may change of one."""
    moments = FactorMoments.of(pairs, psi, theta)
    sigma = np.linalg.svd(white(moments, moments.operator()), compute_uv=False)
    return sigma, rounding.of_both_ends(moments)


def refined(psi, rng: np.random.Generator):
    """The functions of a dictionary, and two more."""
    wave, phase = rng.standard_normal((2, 2)), rng.uniform(0, np.pi, 2)
    return lambda x: np.concatenate([psi(x), np.cos(x @ wave + phase)], axis=1)


@given(pairs=many_pairs, psi=any_dictionaries, theta=any_dictionaries)
def test_no_canonical_correlation_exceeds_one_in_sample(pairs, psi, theta):
    sigma, tolerance = canonical_correlations(pairs, psi, theta)
    assert sigma[0] <= 1 + tolerance
    assert sigma[0] > 0.1


@given(pairs=many_pairs, psi=any_dictionaries, theta=any_dictionaries, rng=generators())
def test_more_input_functions_never_lower_a_correlation_in_sample(pairs, psi, theta, rng):
    coarse, _ = canonical_correlations(pairs, psi, theta)
    fine, tolerance = canonical_correlations(pairs, refined(psi, rng), theta)
    assert np.all(fine[: len(coarse)] >= coarse - tolerance)
    assert fine.sum() > coarse.sum()


@given(pairs=many_pairs, psi=any_dictionaries, theta=any_dictionaries, rng=generators())
def test_more_output_functions_never_lower_a_leading_correlation_in_sample(pairs, psi, theta, rng):
    coarse, _ = canonical_correlations(pairs, psi, theta)
    fine, tolerance = canonical_correlations(pairs, psi, refined(theta, rng))
    assert np.all(fine[: len(coarse)] >= coarse - tolerance)
    assert fine.sum() > coarse.sum()


@given(pairs=many_pairs, psi=any_dictionaries, theta=any_dictionaries)
def test_correlations_in_sample_are_the_cosines_of_the_angles_between_the_spans(pairs, psi, theta):
    sigma, tolerance = canonical_correlations(pairs, psi, theta)
    root = np.ones((pairs.n, 1)) if pairs.weights is None else np.sqrt(pairs.weights)[:, None]
    left, right = (np.linalg.qr(root * part)[0] for part in (psi(pairs.before), theta(pairs.after)))
    cosines = np.linalg.svd(left.conj().T @ right, compute_uv=False)
    np.testing.assert_allclose(sigma[: len(cosines)], cosines, atol=tolerance)
    np.testing.assert_allclose(sigma[len(cosines) :], 0.0, atol=tolerance)
