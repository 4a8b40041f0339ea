"""Radial basis functions: a radial function of the distance to each of m centres.

    ψ_j(x) = φ(r_j²),     r_j = ‖x − c_j‖,                                                                       (1)
    Gaussian       φ = exp(−r² / (2 s²)),
    thin plate     φ = (r/s)² log(r/s),   0 at r = 0,                                                            (2)

with s a length. All distances come from one matrix product, states and centres counted from the median c̄ of the centres
(which one far centre does not move),

    r² = ‖x − c̄‖² − 2 (x − c̄)·(c − c̄) + ‖c − c̄‖²,                                                             (3)

clipped at 0. The terms cancel near a centre: r² is wrong by up to about (d + 2) ε (‖x − c̄‖ + ‖c − c̄‖)², with ε the
precision of the states, so distances below √ε times the extent of the data are rounding. Without c̄ that extent would be
the distance from the origin.

The thin plate grows without bound and is a spline together with the affine functions:
`Constant() + Coordinates() + RadialBasis(centres, ThinPlate(s))`.

Sources: Williams, Kevrekidis & Rowley 2015 (thin plates as a dictionary, centres by k-means); Moody & Darken 1989 (the
distance to the nearest centre as a length scale); Sculley 2010 (k-means by small batches).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import array_api_compat
import numpy as np
from scipy.spatial import KDTree

from koopman_analysis.dictionaries.base import BlockDictionary
from koopman_analysis.shapes import Array

RadialFunction = Callable[[Array], Array]
"""φ of equation (1): from squared distances, which it may overwrite, to values, entry by entry."""

BLOCK = 2**16
"""Values made at a time on the way to a given place: half a megabyte stays in the cache."""


@dataclass(frozen=True)
class Gaussian:
    """φ(r²) = exp(−r² / (2 scale²)).

    Attributes:
        scale: s > 0, in units of the state.

    Raises:
        ValueError: If the scale is not positive.
    """

    scale: float

    def __post_init__(self) -> None:
        _require_positive(self.scale)

    def __call__(self, squared: Array) -> Array:
        """The values at these squared distances, which are overwritten."""
        squared *= -0.5 / self.scale**2
        if isinstance(squared, np.ndarray):
            return np.exp(squared, out=squared)
        return array_api_compat.array_namespace(squared).exp(squared)


@dataclass(frozen=True)
class ThinPlate:
    """φ(r²) = (r/scale)² log(r/scale), 0 at r = 0.

    Attributes:
        scale: s > 0, in units of the state: another one adds a multiple of r².

    Raises:
        ValueError: If the scale is not positive.
    """

    scale: float

    def __post_init__(self) -> None:
        _require_positive(self.scale)

    def __call__(self, squared: Array) -> Array:
        """The values at these squared distances, which are overwritten."""
        xp = array_api_compat.array_namespace(squared)
        squared *= 1 / self.scale**2
        # The smallest normal number keeps the logarithm finite at r = 0 and is rounded away everywhere else.
        values = xp.log(squared + float(xp.finfo(squared.dtype).smallest_normal))
        values *= 0.5 * squared
        return values


class RadialBasis(BlockDictionary):
    """One radial function around each centre: equation (1).

    Args:
        centres: c_j, one a row, shape (m, d).
        radial: φ: `Gaussian(scale)`, `ThinPlate(scale)`, or any function from squared distances to values.

    Raises:
        ValueError: If the centres are not rows of finite numbers.
    """

    def __init__(self, centres: np.ndarray, radial: RadialFunction) -> None:
        self.centres = np.array(centres, dtype=float)
        if self.centres.ndim != 2 or 0 in self.centres.shape or not np.isfinite(self.centres).all():
            raise ValueError(
                f"expected finite centres of shape (m, d), one a row, got shape {self.centres.shape}"
                + ("" if np.isfinite(self.centres).all() else " with NaN or Inf")
            )
        super().__init__(self.centres.shape[1])
        self.radial = radial

    @classmethod
    def fitted(
        cls,
        states: Array,
        *,
        count: int,
        radial: Callable[[float], RadialFunction] = Gaussian,
        overlap: float = 1.0,
        rng: np.random.Generator,
    ) -> "RadialBasis":
        """Centres where the states are, by k-means, with the scale of their spacing.

        Args:
            states: Shape (n, d), n ≥ count.
            count: Number of centres, at least 2.
            radial: From the scale s to φ.
            overlap: s as a multiple of the median distance from a centre to its nearest other one. At 1 a Gaussian has
                0.61 of its height at its neighbour; much wider ones are dependent to rounding.
            rng: Decides the centres.

        Raises:
            ValueError: If there are fewer than two centres, or fewer different states than centres.
        """
        from sklearn.cluster import MiniBatchKMeans  # takes a second to import

        host = np.asarray(array_api_compat.to_device(states, "cpu"), dtype=float)
        different = len(np.unique(host, axis=0))
        if not 2 <= count <= different:
            raise ValueError(
                f"expected from 2 centres to as many as there are different states ({different}), got {count}"
            )
        means = MiniBatchKMeans(count, n_init=1, random_state=int(rng.integers(2**31))).fit(host)
        centres = means.cluster_centers_
        spacing = KDTree(centres).query(centres, k=2)[0][:, 1]
        return cls(centres, radial(overlap * float(np.median(spacing))))

    @property
    def size(self) -> int:
        """Number of centres."""
        return len(self.centres)

    @property
    def names(self) -> tuple[str, ...]:
        """The centre of each: "φ(x-c1)" and so on."""
        return tuple(f"φ(x-c{j + 1})" for j in range(len(self.centres)))

    def lift_into(self, states: Array, out: Array) -> None:
        """As `Dictionary.lift_into`; of NumPy arrays each function is made in its place."""
        self._take(states)
        if not self._fits(states, out):
            super().lift_into(states, out)
            return
        left, right = self._factors(states)
        for functions in _blocks(left, right):
            place = out.T[functions]
            np.matmul(left[functions], right, out=place)
            values = self.radial(np.maximum(place, 0.0, out=place))
            if values is not place:
                place[:] = values

    def _lifted(self, states: Array) -> Array:
        left, right = self._factors(states)
        return self._values(left, right).T

    def _functions(self, states: Array) -> Iterator[Array]:
        left, right = self._factors(states)
        for functions in _blocks(left, right):
            yield self._values(left[functions, :], right)

    def _factors(self, states: Array) -> tuple[Array, Array]:
        """Two matrices whose product is r² of equation (3), a centre a row: the squares are two more coordinates."""
        xp = array_api_compat.array_namespace(states)
        if xp.isdtype(states.dtype, "complex floating"):
            raise TypeError(f"expected real states to take distances of, got dtype {states.dtype}")
        like = {"dtype": states.dtype, "device": array_api_compat.device(states)}
        middle = np.median(self.centres, axis=0)
        x, c = states - xp.asarray(middle, **like), xp.asarray(self.centres - middle, **like)
        left = xp.concat([-2 * c, xp.sum(c * c, axis=1, keepdims=True), xp.ones_like(c[:, :1])], axis=1)
        right = xp.concat([x, xp.ones_like(x[:, :1]), xp.sum(x * x, axis=1, keepdims=True)], axis=1)
        return left, right.T

    def _values(self, left: Array, right: Array) -> Array:
        xp = array_api_compat.array_namespace(left)
        return self.radial(xp.maximum(left @ right, xp.zeros_like(right[:1, :1])))


def _blocks(left: Array, right: Array) -> Iterator[slice]:
    """The functions that are made together."""
    step = max(1, BLOCK // right.shape[1])
    for start in range(0, left.shape[0], step):
        yield slice(start, start + step)


def _require_positive(scale: float) -> None:
    if not scale > 0:
        raise ValueError(f"expected a positive length scale, got {scale}")
