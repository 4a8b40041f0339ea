"""Snapshot pairs: states before and after one application of a flow map, and which of them are independent.

The data of everything here are n pairs (xᵢ, yᵢ), yᵢ = Φ(xᵢ), one a row. Pairs are passed by name, because a swapped or
misread second argument is the error that no later number reveals. Two pairs are independent unless they come from one
trajectory: a *unit* is a pair, or a whole trajectory where trajectories are named, or a block of one (`in_blocks`).
Splits, folds and resamples keep units whole, for a held-out pair whose neighbour was fitted is not held out.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any

import array_api_compat
import numpy as np

from koopman_analysis.shapes import Array, Int
from koopman_analysis.snapshots.requirements import (
    double,
    on_host,
    require_names,
    require_numbers,
    require_one_place,
    require_states,
    require_weights,
)


@dataclass(frozen=True, kw_only=True, eq=False)
class SnapshotPairs:
    """n pairs of states, before and after the flow map.

    Arrays may be NumPy arrays or tensors of any array-API library, states and weights in one and on one device; states
    must be finite and floating (or complex).

    Attributes:
        before: States before, shape (n, d_before).
        after: States after, shape (n, d_after).
        lag: Time from before to after, positive; rates are log λ / lag.
        weights: Non-negative weight of each pair, shape (n,); all one where None.
        trajectory: Name (an integer) of the trajectory each pair belongs to, shape (n,); every pair is its own unit
            where None.

    Raises:
        TypeError: Where states are not arrays of floating or complex numbers, weights not an array of real ones, or the
            arrays belong to different libraries.
        ValueError: Where arrays lie on different devices, or a shape, a value, a weight or the lag is not as above.
    """

    before: Array
    after: Array
    lag: float = 1.0
    weights: Array | None = None
    trajectory: Array | None = None

    def __post_init__(self) -> None:
        for name in ("before", "after"):
            require_numbers(f"states {name}", getattr(self, name))
        require_one_place(self.before, self.after, self.weights)
        for name in ("before", "after"):
            require_states(name, getattr(self, name))
        if len(self.before) != len(self.after):
            raise ValueError(
                f"expected as many states after as before, got {len(self.before)} before and {len(self.after)} after: "
                "row i of both is one pair"
            )
        if not (math.isfinite(self.lag) and self.lag > 0):
            raise ValueError(f"expected a positive, finite lag, got {self.lag}: it is the time from before to after")
        if self.weights is not None:
            require_weights(self.weights, self.n)
        if self.trajectory is not None:
            require_names(self.trajectory, self.n)

    @classmethod
    def from_trajectories(cls, trajectories: Sequence[Array], *, lag: float = 1.0) -> "SnapshotPairs":
        """Consecutive states of each trajectory as pairs; the trajectory's position in the list is its name.

        Args:
            trajectories: Arrays of shape (times, d), equally spaced in time by `lag`, at least two times each.
            lag: Time between consecutive states.

        Raises:
            ValueError: If there are none, one is shorter than two states, or their widths differ.
        """
        widths = {np.shape(trajectory)[1:] for trajectory in trajectories}
        if len(widths) != 1:
            raise ValueError(f"expected trajectories of one width d, each (times, d), got widths {sorted(widths)}")
        lengths = [len(trajectory) for trajectory in trajectories]
        if min(lengths) < 2:
            raise ValueError(f"expected at least two states in each trajectory, got lengths {lengths}")
        xp = array_api_compat.array_namespace(*trajectories)
        return cls(
            before=xp.concat([trajectory[:-1] for trajectory in trajectories]),
            after=xp.concat([trajectory[1:] for trajectory in trajectories]),
            lag=lag,
            trajectory=np.repeat(np.arange(len(lengths)), np.asarray(lengths) - 1),
        )

    def __len__(self) -> int:
        return self.n

    @property
    def n(self) -> int:
        """Number of pairs."""
        return len(self.before)

    @cached_property
    def unit(self) -> Int[np.ndarray, " n"]:
        """The independent unit of each pair, numbered from 0."""
        if self.trajectory is None:
            return np.arange(self.n)
        return np.unique(on_host(self.trajectory), return_inverse=True)[1]

    @property
    def units(self) -> int:
        """Number of independent units: pairs, or trajectories where they are named."""
        return self.n if self.trajectory is None else int(self.unit.max()) + 1

    def subset(self, index: np.ndarray) -> "SnapshotPairs":
        """The pairs at these rows (or where this mask is true)."""
        rows = np.flatnonzero(index) if index.dtype == bool else index
        return replace(
            self,
            before=self.before[rows],
            after=self.after[rows],
            weights=None if self.weights is None else self.weights[rows],
            trajectory=None if self.trajectory is None else self.trajectory[rows],
        )

    def of_positive_weight(self) -> "SnapshotPairs":
        """The pairs that count: one of weight zero is no evidence, and makes no unit."""
        return self if self.weights is None else self.subset(on_host(self.weights) > 0)

    def on_host(self) -> "SnapshotPairs":
        """The same pairs as NumPy arrays of double precision, for the dense factorisations."""
        return replace(
            self,
            before=double(self.before),
            after=double(self.after),
            weights=None if self.weights is None else double(self.weights),
            trajectory=None if self.trajectory is None else on_host(self.trajectory),
        )

    def split(self, *, held_out: float = 0.1, rng: np.random.Generator) -> "Split":
        """Fit and held-out parts, at random, no unit in both.

        Args:
            held_out: Share of the units to hold out, in (0, 1); at least one unit goes to either part.
            rng: Decides which.

        Raises:
            ValueError: If the share lies outside (0, 1) or there is one unit only.
        """
        if not 0 < held_out < 1:
            raise ValueError(f"expected a held-out share strictly between 0 and 1, got {held_out}")
        if self.units < 2:
            raise ValueError(f"expected at least two independent units to split, got {self.units}")
        count = min(max(round(held_out * self.units), 1), self.units - 1)
        chosen = np.zeros(self.units, dtype=bool)
        chosen[rng.permutation(self.units)[:count]] = True
        mask = chosen[self.unit]
        return Split(fit=self.subset(~mask), held_out=self.subset(mask))

    def folds(self, count: int, *, rng: np.random.Generator) -> "tuple[Split, ...]":
        """Splits in which each part of a random partition into `count` parts of whole units is held out once.

        Raises:
            ValueError: If there are fewer units than folds, or fewer than two folds are asked for.
        """
        if not 2 <= count <= self.units:
            raise ValueError(f"expected from 2 folds to as many as there are units ({self.units}), got {count}")
        fold = (rng.permutation(self.units) % count)[self.unit]
        return tuple(Split(fit=self.subset(fold != k), held_out=self.subset(fold == k)) for k in range(count))

    def in_blocks(self, length: int, *, gap: int = 0) -> "SnapshotPairs":
        """The same pairs with each trajectory cut into blocks, which are the units from then on.

        The rows of a trajectory must be in the order of time; where no trajectories are named, all rows are one. Each
        is cut into as many blocks of equal length as fit, a short one into one, and pairs between two blocks are left
        out. Blocks of ten autocorrelation times with one between them are nearly independent of each other
        (`koopman_analysis.dependence`).

        Args:
            length: Least number of pairs in a block.
            gap: Number of pairs left out between two blocks. With none, the last state after of a block is the first
                state before of the next.

        Raises:
            ValueError: If the length is not positive or the gap negative.
        """
        if length < 1 or gap < 0:
            raise ValueError(f"expected blocks of at least one pair and no negative gap, got {length} and {gap}")
        unit = np.zeros(self.n, dtype=np.intp) if self.trajectory is None else self.unit
        name, count = np.full(self.n, -1), 0
        for rows in np.split(np.argsort(unit, kind="stable"), np.cumsum(np.bincount(unit))[:-1]):
            blocks = max(1, (len(rows) + gap) // (length + gap))
            for start, following in pairwise(np.arange(blocks + 1) * (len(rows) + gap) // blocks):
                name[rows[start : following - gap]] = count
                count += 1
        return replace(self.subset(name >= 0), trajectory=name[name >= 0])

    def shuffled(self, *, rng: np.random.Generator) -> "SnapshotPairs":
        """An unrelated copy: each state before, with the state after of another unit.

        Weights and trajectory names stay with the states before.

        Raises:
            ValueError: If one unit holds more than half of the pairs, so that no such copy exists.
        """
        return replace(self, after=self.after[self.unrelated_rows(rng=rng)])

    def unrelated_rows(self, *, rng: np.random.Generator) -> Int[np.ndarray, " n"]:
        """For each pair the row of one from another unit, every row once.

        Units are put in random order and rows moved cyclically past the largest unit.

        Raises:
            ValueError: If one unit holds more than half of the pairs.
        """
        largest = int(np.bincount(self.unit).max())
        if 2 * largest > self.n:
            raise ValueError(
                f"expected no unit to hold more than half of the pairs, got one with {largest} of {self.n}: "
                "pairs of one unit are related to each other, so there is no unrelated copy"
            )
        order = np.argsort(rng.permutation(self.units)[self.unit], kind="stable")
        source = np.empty(self.n, dtype=np.intp)
        source[order] = np.roll(order, -largest)
        return source


@dataclass(frozen=True, kw_only=True, eq=False)
class Split:
    """Two sets of pairs with no unit in common.

    Attributes:
        fit: What estimators may see.
        held_out: What verdicts are taken on.
    """

    fit: SnapshotPairs
    held_out: SnapshotPairs


def require_pairs(pairs: Any) -> None:
    """Refuses what are no pairs of states.

    Raises:
        TypeError: If they are not.
    """
    if not isinstance(pairs, SnapshotPairs):
        raise TypeError(
            f"expected SnapshotPairs, got {type(pairs).__name__}: pass SnapshotPairs(before=x, after=y), or "
            "SnapshotPairs.from_trajectories"
        )


def require_named_units(pairs: SnapshotPairs) -> None:
    """Refuses consecutive states as pairs that are each their own unit.

    In a trajectory cut into pairs, yᵢ = xᵢ₊₁ ≠ xᵢ. Of independent states that take few values no more than half the
    rows do that, so that more than half tell a trajectory.

    Raises:
        ValueError: If most states after are the next state before, and no trajectories are named.
    """
    if pairs.trajectory is not None or pairs.before.shape[1] != pairs.after.shape[1]:
        return
    before, after = on_host(pairs.before), on_host(pairs.after)
    follows = (after[:-1] == before[1:]).all(axis=1) & (before[:-1] != before[1:]).any(axis=1)
    if 2 * np.count_nonzero(follows) > max(len(follows), 2):
        raise ValueError(
            f"expected independent pairs, got {np.count_nonzero(follows)} of {pairs.n} whose state after is the next "
            "state before: name the trajectories, with SnapshotPairs.from_trajectories([states]) or trajectory=names"
        )
