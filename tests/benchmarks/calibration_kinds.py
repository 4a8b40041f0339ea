"""The systems on which closure reports are calibrated, and what is true of their populations.

Where y_i = √(1 − share_i) x_i + √share_i ξ_i, with x and ξ independent and of variance one, σ_i² = 1 − share_i, and
defect and state error are the mean share. A stationary trajectory of correlation c has the share 1 − c² from step to
step.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import scipy.signal

from koopman_analysis.closure import Closedness
from koopman_analysis.dictionaries import Coordinates, Dictionary, Hermite, Monomials
from koopman_analysis.snapshots import SnapshotPairs
from koopman_analysis.systems import GaussianFlow, OrnsteinUhlenbeck, Unrelated

CLOSED = frozenset({Closedness.EXACT, Closedness.APPROXIMATE})
OPEN = frozenset({Closedness.NOT_CLOSED})


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A system, what is true of its population, and the verdicts that would contradict it.

    Attributes:
        name: What the tables call it.
        pairs: Number of pairs in a sample.
        draw: Draws that many.
        dictionary: The functions, at both ends.
        wrong: Verdicts that the population contradicts.
        truth: The population's value of some quantities of the report, "sigma 1" the first of the spectrum.
        calibrated: Those of them whose intervals should hold it in 93 to 97 of 100 samples.
    """

    name: str
    pairs: int
    draw: Callable[[int, np.random.Generator], SnapshotPairs]
    dictionary: Callable[[], Dictionary] = Coordinates
    wrong: frozenset[Closedness]
    truth: Mapping[str, float] = field(default_factory=dict)
    calibrated: Sequence[str] = ()


def normal_noise(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Noise of variance one."""
    return rng.standard_normal(shape)


def heavy_noise(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Noise of variance one with tails of power six: its squares have a variance, and not much of one more."""
    return rng.standard_t(6, shape) / np.sqrt(1.5)


def with_noise(
    count: int, rng: np.random.Generator, *, shares: Sequence[float], noise: Callable = normal_noise
) -> SnapshotPairs:
    """y_i = √(1 − share_i) x_i + √share_i ξ_i: σ_i² = 1 − share_i."""
    share = np.asarray(shares)
    x, xi = rng.standard_normal((count, len(share))), noise((count, len(share)), rng)
    return SnapshotPairs(before=x, after=np.sqrt(1 - share) * x + np.sqrt(share) * xi)


def autoregression(count: int, rng: np.random.Generator, *, correlation: float) -> SnapshotPairs:
    """Pairs of one long trajectory of x' = c x + √(1 − c²) ξ, named."""
    noise = rng.standard_normal(count + 1)
    noise[1:] *= np.sqrt(1 - correlation**2)
    return SnapshotPairs.from_trajectories([scipy.signal.lfilter([1.0], [1.0, -correlation], noise)[:, None]])


def turning_trajectory(count: int, rng: np.random.Generator) -> SnapshotPairs:
    """A point that turns in the plane, from a random start: exactly linear, and never independent."""
    angle = rng.uniform(0, 2 * np.pi) + np.sqrt(2) * np.arange(count + 1)
    return SnapshotPairs.from_trajectories([np.stack([np.cos(angle), np.sin(angle)], axis=1)])


def _noisy(
    name: str,
    shares: Sequence[float],
    wrong: frozenset[Closedness],
    *,
    pairs: int,
    noise: Callable,
    calibrated: Sequence[str] = ("defect", "state error"),
) -> Kind:
    mean = float(np.mean(shares))
    return Kind(
        name=name,
        pairs=pairs,
        draw=partial(with_noise, shares=shares, noise=noise),
        wrong=wrong,
        truth={"defect": mean, "state error": mean},
        calibrated=calibrated,
    )


def _ornstein_uhlenbeck(name: str, *, pairs: int, calibrated: Sequence[str]) -> Kind:
    system = OrnsteinUhlenbeck(integrated_rates=(1.0,), degree=2)
    spectrum = system.closure_spectrum
    return Kind(
        name=name,
        pairs=pairs,
        draw=lambda count, rng: system.pairs(count, rng=rng),
        dictionary=lambda: Hermite(2, dimension=1),
        wrong=CLOSED,
        truth={
            "defect": float(1 - np.square(spectrum).mean()),
            "state error": float(1 - spectrum[0] ** 2),
            **{f"sigma {i}": float(sigma) for i, sigma in enumerate(spectrum, start=1)},
        },
        calibrated=calibrated,
    )


def _trajectory(
    name: str, correlation: float, *, pairs: int, wrong: frozenset[Closedness], calibrated: Sequence[str] = ()
) -> Kind:
    share = 1 - correlation**2
    return Kind(
        name=name,
        pairs=pairs,
        draw=partial(autoregression, correlation=correlation),
        wrong=wrong,
        truth={"defect": share, "state error": share, "sigma 1": correlation},
        calibrated=calibrated,
    )


PARTLY, SIGMAS = (0.1, 0.4, 0.8), ("sigma 1", "sigma 2")
KINDS = (
    Kind(
        name="exactly closed",
        pairs=400,
        draw=lambda count, rng: GaussianFlow().pairs(count, rng=rng),
        dictionary=lambda: Monomials(2),
        wrong=OPEN,
    ),
    _noisy("just inside", (0.0085, 0.0085), OPEN, pairs=400, noise=normal_noise),
    _noisy("just outside", (0.0115, 0.0115), CLOSED, pairs=400, noise=normal_noise),
    _noisy("worst just inside", (*[0.001] * 7, 0.043), OPEN, pairs=400, noise=normal_noise, calibrated=("defect",)),
    _noisy("worst just outside", (*[0.001] * 7, 0.057), CLOSED, pairs=400, noise=normal_noise, calibrated=("defect",)),
    _noisy("just inside, heavy tails", (0.0085, 0.0085), OPEN, pairs=400, noise=heavy_noise),
    _noisy("just outside, heavy tails", (0.0115, 0.0115), CLOSED, pairs=400, noise=heavy_noise),
    Kind(
        name="partly closed",
        pairs=1000,
        draw=partial(with_noise, shares=PARTLY),
        wrong=CLOSED,
        truth={
            "defect": float(np.mean(PARTLY)),
            "state error": float(np.mean(PARTLY)),
            **{f"sigma {i}": float(np.sqrt(1 - share)) for i, share in enumerate(PARTLY, start=1)},
        },
        calibrated=("defect", "state error", *SIGMAS, "sigma 3"),
    ),
    _noisy(
        "one direction is noise",
        (0.0, 0.0, 0.0, 1.0),
        CLOSED,
        pairs=400,
        noise=normal_noise,
        calibrated=("state error",),
    ),
    _noisy("half noise, heavy tails", (0.5, 0.5), CLOSED, pairs=400, noise=heavy_noise),
    Kind(
        name="unrelated",
        pairs=200,
        draw=lambda count, rng: Unrelated(dimension=3).pairs(count, rng=rng),
        wrong=CLOSED,
    ),
    _ornstein_uhlenbeck("Ornstein–Uhlenbeck, one draw", pairs=3000, calibrated=("defect", "state error", *SIGMAS)),
    _ornstein_uhlenbeck("Ornstein–Uhlenbeck, few pairs", pairs=500, calibrated=("defect", "state error")),
    _trajectory(
        "trajectory, correlation .8", 0.8, pairs=4000, wrong=CLOSED, calibrated=("defect", "state error", "sigma 1")
    ),
    _trajectory(
        "trajectory, correlation .95", 0.95, pairs=8000, wrong=CLOSED, calibrated=("defect", "state error", "sigma 1")
    ),
    _trajectory("trajectory, too short", 0.95, pairs=500, wrong=CLOSED | OPEN),
    Kind(name="turning trajectory", pairs=4000, draw=turning_trajectory, wrong=OPEN),
)
