import numpy as np
import pytest

from koopman_analysis.checks import DependentLatents, eigenvalue_residuals, eigenvalues_of_the_flow
from koopman_analysis.claims import Verdict
from koopman_analysis.dictionaries import Monomials
from koopman_analysis.estimators import EDMD
from koopman_analysis.snapshots import SnapshotPairs
from koopman_analysis.systems import LinearMap, SlowManifold


def rng(seed=0):
    return np.random.default_rng(seed)


def latents(system, count=500):
    """The features of a known system, as latents of a model with one encoder."""
    pairs = system.pairs(count, rng=rng())
    return SnapshotPairs(before=system.dictionary(pairs.before), after=system.dictionary(pairs.after))


def test_the_eigenvalues_of_a_closed_dictionary_are_those_of_the_flow():
    system = LinearMap.rotation_scaling(degree=2)
    pairs = latents(system)
    measured = eigenvalue_residuals(system.matrix, pairs, rng=rng())
    shuffled = eigenvalue_residuals(system.matrix, pairs.shuffled(rng=rng()), rng=rng())
    claim = eigenvalues_of_the_flow(measured, shuffled=shuffled)
    assert claim.verdict is Verdict.SUPPORTED
    assert claim.interval.high < 1e-12
    assert claim.controls[0].verdict is Verdict.REFUTED
    assert np.sort(measured.eigenpairs.eigenvalues) == pytest.approx(np.sort(system.eigenvalues + 0j), abs=1e-12)


def test_one_wrong_eigenvalue_is_enough_and_is_told():
    system = LinearMap(transition=np.diag([0.9, 0.5, 0.2]))
    K = system.matrix.copy()
    K[2, 2] += 0.3
    claim = eigenvalues_of_the_flow(eigenvalue_residuals(K, latents(system), rng=rng()))
    assert claim.verdict is Verdict.REFUTED
    assert claim.interval.estimate == pytest.approx(0.3, rel=1e-9)
    assert "3 of 4 eigenpairs are within it" in claim.because


def test_spurious_eigenvalues_come_after_true_ones_with_the_intervals_of_their_residuals():
    """Monomials of degree 5 are not closed under the slow manifold: 12 of 21 eigenvalues are true."""
    manifold = SlowManifold(slow=0.9, fast=0.5)
    lift = Monomials(degree=5)
    fit, heldout = (manifold.pairs(2000, rng=rng(seed)) for seed in (0, 1))
    pairs = SnapshotPairs(before=lift(heldout.before), after=lift(heldout.after))
    measured = eigenvalue_residuals(EDMD(lift).fit(fit).matrix_, pairs, rng=rng())
    assert max(interval.high for interval in measured.intervals[:12]) < 1e-9
    assert min(interval.estimate for interval in measured.intervals[12:]) > 1e-3
    assert "12 of 21 eigenpairs are within it" in eigenvalues_of_the_flow(measured, bound=1e-9).because


def test_a_matrix_between_two_spaces_has_no_eigenvalues():
    with pytest.raises(ValueError, match=r"expected a square matrix, got shape \(3, 2\)"):
        eigenvalue_residuals(np.ones((3, 2)), latents(LinearMap.jordan_block()), rng=rng())


def test_latents_that_do_not_span_their_dimensions_say_nothing_of_the_eigenvalues():
    """Compressed to the line of the latents, K = [.3 5; 5 .3] has the eigenvalue .3; its own are 5.3 and −4.7."""
    K = np.array([[0.3, 5.0], [5.0, 0.3]])
    line = rng().standard_normal((1000, 1)) * np.array([1.0, 0.0])
    with pytest.raises(DependentLatents, match="span their 2 dimensions, got 1000 pairs that span 1: of the other"):
        eigenvalue_residuals(K, SnapshotPairs(before=line, after=0.3 * line), rng=rng())


def test_fewer_pairs_than_dimensions_say_nothing_of_the_eigenvalues():
    K = np.linalg.qr(rng(1).standard_normal((16, 16)))[0]
    before = rng(2).standard_normal((10, 16))
    with pytest.raises(DependentLatents, match="span their 16 dimensions, got 10 pairs that span 10"):
        eigenvalue_residuals(K, SnapshotPairs(before=before, after=before @ K), rng=rng())
