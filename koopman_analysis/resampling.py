"""Intervals and p-values by resampling what is independent: objects, trajectories, blocks; never pairs of objects."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Interval:
    """An estimate with its confidence interval.

    Attributes:
        estimate: The point estimate.
        low: Lower end.
        high: Upper end, not below `low`.
        level: Nominal coverage, in (0, 1).
        n: Number of independent units (pairs, trajectories, blocks) behind the estimate.
        method: How the interval was made ("object bootstrap, 999 resamples").
    """

    estimate: float
    low: float
    high: float
    level: float = 0.95
    n: int = 0
    method: str = ""

    def __post_init__(self) -> None:
        if not 0.0 < self.level < 1.0:
            raise ValueError(f"expected a confidence level strictly between 0 and 1, got {self.level}")
        if self.low > self.high:
            raise ValueError(f"expected low <= high, got low = {self.low} and high = {self.high}")

    @classmethod
    def unmeasured(cls) -> "Interval":
        """The interval of a quantity that could not be measured: all NaN, n = 0."""
        return cls(estimate=math.nan, low=math.nan, high=math.nan, n=0, method="not measured")

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high

    def to_json(self) -> dict[str, float | None]:
        """`{estimate, low, high}`; what is not finite becomes null."""
        parts = {"estimate": self.estimate, "low": self.low, "high": self.high}
        return {name: float(value) if math.isfinite(value) else None for name, value in parts.items()}
