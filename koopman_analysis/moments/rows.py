"""The weighted rows of the data matrix Z, lifted a chunk at a time: memory does not grow with the number of pairs.

The letters are those of `koopman_analysis.moments`, equation (1). NumPy's chunks share one block of memory, laid out a
function after another: each is then written, and read by the matrix product that follows, without a stride.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import array_api_compat
import numpy as np

from koopman_analysis.dictionaries import Dictionary
from koopman_analysis.shapes import Array
from koopman_analysis.snapshots import SnapshotPairs
from koopman_analysis.snapshots.pairs import require_pairs

Lift = Callable[[Array], Array]
"""A dictionary, or any function from states (n, d) to features (n, m)."""

CHUNK = 4096
"""Rows lifted at a time."""

Sizes = tuple[int, int, int]
"""Numbers of columns (m_in, m_out, d) behind the leading column of ones."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Rows:
    """A chunk of Z; its memory is that of the next chunk, too.

    Attributes:
        values: The rows, in double precision, shape (rows, 1 + m_in + m_out + d).
        sizes: (m_in, m_out, d).
        first: Position of the first of them among the pairs.
    """

    values: Array
    sizes: Sizes
    first: int

    def require_finite(self, summary: Array) -> None:
        """Refuses rows whose summary, into which every NaN and Inf of theirs goes, is not finite.

        Raises:
            ValueError: If it is not.
        """
        xp = np if isinstance(summary, np.ndarray) else array_api_compat.array_namespace(summary)
        if not bool(xp.all(xp.isfinite(summary))):
            raise ValueError(
                f"expected finite features, got NaN or Inf for rows {self.first} to "
                f"{self.first + len(self.values) - 1}: a dictionary function is undefined or overflows there"
            )


def columns_of(sizes: Sizes) -> tuple[slice, slice, slice]:
    """The columns of Ψ_in, Ψ_out and y."""
    m_in, m_out, features = sizes
    return slice(1, 1 + m_in), slice(1 + m_in, 1 + m_in + m_out), slice(1 + m_in + m_out, 1 + m_in + m_out + features)


def lifted_rows(pairs: SnapshotPairs, inputs: Lift, outputs: Lift, chunk: int) -> Iterator[Rows]:
    """Z, `chunk` rows at a time.

    Raises:
        TypeError: If the number of rows is no whole number, or a lift is no function from arrays to arrays.
        ValueError: If a chunk is to have no row, or a lift's features are not a row for each state.
    """
    require_pairs(pairs)
    if isinstance(chunk, bool) or not hasattr(chunk, "__index__"):
        raise TypeError(f"expected a whole number of rows in a chunk, got {chunk!r}")
    if chunk < 1:
        raise ValueError(f"expected chunks of at least one row, got {chunk}")
    # One row tells how many functions there are, and of which kind of number.
    probe = (
        features_of(inputs, _double(pairs.before[:1])),
        features_of(outputs, _double(pairs.after[:1])),
        _double(pairs.after[:1]),
    )
    sizes = (int(probe[0].shape[1]), int(probe[1].shape[1]), int(probe[2].shape[1]))
    block = _Block(probe, min(chunk, pairs.n)) if all(isinstance(part, np.ndarray) for part in probe) else None
    for first in range(0, pairs.n, chunk):
        rows = slice(first, first + chunk)
        before, after = _double(pairs.before[rows]), _double(pairs.after[rows])
        weights = None if pairs.weights is None else _double(pairs.weights[rows])
        if block is None:
            values = _joined((features_of(inputs, before), features_of(outputs, after), after), weights)
        else:
            values = block.written((inputs, outputs, None), (before, after, after), weights)
        yield Rows(values=values, sizes=sizes, first=first)


class _Block:
    """Memory for the rows of one chunk, a function after another."""

    def __init__(self, parts: tuple[np.ndarray, ...], chunk: int) -> None:
        ends = np.cumsum([1, *(part.shape[1] for part in parts)])
        self._columns = [slice(int(first), int(last)) for first, last in pairwise(ends)]
        self._memory = np.empty((ends[-1], chunk), np.result_type(*parts))

    def written(
        self, lifts: tuple[Lift | None, ...], states: tuple[np.ndarray, ...], weights: np.ndarray | None
    ) -> np.ndarray:
        """The rows [1, lift(states) …], where no lift stands for the states themselves."""
        rows = self._memory[:, : len(states[0])].T
        rows[:, 0] = 1.0
        for lift, given, columns in zip(lifts, states, self._columns, strict=True):
            if isinstance(lift, Dictionary):
                lift.lift_into(given, rows[:, columns])
            else:
                features = features_of(lift, given)
                if np.iscomplexobj(features) and not np.iscomplexobj(rows):
                    raise TypeError("expected functions of one kind of number, got complex values after real ones")
                rows[:, columns] = features
        if weights is not None:
            rows *= np.sqrt(weights)[:, None]
        return rows


def features_of(lift: Lift | None, states: Array) -> Array:
    """The features of these states, where no lift stands for the states themselves.

    Raises:
        TypeError: If they are no array of the states' library.
        ValueError: If they are not a row for each state.
    """
    if lift is None:
        return states
    features = lift(states)
    if not _of_one_library(features, states):
        raise TypeError(
            f"expected functions that take {type(states).__name__} to {type(states).__name__}, got "
            f"{type(features).__name__} from {lift!r}"
        )
    if features.ndim != 2 or len(features) != len(states) or features.shape[1] < 1:
        raise ValueError(
            f"expected functions that take states (n, d) to features (n, m), got shape {tuple(features.shape)} for "
            f"states of shape {tuple(states.shape)} from {lift!r}"
        )
    return features


def _of_one_library(features: Any, states: Array) -> bool:
    if isinstance(features, np.ndarray) or isinstance(states, np.ndarray):
        return isinstance(features, np.ndarray) and isinstance(states, np.ndarray)
    return array_api_compat.is_array_api_obj(features) and (
        array_api_compat.array_namespace(features) is array_api_compat.array_namespace(states)
    )


def _joined(parts: tuple[Array, ...], weights: Array | None) -> Array:
    xp = array_api_compat.array_namespace(*parts)
    values = xp.concat([xp.ones_like(parts[0][:, :1]), *parts], axis=1)
    return values if weights is None else xp.sqrt(weights)[:, None] * values


def _double(array: Array) -> Array:
    if isinstance(array, np.ndarray) and array.dtype in (np.float64, np.complex128):
        return array
    xp = array_api_compat.array_namespace(array)
    return xp.astype(array, xp.complex128 if xp.isdtype(array.dtype, "complex floating") else xp.float64, copy=False)


def require_same(sizes: Sizes, others: Sizes) -> None:
    """Refuses to add moments of dictionaries of other sizes.

    Raises:
        ValueError: If they differ.
    """
    if sizes != others:
        raise ValueError(f"expected moments of the same dictionaries, got sizes (m_in, m_out, d) {sizes} and {others}")
