"""Correlations of a relabelled matrix with fixed ones: many relabellings, exactly decided in single precision.

Let A and B have mean zero and Σ_{i<j} A_ij² = Σ_{i<j} B_ij² = 1 over the pairs. A relabelling π of the objects of A
gives

    r_π = Σ_{i<j} A_{π(i) π(j)} B_ij.                                                                      (1)

Of B the upper triangle is stored, in blocks of a few rows; of A the rows π(i) of a block are copied, their columns
gathered at π(j), and what was gathered multiplies the block. Several relabellings use a block while it is cached, and
several fixed matrices what was gathered.

Gathering is what takes the time, so it is done in single precision, of unit roundoff u = 2⁻²⁴. Products are summed in
single precision over segments of L entries, and segments in double. By Cauchy–Schwarz Σ |A_{π(i) π(j)} B_ij| ≤ 1, so
that in whatever order a segment is summed

    | r_π − r̂_π | ≤ (L + 3) u / (1 − (L + 3) u).                                                           (2)

What (2) leaves undecided is computed again in double precision: counts of relabellings are exact, for little.

Source: Higham 2002, §3.1 (equation (2)).
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from koopman_analysis.shapes import Distances, Float, Int

ROWS, SEGMENT = 64, 128
"""Rows of a block, and L of equation (2)."""
TOGETHER, DRAWN = 16, 512
"""Relabellings that use a block while it is cached, and that are in memory at one time."""
FEW = 4096
"""Entries of the relabellings that are measured together where there are few objects, and calls cost more than work."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Relabellings:
    """Equation (1) for one matrix and k fixed ones.

    Attributes:
        relabelled: A, not yet standardised.
        fixed: Matrices B of the same objects, not yet standardised.
    """

    relabelled: Distances
    fixed: Sequence[Distances]

    @cached_property
    def correlations(self) -> Float[np.ndarray, " k"]:
        """Those of the identity, in double precision."""
        first, others = self._standardised
        return np.array(
            [
                sum(float((a * b).sum()) for (_, a), (_, b) in zip(*(m.upper_triangles() for m in pair), strict=True))
                for pair in ((first, other) for other in others)
            ]
        )

    @property
    def error(self) -> float:
        """The bound (2) on what `coarse` differs from `exact` by, with the rounding of the latter."""
        rounding = (min(SEGMENT, len(self.relabelled)) + 3) * 2.0**-24
        return rounding / (1.0 - rounding) + 1e-12

    def coarse(self, orders: Int[np.ndarray, "b n"]) -> Float[np.ndarray, "b k"]:
        """Equation (1) for each relabelling π, a row each, in single precision."""
        return self._single.correlations(orders)

    def exact(self, orders: Int[np.ndarray, "b n"]) -> Float[np.ndarray, "b k"]:
        """Equation (1) for each relabelling π, a row each, in double precision."""
        return self._double.correlations(orders)

    @cached_property
    def _single(self) -> "_Packed":
        return _Packed.of(*self._standardised, dtype=np.dtype(np.float32))

    @cached_property
    def _double(self) -> "_Packed":
        return _Packed.of(*self._standardised, dtype=np.dtype(np.float64))

    @cached_property
    def _standardised(self) -> tuple["_Standardised", list["_Standardised"]]:
        return _Standardised.of(self.relabelled), [_Standardised.of(matrix) for matrix in self.fixed]


def over_relabellings(
    measure: Callable[[np.ndarray], Any], objects: int, permutations: int, *, rng: np.random.Generator, threads: int = 1
) -> Iterator[Any]:
    """What a measure says of random relabellings, a few at a time, in the order of `rng.permutation(objects)`.

    Args:
        measure: Takes relabellings (b, objects), a row each.
        objects: Number of objects n.
        permutations: Number of relabellings B.
        rng: Draws them, one call of its `permutation` for each.
        threads: How many threads measure; what they say does not depend on it.

    Raises:
        ValueError: If there are fewer than zero relabellings or fewer than one thread.
    """
    if permutations < 0 or threads < 1:
        raise ValueError(
            f"expected zero relabellings or more and one thread or more, got {permutations} and {threads}: choose 999 "
            "and 1, say"
        )
    together = max(TOGETHER, FEW // objects)
    with ThreadPoolExecutor(threads) as pool:
        said = pool.map if threads > 1 else map
        for first in range(0, permutations, DRAWN):
            count = min(DRAWN, permutations - first)
            orders = np.stack([rng.permutation(objects) for _ in range(count)])
            yield from said(measure, [orders[i : i + together] for i in range(0, count, together)])


@dataclass(frozen=True, kw_only=True, eq=False)
class _Standardised:
    """A matrix of which rows are standardised as they are needed."""

    matrix: np.ndarray
    mean: float
    norm: float

    @classmethod
    def of(cls, matrix: np.ndarray) -> "_Standardised":
        pairs = len(matrix) * (len(matrix) - 1) / 2
        mean = sum(float(rows.sum()) for _, rows in _upper_triangles(matrix, 0.0)) / pairs
        square = sum(float(np.square(rows).sum()) for _, rows in _upper_triangles(matrix, mean))
        if not square > (1e-13 * mean) ** 2 * pairs:
            raise ValueError("expected distances that vary, got all equal: they correlate with nothing")
        return cls(matrix=matrix, mean=mean, norm=square**0.5)

    def upper_triangles(self) -> Iterator[tuple[int, np.ndarray]]:
        """The first row of each block, and its rows, standardised above the diagonal and zero elsewhere."""
        return ((first, rows / self.norm) for first, rows in _upper_triangles(self.matrix, self.mean))

    def copy(self, dtype: np.dtype) -> np.ndarray:
        """All entries standardised."""
        whole = np.empty(self.matrix.shape, dtype=dtype)
        for first in range(0, len(whole), ROWS):
            rows = slice(first, first + ROWS)
            whole[rows] = (self.matrix[rows].astype(np.float64) - self.mean) / self.norm
        return whole


def _upper_triangles(matrix: np.ndarray, mean: float) -> Iterator[tuple[int, np.ndarray]]:
    for first in range(0, len(matrix), ROWS):
        yield first, np.triu(matrix[first : first + ROWS].astype(np.float64) - mean, first + 1)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Packed:
    """Equation (1) in one precision.

    Columns are counted from the right in segments, and those that fill the leftmost segment are zero in every block.

    Attributes:
        relabelled: A.
        blocks: For each block of rows of the fixed matrices what lies right of the first diagonal entry, (k, rows, …).
        segment: L.
    """

    relabelled: np.ndarray
    blocks: list[np.ndarray]
    segment: int

    @classmethod
    def of(cls, relabelled: _Standardised, fixed: Sequence[_Standardised], *, dtype: np.dtype) -> "_Packed":
        n = len(relabelled.matrix)
        segment, blocks = min(SEGMENT, n), []
        for same_rows in zip(*(each.upper_triangles() for each in fixed), strict=True):
            first, rows = same_rows[0]
            width = -(-(n - first) // segment) * segment
            block = np.zeros((len(fixed), len(rows), width), dtype=dtype)
            right = min(width, n)
            for packed, (_, whole) in zip(block, same_rows, strict=True):
                packed[:, width - right :] = whole[:, n - right :]
            blocks.append(block)
        return cls(relabelled=relabelled.copy(dtype), blocks=blocks, segment=segment)

    def correlations(self, orders: np.ndarray) -> np.ndarray:
        n, dtype = len(self.relabelled), self.relabelled.dtype
        columns = np.concatenate([orders[:, : -n % self.segment], orders], axis=1)
        copied, gathered = np.empty((ROWS, n), dtype), np.empty(ROWS * columns.shape[1], dtype)
        sums = np.zeros((len(orders), self.blocks[0].shape[0]))
        for position, block in enumerate(self.blocks):
            first, (_, count, width) = position * ROWS, block.shape
            segments = block.reshape(len(block), -1, self.segment)
            rows, square = copied[:count], gathered[: count * width].reshape(count, width)
            for order, its_columns, total in zip(orders, columns, sums, strict=True):
                self.relabelled.take(order[first : first + count], axis=0, out=rows, mode="clip")
                rows.take(its_columns[-width:], axis=1, out=square, mode="clip")
                products = square.reshape(-1, self.segment)
                for k, fixed in enumerate(segments):
                    total[k] += np.einsum("ij,ij->i", products, fixed).sum(dtype=np.float64)
        return sums
