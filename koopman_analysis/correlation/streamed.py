"""Pearson's correlation of distances for more objects than a matrix of distances holds.

With h_ij = (d_ij, s_ij, d_ij², s_ij², d_ij s_ij) for a pair, r is a function f of the sums over pairs. One pass over
blocks of distances, of which none is kept, gives for each object

    S_i = Σ_{j ≠ i} h_ij,     T = ½ Σ_i S_i,     r = f(T),                                                  (1)

and without object i, and so without its n − 1 pairs, exactly

    r₍ᵢ₎ = f(T − S_i):                                                                                      (2)

the jackknife over objects costs nothing more. Its interval counts objects, and is `jackknife_intervals` of (2); that of
several representations of the same objects holds for all of them, and for their differences, through
`Jackknife.bootstrap`. Sums are those of distances less a typical one, since squares of large numbers cancel badly.

Source: Arvesen 1969 (the jackknife of functions of U-statistics).
"""

import math
from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
from scipy.spatial.distance import cdist

from koopman_analysis.jackknife import Jackknife
from koopman_analysis.shapes import Float, Real, require_points, require_several

DistancesBetween: TypeAlias = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Takes points (a, m) and (b, m) to the distances (a, b) of each of the former to each of the latter."""

Points: TypeAlias = Real[np.ndarray, "_ _"]
"""Objects, one a row, with coordinates of their own."""

BLOCK = 1024
"""Objects on either side of a block of distances; a few blocks of BLOCK² numbers are in memory at one time."""


def streamed_pearson(
    representations: Sequence[Points],
    semantic: Points,
    *,
    distances: DistancesBetween = cdist,
    semantic_distances: DistancesBetween = cdist,
    block: int = BLOCK,
) -> Jackknife:
    """Pearson's correlation, over pairs, of the distances of each representation with semantic ones: equation (2).

    Intervals of each on its own are `jackknife_intervals(result.estimate, result.replicates, n=result.units)`.

    Args:
        representations: k representations of the same n objects, a row each.
        semantic: What is compared with: features of the same objects, in the same order.
        distances: Distances within a representation, symmetric; Euclidean ones unless given.
        semantic_distances: Distances of the semantic features, likewise.
        block: Objects on either side of a block.

    Raises:
        ValueError: If there is no representation, objects differ in number or are fewer than four, or distances do not
            vary; if a representation is not points, one a row, or a block would be empty.
    """
    _require_points(representations, semantic, block)
    objects = len(semantic)
    counts = sorted({len(points) for points in representations} | {objects})
    if not representations or counts[1:] or objects < 4:
        raise ValueError(
            f"expected representations of the same four or more objects, got {len(representations)} representations "
            f"and {counts} objects"
        )
    kinds = [(points, distances) for points in representations] + [(semantic, semantic_distances)]
    typical = [float(between(points[:block], points[:block]).mean()) for points, between in kinds]
    sums = np.zeros((len(representations), objects, 5))
    for first in range(0, objects, block):
        for second in range(first, objects, block):
            rows, columns = slice(first, first + block), slice(second, second + block)
            *several, reference = (
                between(points[rows], points[columns]) - shift
                for (points, between), shift in zip(kinds, typical, strict=True)
            )
            if first == second:
                for shifted in (*several, reference):
                    np.fill_diagonal(shifted, 0.0)
            for total, shifted in zip(sums, several, strict=True):
                total[rows] += _sums("ij,ij->i", shifted, reference)
                if first != second:
                    total[columns] += _sums("ij,ij->j", shifted, reference)
    totals = sums.sum(axis=1) / 2
    pairs = objects * (objects - 1) / 2
    estimate = _correlations(totals, pairs)
    if not np.isfinite(estimate).all():
        raise ValueError("expected distances that vary, got all equal: they correlate with nothing")
    without = _correlations(totals[:, None] - sums, pairs - (objects - 1))
    return Jackknife(estimate=estimate, replicates=without.T, units=objects)


def _require_points(representations: Sequence[np.ndarray] | np.ndarray, semantic: np.ndarray, block: int) -> None:
    require_several(representations)
    for points in (*representations, semantic):
        require_points(points)
    if block < 1:
        raise ValueError(f"expected blocks of one object or more, got {block}: choose a larger block")


def _sums(along: str, d: np.ndarray, s: np.ndarray) -> np.ndarray:
    """Those of h over one side of a block."""
    ones = np.broadcast_to(1.0, d.shape)
    return np.stack([np.einsum(along, a, b) for a, b in ((d, ones), (s, ones), (d, d), (s, s), (d, s))], axis=1)


def _correlations(sums: Float[np.ndarray, "*many 5"], pairs: float) -> Float[np.ndarray, "*many"]:
    """f: the correlation of so many pairs; NaN where one side does not vary."""
    d, s, dd, ss, ds = np.moveaxis(sums / pairs, -1, 0)
    spread_d, spread_s = dd - d * d, ss - s * s
    varies = (spread_d > _EQUAL * dd) & (spread_s > _EQUAL * ss)
    scale = np.sqrt(np.where(varies, spread_d * spread_s, 1.0))
    return np.where(varies, (ds - d * s) / scale, math.nan)


_EQUAL = 1e-13
"""A share of the squares that is a variance by rounding alone."""
