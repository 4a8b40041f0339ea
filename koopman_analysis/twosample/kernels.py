"""Kernels, and the weighted sums of their values over pairs: equations (1) and (3) of the package.

A kernel matrix is never held whole. It is evaluated in strips of rows, and each strip is multiplied at once with the
weights of all relabellings or resamples.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from scipy.spatial.distance import cdist

from koopman_analysis.shapes import Float
from koopman_analysis.twosample.draws import Sample

STRIP = 512
"""Rows of the kernel matrix held at once: 80 MB against 20,000 points."""


@runtime_checkable
class Kernel(Protocol):
    """k of equation (1), a function of two points."""

    def itself(self, x: Sample) -> Float[np.ndarray, " _"]:
        """The value of k at each row of x with itself."""
        ...

    def __call__(self, x: Sample, y: Sample) -> Float[np.ndarray, "_ _"]:
        """The value of k at each row of x with each row of y."""
        ...


@dataclass(frozen=True, kw_only=True)
class NegativeDistance:
    """k(x, y) = −‖x − y‖, whose discrepancy is the energy distance."""

    def itself(self, x: Sample) -> Float[np.ndarray, " _"]:
        """Zero."""
        return np.zeros(len(x))

    def __call__(self, x: Sample, y: Sample) -> Float[np.ndarray, "_ _"]:
        """Minus the Euclidean distances."""
        return -cdist(x, y)


@dataclass(frozen=True, kw_only=True)
class GaussianKernel:
    """k(x, y) = exp(−‖x − y‖² / 2h²), whose discrepancy is the squared MMD.

    Attributes:
        bandwidth: h, in the units of the states.
    """

    bandwidth: float

    @classmethod
    def of_median_distance(cls, x: Sample, *, rng: np.random.Generator, count: int = 1000) -> "GaussianKernel":
        """The kernel whose bandwidth is the median distance between `count` of the points (Gretton et al. 2012)."""
        some = rng.permutation(len(x))[:count]
        distances = cdist(x[some], x[some])
        return cls(bandwidth=float(np.median(distances[np.triu_indices(len(some), 1)])))

    def itself(self, x: Sample) -> Float[np.ndarray, " _"]:
        """One."""
        return np.ones(len(x))

    def __call__(self, x: Sample, y: Sample) -> Float[np.ndarray, "_ _"]:
        """Gaussians of the Euclidean distances."""
        return np.exp(cdist(x, y, "sqeuclidean") / (-2.0 * self.bandwidth**2))


@dataclass(frozen=True, kw_only=True)
class CubicKernel:
    """k(x, y) = (⟨x, y⟩ / d + 1)³, whose discrepancy is the kernel distance of images: equation (7) of the package."""

    def itself(self, x: Sample) -> Float[np.ndarray, " _"]:
        """(‖x‖² / d + 1)³."""
        return (np.square(x, dtype=np.float64).mean(axis=1) + 1.0) ** 3

    def __call__(self, x: Sample, y: Sample) -> Float[np.ndarray, "_ _"]:
        """Cubes of the inner products."""
        return (x.astype(np.float64) @ y.astype(np.float64).T / x.shape[1] + 1.0) ** 3


ENERGY = NegativeDistance()
CUBIC = CubicKernel()


def strips(rows: int) -> Iterator[slice]:
    """Slices of bounded length that cover so many rows."""
    for start in range(0, rows, STRIP):
        yield slice(start, min(start + STRIP, rows))


@dataclass(frozen=True, kw_only=True, eq=False)
class QuadraticForms:
    """Σᵢⱼ wᵢ k(zᵢ, zⱼ) wⱼ for each row of weights, and the row sums Σⱼ k(zᵢ, zⱼ)."""

    forms: Float[np.ndarray, " b"]
    row_sums: Float[np.ndarray, " n"]


def quadratic_forms(kernel: Kernel, points: Sample, weights: Float[np.ndarray, "b n"]) -> QuadraticForms:
    """The forms of equation (3) of the package with u = v; half of the symmetric kernel is evaluated."""
    forms, row_sums = np.zeros(len(weights)), np.zeros(len(points))
    for strip in strips(len(points)):
        values = kernel(points[strip], points[strip.start :])
        square = values[:, : strip.stop - strip.start]
        here = weights[:, strip]
        products = 2.0 * (values @ weights[:, strip.start :].T) - square @ here.T
        forms += np.einsum("bi,ib->b", here, products)
        row_sums[strip] += values.sum(axis=1)
        row_sums[strip.stop :] += values[:, square.shape[1] :].sum(axis=0)
    return QuadraticForms(forms=forms, row_sums=row_sums)


def mean_within(kernel: Kernel, points: Sample, weights: Float[np.ndarray, "b n"]) -> Float[np.ndarray, " b"]:
    """Mean of k over pairs of distinct objects, pair (i, j) with weight nᵢ nⱼ."""
    forms = quadratic_forms(kernel, points, weights).forms
    squares = np.square(weights)
    return (forms - squares @ kernel.itself(points)) / (np.square(weights.sum(axis=1)) - squares.sum(axis=1))


def mean_between(
    kernel: Kernel,
    x: Sample,
    y: Sample,
    u: Float[np.ndarray, "b n"],
    v: Float[np.ndarray, "b m"],
) -> Float[np.ndarray, " b"]:
    """Mean of k over pairs across the samples, pair (i, j) with weight uᵢ vⱼ."""
    forms = np.zeros(len(u))
    for strip in strips(len(x)):
        forms += np.einsum("bi,ib->b", u[:, strip], kernel(x[strip], y) @ v.T)
    return forms / (u.sum(axis=1) * v.sum(axis=1))
