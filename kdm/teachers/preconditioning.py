"""What a diffusion network predicts, as the denoiser D(x, σ) of a state x = x₀ + σ ε.

**Variance preserving** (DDPM, DDIM). The network sees z_t = α_t x₀ + s_t ε, α_t² + s_t² = 1, at one of T trained times.
Divided by α_t this is the state of the variance-exploding form at σ = s_t / α_t, so α = (1 + σ²)^(−1/2), and a network
that was trained to predict the noise, the sample, or the velocity v = α ε − s x₀ (Salimans & Ho 2022) denoises by

    D = x − σ F(α x, t),        D = F(α x, t),        D = α² x − σ α F(α x, t).                                      (1)

Samplers start from z_T ~ N(0, I), the law of z_T where the data have unit variance; so x starts from N(0, (1 + σ²) I),
which is not N(0, σ² I) where σ is small. Its probability flow is that of x, and DDIM without noise is Euler's method
for it in σ (Song, Meng & Ermon 2021, equation 14). Between trained times t is linear in log σ, and the network takes it
as a real number.

**EDM** (Karras et al. 2022, equation 7 and table 1). With the standard deviation d of the data,

    D = d² / (σ² + d²) x  ±  σ d / (σ² + d²)^(1/2) F( x / (σ² + d²)^(1/2), ¼ log σ ),                                (2)

minus for a network that was trained to predict the velocity. Samplers start from N(0, σ² I).

Nothing is clipped: the flow is that of the network, also where it leaves the range of pixels on the way.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np

from kdm.shapes import Float, Samples

Denoised: TypeAlias = Callable[[Samples, Samples, float], Samples]
"""From the state, what the network says, and σ to D."""


@runtime_checkable
class Preconditioning(Protocol):
    """What a network is asked, and what its answer means."""

    @property
    def ends(self) -> tuple[float, float]:
        """The largest and the least σ that it was trained at."""
        ...

    @property
    def start(self) -> float:
        """Standard deviation of the states from which its samplers start, at the largest σ."""
        ...

    def scale(self, sigma: float) -> float:
        """By what the state is multiplied before the network sees it."""
        ...

    def time(self, sigma: float) -> float:
        """The number that tells the network the noise level."""
        ...

    def denoised(self, x: Samples, said: Samples, sigma: float) -> Samples:
        """D from the state and what the network said of it."""
        ...


def _by_noise(x: Samples, said: Samples, sigma: float) -> Samples:
    return x - sigma * said


def _by_sample(x: Samples, said: Samples, sigma: float) -> Samples:
    return said


def _by_velocity(x: Samples, said: Samples, sigma: float) -> Samples:
    return x / (1 + sigma**2) - sigma / math.sqrt(1 + sigma**2) * said


PREDICTIONS: Mapping[str, Denoised] = {"epsilon": _by_noise, "sample": _by_sample, "v_prediction": _by_velocity}
"""Equation (1), by the name that the schedulers of diffusers give to each prediction."""
SIGNS: Mapping[str, int] = {"epsilon": 1, "v_prediction": -1}
"""The sign in equation (2), by the same."""


@dataclass(frozen=True, kw_only=True)
class VariancePreserving:
    """Equation (1) for a network trained at these σ, which rise with the time; `prediction` is one of `PREDICTIONS`.

    Raises:
        ValueError: if there are fewer than two levels, or they are not positive, finite and rising.
    """

    levels: Float[np.ndarray, " times"]
    prediction: Denoised

    def __post_init__(self) -> None:
        if len(self.levels) < 2:
            raise ValueError(f"expected noise levels of at least two times, got {len(self.levels)}")
        if not (np.isfinite(self.levels).all() and self.levels[0] > 0 and (np.diff(self.levels) > 0).all()):
            raise ValueError(
                f"expected noise levels that rise from a positive to a finite one, got {self.levels[0]:.3g} … "
                f"{self.levels[-1]:.3g}: a beta that is not above 0 and below 1 gives none, and a schedule that ends "
                "in noise alone has no state to start from"
            )

    @property
    def ends(self) -> tuple[float, float]:
        """σ of the last and of the first trained time."""
        return float(self.levels[-1]), float(self.levels[0])

    @property
    def start(self) -> float:
        """1/α = √(1 + σ²): z_T starts as N(0, I)."""
        return math.hypot(1, self.ends[0])

    def scale(self, sigma: float) -> float:
        """α."""
        return 1 / math.sqrt(1 + sigma**2)

    def time(self, sigma: float) -> float:
        """T, linear in log σ between trained times."""
        return float(np.interp(math.log(sigma), np.log(self.levels), np.arange(len(self.levels))))

    def denoised(self, x: Samples, said: Samples, sigma: float) -> Samples:
        """Equation (1)."""
        return self.prediction(x, said, sigma)


@dataclass(frozen=True, kw_only=True)
class EDM:
    """Equation (2) between two noise levels, for data of standard deviation `deviation`; `sign` is one of `SIGNS`.

    Raises:
        ValueError: if the levels do not fall from a finite to a positive one, or the deviation is not positive.
    """

    ends: tuple[float, float]
    deviation: float
    sign: int

    def __post_init__(self) -> None:
        if not (0 < self.ends[1] < self.ends[0] < math.inf and 0 < self.deviation < math.inf):
            raise ValueError(
                f"expected noise levels that fall from a finite to a positive one and a positive deviation of the "
                f"data, got σ from {self.ends[0]:g} to {self.ends[1]:g} and {self.deviation:g}"
            )

    @property
    def start(self) -> float:
        """σ."""
        return self.ends[0]

    def scale(self, sigma: float) -> float:
        """(σ² + d²)^(−1/2)."""
        return 1 / math.hypot(sigma, self.deviation)

    def time(self, sigma: float) -> float:
        """¼ log σ."""
        return 0.25 * math.log(sigma)

    def denoised(self, x: Samples, said: Samples, sigma: float) -> Samples:
        """Equation (2)."""
        variance = sigma**2 + self.deviation**2
        return self.deviation**2 / variance * x + self.sign * sigma * self.deviation / math.sqrt(variance) * said
