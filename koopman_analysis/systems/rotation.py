"""Rotations of the circle and of tori: all of the spectrum on the unit circle, and nothing decays.

q angles move by θ ↦ θ + α. The state holds a point of the plane for each of them,

    x = (cos θ_1, sin θ_1, …, cos θ_q, sin θ_q),                                                                (1)

with θ uniform, which the rotation leaves invariant. The Fourier modes are orthonormal in that law and each is an
eigenfunction, with k ∈ Z^q and |k| = Σ_j |k_j|,

    e^{ik·(θ + α)} = e^{ik·α} e^{ik·θ},     |k| ≤ p.                                                             (2)

With k the modes hold −k, so the dictionary is closed under conjugation, and so are its eigenvalues.

Source: Koopman 1931 (an isometry of L² has its spectrum on the unit circle).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from math import prod

import array_api_compat
import numpy as np

from koopman_analysis.dictionaries import Dictionary
from koopman_analysis.shapes import Array, Float, Inexact, States
from koopman_analysis.systems.base import ClosedFlow


class TorusModes(Dictionary):
    """The complex Fourier modes e^{ik·θ}, |k| ≤ degree, of the angles θ of points of the plane: equation (2).

    A mode reads the angle of each point and not its radius; at the origin, which has no angle, it is not a number.

    Args:
        degree: p ≥ 0.
        circles: Number q of angles; the states have 2q features.

    Raises:
        ValueError: If the degree is negative or there is no circle.
    """

    def __init__(self, degree: int, *, circles: int = 1) -> None:
        if degree < 0:
            raise ValueError(f"expected a degree of at least 0, got {degree}")
        if circles < 1:
            raise ValueError(f"expected at least one circle, got {circles}")
        super().__init__(2 * circles)
        self.degree, self.circles = degree, circles

    @property
    def frequencies(self) -> tuple[tuple[int, ...], ...]:
        """The k of each mode, by |k|, the constant first."""
        span = range(-self.degree, self.degree + 1)
        every = (k for k in product(span, repeat=self.circles) if _order(k) <= self.degree)
        return tuple(sorted(every, key=lambda k: (_order(k), k)))

    @property
    def constants(self) -> tuple[int, ...]:
        """The first position: k = 0."""
        return (0,)

    @property
    def names(self) -> tuple[str, ...]:
        """Products of powers of the points on the unit circle: "1", "z1^-2", "z1 z2^-1"."""
        return tuple(
            " ".join(f"z{j + 1}" + (f"^{k}" if k != 1 else "") for j, k in enumerate(frequency) if k) or "1"
            for frequency in self.frequencies
        )

    def _lifted(self, states: Array) -> Array:
        xp = array_api_compat.array_namespace(states)
        points = states[:, 0::2] + 1j * states[:, 1::2]
        points = points / xp.abs(points)
        powers = [xp.ones_like(points)]
        for _ in range(self.degree):
            powers.append(powers[-1] * points)
        powers += [xp.conj(power) for power in powers[:0:-1]]
        # powers[k] is the k-th power for negative k, too.
        columns = [prod(powers[k][:, j] for j, k in enumerate(frequency)) for frequency in self.frequencies]
        return xp.stack(columns, axis=1)


@dataclass(frozen=True, kw_only=True, eq=False)
class Rotation(ClosedFlow):
    """The rotation θ ↦ θ + α of a circle, or of a torus, under the uniform law.

    Attributes:
        angles: α in radians, one a circle.
        degree: p ≥ 1, the highest |k| of the closed dictionary.

    Raises:
        ValueError: If there is no angle, one is not finite, or the degree is below 1.
    """

    angles: Sequence[float] | np.ndarray = (1.0,)
    degree: int = 3

    def __post_init__(self) -> None:
        angles = np.asarray(self.angles, dtype=float)
        if angles.ndim != 1 or angles.size == 0 or not np.isfinite(angles).all():
            raise ValueError(f"expected one finite angle for each circle, got {self.angles}")
        if self.degree < 1:
            raise ValueError(f"expected a degree of at least 1, got {self.degree}: the constant tells no states apart")

    @property
    def dictionary(self) -> TorusModes:
        """The Fourier modes with |k| ≤ p."""
        return TorusModes(self.degree, circles=len(self.angles))

    @property
    def eigenvalues(self) -> Inexact[np.ndarray, " m"]:
        """e^{ik·α}, in the order of the dictionary, whose functions are the eigenfunctions."""
        return np.exp(1j * np.asarray(self.dictionary.frequencies) @ np.asarray(self.angles, dtype=float))

    def flow(self, states: States) -> States:
        """Each point of the plane, turned by its α."""
        turn = np.exp(1j * np.asarray(self.angles, dtype=float))
        return _planar((states[:, 0::2] + 1j * states[:, 1::2]) * turn)

    def sampled(self, count: int, *, rng: np.random.Generator) -> Float[np.ndarray, "n d"]:
        """Points of equation (1) at uniform angles."""
        return _planar(np.exp(1j * rng.uniform(0, 2 * np.pi, (count, len(self.angles)))))


def _planar(points: np.ndarray) -> np.ndarray:
    """Complex numbers (n, q) as real and imaginary parts side by side, (n, 2q)."""
    return np.stack([points.real, points.imag], axis=2).reshape(len(points), -1)


def _order(frequency: tuple[int, ...]) -> int:
    return sum(abs(k) for k in frequency)
