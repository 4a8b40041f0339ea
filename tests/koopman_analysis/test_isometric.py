import numpy as np
import pytest

from koopman_analysis import checks
from koopman_analysis.claims import Verdict
from koopman_analysis.dictionaries import Constant, Coordinates, Monomials


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_samples_of_one_law_are_isometric_and_the_doubled_control_is_refuted():
    model, data = rng(1).standard_normal((2, 5000, 2))
    claim = checks.isometric(model, data, dictionary=Monomials(1), bound=0.25, rng=rng())
    assert claim.verdict is Verdict.SUPPORTED
    assert [control.behaves for control in claim.controls] == [True, True]
    doubled, stretched = claim.controls
    assert 2 * np.log(2) in doubled.interval
    assert 0.25 + 0.25 in stretched.interval
    assert stretched.interval.estimate < 0.6


def test_a_model_that_lost_a_direction_is_refuted():
    data = rng(2).standard_normal((3000, 2))
    claim = checks.isometric(data[:1400] * [1.0, 0.0], data[1400:], dictionary=Coordinates(), bound=0.25, rng=rng())
    assert claim.verdict is Verdict.REFUTED
    assert claim.interval.estimate > 20


def test_functions_that_repeat_each_other_are_counted_once():
    model, data = rng(3).standard_normal((2, 4000, 2))
    once, twice = (
        checks.isometric(model, data, dictionary=psi, bound=0.2, resamples=99, rng=rng())
        for psi in (Monomials(1), Monomials(1) + (Constant() + Coordinates()))
    )
    assert twice.interval.estimate == pytest.approx(once.interval.estimate, rel=1e-9)


def test_the_estimate_is_the_largest_log_ratio_of_equation_1():
    model, data = rng(4).standard_normal((2, 500, 2)) * np.array([1.2, 1.0])[:, None, None]
    claim = checks.isometric(model, data, dictionary=Coordinates(), bound=0.2, resamples=19, rng=rng())
    ratios = np.linalg.eigvals(np.linalg.solve(data.T @ data, model.T @ model)).real
    assert claim.interval.estimate == pytest.approx(np.abs(np.log(ratios)).max(), rel=1e-9)


@pytest.mark.parametrize("scale", [1.0, 1.3])
def test_the_interval_covers_the_truth_though_the_estimate_is_a_maximum_of_noise(scale):
    truth, covered, above = 2 * np.log(scale), 0, 0
    for seed in range(40):
        model, data = rng(seed).standard_normal((2, 300, 3))
        interval = checks.isometric(
            scale * model, data, dictionary=Coordinates(), bound=1.0, resamples=59, rng=rng(seed)
        ).interval
        covered += truth in interval
        above += interval.estimate > truth
    assert above > 30  # the premise: biased upwards
    # At 95 % fewer than 34 of 40 has probability below .004.
    assert covered >= 34


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(ValueError, match="at least 60 samples of model and data for 6 functions"):
        checks.isometric(np.ones((59, 2)), np.ones((99, 2)), dictionary=Monomials(2), bound=0.1, rng=rng())
    with pytest.raises(ValueError, match="positive bound"):
        checks.isometric(np.ones((99, 2)), np.ones((99, 2)), dictionary=Monomials(2), bound=0.0, rng=rng())
