import json
import math

import pytest

from koopman_analysis.claims import Claim, Side, Verdict, verdict_on
from koopman_analysis.resampling import Interval


def interval(low: float, high: float) -> Interval:
    return Interval(estimate=(low + high) / 2, low=low, high=high, n=10, method="given")


def claim(low: float, high: float, side: Side = Side.AT_MOST, bound: float = 1.0) -> Claim:
    return Claim.decided(
        id="c", hypothesis="h", quantity="q", interval=interval(low, high), side=side, bound=bound
    )  # fmt: skip


@pytest.mark.parametrize(
    ("low", "high", "at_most", "at_least"),
    [
        (0.1, 0.9, Verdict.SUPPORTED, Verdict.REFUTED),
        (1.1, 1.9, Verdict.REFUTED, Verdict.SUPPORTED),
        (0.5, 1.5, Verdict.INCONCLUSIVE, Verdict.INCONCLUSIVE),
        (0.5, 1.0, Verdict.SUPPORTED, Verdict.INCONCLUSIVE),
        (1.0, 1.5, Verdict.INCONCLUSIVE, Verdict.SUPPORTED),
        (math.nan, math.nan, Verdict.INCONCLUSIVE, Verdict.INCONCLUSIVE),
    ],
)
def test_the_verdict_is_the_side_on_which_the_whole_interval_lies(low, high, at_most, at_least):
    assert verdict_on(interval(low, high), side=Side.AT_MOST, bound=1.0) is at_most
    assert verdict_on(interval(low, high), side=Side.AT_LEAST, bound=1.0) is at_least


def test_a_claim_carries_its_reason_and_survives_json():
    refuted = claim(2, 3)
    assert refuted.verdict is Verdict.REFUTED
    assert "[2, 3]" in refuted.because
    assert json.loads(json.dumps(refuted.to_json()))["verdict"] == "refuted"


def test_what_does_not_apply_is_inconclusive_and_says_why():
    absent = Claim.not_applicable(
        id="c", hypothesis="h", quantity="q", side=Side.AT_MOST, bound=0.0, reason="two encoders"
    )
    assert absent.verdict is Verdict.INCONCLUSIVE
    assert not absent.applicable
    assert absent.because == "not applicable: two encoders"
    assert absent.to_json()["estimate"] is None


def test_a_control_behaves_when_it_receives_the_expected_verdict():
    must_fail = claim(2, 3).as_control(name="shuffled pairs", expected=Verdict.REFUTED)
    fails_to_fail = claim(0, 0.5).as_control(name="shuffled pairs", expected=Verdict.REFUTED)
    assert must_fail.behaves
    assert not fails_to_fail.behaves
    assert claim(0, 0.5).with_controls([must_fail]).to_json()["controls"][0]["verdict"] == "refuted"


def test_an_interval_refuses_a_level_and_an_order_that_mean_nothing():
    with pytest.raises(ValueError, match="confidence level"):
        Interval(estimate=0.0, low=0.0, high=1.0, level=1.0)
    with pytest.raises(ValueError, match="low <= high"):
        Interval(estimate=0.0, low=1.0, high=0.0)


def test_a_control_with_the_opposite_verdict_makes_the_claim_inconclusive_and_one_that_decided_nothing_does_not():
    held = claim(0, 0.5)
    opposite = claim(0, 0.5).as_control(name="shuffled pairs", expected=Verdict.REFUTED)
    undecided = claim(0.5, 1.5).as_control(name="few pairs", expected=Verdict.REFUTED)
    weakened = held.with_controls([undecided])
    assert weakened.verdict is Verdict.SUPPORTED
    assert weakened.because == f"{held.because}; too few samples to decide the control 'few pairs'"
    distrusted = held.with_controls([opposite])
    assert distrusted.verdict is Verdict.INCONCLUSIVE
    assert "'shuffled pairs' must be refuted and is supported" in distrusted.because
