import numpy as np
import pytest

from koopman_analysis.checks import better_than_distillation, distillation_not_applicable, distillation_ratios
from koopman_analysis.claims import Verdict
from koopman_analysis.twosample import frechet_distance

WIDTH = 16


def fields(n: int, rng: np.random.Generator) -> np.ndarray:
    """Rows of pixels that are alike where they are near each other."""
    near = np.exp(-np.abs(np.subtract.outer(np.arange(WIDTH), np.arange(WIDTH))) / 2.0)
    return rng.standard_normal((n, WIDTH)) @ np.linalg.cholesky(near).T + 1.0


def blurred(rows: np.ndarray, weight: float) -> np.ndarray:
    """Each pixel mixed with its neighbours."""
    return (1.0 - weight) * rows + weight / 2.0 * (np.roll(rows, 1, axis=1) + np.roll(rows, -1, axis=1))


def claim_of(model_blur: float, distillation_blur: float, *, seeds: int = 1, n: int = 1500):
    rng = np.random.default_rng(0)
    noise = [fields(n, rng) for _ in range(seeds)]
    measured = distillation_ratios(
        [blurred(rows, model_blur + 0.01 * seed) for seed, rows in enumerate(noise)],
        [blurred(rows, distillation_blur + 0.01 * seed) for seed, rows in enumerate(noise)],
        fields(n, rng), second=fields(n, rng), rng=rng,
    )  # fmt: skip
    return better_than_distillation(measured), measured


@pytest.fixture(scope="module")
def sharper():
    return claim_of(0.25, 0.45)


def test_a_model_is_better_than_a_blurred_distillation_and_blurred_itself_it_is_worse(sharper):
    claim, _ = sharper
    assert claim.verdict is Verdict.SUPPORTED
    assert claim.interval.high < 0.6
    assert "a ratio of 0.6) is reached, of one training each" in claim.because
    assert all(control.behaves for control in claim.controls), claim.controls
    worse, _ = claim_of(0.45, 0.25)
    assert worse.verdict is Verdict.REFUTED
    assert "a ratio of 0.6) is not reached" in worse.because


def test_the_ratio_is_that_of_the_distances_told_beside_it(sharper):
    claim, measured = sharper
    rng = np.random.default_rng(0)
    rows, reference = fields(1500, rng), fields(1500, rng)
    distances = measured.intervals()
    alone = frechet_distance(blurred(rows, 0.25), reference, rng=rng)
    assert distances["model"].estimate == pytest.approx(alone.estimate, rel=0.1)  # other groups
    ratio = distances["model"].estimate / distances["direct regression"].estimate
    assert claim.interval.estimate == pytest.approx(ratio, rel=1e-12)
    assert distances["second sample of the data"].low < 0.0 < distances["second sample of the data"].high


def test_controls_a_tenth_away_have_their_exact_ratio(sharper):
    _, measured = sharper
    plain = measured.distances.estimate
    assert plain[3] / plain[1] == pytest.approx(1.21, rel=1e-9)
    assert plain[4] / plain[1] == pytest.approx(0.81, rel=1e-9)


def test_one_sample_twice_and_two_samples_of_one_law_decide_nothing():
    same, _ = claim_of(0.4, 0.4)
    assert same.interval.estimate == 1.0
    assert same.verdict is Verdict.INCONCLUSIVE
    rng = np.random.default_rng(1)
    some = [blurred(fields(1500, rng), 0.4) for _ in range(2)]
    measured = distillation_ratios(some[:1], some[1:], fields(1500, rng), second=fields(1500, rng), rng=rng)
    assert better_than_distillation(measured).verdict is Verdict.INCONCLUSIVE


def test_a_distillation_at_the_floor_leaves_the_ratio_open_and_no_control_opposite():
    claim, _ = claim_of(0.0, 0.0)
    assert claim.verdict is Verdict.INCONCLUSIVE
    assert claim.interval.high > 1.0
    assert not [c for c in claim.controls if c.decided and not c.behaves]


def test_several_seeds_widen_the_interval_and_are_told():
    claim, measured = claim_of(0.25, 0.45, seeds=3, n=600)
    assert measured.seeds.shape == (3, 5)
    assert claim.interval.method == "Fieller, jackknife, 20 groups, and 3 seeds"
    assert claim.verdict is Verdict.SUPPORTED
    assert "over 3 seeds" in claim.because
    alone, _ = claim_of(0.25, 0.45, seeds=1, n=600)
    assert claim.interval.high - claim.interval.low > alone.interval.high - alone.interval.low


def test_what_has_no_counterpart_is_refused_and_no_distillation_is_not_applicable():
    rng = np.random.default_rng(2)
    x, y = fields(60, rng), fields(60, rng)
    with pytest.raises(ValueError, match="a distillation for each model, got 1 models and 2 distillations"):
        distillation_ratios([x], [x, x], y, second=y, rng=rng)
    with pytest.raises(ValueError, match="got 0 models"):
        distillation_ratios([], [], y, second=y, rng=rng)
    with pytest.raises(ValueError, match=r"same noise, got shapes \(60, 16\) and \(59, 16\)"):
        distillation_ratios([x], [x[1:]], y, second=y, rng=rng)
    with pytest.raises(ValueError, match="expected more than 16 samples beside each group, .* got 14"):
        distillation_ratios([x[:17]], [x[:17]], y[:17], second=y[:17], groups=8, rng=rng)
    assert distillation_not_applicable("no training").because == "not applicable: no training"


@pytest.mark.slow
def test_the_interval_of_the_ratio_covers_the_ratio_of_the_laws():
    rng = np.random.default_rng(3)
    large = [fields(400_000, rng) for _ in range(3)]
    truth = [frechet_distance(blurred(rows, weight), large[2], rng=rng).estimate
             for rows, weight in zip(large[:2], (0.3, 0.4), strict=True)]  # fmt: skip
    hits = 0
    for _ in range(200):
        rows = fields(500, rng)
        measured = distillation_ratios(
            [blurred(rows, 0.3)], [blurred(rows, 0.4)], fields(500, rng), second=fields(500, rng), rng=rng
        )  # fmt: skip
        hits += truth[0] / truth[1] in measured.ratio("model")
    assert hits / 200 > 0.95 - 3 * np.sqrt(0.05 * 0.95 / 200)
