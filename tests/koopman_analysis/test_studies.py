import numpy as np
import pytest
import scipy.stats

from koopman_analysis.dictionaries import Constant, Coordinates, Monomials
from koopman_analysis.estimators import EDMD
from koopman_analysis.snapshots import SnapshotPairs
from koopman_analysis.studies import (
    Candidate,
    measured_predictors,
    paired_difference,
    paired_ratio,
    paired_trend,
    relative_error,
)
from koopman_analysis.systems import SlowManifold


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def polynomials(degree: int) -> Candidate:
    return Candidate(
        name=f"degree {degree}",
        family="polynomials",
        dimension=(degree + 1) * (degree + 2) // 2,
        unfitted=lambda: EDMD(Monomials(degree), outputs=Coordinates()),
    )


def test_every_candidate_is_fitted_to_one_part_and_judged_on_the_other():
    split = SlowManifold(curvature=3.0).pairs(600, rng=rng()).split(held_out=0.5, rng=rng(1))
    affine, quadratic = measured_predictors(split, [polynomials(1), polynomials(2)], rng=rng(2))
    fitted = EDMD(Constant() + Coordinates(), outputs=Coordinates()).fit(split.fit)
    truth = split.held_out.after
    expected = np.linalg.norm(fitted.predict(split.held_out.before) - truth) / np.linalg.norm(
        truth - truth.mean(axis=0)
    )
    assert affine.error.estimate == pytest.approx(expected, rel=1e-10)
    assert 0.1 < affine.error.low < affine.error.high < 1
    assert quadratic.error.high < 1e-12
    assert (affine.dimension, quadratic.dimension) == (3, 6)
    assert min(affine.fit_seconds, affine.predict_seconds, quadratic.fit_seconds) >= 0


def test_the_mean_has_error_one_and_weights_count():
    draw = rng()
    after = draw.standard_normal((50, 2))
    weights = draw.uniform(0, 2, 50)
    pairs = SnapshotPairs(before=after, after=after, weights=weights)
    mean = np.broadcast_to(np.average(after, axis=0, weights=weights), after.shape)
    assert relative_error(mean, pairs, rng=draw).estimate == pytest.approx(1.0, rel=1e-12)
    assert relative_error(after, pairs, rng=draw).high == 0.0


def test_units_are_resampled_whole():
    draw = rng()
    after = draw.standard_normal((400, 1))
    wrong = after + np.repeat(draw.standard_normal((20, 1)), 20, axis=0)
    alone, in_trajectories = (
        SnapshotPairs(before=after, after=after, trajectory=trajectory)
        for trajectory in (None, np.repeat(np.arange(20), 20))
    )
    narrow, wide = (relative_error(wrong, pairs, rng=rng(1)) for pairs in (alone, in_trajectories))
    assert narrow.n, wide.n == (400, 20)
    assert wide.high - wide.low > 1.5 * (narrow.high - narrow.low)


def test_predictions_that_mean_nothing_are_refused():
    pairs = SnapshotPairs(before=np.ones((4, 1)), after=np.arange(4.0)[:, None])
    with pytest.raises(ValueError, match=r"finite predictions of shape \(4, 1\), got shape \(3, 1\)"):
        relative_error(np.ones((3, 1)), pairs, rng=rng())
    with pytest.raises(ValueError, match="1 entries that are not finite"):
        relative_error(np.array([[0.0], [1.0], [np.nan], [3.0]]), pairs, rng=rng())
    with pytest.raises(ValueError, match="states after that vary"):
        relative_error(np.ones((4, 1)), SnapshotPairs(before=np.ones((4, 1)), after=np.ones((4, 1))), rng=rng())


def test_a_paired_difference_is_the_t_interval_of_the_differences():
    control = rng(1).normal(5.0, 2.0, 8)
    treated = control + rng(2).normal(0.3, 0.1, 8)
    found = paired_difference(treated.tolist(), control.tolist(), level=0.9)
    expected = scipy.stats.ttest_rel(treated, control).confidence_interval(0.9)
    np.testing.assert_allclose([found.low, found.high], expected, rtol=1e-12)
    assert found.estimate == pytest.approx((treated - control).mean(), rel=1e-12)
    assert (found.n, found.level) == (8, 0.9)
    unpaired = scipy.stats.ttest_ind(treated, control).confidence_interval(0.9)
    assert found.high - found.low < 0.2 * (unpaired.high - unpaired.low), "the premise: pairing matters"


def test_a_paired_ratio_has_no_unit_and_inverts_with_its_arguments():
    control = np.exp(rng(3).normal(0.0, 1.0, 6))
    treated = control * np.exp(rng(4).normal(0.2, 0.05, 6))
    ratio = paired_ratio(treated.tolist(), control.tolist())
    scaled = paired_ratio((1e-6 * treated).tolist(), (1e-6 * control).tolist())
    inverse = paired_ratio(control.tolist(), treated.tolist())
    ends = np.array([ratio.low, ratio.estimate, ratio.high])
    assert ends[0] > 1.1
    np.testing.assert_allclose([scaled.low, scaled.estimate, scaled.high], ends, rtol=1e-12)
    np.testing.assert_allclose([inverse.high, inverse.estimate, inverse.low], 1 / ends, rtol=1e-12)


def test_the_paired_interval_covers_as_often_as_it_says():
    shared = rng(5).normal(size=(4000, 5))
    treated, control = shared + rng(6).normal(0.5, 1.0, shared.shape), shared
    covers = [0.5 in paired_difference(a.tolist(), b.tolist()) for a, b in zip(treated, control, strict=True)]
    assert np.mean(covers) == pytest.approx(0.95, abs=4 * np.sqrt(0.95 * 0.05 / 4000))


def test_a_trend_is_the_factor_that_was_put_in_for_each_unit_whatever_the_levels():
    at = np.array([1.0, 2.0, 3.0, 4.0])
    control = np.exp(rng(7).normal(0.0, 1.0, (4, 6)))
    noise = rng(8).normal(0.0, 0.02, (4, 6))
    treated = control * 5.0 * 1.3 ** at[:, None] * np.exp(noise)
    found = paired_trend(treated.tolist(), control.tolist(), at=at.tolist(), level=0.9)
    slopes = [np.polyfit(at, np.log(treated / control)[:, seed], 1)[0] for seed in range(6)]
    expected = scipy.stats.ttest_1samp(slopes, 0).confidence_interval(0.9)
    np.testing.assert_allclose(np.log([found.low, found.high]), expected, rtol=1e-10)
    assert found.estimate == pytest.approx(1.3, rel=0.03)
    assert 1 < found.low < found.high < 1.5
    backwards = paired_trend(control.tolist(), treated.tolist(), at=at.tolist())
    assert backwards.estimate == pytest.approx(1 / found.estimate, rel=1e-12)


def test_trends_of_nothing_are_refused():
    ones = [[1.0, 1.0], [1.0, 1.0]]
    with pytest.raises(ValueError, match="of the same seeds at each of 3 values, two of them different"):
        paired_trend(ones, ones, at=[1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match=r"two of them different, got .* at \[2.0, 2.0\]"):
        paired_trend(ones, ones, at=[2.0, 2.0])
    with pytest.raises(ValueError, match="got 0.0: a trend is one of ratios"):
        paired_trend(ones, [[1.0, 1.0], [1.0, 0.0]], at=[1.0, 2.0])


def test_seeds_that_do_not_pair_and_ratios_of_nothing_are_refused():
    with pytest.raises(ValueError, match="the same two or more seeds, got shapes .3,. and .2,."):
        paired_difference([1.0, 2.0, 3.0], [1.0, 2.0])
    with pytest.raises(ValueError, match="the same two or more seeds"):
        paired_difference([1.0], [1.0])
    with pytest.raises(ValueError, match="all finite: False"):
        paired_difference([1.0, np.nan], [1.0, 2.0])
    with pytest.raises(ValueError, match="expected positive numbers to divide, got -0.1: take their difference"):
        paired_ratio([1.0, 2.0], [1.0, -0.1])
