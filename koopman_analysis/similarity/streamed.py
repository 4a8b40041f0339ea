"""Distance correlation, CKA and the AUROC of "same class" for more objects than a matrix of distances holds.

**Distance correlation.** With c_ij = ã_ij b̃_ij, the products of centred distances ((3) or (7) of `products`), a first
pass over strips of distances finds the row sums that centre, a second one the sums

    S_i(a, b) = Σⱼ c_ij,        θ = Σ S_i(a, b) / √( Σ S_i(a, a) Σ S_i(b, b) ).                              (1)

Centring is a projection, so to first order an object enters a product only through its own row, twice:

    ψ_i = 2n [ S_i(a, b) / √(Σ S(a, a) Σ S(b, b)) − ½ θ ( S_i(a, a)/Σ S(a, a) + S_i(b, b)/Σ S(b, b) ) ],      (2)
    θ₍ᵢ₎ = θ − ψ_i / (n − 1).                                                                                (3)

(3) is the infinitesimal jackknife, and agrees with leaving objects out to O(1/n).

**Linear CKA.** With centred rows x_i, y_i, s_i = ‖x_i‖², t_i = ‖y_i‖², C = Σ x_i y_iᵀ, S = Σ s_i, the U-centred Gram
matrix is x_i·x_j + g_i + g_j for i ≠ j, g_i = s_i/(n−2) − S/(2(n−1)(n−2)), and h_i likewise of t; so

    S_i = x_iᵀC y_i − s_i t_i + x_i·Σ h_j x_j − 2 h_i s_i + y_i·Σ g_j y_j − 2 g_i t_i
          + (n−4) g_i h_i + g_i Σ h_j + h_i Σ g_j + Σ g_j h_j,                                                (4)

from moments of p + q features: O(n p q) operations, and no pair of objects is looked at. Plain: S_i = x_iᵀ C y_i.

**AUROC.** Distances are counted in bins between quantiles of the distances of a pseudo-random draw of objects, so that
one far object, or tight clusters, do not leave all pairs in few bins; pairs of one bin count as ties, which moves the
AUROC by at most half the chance that a pair of one class and one of two share a bin.                           (5)
With F and G the shares of same and different pairs that are nearer or farther, a half for ties, object i has

    ψ_i = 2n [ Σ_{j same} (G(d_ij) − A)/N_same + Σ_{j different} (F(d_ij) − A)/N_different ],                  (6)

N counting ordered pairs.

Intervals of each are `jackknife_intervals(found.estimate, found.replicates, n=found.units)`; those of several
representations, together, come from `Jackknife.bootstrap`.

Sources: Jaeckel 1972 (infinitesimal jackknife); Székely & Rizzo 2014; Song et al. 2012.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import pdist

from koopman_analysis.jackknife import Jackknife
from koopman_analysis.shapes import Float, Labels, require_points, require_several
from koopman_analysis.similarity.distances import (
    CHUNK,
    ROWS,
    distance_strips,
    require_rows,
)
from koopman_analysis.similarity.labels import require_labels
from koopman_analysis.similarity.products import varies

BINS = 2**16
"""Bins of distances for the AUROC."""
SAMPLE, QUANTILES = 1024, 32
"""Objects whose distances place the bins, and parts of as many pairs each, with equal bins in each."""


@dataclass(frozen=True, kw_only=True, eq=False)
class StreamedCorrelation:
    """A correlation of centred matrices of each representation with the semantic one.

    Attributes:
        unbiased: Bias-corrected.
        plain: Biased upwards, as in the population of which the objects are all.
    """

    unbiased: Jackknife
    plain: Jackknife


@dataclass(frozen=True, kw_only=True, eq=False)
class StreamedAuroc:
    """The AUROC of "same class" of each representation.

    Attributes:
        auroc: The statistic.
        resolution: By how much the bins can have moved each: equation (5).
    """

    auroc: Jackknife
    resolution: Float[np.ndarray, " k"]


def streamed_distance_correlation(
    representations: Sequence[np.ndarray], semantic: np.ndarray, *, chunk: int = CHUNK
) -> StreamedCorrelation:
    """Squared distance correlation of each representation with the semantic one: equations (1) to (3).

    Args:
        representations: k representations of the same n objects, a row each.
        semantic: What is compared with: features of the same objects, in the same order.
        chunk: Rows of a strip of distances.

    Raises:
        ValueError: If there is no representation, or objects differ in number or are fewer than four.
    """
    n = _objects(representations, semantic)
    require_points(semantic)
    spaces = [semantic, *representations]
    rows = [_row_sums(points, chunk) for points in spaces]
    products = np.empty((2, len(representations), 3, n))
    for strips in zip(*(distance_strips(points, chunk=chunk) for points in spaces), strict=True):
        at = strips[0][0]
        for kind, centred in enumerate((_u_centred, _doubly_centred)):
            target = centred(at, strips[0][1], rows[0])
            for which, (_, strip) in enumerate(strips[1:]):
                mine = centred(at, strip, rows[which + 1])
                products[kind, which, :, at] = _dots(mine, target), _dots(mine, mine), _dots(target, target)
    return StreamedCorrelation(unbiased=_jackknife(products[0]), plain=_jackknife(products[1]))


def streamed_cka(
    representations: Sequence[np.ndarray], semantic: np.ndarray, *, chunk: int = ROWS
) -> StreamedCorrelation:
    """Linear CKA of each representation with the semantic one: equation (4).

    Args:
        representations: k representations of the same n objects, a row each; may be memory-mapped.
        semantic: What is compared with: features of the same objects, in the same order.
        chunk: Rows of features at a time.

    Raises:
        ValueError: If there is no representation, or objects differ in number or are fewer than four.
    """
    n = _objects(representations, semantic)
    require_points(semantic)
    target = _Features(semantic, chunk)
    unbiased, plain = (np.empty((len(representations), 3, n)) for _ in range(2))
    for which, points in enumerate(representations):
        mine = _Features(points, chunk)
        for column, (x, y) in enumerate(((mine, target), (mine, mine), (target, target))):
            plain[which, column] = _through_moments(x, y)
            unbiased[which, column] = plain[which, column] + _u_centring(x, y)
    return StreamedCorrelation(unbiased=_jackknife(unbiased), plain=_jackknife(plain))


def streamed_auroc(
    representations: Sequence[np.ndarray], labels: Labels, *, bins: int = BINS, chunk: int = CHUNK
) -> StreamedAuroc:
    """The AUROC of "same class" by distance in each representation: equations (5) and (6).

    Args:
        representations: k representations of the same n objects, a row each.
        labels: Their labels.
        bins: Bins of distances.
        chunk: Rows of a strip of distances.

    Raises:
        ValueError: If there is no representation, objects differ in number or are fewer than four, or all pairs are of
            one class, or none is.
    """
    if bins < 1:
        raise ValueError(f"expected one bin of distances or more, got {bins}")
    n = _objects(representations, labels)
    require_labels(labels, n)
    counts = np.bincount(np.unique(labels, return_inverse=True)[1])
    same = int((counts * (counts - 1)).sum())
    if not 0 < same < n * (n - 1):
        raise ValueError(f"expected pairs of one class and pairs of two, got {same // 2} of {n * (n - 1) // 2} of one")
    found = [_auroc(points, labels, bins, chunk) for points in representations]
    estimate = np.array([value for value, _, _ in found])
    influence = np.stack([each for _, each, _ in found], axis=1)
    return StreamedAuroc(
        auroc=Jackknife(estimate=estimate, replicates=estimate - influence / (n - 1), units=n),
        resolution=np.array([resolution for _, _, resolution in found]),
    )


def _auroc(points: np.ndarray, labels: np.ndarray, bins: int, chunk: int) -> tuple[float, np.ndarray, float]:
    """The AUROC, ψ of each object, and the resolution."""
    n = len(points)
    edges, places = _placed(points, bins)

    def cells() -> Iterator[tuple[slice, np.ndarray]]:
        # Of the pairs of one class the bins come second; an object with itself is in the first of those.
        for at, strip in distance_strips(points, chunk=chunk):
            cell = np.minimum(np.interp(strip, edges, places), bins - 1).astype(np.int64)
            yield at, cell + bins * (labels[at, None] == labels)

    pairs = np.zeros(2 * bins, dtype=np.int64)
    for _, cell in cells():
        pairs += np.bincount(cell.ravel(), minlength=2 * bins)
    pairs[bins] -= n
    different, same = pairs.reshape(2, bins) / np.maximum(pairs.reshape(2, bins).sum(axis=1), 1)[:, None]
    farther, nearer = 1.0 - np.cumsum(different) + different / 2, np.cumsum(same) - same / 2
    auroc = float(same @ farther)
    sizes = pairs.reshape(2, bins).sum(axis=1)
    table = np.concatenate([(nearer - auroc) / sizes[0], (farther - auroc) / sizes[1]])
    influence = np.empty(n)
    for at, cell in cells():
        influence[at] = table[cell].sum(axis=1) - table[bins]
    return auroc, 2 * n * influence, float(same @ different) / 2


def _placed(points: np.ndarray, bins: int) -> tuple[np.ndarray, np.ndarray]:
    """Distances, and at which bin each is: linear between quantiles of a draw of objects; zero is the first."""
    drawn = np.random.default_rng(0).permutation(len(points))[:SAMPLE]
    parts = min(QUANTILES, bins)
    quantiles = np.quantile(pdist(points[drawn]), np.linspace(0.0, 1.0, parts + 1))
    edges, first = np.unique(np.concatenate([[0.0], quantiles[1:]]), return_index=True)
    return edges, first * (bins / parts)


class _Features:
    """Rows of features, centred as they are read, and their squared lengths."""

    def __init__(self, points: np.ndarray, chunk: int) -> None:
        require_rows(chunk)
        self.points, self.chunk, self.varies = points, chunk, True
        self.mean = points.mean(axis=0, dtype=np.float64)
        self.varies = varies(sum(float(np.vdot(rows, rows)) for _, rows in self.strips()), self.mean, len(points))
        self.squares = np.concatenate([_dots(rows, rows) for _, rows in self.strips()])
        n = len(points)
        self.shift = self.squares / (n - 2) - self.squares.sum() / (2 * (n - 1) * (n - 2))

    def strips(self) -> Iterator[tuple[slice, np.ndarray]]:
        for start in range(0, len(self.points), self.chunk):
            at = slice(start, start + self.chunk)
            centred = self.points[at].astype(np.float64) - self.mean
            yield at, centred if self.varies else np.zeros_like(centred)

    def times(self, column: np.ndarray) -> np.ndarray:
        """xᵢ · Σⱼ column_j xⱼ for each object."""
        total = sum(column[at] @ rows for at, rows in self.strips())
        return np.concatenate([rows @ total for _, rows in self.strips()])


def _through_moments(x: _Features, y: _Features) -> np.ndarray:
    """xᵢᵀ C yᵢ for each object."""
    moments = sum(a.T @ b for (_, a), (_, b) in zip(x.strips(), y.strips(), strict=True))
    return np.concatenate([_dots(a @ moments, b) for (_, a), (_, b) in zip(x.strips(), y.strips(), strict=True)])


def _u_centring(x: _Features, y: _Features) -> np.ndarray:
    """What equation (4) has beside xᵢᵀ C yᵢ."""
    s, t, g, h, n = x.squares, y.squares, x.shift, y.shift, len(x.points)
    linear = x.times(h) - 2 * h * s + y.times(g) - 2 * g * t - s * t
    return linear + (n - 4) * g * h + g * h.sum() + h * g.sum() + g @ h


def _jackknife(products: Float[np.ndarray, "k 3 n"]) -> Jackknife:
    """Equations (1) to (3) from S_i(a, b), S_i(a, a), S_i(b, b) of each representation."""
    n = products.shape[2]
    both, first, second = products.sum(axis=2).T
    scale = np.sqrt(np.maximum(first, 0.0) * np.maximum(second, 0.0))
    estimate = np.divide(both, scale, out=np.full(len(both), math.nan), where=scale > 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):  # a representation that does not vary: NaN, as is its estimate
        own = products[:, 1] / first[:, None] + products[:, 2] / second[:, None]
        influence = 2 * n * (products[:, 0] / scale[:, None] - estimate[:, None] * own / 2)
    return Jackknife(estimate=estimate, replicates=(estimate[:, None] - influence / (n - 1)).T, units=n)


def _row_sums(points: np.ndarray, chunk: int) -> np.ndarray:
    return np.concatenate([strip.sum(axis=1) for _, strip in distance_strips(points, chunk=chunk)])


def _u_centred(at: slice, strip: np.ndarray, rows: np.ndarray) -> np.ndarray:
    n = len(rows)
    centred = strip - (rows[at, None] + rows) / (n - 2)
    centred += rows.sum() / ((n - 1) * (n - 2))
    centred[np.arange(len(strip)), np.arange(at.start, at.stop)] = 0.0
    return centred


def _doubly_centred(at: slice, strip: np.ndarray, rows: np.ndarray) -> np.ndarray:
    return strip - (rows[at, None] + rows) / len(rows) + rows.mean() / len(rows)


def _dots(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return np.einsum("ij,ij->i", first, second)


def _objects(representations: Sequence[np.ndarray], semantic: np.ndarray) -> int:
    require_several(representations)
    for points in representations:
        require_points(points)
    sizes = sorted({len(semantic)} | {len(points) for points in representations})
    if not representations or len(sizes) > 1 or sizes[0] < 4:
        raise ValueError(
            f"expected one or more representations of the same four or more objects, got {len(representations)} "
            f"with numbers of objects {sizes}"
        )
    return sizes[0]
