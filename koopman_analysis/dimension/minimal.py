"""The smallest member of a nested family that is closed, with an error probability that holds for the whole sweep.

The hypotheses H_m: "the member of dimension m is not closed within the tolerances" are tested in a fixed order,

    from the largest m downwards, stopping at the first that is not rejected.                                   (1)

Only one true H_m can then be met, the first in this order, and all before it were false: the probability that any true
one is rejected is that of this one test. The upper ends of a report's intervals reject each at 2.5 %, so that a member
is named closed which is not in at most 2.5 % of all sweeps, however long they are. Taking the smallest member that
passes on its own gives every size its own chance to pass by accident: up to 1 − 0.975⁹ = 20 % of the sweeps over nine
sizes that just fail, on pairs of their own, name one (14 % in a simulation, since δ errs upwards; in order, 1 %).

The result is a property of the named family at these tolerances, never of the flow. Where the largest member fails
there is none, whatever smaller ones seem to be: then pairs are too few, or the family is not closed anywhere.

Source: Maurer, Hothorn & Lehmacher 1995 (tests in a fixed order).
"""

from dataclasses import dataclass

from koopman_analysis.closure import Closedness, ClosureReport, Tolerances
from koopman_analysis.dimension.sweep import DimensionSweep

_CLOSED = (Closedness.EXACT, Closedness.APPROXIMATE)


@dataclass(frozen=True, kw_only=True)
class TriedDimension:
    """One test of equation (1).

    Attributes:
        dimension: m.
        closedness: The verdict at the tolerances.
        because: Its reason.
    """

    dimension: int
    closedness: Closedness
    because: str


@dataclass(frozen=True, kw_only=True)
class MinimalDimension:
    """The smallest closed member of a named family.

    Attributes:
        family: Its name.
        dimension: m; None where not even the largest member is known to be closed.
        tried: The tests in their order, the first that failed included.
        tolerances: What counts as closed.
    """

    family: str
    dimension: int | None
    tried: tuple[TriedDimension, ...]
    tolerances: Tolerances

    @property
    def because(self) -> str:
        """One sentence that gives the reason."""
        last = self.tried[-1]
        if self.dimension is None:
            return f"the largest member, of dimension {last.dimension}, is not known to be closed: {last.because}"
        if last.dimension == self.dimension:
            return f"every member is closed, down to the smallest, of dimension {self.dimension}"
        return (
            f"dimension {self.dimension} is closed, and of dimension {last.dimension} it is not known: {last.because}"
        )


def minimal_dimension(sweep: DimensionSweep, tolerances: Tolerances | None = None) -> MinimalDimension:
    """Equation (1) on what a sweep measured.

    Args:
        sweep: The reports of a family, on pairs that the family was not chosen with.
        tolerances: What counts as closed; the default tolerances where None.
    """
    limits = tolerances or Tolerances()
    tried: list[TriedDimension] = []
    found = None
    for dimension, report in zip(reversed(sweep.dimensions), reversed(sweep.reports), strict=True):
        tried.append(_tried(dimension, report, limits))
        if tried[-1].closedness not in _CLOSED:
            break
        found = dimension
    return MinimalDimension(family=sweep.family, dimension=found, tried=tuple(tried), tolerances=limits)


def _tried(dimension: int, report: ClosureReport, tolerances: Tolerances) -> TriedDimension:
    return TriedDimension(
        dimension=dimension, closedness=report.closedness_at(tolerances), because=report.because(tolerances)
    )
