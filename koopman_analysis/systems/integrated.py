"""Autonomous flows without an exact answer: integrated numerically, to a stated tolerance.

Of an ordinary differential equation ẋ = v(x) the flow over a time t, by the explicit Runge–Kutta method of order 8 of
Dormand and Prince (`scipy.integrate.solve_ivp`), whose steps keep the root mean square of

    |error of one step| / (atol + rtol |x|)                                                                   (1)

below 1 over the coordinates of the states that are integrated together, at most `TOGETHER` of them. The error of a
state grows from there as neighbouring trajectories part: by e^{Λt}, with Λ the largest Lyapunov exponent.

    Lorenz          ẋ = s (y − x),   ẏ = x (r − z) − y,   ż = x y − b z,        div v = −(s + 1 + b)            (2)
    van der Pol     ẋ = y,           ẏ = μ (1 − x²) y − x,                     div v = μ (1 − x²)              (3)

Volumes change by exp ∫ div v dt along a trajectory: under (2) everywhere alike. (3) is linear for μ = 0; otherwise all
states but the origin tend to one limit cycle.

Sources: Hairer, Nørsett & Wanner 1993 (the method); Lorenz 1963; van der Pol 1926.
"""

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np
import scipy.integrate

from koopman_analysis.shapes import Float, States
from koopman_analysis.snapshots import SnapshotTrajectories
from koopman_analysis.systems.base import Flow

TOGETHER = 1000
"""States that take their steps together: one that needs small steps makes few others wait."""


@dataclass(frozen=True, kw_only=True)
class IntegratedFlow(Flow):
    """The flow of ẋ = v(x) over a time `lag`, under a normal law of independent coordinates.

    Attributes:
        lag: t > 0.
        rtol: Relative tolerance of equation (1).
        atol: Absolute tolerance of equation (1).

    Raises:
        ValueError: If the lag or a tolerance is not positive.
    """

    lag: float = 0.1
    rtol: float = 1e-10
    atol: float = 1e-12

    def __post_init__(self) -> None:
        if not (self.lag > 0 and self.rtol > 0 and self.atol > 0):
            raise ValueError(
                f"expected a positive lag and positive tolerances, got lag {self.lag}, rtol {self.rtol} and "
                f"atol {self.atol}"
            )

    @abstractmethod
    def velocity(self, states: States) -> States:
        """v, at each state."""

    @abstractmethod
    def sampled(self, count: int, *, rng: np.random.Generator) -> Float[np.ndarray, "n d"]:
        """States before, drawn from the system's input measure."""

    @property
    def duration(self) -> float:
        """The time t."""
        return self.lag

    def flow(self, states: States) -> States:
        """The states after a time t."""
        return self._integrated(states, 1)[:, -1]

    def trajectories(self, count: int, *, times: int, rng: np.random.Generator) -> SnapshotTrajectories:
        """Independent trajectories from the input measure, at this many times, t apart.

        Raises:
            ValueError: If there are fewer than two times.
        """
        if times < 2:
            raise ValueError(f"expected at least two times of a trajectory, got {times}")
        states = self._integrated(self.sampled(count, rng=rng), times - 1)
        return SnapshotTrajectories(states=states, times=self.lag * np.arange(times))

    def _integrated(self, states: np.ndarray, steps: int) -> np.ndarray:
        """The states at 0, t, 2t, …, shape (n, steps + 1, d)."""
        parts = [states[start : start + TOGETHER] for start in range(0, len(states), TOGETHER)]
        return np.concatenate([self._integrated_together(part, steps) for part in parts])

    def _integrated_together(self, states: np.ndarray, steps: int) -> np.ndarray:
        solution = scipy.integrate.solve_ivp(
            lambda _, flat: self.velocity(flat.reshape(states.shape)).ravel(),
            (0.0, self.lag * steps),
            states.ravel(),
            method="DOP853",
            t_eval=self.lag * np.arange(steps + 1),
            rtol=self.rtol,
            atol=self.atol,
        )
        if not solution.success:
            raise ValueError(
                f"expected states whose trajectories exist for a time of {self.lag * steps}, got the solver's message "
                f"{solution.message!r}: take states from the input measure, or a shorter lag"
            )
        return np.moveaxis(solution.y.T.reshape(steps + 1, *states.shape), 0, 1)


@dataclass(frozen=True, kw_only=True)
class Lorenz(IntegratedFlow):
    """Equation (2), from a normal law as wide as the attractor of the classical parameters.

    Attributes:
        prandtl: s.
        rayleigh: r.
        aspect: b.
    """

    prandtl: float = 10.0
    rayleigh: float = 28.0
    aspect: float = 8 / 3

    @property
    def divergence(self) -> float:
        """−(s + 1 + b): volumes change by the factor e^{t div v}."""
        return -(self.prandtl + 1 + self.aspect)

    def velocity(self, states: States) -> States:
        """Equation (2)."""
        x, y, z = states.T
        return np.stack([self.prandtl * (y - x), x * (self.rayleigh - z) - y, x * y - self.aspect * z], axis=1)

    def sampled(self, count: int, *, rng: np.random.Generator) -> Float[np.ndarray, "n 3"]:
        """States from N((0, 0, r − 3), diag(8², 9², 8²))."""
        return [0.0, 0.0, self.rayleigh - 3] + rng.standard_normal((count, 3)) * [8.0, 9.0, 8.0]


@dataclass(frozen=True, kw_only=True)
class VanDerPol(IntegratedFlow):
    """Equation (3), from a normal law as wide as the limit cycle.

    Attributes:
        damping: μ ≥ 0.

    Raises:
        ValueError: If the damping is negative, besides what the flow says.
    """

    lag: float = 0.5
    damping: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.damping >= 0:
            raise ValueError(
                f"expected a damping of at least 0, got {self.damping}: states would escape in finite time"
            )

    def velocity(self, states: States) -> States:
        """Equation (3)."""
        x, y = states.T
        return np.stack([y, self.damping * (1 - x**2) * y - x], axis=1)

    def sampled(self, count: int, *, rng: np.random.Generator) -> Float[np.ndarray, "n 2"]:
        """States from N(0, diag(1.5²))."""
        return 1.5 * rng.standard_normal((count, 2))
