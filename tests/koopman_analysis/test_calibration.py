"""How often verdicts and intervals are wrong: a few hundred samples here, two thousand of each kind where slow."""

import pytest
from benchmarks import calibration
from benchmarks.experiments import Profile

from koopman_analysis.closure import Closedness

FEW = 150
KINDS = {kind.name: kind for kind in calibration.KINDS}


def test_rates_have_the_interval_of_clopper_and_pearson():
    # Clopper & Pearson's limits solve P(X ≥ k) = P(X ≤ k) = 2.5 %; for k = 0 that is 1 − .025^{1/n}.
    none, some = calibration.rate(0, 200), calibration.rate(10, 100)
    assert (none.low, none.high) == (0.0, pytest.approx(1 - 0.025 ** (1 / 200)))
    assert (some.low, some.high) == (pytest.approx(0.0490, abs=1e-4), pytest.approx(0.1762, abs=1e-4))
    assert calibration.rate(200, 200).high == 1.0


@pytest.mark.parametrize("name", ["exactly closed", "just inside", "just outside", "worst just outside", "unrelated"])
def test_few_verdicts_contradict_the_population(name):
    tally = calibration.tallied(KINDS[name], range(FEW))
    assert tally.simulations == FEW
    # Of errors at 1 % there are more than 6 among 150 with probability below .001.
    assert sum(tally.verdicts.get(verdict.name, 0) for verdict in KINDS[name].wrong) <= 6
    assert max(tally.verdicts, key=tally.verdicts.get) in {
        "exactly closed": {Closedness.EXACT.name},
        "unrelated": {Closedness.NOT_CLOSED.name},
    }.get(name, {verdict.name for verdict in Closedness} - {verdict.name for verdict in KINDS[name].wrong})


@pytest.mark.parametrize("name", ["partly closed", "half noise, heavy tails", "Ornstein–Uhlenbeck, one draw"])
def test_intervals_hold_the_truth_about_as_often_as_they_say(name):
    tally = calibration.tallied(KINDS[name], range(FEW))
    for quantity in KINDS[name].calibrated:
        # At 95 % fewer than 132 of 150 has probability below .001.
        assert calibration.coverage(tally, quantity).estimate >= 132 / FEW, quantity


def test_simulations_go_on_where_they_were(tmp_path, monkeypatch):
    monkeypatch.setattr(calibration, "BLOCK", 2)
    job = (tmp_path, 0, range(2))
    first = calibration._block(job)
    monkeypatch.setattr(calibration, "tallied", lambda *_: pytest.fail("what is there was computed again"))
    assert calibration._block(job) == first
    assert (first + first).simulations == 4


@pytest.mark.slow
def test_two_thousand_samples_of_each_kind_are_judged_as_the_table_says(tmp_path):
    page = calibration.measured(Profile(fast=False, work=tmp_path))
    assert [goal.quantity for goal in page.goals if not goal.met] == []
