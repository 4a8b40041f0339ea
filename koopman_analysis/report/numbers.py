"""Numbers as a reader sees them: no more digits than the interval supports."""

import math

from koopman_analysis.claims import Claim, Control, Side
from koopman_analysis.resampling import Interval

MISSING = "–"


def significant(value: float, *, resolution: float = 0.0) -> str:
    """A number with three digits, or with fewer where its resolution has no more: 0.1234 by 0.2 is "0.12"."""
    if not math.isfinite(value):
        return MISSING
    if value == 0.0:
        return "0"
    size = abs(value)
    if size < 1e-3 or size >= 1e5:
        mantissa, exponent = f"{value:.1e}".split("e")
        return f"{mantissa}e{int(exponent)}".replace("-", "−")
    decimals = 2 - math.floor(math.log10(size))
    if resolution > 0.0:
        decimals = min(decimals, 1 - math.floor(math.log10(resolution)))
    return f"{value:.{max(decimals, 0)}f}".replace("-", "−")


def measured(interval: Interval) -> str:
    """An interval as "0.12 [0.10, 0.14]"."""
    if not math.isfinite(interval.estimate):
        return MISSING
    width = interval.high - interval.low
    resolution = width if math.isfinite(width) else 0.0
    estimate, low, high = (
        significant(end, resolution=resolution) for end in (interval.estimate, interval.low, interval.high)
    )
    return f"{estimate} [{low}, {high}]"


def bound_of(claim: Claim) -> str:
    """The bound of a claim with its side: "≤ 0.01"."""
    sign = "≤" if claim.side is Side.AT_MOST else "≥"
    return f"{sign} {claim.bound:g}".replace("-", "−") if math.isfinite(claim.bound) else MISSING


def verdict_of(claim: Claim) -> str:
    """The verdict in a word, or that the claim does not apply."""
    return claim.verdict.value if claim.applicable else "not applicable"


def outcome_of(control: Control) -> str:
    """What came of a control: its verdict with a tick or a cross, or that the samples were too few for it."""
    if not control.decided:
        return "undecided"
    return f"{control.verdict.value} {'✓' if control.behaves else '✗'}"
