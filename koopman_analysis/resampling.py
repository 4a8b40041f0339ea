"""Intervals and p-values by resampling what is independent: objects, trajectories, blocks; never pairs of objects.

**Object bootstrap.** A resample of n objects is told by its multiplicities: nᵢ copies of object i, Σ nᵢ = n. A
statistic of objects uses nᵢ as the weight of object i; a statistic of *pairs* of objects uses

    w_ij = nᵢ nⱼ  (i ≠ j),     w_ii = 0,                                                                  (1)

so that two copies of one original are never compared with each other: at distance zero they would be each other's
nearest neighbours. Resampling the n² pairs as if they were independent covers 57 % where 95 % is stated. Of few objects
some resamples hold too few distinct ones for the statistic to be defined: those are drawn again.

**Simultaneous intervals.** With k statistics on the same resamples, standard errors s_k and
q = quantile of max_k |θ*_k − θ_k| / s_k, the intervals θ_k ± q s_k cover all k truths at once.            (2)

**Quantiles** of B replicates are read at the positions u (B + 1), as in (4): a new replicate is then as often between
two of them as they say. Read at 1 + u (B − 1), the ends of 199 resamples hold 94 % for 95 %.

**Grouped jackknife.** With J groups of whole units and θ₍ⱼ₎ the statistic without group j,

    se² = (J − 1)/J Σⱼ (θ₍ⱼ₎ − θ̄)²,     θ ± t_{J−1} se.                                                    (3)

**Permutation p-value.** p = (1 + b)/(1 + B), with b of B permuted statistics at least as large as the observed one; it
is exact for any B, and 5 % is attainable when B + 1 is a multiple of 20.                                 (4)

Sources: Efron & Tibshirani 1993 (bootstrap, jackknife); Davison & Hinkley 1997, eq. 4.11 (p-value); Westfall & Young
1993 (max-t).
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.special

from koopman_analysis.shapes import Float, Int, Real

DRAWS = 100
"""Times that a resample without a defined statistic is drawn; then its replicate is NaN."""


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
        return bool(self.low <= value <= self.high)

    def to_json(self) -> dict[str, float | None]:
        """`{estimate, low, high}`; what is not finite becomes null."""
        parts = {"estimate": self.estimate, "low": self.low, "high": self.high}
        return {name: float(value) if math.isfinite(value) else None for name, value in parts.items()}


@dataclass(frozen=True, kw_only=True, eq=False)
class Bootstrap:
    """k statistics and their replicates on the same B resamples.

    Attributes:
        estimate: The statistics on the objects themselves.
        replicates: The statistics on each resample, a row each.
        objects: Number of objects resampled.
        kind: What was resampled, and how.
    """

    estimate: Float[np.ndarray, " k"]
    replicates: Float[np.ndarray, "b k"]
    objects: int
    kind: str = "object bootstrap"

    def intervals(self, level: float = 0.95) -> tuple[Interval, ...]:
        """Percentile intervals, each at this level on its own."""
        low, high = _quantiles(self.replicates, [(1 - level) / 2, (1 + level) / 2])
        return _intervals(self.estimate, low, high, level, self.objects, self._method("percentiles"))

    def simultaneous(self, level: float = 0.95) -> tuple[Interval, ...]:
        """Max-t intervals of equation (2): together they cover all k truths at this level."""
        deviation = np.abs(self.replicates - self.estimate)
        error = self.replicates.std(axis=0, ddof=1)
        # A statistic that never varies has no t; its interval is a point.
        studentised = np.divide(deviation, error, out=np.zeros_like(deviation), where=error > 0)
        width = _quantiles(studentised.max(axis=1), [level])[0] * error
        low, high = self.estimate - width, self.estimate + width
        return _intervals(self.estimate, low, high, level, self.objects, self._method("max-t"))

    def contrasts(self, coefficients: Float[np.ndarray, "c k"]) -> "Bootstrap":
        """Linear combinations of the statistics, on the same resamples."""
        estimate, replicates = coefficients @ self.estimate, self.replicates @ coefficients.T
        return replace(self, estimate=estimate, replicates=replicates)

    def differences(self, pairs: Sequence[tuple[int, int]]) -> "Bootstrap":
        """θ_a − θ_b for each of these pairs (a, b) of statistics, on the same resamples."""
        first, second = np.transpose(pairs)
        estimate, replicates = (some[..., first] - some[..., second] for some in (self.estimate, self.replicates))
        return replace(self, estimate=estimate, replicates=replicates)

    def _method(self, ends: str) -> str:
        return f"{self.kind}, {len(self.replicates)} resamples, {ends}"


def object_bootstrap(
    statistic: Callable[[np.ndarray], Any], objects: int, *, resamples: int = 999, rng: np.random.Generator
) -> Bootstrap:
    """A statistic and its replicates when objects are resampled.

    Args:
        statistic: Takes the multiplicities nᵢ, shape (objects,), to a number or a vector (k,); NaN where undefined.
        objects: Number of independent objects.
        resamples: Number of resamples B.
        rng: Draws the resamples.

    Raises:
        ValueError: If there are fewer than two objects, or fewer than two resamples.
    """
    _require_objects(objects)
    if resamples < 2:
        raise ValueError(f"expected two or more resamples, got {resamples}: fewer have no spread, choose 199, say")
    estimate = np.atleast_1d(np.asarray(statistic(np.ones(objects, dtype=np.int64)), dtype=np.float64))
    replicates = np.empty((resamples, len(estimate)))
    for row in replicates:
        for _ in range(DRAWS):
            row[:] = statistic(_multiplicities(objects, rng))
            if not (np.isnan(row) & ~np.isnan(estimate)).any():
                break
    return Bootstrap(estimate=estimate, replicates=replicates, objects=objects)


def ratio_bootstrap(
    numerators: Real[np.ndarray, "n k"],
    denominators: Real[np.ndarray, "n k"],
    *,
    unit: Int[np.ndarray, " n"] | None = None,
    resamples: int = 999,
    rng: np.random.Generator,
) -> Bootstrap:
    """The k ratios Σ numerators / Σ denominators and their replicates when units are resampled.

    Args:
        numerators: Per-sample terms above the line.
        denominators: Per-sample terms below the line.
        unit: Independent unit of each sample, numbered from 0; each sample is one where None.
        resamples: Number of resamples B.
        rng: Draws the resamples.

    Raises:
        ValueError: If there are fewer than two units, or fewer than two resamples.
    """
    terms = np.concatenate([numerators, denominators], axis=1, dtype=np.float64)
    if unit is not None:
        terms = sums_by_group(terms, unit, int(unit.max()) + 1)
    columns = numerators.shape[1]

    def ratios(counts: np.ndarray) -> np.ndarray:
        sums = counts @ terms
        return sums[:columns] / sums[columns:]

    return object_bootstrap(ratios, len(terms), resamples=resamples, rng=rng)


def largest(intervals: Sequence[Interval]) -> Interval:
    """The interval of the largest of several quantities, of which these are simultaneous intervals.

    Raises:
        ValueError: If there are none.
    """
    return _extreme(max, "largest", intervals)


def smallest(intervals: Sequence[Interval]) -> Interval:
    """The interval of the smallest of several quantities, likewise.

    Raises:
        ValueError: If there are none.
    """
    return _extreme(min, "smallest", intervals)


def central_interval(draws: Real[np.ndarray, " b"], *, n: int, method: str) -> Interval:
    """The mean and the central 95 % of a statistic over draws of a control: where it lies when nothing is there.

    Args:
        draws: The statistic of each draw.
        n: Number of independent units behind each.
        method: What was drawn, and how often.
    """
    low, high = np.quantile(draws, [0.025, 0.975])
    return Interval(estimate=float(np.mean(draws)), low=float(low), high=float(high), n=n, method=method)


def pair_weights(multiplicities: Int[np.ndarray, " n"]) -> Int[np.ndarray, "n n"]:
    """The weights nᵢ nⱼ of equation (1), zero on the diagonal."""
    weights = np.multiply.outer(multiplicities, multiplicities)
    np.fill_diagonal(weights, 0)
    return weights


def random_groups(unit: Int[np.ndarray, " n"], groups: int, *, rng: np.random.Generator) -> Int[np.ndarray, " n"]:
    """A group, numbered from 0, for each sample: whole units, spread at random over at most `groups` groups."""
    units = int(unit.max()) + 1
    return (rng.permutation(units) % min(groups, units))[unit]


def sums_by_group(
    terms: Real[np.ndarray, "n k"], group: Int[np.ndarray, " n"], groups: int
) -> Float[np.ndarray, "groups k"]:
    """The sum of each column over the rows of each group."""
    order = np.argsort(group, kind="stable")
    present, first = np.unique(group[order], return_index=True)
    sums = np.zeros((groups, terms.shape[1]))
    sums[present] = np.add.reduceat(terms[order], first, axis=0)
    return sums


def jackknife_intervals(
    estimate: Float[np.ndarray, " k"], replicates: Float[np.ndarray, "groups k"], *, level: float = 0.95, n: int
) -> tuple[Interval, ...]:
    """Student intervals of equation (3) from the statistics without each group in turn.

    Raises:
        ValueError: If there are fewer than two groups.
    """
    groups = len(replicates)
    _require_objects(groups)
    error = np.sqrt((groups - 1) / groups * np.square(replicates - replicates.mean(axis=0)).sum(axis=0))
    width = scipy.special.stdtrit(groups - 1, (1 + level) / 2) * error
    return _intervals(estimate, estimate - width, estimate + width, level, n, f"jackknife, {groups} groups")


def permutation_p_value(observed: float, permuted: Real[np.ndarray, " b"]) -> float:
    """The p-value of equation (4) for a statistic that is large when the null hypothesis fails.

    A permuted statistic that is NaN counts as one at least as large: what is not defined is no evidence.

    Raises:
        ValueError: If the observed statistic is NaN.
    """
    if math.isnan(observed):
        raise ValueError("expected a statistic that is defined, got NaN: it compares with no permuted one")
    return (1 + int(np.count_nonzero(~(permuted < observed)))) / (1 + len(permuted))


def _extreme(pick: Callable[[Iterable[float]], float], which: str, intervals: Sequence[Interval]) -> Interval:
    if not intervals:
        raise ValueError(f"expected at least one interval to take the {which} of, got none")
    return replace(
        intervals[0],
        estimate=pick(interval.estimate for interval in intervals),
        low=pick(interval.low for interval in intervals),
        high=pick(interval.high for interval in intervals),
    )


def _quantiles(replicates: np.ndarray, levels: Sequence[float]) -> np.ndarray:
    return np.quantile(replicates, levels, axis=0, method="weibull")


def _multiplicities(objects: int, rng: np.random.Generator) -> np.ndarray:
    return np.bincount(rng.integers(objects, size=objects), minlength=objects)


def _intervals(
    estimate: np.ndarray, low: np.ndarray, high: np.ndarray, level: float, n: int, method: str
) -> tuple[Interval, ...]:
    return tuple(
        Interval(estimate=float(e), low=float(a), high=float(b), level=level, n=n, method=method)
        for e, a, b in zip(estimate, low, high, strict=True)
    )


def _require_objects(objects: int) -> None:
    if objects < 2:
        raise ValueError(f"expected at least two independent objects to resample, got {objects}")
