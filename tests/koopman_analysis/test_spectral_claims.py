"""Claims about the spectrum of one dictionary's matrix: growth, normality, and how many eigenvalues are borne out."""

from dataclasses import replace

import numpy as np
import pytest

from koopman_analysis import SnapshotPairs, Verdict, checks
from koopman_analysis.checks import eigenvalue_residuals
from koopman_analysis.nonnormality import henrici_departure


def rng(seed=0):
    return np.random.default_rng(seed)


def carried(K, n=600, *, noise=0.0, covariance=None):
    """Latents of a linear flow with this matrix, before and after."""
    before = rng(1).standard_normal((n, len(K)))
    if covariance is not None:
        before = before @ np.linalg.cholesky(covariance).T
    return SnapshotPairs(before=before, after=before @ K + noise * rng(2).standard_normal((n, len(K))))


def jordan(size, value=0.5):
    return value * np.eye(size) + np.eye(size, k=1)


def turn(angle, modulus=1.0):
    return modulus * np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])


@pytest.mark.parametrize(("modulus", "verdict"), [(0.9, "SUPPORTED"), (1.0, "SUPPORTED"), (1.2, "REFUTED")])
def test_stable_is_a_spectral_radius_of_at_most_one(modulus, verdict):
    claim = checks.stable(turn(0.4, modulus))
    assert claim.verdict is Verdict[verdict]
    assert claim.interval.estimate == pytest.approx(modulus)
    (control,) = claim.controls
    assert (control.name, control.expected, control.behaves) == ("K scaled to grow", Verdict.REFUTED, True)


def test_near_a_defective_matrix_on_the_bound_rounding_decides_nothing():
    K = np.array([[1.01, 1.0, 0.0], [0.0, 1.01, 1.0], [0.0, 0.0, 1.01]])
    claim = checks.stable(K)
    assert claim.interval.low < 1.01 < claim.interval.high
    assert claim.verdict is Verdict.INCONCLUSIVE


def test_a_matrix_of_zeros_is_stable_and_cannot_be_scaled():
    claim = checks.stable(np.zeros((2, 2)))
    assert claim.verdict is Verdict.SUPPORTED
    assert not claim.controls


@pytest.mark.parametrize("covariance", [None, np.array([[4.0, 1.9], [1.9, 1.0]])])
def test_normal_is_a_matter_of_the_latents_measure(covariance):
    """A rotation is normal over round noise; over noise along a line it is not."""
    measured = checks.normality(
        turn(0.8), carried(turn(0.8), 6000, covariance=covariance), resamples=59, rng=rng()
    )  # fmt: skip
    claim = checks.nearly_normal(measured)
    assert claim.verdict is (Verdict.SUPPORTED if covariance is None else Verdict.REFUTED)
    assert [(control.name, control.behaves) for control in claim.controls] == [
        ("K with a shear", True), ("eigenvalues on the diagonal", True),
    ]  # fmt: skip


def test_the_departure_is_of_no_basis_of_the_latents():
    K, B = (
        np.array([[0.9, 0.6, 0.0], [0.0, 0.5, 0.3], [0.1, 0.0, 0.2]]),
        np.array([[3.0, 1, 0], [0, 0.01, 1], [0, 0, 7]]),
    )
    pairs = carried(K)
    other = SnapshotPairs(before=pairs.before @ B, after=pairs.after @ B)
    one, same = (
        checks.normality(matrix, latents, resamples=59, rng=rng()).departure
        for matrix, latents in ((K, pairs), (np.linalg.inv(B) @ K @ B, other))
    )
    assert (same.estimate, same.low, same.high) == pytest.approx((one.estimate, one.low, one.high), rel=1e-6)
    assert 0.1 < one.estimate < 0.9, "the premise: neither normal nor nilpotent"


@pytest.mark.parametrize(("m", "n"), [(10, 1000), (40, 4000)])
def test_a_normal_matrix_is_not_refuted_for_the_sampling_of_its_metric(m, n):
    K = np.linalg.qr(rng(5).standard_normal((m, m)))[0]
    departure = checks.normality(K, carried(K, n), resamples=59, rng=rng()).departure
    assert departure.low <= departure.estimate <= departure.high < 0.1
    assert departure.low == 0.0


def test_a_matrix_of_zeros_is_normal_and_its_shear_is_not():
    claim = checks.nearly_normal(checks.normality(np.zeros((3, 3)), carried(np.zeros((3, 3))), resamples=29, rng=rng()))
    assert claim.verdict is Verdict.SUPPORTED
    assert all(control.behaves for control in claim.controls)


def test_what_the_latents_do_not_show_of_k_grows_all_the_same():
    assert checks.stable(np.array([[0.5, 1.0], [0.0, 5.0]])).verdict is Verdict.REFUTED
    with pytest.raises(ValueError, match="expected a square matrix"):
        checks.stable(np.ones((2, 3)))


def test_one_latent_is_normal_and_its_control_is_not():
    measured = checks.normality(np.array([[0.5]]), carried(np.array([[0.5]])), resamples=29, rng=rng())
    assert measured.departure.high == 0.0
    assert measured.sheared.low > 0.5


@pytest.mark.parametrize("column", [np.zeros(600), None])
def test_latents_that_do_not_span_their_dimensions_are_refused(column):
    pairs = carried(np.eye(2))
    before = np.column_stack([pairs.before[:, 0], pairs.before[:, 0] if column is None else column])
    with pytest.raises(checks.DependentLatents, match="expected latents that span their 2 dimensions, got"):
        checks.normality(np.eye(2), replace(pairs, before=before), resamples=29, rng=rng())


def test_eigenvalues_are_trusted_by_their_share_on_held_out_pairs():
    K = np.zeros((4, 4))
    K[:2, :2], K[2:, 2:] = turn(0.5, 0.9), turn(1.5, 0.8)
    clean, pairs = carried(K, noise=1e-3), carried(K, noise=1e-3)
    after = clean.after.copy()
    after[:, 2:] = rng(3).standard_normal((clean.n, 2))  # half of it has nothing to do with K
    measured = eigenvalue_residuals(K, replace(clean, after=after), resamples=99, rng=rng())
    shuffled = eigenvalue_residuals(K, pairs.shuffled(rng=rng(4)), resamples=99, rng=rng())
    claim = checks.eigenvalues_trusted(measured, shuffled=shuffled)
    assert claim.interval.estimate == 0.5
    assert "2 of 4 eigenpairs have a residual of at most 0.05" in claim.because
    assert claim.controls[0].behaves
    whole = eigenvalue_residuals(K, pairs, resamples=99, rng=rng())
    assert checks.eigenvalues_trusted(whole).verdict is Verdict.SUPPORTED
    assert checks.eigenvalues_trusted(measured, bound=0.8).verdict is Verdict.REFUTED


def test_what_has_no_spectrum_says_so_in_all_three():
    claims = checks.spectral_not_applicable("two encoders", bounds=(1.01, 0.1, 0.5))
    assert [claim.id for claim in claims] == ["stable", "nearly_normal", "eigenvalues_trusted"]
    assert {claim.because for claim in claims} == {"not applicable: two encoders"}
    assert [claim.bound for claim in claims] == [1.01, 0.1, 0.5]


@pytest.mark.parametrize("K", [np.array([[0.5, 1.0], [0.0, 0.5]]), np.array([[0.0, 1.0], [0.0, 0.0]]), jordan(4)])
def test_a_defective_matrix_inside_the_circle_is_stable_in_any_coordinates(K):
    Q, units = np.linalg.qr(rng(3).standard_normal(K.shape))[0], 2.0 ** (30 * np.arange(len(K)))
    turned = Q @ K @ Q.T
    for matrix in (K, K.T, turned, units[:, None] * turned / units):
        claim = checks.stable(matrix)
        assert claim.verdict is Verdict.SUPPORTED
        assert claim.interval.high < 0.51


def test_what_is_claimed_of_the_moduli_is_their_bound():
    claim = checks.stable(1.009 * np.eye(2))
    assert claim.verdict is Verdict.SUPPORTED
    assert claim.hypothesis == "No eigenvalue of K has a modulus above 1.01."
    assert checks.stable(1.009 * np.eye(2), bound=1.0).verdict is Verdict.REFUTED
    assert "rounding leaves the modulus anywhere in [" in checks.stable(np.diag([1.0, 0.5]), bound=1.0).because
    for bound in (np.nan, 0.0, -1.0, np.inf):
        with pytest.raises(ValueError, match="expected a positive, finite bound of the moduli, got"):
            checks.stable(np.eye(2), bound=bound)


def test_the_departure_of_complex_latents_is_that_in_coordinates_that_are_white():
    """A rotation seen in complex coordinates that are not round, where ΨᵀΨ without conjugates is no second moment."""
    draw = rng(7)
    S = draw.standard_normal((2, 2)) + 0.6j * draw.standard_normal((2, 2))
    for seen, verdict in ((turn(0.7), Verdict.SUPPORTED), (np.array([[0.9, 0.5], [0.0, 0.7]]), Verdict.REFUTED)):
        before = draw.standard_normal((6000, 2)) @ S
        K = np.linalg.solve(S, seen @ S)
        T = np.linalg.qr(before / np.sqrt(6000))[1]
        white = T @ K @ np.linalg.inv(T)
        exact = henrici_departure(white) / np.linalg.norm(white)
        measured = checks.normality(K, SnapshotPairs(before=before, after=before @ K), resamples=59, rng=rng())
        assert measured.departure.low <= exact * (1 + 1e-9)
        assert exact <= measured.departure.high + 0.01
        assert checks.nearly_normal(measured).verdict is verdict


@pytest.mark.parametrize(("m", "n"), [(30, 100), (2, 20)])
def test_fewer_units_than_ten_for_each_dimension_decide_nothing_of_normality(m, n):
    K = np.linalg.qr(rng(5).standard_normal((m, m)))[0]
    for seed in range(4):
        pairs = SnapshotPairs(before=(before := rng(seed).standard_normal((n, m))), after=before @ K)
        claim = checks.nearly_normal(checks.normality(K, pairs, resamples=29, rng=rng()))
        assert claim.verdict is Verdict.INCONCLUSIVE
        assert f"{n} independent units leave the metric of {m} dimensions too uncertain: expected" in claim.because


def test_eigenvalues_are_claimed_by_the_share_that_is_asked_for():
    K = np.diag([0.9, 0.5])
    pairs = carried(np.diag([0.9, 0.2]))
    claim = checks.eigenvalues_trusted(eigenvalue_residuals(K, pairs, resamples=39, rng=rng()))
    assert (claim.interval.estimate, claim.verdict) == (0.5, Verdict.SUPPORTED)
    assert claim.hypothesis == "At least 50% of the eigenvalues of K are those of the flow."
