"""The weighted rows of the data matrix Z, lifted a chunk at a time: memory does not grow with the number of pairs.

The letters are those of `koopman_analysis.moments`, equation (1). NumPy's chunks share one block of memory, laid out a
function after another: each is then written, and read by the matrix product that follows, without a stride.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import array_api_compat
import numpy as np

from koopman_analysis.shapes import Array
from koopman_analysis.snapshots import SnapshotPairs

Lift = Callable[[Array], Array]
"""A dictionary, or any function from states (n, d) to features (n, m)."""

CHUNK = 2048
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
        xp = array_api_compat.array_namespace(summary)
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
        ValueError: If a chunk is to have no row.
    """
    if chunk < 1:
        raise ValueError(f"expected chunks of at least one row, got {chunk}")
    block: np.ndarray | None = None
    for first in range(0, pairs.n, chunk):
        rows = slice(first, first + chunk)
        before, after = _double(pairs.before[rows]), _double(pairs.after[rows])
        weights = None if pairs.weights is None else _double(pairs.weights[rows])
        parts = (inputs(before), outputs(after), after)
        sizes = (int(parts[0].shape[1]), int(parts[1].shape[1]), int(after.shape[1]))
        if all(isinstance(part, np.ndarray) for part in parts):
            block = _block_for(block, parts, chunk)
            values = _written(block, parts, weights)
        else:
            values = _joined(parts, weights)
        yield Rows(values=values, sizes=sizes, first=first)


def _block_for(block: np.ndarray | None, parts: tuple[np.ndarray, ...], chunk: int) -> np.ndarray:
    """The block of memory for these parts: the one there is, where it is of their size and type."""
    shape, dtype = (1 + sum(part.shape[1] for part in parts), chunk), np.result_type(*parts)
    return block if block is not None and (block.shape, block.dtype) == (shape, dtype) else np.empty(shape, dtype)


def _written(block: np.ndarray, parts: tuple[np.ndarray, ...], weights: np.ndarray | None) -> np.ndarray:
    count, column = len(parts[0]), 1
    block[0, :count] = 1.0
    for part in parts:
        block[column : column + part.shape[1], :count] = part.T
        column += part.shape[1]
    values = block[:, :count].T
    if weights is not None:
        values *= np.sqrt(weights)[:, None]
    return values


def _joined(parts: tuple[Array, ...], weights: Array | None) -> Array:
    xp = array_api_compat.array_namespace(*parts)
    values = xp.concat([xp.ones_like(parts[0][:, :1]), *parts], axis=1)
    return values if weights is None else xp.sqrt(weights)[:, None] * values


def _double(array: Array) -> Array:
    xp = array_api_compat.array_namespace(array)
    return xp.astype(array, xp.complex128 if xp.isdtype(array.dtype, "complex floating") else xp.float64, copy=False)


def on_host(array: Array) -> np.ndarray:
    """The array as NumPy's."""
    return np.asarray(array_api_compat.to_device(array, "cpu"))


def require_same(sizes: Sizes, others: Sizes) -> None:
    """Refuses to add moments of dictionaries of other sizes.

    Raises:
        ValueError: If they differ.
    """
    if sizes != others:
        raise ValueError(f"expected moments of the same dictionaries, got sizes (m_in, m_out, d) {sizes} and {others}")
