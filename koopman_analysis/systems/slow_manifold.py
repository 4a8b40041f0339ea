"""A non-linear system with a finite linear representation: the quadratic slow manifold.

In discrete time

    x_1' = a x_1,        x_2' = b x_2 + (a² − b) c x_1²,                                                        (1)

the dictionary {x_1, x_2, x_1²} is closed with eigenvalues {a, b, a²}; the manifold x_2 = c x_1² is invariant. With
w = x_2 − c x_1², which is carried to b w, x_1^i w^j is an eigenfunction of a^i b^j: for c ≠ 0 it is a polynomial of
degree i + 2j, and there are no others. In continuous time

    ẋ_1 = μ x_1,        ẋ_2 = λ (x_2 − x_1²),                                                                   (2)

it is closed too, with rates {μ, λ, 2μ}: x_2 − κ x_1² with κ = λ/(λ − 2μ) decays on its own, so that after a time t

    x_1(t) = e^{μt} x_1,      x_2(t) = e^{λt} (x_2 − κ x_1²) + κ e^{2μt} x_1².                                      (3)

Source: Brunton, Brunton, Proctor & Kutz 2016.
"""

from dataclasses import dataclass

import numpy as np

from koopman_analysis.dictionaries import FunctionDictionary
from koopman_analysis.shapes import Array, Float, States
from koopman_analysis.systems.base import ClosedFlow


class _QuadraticManifold(ClosedFlow):
    """What both clocks share: the closed dictionary, and standard normal states before."""

    @property
    def dictionary(self) -> FunctionDictionary:
        """{x_1, x_2, x_1²}."""
        return FunctionDictionary([_first, _second, _first_squared], names=["x1", "x2", "x1^2"], dimension=2)

    def sampled(self, count: int, *, rng: np.random.Generator) -> Float[np.ndarray, "n 2"]:
        """Standard normal states."""
        return rng.standard_normal((count, 2))


@dataclass(frozen=True, kw_only=True)
class SlowManifold(_QuadraticManifold):
    """The map of equation (1).

    Attributes:
        slow: a.
        fast: b.
        curvature: c.
    """

    slow: float = 0.9
    fast: float = 0.5
    curvature: float = 1.0

    @property
    def eigenvalues(self) -> Float[np.ndarray, " m"]:
        """{a, b, a²}."""
        return np.array([self.slow, self.fast, self.slow**2])

    def eigenvalues_up_to(self, degree: int) -> Float[np.ndarray, " k"]:
        """a^i b^j of all eigenfunctions among the polynomials up to this degree, the largest first."""
        weight = 2 if self.curvature else 1
        powers = [(i, j) for j in range(degree // weight + 1) for i in range(degree - weight * j + 1)]
        return np.sort([self.slow**i * self.fast**j for i, j in powers])[::-1]

    def flow(self, states: States) -> States:
        """Equation (1)."""
        bend = (self.slow**2 - self.fast) * self.curvature
        return np.stack([self.slow * states[:, 0], self.fast * states[:, 1] + bend * states[:, 0] ** 2], axis=1)


@dataclass(frozen=True, kw_only=True)
class ContinuousSlowManifold(_QuadraticManifold):
    """The flow of equation (2) over a time `lag`.

    Attributes:
        slow_rate: μ.
        fast_rate: λ, not 2μ.
        lag: t > 0.

    Raises:
        ValueError: If λ = 2μ, where equation (3) has no κ.
    """

    slow_rate: float = -0.05
    fast_rate: float = -1.0
    lag: float = 1.0

    def __post_init__(self) -> None:
        if self.fast_rate == 2 * self.slow_rate:
            raise ValueError(f"expected a fast rate other than twice the slow one, got both {self.fast_rate}")

    @property
    def duration(self) -> float:
        """The time t."""
        return self.lag

    @property
    def eigenvalues(self) -> Float[np.ndarray, " m"]:
        """e^{μt}, e^{λt}, e^{2μt}."""
        return np.exp(self.lag * np.array([self.slow_rate, self.fast_rate, 2 * self.slow_rate]))

    def flow(self, states: States) -> States:
        """Equation (3)."""
        slow, fast = np.exp(self.lag * self.slow_rate), np.exp(self.lag * self.fast_rate)
        manifold = self.fast_rate / (self.fast_rate - 2 * self.slow_rate) * states[:, 0] ** 2
        return np.stack([slow * states[:, 0], fast * (states[:, 1] - manifold) + slow**2 * manifold], axis=1)


def _first(states: Array) -> Array:
    return states[:, 0]


def _second(states: Array) -> Array:
    return states[:, 1]


def _first_squared(states: Array) -> Array:
    return states[:, 0] ** 2
