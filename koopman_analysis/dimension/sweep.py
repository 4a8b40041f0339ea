"""The closure of a nested family against its dimension: one curve a quantity, all members on the same resamples.

The dimension of a member is its number of functions, the constant that is adjoined to all of them included,

    m = 1 + dim span of the centred Ψ_in.                                                                       (1)

Each member has the quantities of its closure report (`koopman_analysis.closure.estimation`): defect, operator defect δ,
state error and worst direction. Halves and jackknife groups are the same for all members, and so are the multipliers
that resample them (`koopman_analysis.jackknife`): the intervals of one quantity cover the truth at all
dimensions at once, at 95 %, and differences between dimensions have the error of the difference.

Where the output dictionary stays the same, no quantity of the population rises along a nested family. A curve that does
was fitted to too few pairs, or to a few very large states.

Source: Westfall & Young 1993 (max-t).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from koopman_analysis.closure import ClosureReport, closure_sweep
from koopman_analysis.closure.report import lowered
from koopman_analysis.dimension.families import NestedFamily
from koopman_analysis.jackknife import Jackknife
from koopman_analysis.moments import Lift
from koopman_analysis.resampling import Bootstrap, Interval
from koopman_analysis.snapshots import SnapshotPairs

_QUANTITIES = (
    "defect (share of variance)",
    "operator defect (share of variance)",
    "state error (share of variance)",
    "worst direction (share of variance)",
    "worst residual direction (share of variance)",
)
"""In the order of `ClosureReport.jackknife`."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Curve:
    """One quantity against the dimension.

    Attributes:
        quantity: What it is, in words.
        dimensions: The dimensions, rising.
        intervals: At each dimension; simultaneous over all of them.
        bootstrap: The estimates and their replicates, on the same resamples at each dimension.
    """

    quantity: str
    dimensions: tuple[int, ...]
    intervals: tuple[Interval, ...]
    bootstrap: Bootstrap

    @property
    def estimates(self) -> np.ndarray:
        """The estimate at each dimension."""
        return self.bootstrap.estimate

    @classmethod
    def of_shares(cls, quantity: str, dimensions: Sequence[int], bootstrap: Bootstrap) -> "Curve":
        """A curve of shares of variance, which are not negative."""
        intervals = tuple(_not_negative(interval) for interval in bootstrap.simultaneous())
        return cls(quantity=quantity, dimensions=tuple(dimensions), intervals=intervals, bootstrap=bootstrap)


@dataclass(frozen=True, kw_only=True, eq=False)
class DimensionSweep:
    """What was measured of a nested family.

    Attributes:
        family: Its name.
        reports: The report of each member, each with intervals of its own.
        defect: 1 − mean σ_i²; lower ends allow for the directions that were fitted.
        operator_defect: δ of the fitted K, biased upwards by about m/n_fit of itself.
        state_error: Squared error of the state read out of Ψ_in(x) K, relative to its variance.
        worst_direction: 1 − σ_min², from the direction that the fit chose to the worst residual.
    """

    family: str
    reports: tuple[ClosureReport, ...]
    defect: Curve
    operator_defect: Curve
    state_error: Curve
    worst_direction: Curve

    @property
    def dimensions(self) -> tuple[int, ...]:
        """Equation (1), for each member."""
        return self.defect.dimensions


def dimension_sweep(
    pairs: SnapshotPairs,
    *,
    family: NestedFamily,
    outputs: Lift | None = None,
    floor: float = 0.0,
    resamples: int = 1999,
    rng: np.random.Generator,
) -> DimensionSweep:
    """The closure of every member of a family, on the same halves and the same resamples.

    Args:
        pairs: The data; each half of its units fits what the other half judges.
        family: The input dictionaries.
        outputs: The output dictionary of all members; each member's own where None.
        floor: The known error of solver and storage, as a share of variance of the whitened output.
        resamples: Resamples of the jackknife's groups.
        rng: Decides the halves, the groups and the resamples.

    Raises:
        TypeError: If the family is another object, such as a list.
        ConstantData: If the states before, or after, do not vary.
        ValueError: If the family is not nested on these pairs, a member adds no direction, there are fewer than four
            independent units, or members were judged on different ones.
    """
    if not isinstance(family, NestedFamily):
        raise TypeError(f"expected a NestedFamily, got {type(family).__name__}: NestedFamily(name=…, members=…)")
    family.require_nested(pairs.on_host().before)
    reports = closure_sweep(pairs, family=family.members, outputs=outputs, floor=floor, rng=rng)
    dimensions = tuple(1 + report.input_dimension for report in reports)
    if any(after <= before for before, after in pairwise(dimensions)):
        raise ValueError(
            f"expected each member of {family.name!r} to add a direction, got dimensions {list(dimensions)}: leave out "
            "members whose new functions are rounding"
        )
    seed = int(rng.integers(2**63))
    defect, operator_defect, state_error, least_worst, most_worst = (
        Curve.of_shares(quantity, dimensions, _resampled(reports, column, resamples, seed))
        for column, quantity in enumerate(_QUANTITIES)
    )
    lower = _cautious(least_worst, reports)
    worst = tuple(
        replace(low, high=max(low.high, high.high))
        for low, high in zip(lower.intervals, most_worst.intervals, strict=True)
    )
    return DimensionSweep(
        family=family.name,
        reports=reports,
        defect=_cautious(defect, reports),
        operator_defect=operator_defect,
        state_error=_cautious(state_error, reports),
        worst_direction=replace(lower, intervals=worst),
    )


def _resampled(reports: Sequence[ClosureReport], column: int, resamples: int, seed: int) -> Bootstrap:
    joined = Jackknife.joined([report.jackknife.columns(slice(column, column + 1)) for report in reports])
    return joined.bootstrap(resamples=resamples, rng=np.random.default_rng(seed))


def _cautious(curve: Curve, reports: Sequence[ClosureReport]) -> Curve:
    """The curve with lower ends that allow for what a fit of so many directions misses, as those of the reports do."""
    intervals = zip(curve.intervals, reports, strict=True)
    return replace(curve, intervals=tuple(lowered(interval, report.caution) for interval, report in intervals))


def _not_negative(interval: Interval) -> Interval:
    low, estimate, high = (max(0.0, end) for end in (interval.low, interval.estimate, interval.high))
    return replace(interval, low=low, estimate=estimate, high=high)
