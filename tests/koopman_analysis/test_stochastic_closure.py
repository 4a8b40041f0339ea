"""Closure in the mean by two draws: shares that are known, controls of either kind, and no bias from fitting."""

import dataclasses

import numpy as np
import pytest

from koopman_analysis import checks
from koopman_analysis.claims import Verdict
from koopman_analysis.closure import closure_report, mean_closure_report
from koopman_analysis.dictionaries import Constant, Coordinates, EncoderDictionary, FunctionDictionary, Hermite
from koopman_analysis.regression import ConstantData
from koopman_analysis.report import explanation_of
from koopman_analysis.snapshots import DoublePairs, SnapshotPairs
from koopman_analysis.systems import OrnsteinUhlenbeck, SlowManifold, Unrelated

NOISY = OrnsteinUhlenbeck(integrated_rates=(2 * np.log(2),))  # λ = 1/2: three quarters of the state is noise


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def open_dictionary() -> FunctionDictionary:
    """h_1 + h_3, whose conditional mean λ h_1 + λ³ h_3 is not a multiple of it."""
    return FunctionDictionary([lambda x: Hermite(3)(x)[:, [1, 3]].sum(axis=1)], names=["h1 + h3"], dimension=1)


def shares_of_the_open_dictionary(system: OrnsteinUhlenbeck) -> dict[str, float]:
    """Missed ((λ − λ³)/2)², predictable (λ² + λ⁶)/2, each of a function with E(h_1 + h_3)² = 2."""
    contraction = np.exp(-np.asarray(system.integrated_rates)[0] / 2)
    missed, predictable = (contraction - contraction**3) ** 2 / 4, (contraction**2 + contraction**6) / 2
    return {"missed": missed, "predictable": predictable, "share_missed": missed / predictable}


def unrelated_double_pairs(count: int) -> DoublePairs:
    first = Unrelated(dimension=1).pairs(count, rng=rng(1))
    return DoublePairs(first=first, second=dataclasses.replace(first, after=rng(2).standard_normal((count, 1))))


def test_hermite_polynomials_are_closed_in_the_mean_though_no_draw_of_them_can_be_predicted():
    system = OrnsteinUhlenbeck()
    double = system.double_pairs(20_000, rng=rng(1))
    report, shuffled = (
        mean_closure_report(pairs, inputs=system.dictionary, rng=rng())
        for pairs in (double, double.shuffled(rng=rng(2)))
    )
    claim = checks.closed_in_the_mean(report, shuffled=shuffled)
    assert claim.verdict is Verdict.SUPPORTED
    assert claim.controls[0].behaves
    assert 0.0 in report.share_missed
    # What is predictable are the squared eigenvalues, and the rest of one draw is noise.
    assert np.square(system.closure_spectrum).mean() in report.predictable
    assert 1 - np.square(system.closure_spectrum).mean() in report.one_draw
    one_draw = closure_report(double.first, inputs=system.dictionary, rng=rng())
    assert checks.closed(one_draw).verdict is Verdict.REFUTED


def test_a_dictionary_that_is_not_closed_in_the_mean_is_refuted_with_the_share_that_is_known():
    report = mean_closure_report(NOISY.double_pairs(20_000, rng=rng(3)), inputs=open_dictionary(), rng=rng())
    for name, share in shares_of_the_open_dictionary(NOISY).items():
        assert share in getattr(report, name), name
    assert checks.closed_in_the_mean(report).verdict is Verdict.REFUTED
    assert checks.closed_in_the_mean(report, tolerance=0.5).verdict is Verdict.SUPPORTED
    # Of all the variance it is little: of a noisy system everything misses little.
    assert report.missed.high < 0.05


def test_the_claim_is_explained_by_its_own_words_and_not_those_of_one_draw():
    report = mean_closure_report(NOISY.double_pairs(400, rng=rng(3)), inputs=Coordinates(), rng=rng())
    assert "two independent draws" in explanation_of(checks.closed_in_the_mean(report)).words


def test_a_function_more_closes_it():
    outputs = open_dictionary()
    report = mean_closure_report(
        NOISY.double_pairs(20_000, rng=rng(3)), inputs=Hermite(3), outputs=outputs, rng=rng()
    )  # fmt: skip
    assert 0.0 in report.share_missed
    assert report.share_missed.high < shares_of_the_open_dictionary(NOISY)["share_missed"] / 2


@pytest.mark.parametrize("psi", [Hermite(3), open_dictionary()], ids=["closed", "not closed"])
def test_the_intervals_cover_the_share_missed_at_their_level(psi):
    exact = 0.0 if isinstance(psi, Hermite) else shares_of_the_open_dictionary(NOISY)["share_missed"]
    covered = 0
    for seed in range(100):
        double = NOISY.double_pairs(2000, rng=rng(seed))
        covered += exact in mean_closure_report(double, inputs=psi, rng=rng(1000 + seed)).share_missed
    # At 95 % fewer than 88 of 100 has probability below .003.
    assert covered >= 88


def test_the_noise_of_fitted_operators_adds_nothing_however_many_functions_there_are():
    system = OrnsteinUhlenbeck(integrated_rates=(0.5,) * 4, degree=2)
    count, estimates, noise = 300, [], []
    for seed in range(60):
        double = system.double_pairs(count, rng=rng(seed))
        report = mean_closure_report(double, inputs=system.dictionary, rng=rng(1000 + seed))
        estimates.append(report.missed.estimate)
        noise.append(report.one_draw.estimate)
    error = np.std(estimates) / np.sqrt(60)
    assert abs(np.mean(estimates)) < 4 * error
    # One operator for both residuals would add m_in/n_fit of the noise: that would have been seen.
    assert system.dictionary.size / (count / 2) * np.mean(noise) / 2 > 8 * error


def test_of_a_deterministic_flow_two_draws_are_one():
    system = SlowManifold()
    pairs = system.pairs(2000, rng=rng(4))
    same = DoublePairs(first=pairs, second=pairs)
    closed = mean_closure_report(same, inputs=system.dictionary, rng=rng())
    assert checks.closed_in_the_mean(closed).verdict is Verdict.SUPPORTED
    assert closed.share_missed.high < 1e-20
    wrong = mean_closure_report(same, inputs=Coordinates(), rng=rng())
    assert wrong.missed.estimate == pytest.approx(wrong.one_draw.estimate, rel=1e-12)
    assert wrong.predictable.estimate == pytest.approx(1.0, abs=0.01)
    assert wrong.one_draw.estimate == pytest.approx(
        closure_report(pairs, inputs=Coordinates(), rng=rng()).operator_defect.estimate, rel=0.05
    )
    assert checks.closed_in_the_mean(wrong).verdict is Verdict.REFUTED


def test_where_nothing_is_predictable_nothing_is_claimed():
    report = mean_closure_report(unrelated_double_pairs(4000), inputs=Hermite(2), rng=rng())
    assert 0.0 in report.predictable
    claim = checks.closed_in_the_mean(report)
    assert claim.verdict is Verdict.INCONCLUSIVE
    assert "every dictionary is closed in the mean" in claim.because
    # Both draws of another state know of each other what the state before does not explain.
    together = unrelated_double_pairs(4000)
    related = DoublePairs(first=together.first, second=together.first)
    refuted = checks.closed_in_the_mean(mean_closure_report(related, inputs=Hermite(2), rng=rng()))
    assert refuted.verdict is Verdict.REFUTED


def test_too_few_states_decide_nothing_or_support_nothing():
    system = OrnsteinUhlenbeck(integrated_rates=(0.01,), degree=2)
    few = mean_closure_report(system.double_pairs(16, rng=rng(5)), inputs=Coordinates(), rng=rng())
    assert "too few independent units: 16" in checks.closed_in_the_mean(few, tolerance=0.9).because
    double = OrnsteinUhlenbeck(integrated_rates=(0.01, 0.01)).double_pairs(60, rng=rng(6))
    many = mean_closure_report(double, inputs=Hermite(2), outputs=Coordinates(), rng=rng())
    claim = checks.closed_in_the_mean(many, tolerance=0.9)
    assert claim.verdict is Verdict.INCONCLUSIVE
    assert "too few pairs: 30 fitted for 6 input functions" in claim.because


def test_trajectories_are_units_and_weights_are_repetitions():
    double = NOISY.double_pairs(400, rng=rng(7))
    grouped = DoublePairs(
        first=dataclasses.replace(double.first, trajectory=np.arange(400) // 10), second=double.second
    )  # fmt: skip
    assert mean_closure_report(grouped, inputs=Coordinates(), rng=rng()).units == 40
    counted = (np.arange(400) < 200).astype(float)
    weighted = DoublePairs(first=dataclasses.replace(double.first, weights=counted), second=double.second)
    first_half = DoublePairs(first=double.first.subset(np.arange(200)), second=double.second.subset(np.arange(200)))
    one, other = (mean_closure_report(pairs, inputs=Coordinates(), rng=rng()) for pairs in (weighted, first_half))
    assert one == other
    heavy = DoublePairs(first=dataclasses.replace(double.first, weights=1.0 + counted), second=double.second)
    assert mean_closure_report(heavy, inputs=Coordinates(), rng=rng()) != mean_closure_report(
        double, inputs=Coordinates(), rng=rng()
    )


def test_a_complex_dictionary_counts_as_its_real_and_imaginary_parts():
    double = NOISY.double_pairs(400, rng=rng(8))
    waves = EncoderDictionary(lambda x: np.exp(1j * x * [1.0, 2.0]))
    parts = EncoderDictionary(lambda x: np.hstack([np.cos(x * [1.0, 2.0]), np.sin(x * [1.0, 2.0])]))
    one, other = (mean_closure_report(double, inputs=psi, rng=rng()) for psi in (waves, parts))
    assert one.dimension == one.input_dimension == 4
    assert one.share_missed.low == pytest.approx(other.share_missed.low, rel=1e-9)


def nowhere_negative(states: np.ndarray) -> np.ndarray:
    return np.where(states > 0, states, np.nan)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: mean_closure_report(NOISY.double_pairs(3, rng=rng()), inputs=Coordinates(), rng=rng()),
         ValueError, "at least four independent units.*got 3: cut long trajectories into blocks.*in_blocks"),
        (lambda: mean_closure_report(NOISY.double_pairs(50, rng=rng()), inputs=Constant(), rng=rng()),
         ConstantData, "a constant predicts itself"),
        (lambda: mean_closure_report(NOISY.double_pairs(50, rng=rng()), inputs=nowhere_negative, rng=rng()),
         ValueError, "finite features"),
    ],
)  # fmt: skip
def test_what_has_no_closure_in_the_mean_is_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_a_shuffled_copy_keeps_the_two_draws_together():
    before = np.arange(10.0)[:, None]
    first, second = (SnapshotPairs(before=before, after=before + step) for step in (0.25, 0.5))
    shuffled = DoublePairs(first=first, second=second).shuffled(rng=rng())
    np.testing.assert_array_equal(shuffled.first.before, before)
    np.testing.assert_array_equal(shuffled.second.after - shuffled.first.after, 0.25)
    assert (shuffled.first.after - 0.25 != before).all()
