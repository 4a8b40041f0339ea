import numpy as np
import pytest

from koopman_analysis.checks import better_than_baselines, paired_errors
from koopman_analysis.claims import Verdict


def predictions(n=400, seed=0, **noise):
    rng = np.random.default_rng(seed)
    truth = rng.standard_normal((n, 3))
    return truth, {name: truth + level * rng.standard_normal((n, 3)) for name, level in noise.items()}


def measured(truth, model, baselines, seed=0, resamples=199):
    return paired_errors(truth, model, baselines, resamples=resamples, rng=np.random.default_rng(seed))


def test_a_better_model_is_supported_and_its_shuffled_copy_refuted():
    truth, made = predictions(model=0.1, near=0.15, far=0.8)
    errors = measured(truth, made["model"], {"near": made["near"], "far": made["far"], "mean": np.zeros_like(truth)})
    claim = better_than_baselines(errors)
    assert claim.verdict is Verdict.SUPPORTED
    assert claim.interval.estimate == pytest.approx(0.1 / 0.15, rel=0.05)
    assert [control.behaves for control in claim.controls] == [True, True, True]
    assert errors.errors()["mean"].estimate == pytest.approx(1.0, rel=0.01)
    assert set(errors.errors()) == {"model", "near", "far", "mean"}


def test_the_claim_is_as_weak_as_the_strongest_baseline():
    truth, made = predictions(model=0.2, stronger=0.1, weaker=0.8)
    errors = measured(truth, made["model"], {"stronger": made["stronger"], "weaker": made["weaker"]})
    assert better_than_baselines(errors).verdict is Verdict.REFUTED
    assert better_than_baselines(errors, against=["weaker"]).verdict is Verdict.SUPPORTED


def test_the_error_is_relative_to_the_spread_of_the_truth():
    truth, made = predictions(model=0.3, other=0.3)
    errors = measured(truth, made["model"], {"other": made["other"]}).errors()
    relative = np.sqrt(np.square(made["model"] - truth).sum() / (len(truth) * truth.var(axis=0).sum()))
    assert errors["model"].estimate == pytest.approx(relative, rel=1e-12)
    scaled = measured(80 * truth, 80 * made["model"], {"other": 80 * made["other"]}).errors()
    assert scaled["model"].high == pytest.approx(errors["model"].high, rel=1e-9)


def test_the_simultaneous_interval_covers_the_ratio_of_equal_models():
    covered = 0
    for seed in range(100):
        truth, made = predictions(n=80, seed=seed, model=0.3, twin=0.3)
        interval = better_than_baselines(measured(truth, made["model"], {"twin": made["twin"]}, seed)).interval
        covered += 1.0 in interval
    assert 86 <= covered <= 99  # 95 expected


def test_predictions_that_are_exact_tie():
    truth, _ = predictions()
    claim = better_than_baselines(measured(truth, truth.copy(), {"exact": truth.copy()}))
    assert claim.interval.low == claim.interval.high == 1.0
    assert claim.verdict is Verdict.SUPPORTED
    assert [control.behaves for control in claim.controls] == [True, True, True]


def test_a_tenth_more_error_than_the_strongest_baseline_is_told_from_it_with_enough_pairs_only():
    for n, told in ((4000, True), (10, False)):
        truth, made = predictions(n=n, model=0.1, strongest=0.2, weakest=0.5)
        claim = better_than_baselines(
            measured(truth, made["model"], {name: made[name] for name in made if name != "model"})
        )
        worse = next(control for control in claim.controls if control.name.endswith("a tenth worse"))
        assert worse.interval.estimate == pytest.approx(1.1, rel=0.03 if told else 0.5)
        assert (worse.verdict is Verdict.REFUTED) == told
        assert claim.verdict is Verdict.SUPPORTED  # an undecided control does not overturn it


def test_errors_that_cannot_be_compared_are_refused():
    truth, made = predictions(model=0.1)
    with pytest.raises(ValueError, match="finite predictions of shape .* from 'diverged'.* is left out"):
        measured(truth, made["model"], {"diverged": np.full_like(truth, np.inf)})
    with pytest.raises(ValueError, match="expected finite predictions of shape .*got shape"):
        measured(truth, made["model"], {"narrow": truth[:, :2]})
    with pytest.raises(ValueError, match=r"other names for the baselines than \['model'\]"):
        measured(truth, made["model"], {"model": truth})
    with pytest.raises(ValueError, match="expected states that vary, got all equal"):
        measured(np.zeros_like(truth), made["model"], {})
    errors = measured(truth, made["model"], {"mean": np.zeros_like(truth)})
    with pytest.raises(ValueError, match=r"expected baselines among \['mean'\], got \['other'\]"):
        better_than_baselines(errors, against=["other"])
    with pytest.raises(ValueError, match=r"expected baselines among \[\], got \[\]"):
        better_than_baselines(measured(truth, made["model"], {}))
