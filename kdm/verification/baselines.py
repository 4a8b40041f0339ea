"""The baselines that stand beside every number of a distilled model, on the same pairs.

At the model's latent dimension m: the mean of the data, affine regression (exact DMD on centred pairs, by PyDMD), EDMD
with the Hermite polynomials of the largest total degree that has at most m of them, EDMD with the constant, the
coordinates and random Fourier features, m functions in all. Where the data hold whole trajectories, PyDMD's linear
flows through all of their times, too. Beyond it, so that the comparison does not end at a straw man: EDMD with several
hundred functions, kernel ridge regression, and the mean of the three nearest training pairs (in the plane the strongest
of them all: `tests/benchmarks/results/regressors.md`). The length scale of Fourier features is the best of a grid on a
fifth of some training pairs.

States wider than a few hundred numbers are seen in their leading principal components (`kdm.verification.coordinates`).
"""

import contextlib
import math
from dataclasses import dataclass

import numpy as np
from sklearn.neighbors import KNeighborsRegressor

from kdm.verification.coordinates import LeadingCoordinates, Predictor
from koopman_analysis import (
    EDMD,
    Constant,
    Coordinates,
    Hermite,
    KernelRidgeRegression,
    PyDMDForecast,
    PyDMDRegression,
    RandomFourier,
    SnapshotPairs,
    SnapshotTrajectories,
)
from koopman_analysis.estimators.pydmd import (
    HigherOrderDMD,
    LeastSquaresDMD,
    OptimisedDMD,
    StepwiseDMD,
    TrajectoryMethod,
    UnevenTimes,
)

LARGE = 512
"""Fourier features of the baseline beyond the model's dimension."""
SCALES = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
"""Length scales tried, in units of √d standard deviations of the noise."""
RIDGE = 1e-3
"""Of EDMD with Fourier features: hundreds of them are nearly dependent, and without a ridge blow up at rare states."""
SCALE_PAIRS = 10_000
"""Pairs on which the length scale is chosen."""

KERNEL_PAIRS = 8000
"""Pairs that kernel ridge regression solves for, at most."""
NEIGHBOURS = 3
"""Training pairs whose data are averaged."""
DELAYS = 3
"""Times in a state of higher order DMD."""


@dataclass(frozen=True, kw_only=True)
class Baselines:
    """Fitted one-step predictors, by name.

    Attributes:
        equal: Those whose dimension is at most the model's.
        larger: Those with more.
        edmd: The EDMD estimators among both, between coordinates.
        coordinates: What they see of a state.
    """

    equal: dict[str, Predictor]
    larger: dict[str, Predictor]
    edmd: dict[str, EDMD]
    coordinates: LeadingCoordinates


def fitted_baselines(
    pairs: SnapshotPairs, *, dimension: int, noise: float, rng: np.random.Generator,
    trajectories: SnapshotTrajectories | None = None,
) -> Baselines:  # fmt: skip
    """The classical baselines, fitted to these pairs.

    Args:
        pairs: Training pairs, noise before and data after.
        dimension: The model's latent dimension m.
        noise: Standard deviation of the noise.
        rng: Draws the Fourier features, and the pairs for kernel ridge regression.
        trajectories: Training trajectories on the clock of the flow, noise first, where there are any.
    """
    coordinates = LeadingCoordinates.of(pairs.after)
    seen = coordinates.of_pairs(pairs)
    mean, width = seen.after.mean(axis=0), seen.before.shape[1]
    degree = hermite_degree(width, at_most=dimension)
    edmd = {f"EDMD-Hermite, degree {degree}": EDMD(Hermite(degree, scale=noise), outputs=Coordinates()).fit(seen)}
    if dimension > width + 1:
        edmd[f"EDMD-Fourier, m = {dimension}"] = fourier_edmd(seen, dimension, noise=noise, rng=rng)
    large = fourier_edmd(seen, LARGE, noise=noise, rng=rng)
    ridge = KernelRidgeRegression(most=KERNEL_PAIRS, rng=rng).fit(seen)
    equal: dict[str, Predictor] = {
        "mean": lambda states: np.broadcast_to(mean, (len(states), width)).copy(),
        "DMD (affine)": PyDMDRegression().fit(seen).predict,
        **{name: estimator.predict for name, estimator in edmd.items()},
        **({} if trajectories is None else _linear_flows(coordinates.of_trajectories(trajectories))),
    }
    larger: dict[str, Predictor] = {
        f"EDMD-Fourier, m = {LARGE}": large.predict,
        f"kernel ridge, n = {min(pairs.n, KERNEL_PAIRS):,}": ridge.predict,
        f"{NEIGHBOURS} nearest neighbours": KNeighborsRegressor(NEIGHBOURS).fit(seen.before, seen.after).predict,
    }
    return Baselines(
        equal={name: coordinates.lifted(predict) for name, predict in equal.items()},
        larger={name: coordinates.lifted(predict) for name, predict in larger.items()},
        edmd={**edmd, f"EDMD-Fourier, m = {LARGE}": large},
        coordinates=coordinates,
    )


def hermite_degree(width: int, *, at_most: int) -> int:
    """The largest total degree, at least 1, with at most this many polynomials in `width` variables."""
    degree = 1
    while math.comb(width + degree + 1, degree + 1) <= at_most:
        degree += 1
    return degree


def _linear_flows(trajectories: SnapshotTrajectories) -> dict[str, Predictor]:
    """PyDMD's linear flows through all times, those that need even times only where times are."""
    methods: dict[str, TrajectoryMethod] = {
        "optimised DMD, all times": OptimisedDMD(),
        "DMD, step by step": StepwiseDMD(method=LeastSquaresDMD()),
    }
    if len(trajectories.times) >= DELAYS + 2:
        methods["HODMD, all times"] = HigherOrderDMD(delays=DELAYS)
    fitted: dict[str, Predictor] = {}
    for name, method in methods.items():
        with contextlib.suppress(UnevenTimes):
            fitted[name] = PyDMDForecast(method).fit(trajectories).predict
    return fitted


def fourier_edmd(pairs: SnapshotPairs, count: int, *, noise: float, rng: np.random.Generator) -> EDMD:
    """EDMD with the constant, the coordinates and random Fourier features, the best length scale of a grid.

    Where there are as many coordinates as functions are asked for, they make room for the waves.

    Args:
        pairs: What to fit to; the length scale is chosen on some of them.
        count: Number of functions.
        noise: Standard deviation of the states before.
        rng: Draws waves and pairs.
    """
    width = pairs.before.shape[1]
    rows = rng.permutation(pairs.n)[:SCALE_PAIRS]
    fit, test = np.split(rows, [4 * len(rows) // 5])
    seed = int(rng.integers(2**32))

    def edmd(scale: float, chosen: np.ndarray | slice) -> EDMD:
        length = scale * noise * math.sqrt(width)
        room = count > width + 1
        plain = Constant() + Coordinates() if room else Constant()
        waves = RandomFourier(count - 1 - width * room, length, rng=np.random.default_rng(seed))
        some = SnapshotPairs(before=pairs.before[chosen], after=pairs.after[chosen])
        return EDMD(plain + waves, outputs=Coordinates(), ridge=RIDGE).fit(some)

    def error(scale: float) -> float:
        return float(np.square(edmd(scale, fit).predict(pairs.before[test]) - pairs.after[test]).sum())

    return edmd(min(SCALES, key=error), slice(None))
