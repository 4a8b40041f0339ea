"""Snapshots of which each state before has more than one state after: whole trajectories, and two draws of one step."""

from dataclasses import dataclass, replace

import numpy as np

from koopman_analysis.shapes import Array
from koopman_analysis.snapshots.pairs import SnapshotPairs
from koopman_analysis.snapshots.requirements import double, on_host, require_numbers, require_states


@dataclass(frozen=True, kw_only=True, eq=False)
class SnapshotTrajectories:
    """n trajectories at the same times, noise first.

    Attributes:
        states: States, floating or complex and finite, shape (n, times, d).
        times: The clock of the flow, shape (times,): at least two times, all rising or all falling.

    Raises:
        TypeError: Where the states are not of floating or complex numbers, or the times are not an array.
        ValueError: Where a shape or a value is not as above.
    """

    states: Array
    times: np.ndarray

    def __post_init__(self) -> None:
        if np.ndim(self.states) != 3:
            raise ValueError(f"expected states of shape (n, times, d), got shape {np.shape(self.states)}")
        if not isinstance(self.times, np.ndarray):
            raise TypeError(f"expected times as an array, got {type(self.times).__name__}: pass np.array(times)")
        times, steps = self.states.shape[1], np.diff(self.times)
        require_numbers("states on trajectories", self.states)
        for k in range(times):
            require_states("on trajectories", self.states[:, k])
        monotone = np.isfinite(steps).all() and ((steps > 0).all() or (steps < 0).all())
        if self.times.shape != (times,) or times < 2 or not monotone:
            raise ValueError(
                f"expected at least two times that all rise or all fall, one for each of the {times} states of a "
                f"trajectory, got {self.times}"
            )

    @property
    def ends(self) -> SnapshotPairs:
        """The pairs of first and last states."""
        lag = abs(float(self.times[-1] - self.times[0]))
        return SnapshotPairs(before=self.states[:, 0], after=self.states[:, -1], lag=lag)

    def on_host(self) -> "SnapshotTrajectories":
        """The same trajectories as NumPy arrays of double precision."""
        return replace(self, states=double(self.states), times=self.times.astype(np.float64))


@dataclass(frozen=True, kw_only=True, eq=False)
class DoublePairs:
    """Two draws of the state after for each state before, independent given it: what tells noise from a wrong operator.

    Attributes:
        first: One draw of each.
        second: The other, for the same states before, row by row.

    Raises:
        ValueError: If the states before are not the same.
    """

    first: SnapshotPairs
    second: SnapshotPairs

    def __post_init__(self) -> None:
        one, other = (on_host(pairs.before) for pairs in (self.first, self.second))
        if not np.array_equal(one, other):
            raise ValueError(
                f"expected two draws after the same states before, got states before of shapes {one.shape} and "
                f"{other.shape} that differ: draw both from each state, and keep the order of the rows"
            )

    def shuffled(self, *, rng: np.random.Generator) -> "DoublePairs":
        """An unrelated copy: each state before, with both draws after a state of another unit.

        The two draws stay together, so that they have more in common than the state before them explains.

        Raises:
            ValueError: If one unit holds more than half of the pairs, so that no such copy exists.
        """
        source = self.first.unrelated_rows(rng=rng)
        first, second = (replace(pairs, after=pairs.after[source]) for pairs in (self.first, self.second))
        return DoublePairs(first=first, second=second)
