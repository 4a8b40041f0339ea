"""Which end of published trajectories is noise: told from the moments of its numbers.

Let x be n states of d numbers. If they are noise, N(0, s² I), then with u = (x_j + x_{j+1}) / √2 for j = 1, 3, 5, …,
which is N(0, s²) as well and varies otherwise where neighbours are correlated,

    z = √n mean(x_j) / s    and    z = (q^(1/3) − 1 + a) / √a,    a = 2 / (9 n),                                 (1)

with q = mean(x_j²) / s² or q = mean(u_j²) / s², are standard normal for each j, the second one to an excellent
approximation (Wilson & Hilferty 1931: n q is χ² with n degrees of freedom). So they are when the means are taken over
all j as well, with n replaced by n d, or n ⌊d/2⌋ for u. An end is called noise iff |z| ≤ 6 for each of them, which
noise exceeds with probability 2e-9 a number. In (1) n counts as at most 10⁵: published noise has its nominal scale to a
percent or so, and not to the last digit of a large sample.

Images and trained teachers' data exceed the bound by orders of magnitude.
"""

from dataclasses import dataclass
from math import sqrt

import numpy as np
from jaxtyping import Float

NOISE_BOUND = 6.0
MOST_NUMBERS = 100_000


@dataclass(frozen=True, kw_only=True)
class EndMoments:
    """Sums over n states; those of two samples add up to those of both.

    Attributes:
        n: states.
        sums: of x_j.
        squares: of x_j².
        neighbours: of u_j².
    """

    n: int
    sums: Float[np.ndarray, " d"]
    squares: Float[np.ndarray, " d"]
    neighbours: Float[np.ndarray, " half"]

    @classmethod
    def of(cls, states: Float[np.ndarray, " n *shape"]) -> "EndMoments":
        """The sums over these states, in double precision."""
        rows = states.reshape(len(states), -1).astype(np.float64)
        half = rows.shape[1] // 2
        pairs = rows[:, : 2 * half].reshape(len(rows), half, 2).sum(2)
        squares, neighbours = np.einsum("nj,nj->j", rows, rows), np.einsum("nj,nj->j", pairs, pairs) / 2
        return cls(n=len(rows), sums=rows.sum(0), squares=squares, neighbours=neighbours)

    def __add__(self, other: "EndMoments") -> "EndMoments":
        return EndMoments(
            n=self.n + other.n,
            sums=self.sums + other.sums,
            squares=self.squares + other.squares,
            neighbours=self.neighbours + other.neighbours,
        )

    @property
    def root_mean_square(self) -> float:
        """Of all the numbers."""
        return sqrt(self.squares.mean() / self.n)

    def excess_over_noise(self, scale: float) -> float:
        """The largest |z| of (1): how far these moments are from those of N(0, scale² I)."""
        largest = 0.0
        for sums, score in ((self.sums, _of_mean), (self.squares, _of_square), (self.neighbours, _of_square)):
            unit = sums / self.n / (scale if score is _of_mean else scale**2)
            if len(unit):
                each, together = score(unit, self.n), score(unit.mean(keepdims=True), self.n * len(unit))
                largest = max(largest, float(np.abs(each).max()), float(np.abs(together).max()))
        return largest


@dataclass(frozen=True, kw_only=True)
class Ends:
    """What the two ends of a layout are.

    Attributes:
        noise_scale: s of the noise N(0, s² I).
        data_at_most: the root mean square of the data is not above it.
    """

    noise_scale: float
    data_at_most: float

    def mismatch(self, noise: EndMoments, data: EndMoments) -> str:
        """Why these are not such ends; empty where they are."""
        law = f"N(0, {'' if self.noise_scale == 1 else f'{self.noise_scale:g}² '}I)"
        far, other = (moments.excess_over_noise(self.noise_scale) for moments in (noise, data))
        if not far <= NOISE_BOUND:
            swapped = ", but its other end does: time runs the other way" if other <= NOISE_BOUND else ""
            return (
                f"the end that should be noise does not have the moments of {law} "
                f"({far:.3g} standard errors away, at most {NOISE_BOUND:g} expected){swapped}"
            )
        if other <= NOISE_BOUND:
            return (
                f"both of its ends have the moments of {law}, so which one is noise cannot be told, "
                "and no flow is needed between them"
            )
        if not data.root_mean_square <= self.data_at_most:
            return (
                f"the end that should be data has a root mean square of {data.root_mean_square:.3g}, "
                f"at most {self.data_at_most:.3g} expected"
            )
        return ""


def excess_over_noise(states: Float[np.ndarray, " n *shape"], *, scale: float = 1.0) -> float:
    """The largest |z| of (1): how far the moments of states are from those of N(0, scale² I)."""
    return EndMoments.of(states).excess_over_noise(scale)


def _of_mean(means: np.ndarray, n: int) -> np.ndarray:
    return np.sqrt(min(n, MOST_NUMBERS)) * means


def _of_square(q: np.ndarray, n: int) -> np.ndarray:
    a = 2 / (9 * min(n, MOST_NUMBERS))
    return (np.cbrt(q) - 1 + a) / np.sqrt(a)
