"""A claim is a measured quantity with an interval, a bound, a verdict, and controls that must come out as declared.

With an interval [low, high] for the quantity and a bound b, a claim that the quantity is *at most* b is

    supported      iff high ≤ b        (the whole interval lies on the claimed side)
    refuted        iff low > b         (the whole interval lies on the other side)
    inconclusive   otherwise, and whenever the quantity could not be measured,                              (1)

and the mirror image for *at least*. What does not apply is inconclusive, for a reason that begins "not applicable:".
A claim that can never be refuted says nothing, so every claim carries controls: the same measurement on a case where
it must hold, or must fail, with the verdict that was expected beside the one that came out.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from koopman_analysis.resampling import Interval


class Verdict(Enum):
    """What the data say of a claim."""

    SUPPORTED = "supported"
    REFUTED = "refuted"
    INCONCLUSIVE = "inconclusive"


class Side(Enum):
    """The side of the bound on which the claim places the quantity."""

    AT_MOST = "at_most"
    AT_LEAST = "at_least"


def verdict_on(interval: Interval, *, side: Side, bound: float) -> Verdict:
    """Decides equation (1) of the module: which side of the bound the whole interval lies on."""
    low, high = interval.low, interval.high
    if math.isnan(low) or math.isnan(high) or math.isnan(bound):
        return Verdict.INCONCLUSIVE
    if side is Side.AT_LEAST:
        low, high, bound = -high, -low, -bound
    if high <= bound:
        return Verdict.SUPPORTED
    if low > bound:
        return Verdict.REFUTED
    return Verdict.INCONCLUSIVE


@dataclass(frozen=True, kw_only=True)
class Control:
    """The same measurement on a case whose answer is known beforehand.

    Attributes:
        name: What the case is, in the words a reader sees ("shuffled pairs").
        expected: The verdict that it must receive.
        interval: What was measured on it.
        verdict: The verdict that it received.
    """

    name: str
    expected: Verdict
    interval: Interval
    verdict: Verdict

    @property
    def behaves(self) -> bool:
        """Whether the control received the verdict that it must receive."""
        return self.verdict is self.expected

    @property
    def decided(self) -> bool:
        """Whether the samples were enough to decide it either way."""
        return self.verdict is not Verdict.INCONCLUSIVE

    def to_json(self) -> dict[str, Any]:
        """The control as it stands in `claims.json`."""
        return {
            "name": self.name,
            "expected": self.expected.value,
            "verdict": self.verdict.value,
            "estimate": _finite(self.interval.estimate),
            "low": _finite(self.interval.low),
            "high": _finite(self.interval.high),
        }


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One executable claim: hypothesis, quantity, interval, bound, verdict, reason and controls.

    Attributes:
        id: Stable name, as in `claims.json` ("closed").
        hypothesis: The claim as a sentence for a reader.
        quantity: What was measured, in words, with its unit ("decoder-weighted defect, share of the data's variance").
        interval: The measured quantity; its bounds are NaN where it could not be measured.
        side: Whether the quantity is claimed to be at most or at least the bound.
        bound: The bound.
        verdict: Supported, refuted or inconclusive.
        because: One sentence that gives the reason for the verdict.
        controls: Cases with a known answer, measured in the same way.
    """

    id: str
    hypothesis: str
    quantity: str
    interval: Interval
    side: Side
    bound: float
    verdict: Verdict
    because: str
    controls: tuple[Control, ...] = ()

    @classmethod
    def decided(
        cls, *, id: str, hypothesis: str, quantity: str, interval: Interval, side: Side, bound: float, because: str = ""
    ) -> "Claim":
        """A claim whose verdict follows from its interval and bound by equation (1)."""
        verdict = verdict_on(interval, side=side, bound=bound)
        return cls(
            id=id, hypothesis=hypothesis, quantity=quantity, interval=interval, side=side, bound=bound,
            verdict=verdict, because=because or _reason(interval, side, bound, verdict),
        )  # fmt: skip

    @classmethod
    def not_applicable(
        cls, *, id: str, hypothesis: str, quantity: str, side: Side, bound: float, reason: str
    ) -> "Claim":
        """An inconclusive claim: the quantity does not exist here, for the given reason."""
        return cls(
            id=id, hypothesis=hypothesis, quantity=quantity, interval=Interval.unmeasured(), side=side, bound=bound,
            verdict=Verdict.INCONCLUSIVE, because=f"not applicable: {reason}",
        )  # fmt: skip

    @property
    def applicable(self) -> bool:
        """Whether the claim could be measured here."""
        return not self.because.startswith("not applicable:")

    def as_control(self, *, name: str, expected: Verdict) -> Control:
        """This claim, measured on a case with a known answer, as a control of another."""
        return Control(name=name, expected=expected, interval=self.interval, verdict=self.verdict)

    def with_controls(self, controls: Sequence[Control]) -> "Claim":
        """The same claim with these controls added to those it has.

        A control that came out as the opposite of what it must be makes the claim inconclusive: whatever measures the
        one wrongly measures the other. A control that decided nothing leaves the verdict as it is, and the reason says
        that these samples cannot tell so much.
        """
        everything = (*self.controls, *controls)
        opposite = next((c for c in everything if not c.behaves and c.decided), None)
        if not self.applicable:
            return replace(self, controls=everything)
        if opposite is None:
            open_ones = [f"'{c.name}'" for c in controls if not c.behaves]
            remark = f"; too few samples to decide the control {', '.join(open_ones)}" if open_ones else ""
            return replace(self, controls=everything, because=self.because + remark)
        because = f"the control '{opposite.name}' must be {opposite.expected.value} and is {opposite.verdict.value}"
        return replace(self, controls=everything, verdict=Verdict.INCONCLUSIVE, because=because)

    def to_json(self) -> dict[str, Any]:
        """The claim as it stands in `claims.json`; what is not finite becomes null."""
        return {
            "id": self.id,
            "hypothesis": self.hypothesis,
            "quantity": self.quantity,
            "estimate": _finite(self.interval.estimate),
            "low": _finite(self.interval.low),
            "high": _finite(self.interval.high),
            "level": self.interval.level,
            "n": self.interval.n,
            "method": self.interval.method,
            "side": self.side.value,
            "bound": _finite(self.bound),
            "verdict": self.verdict.value,
            "because": self.because,
            "controls": [control.to_json() for control in self.controls],
        }


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _reason(interval: Interval, side: Side, bound: float, verdict: Verdict) -> str:
    span = f"[{interval.low:.3g}, {interval.high:.3g}]"
    sign = "at most" if side is Side.AT_MOST else "at least"
    match verdict:
        case Verdict.SUPPORTED:
            return f"the whole interval {span} is {sign} {bound:.3g}"
        case Verdict.REFUTED:
            return f"no part of the interval {span} is {sign} {bound:.3g}"
        case Verdict.INCONCLUSIVE if math.isnan(interval.low) or math.isnan(interval.high):
            return "the quantity could not be measured"
        case _:
            return f"the interval {span} contains the bound {bound:.3g}: more data would decide"
