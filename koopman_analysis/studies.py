"""Studies of several fitted things side by side: predictors by their error and cost, trainings seed by seed.

**Predictors.** Each is fitted to the same pairs and judged on the same held-out ones by its relative error,

    √( Σ w ‖ŷ − y‖² / Σ w ‖y − ȳ‖² ),     ȳ the mean of the held-out states after,                              (1)

1 for predicting the mean, with an interval by resampling whole units, and by the CPU seconds of its fit and of its
predictions. Errors can be computed again to the last bit; seconds belong to the machine and the hour.

**Trainings seed by seed.** Two ways to train share the seed s, and so what is random in both; a_s and b_s are what they
reach. With d_s = a_s − b_s, or d_s = log a_s − log b_s for quantities whose ratio is meant,

    d̄ ± t_{S−1} √( Σ (d_s − d̄)² / (S − 1) / S ),                                                           (2)

the ratio a/b being the exponential of both ends: a geometric mean. What all trainings share, such as the data, is
fixed, and (2) says nothing of others. With few seeds t_{S−1} is large (2.78 for five at 95 %), and that d_s is normal
is assumed. k intervals at the level 1 − α/k hold together at the level 1 − α (Bonferroni).

Where something is varied, t = t_1, …, t_k, each seed has a slope, and (2) with these for d_s tells how the ratio grows:

    β_s = Σ_k (t_k − t̄) log(a_ks / b_ks) / Σ_k (t_k − t̄)²,     exp β the factor for each unit of t.          (3)
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy.special

from koopman_analysis.estimators import Predictor
from koopman_analysis.resampling import Interval, ratio_bootstrap
from koopman_analysis.snapshots import SnapshotPairs, Split


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A predictor to be fitted.

    Attributes:
        name: What it is called ("EDMD-Hermite, degree 3").
        family: What it varies within ("EDMD-Hermite").
        dimension: Number of functions, modes or centres that its prediction is linear in.
        unfitted: Makes it, new.
    """

    name: str
    family: str
    dimension: int
    unfitted: Callable[[], Predictor]


@dataclass(frozen=True, kw_only=True)
class MeasuredPredictor:
    """What a predictor reached, and what that cost.

    Attributes:
        name: What it is called.
        family: What it varies within.
        dimension: Number of functions, modes or centres.
        error: Equation (1).
        fit_seconds: CPU seconds of the fit.
        predict_seconds: CPU seconds of the predictions for 1,000 states.
    """

    name: str
    family: str
    dimension: int
    error: Interval
    fit_seconds: float
    predict_seconds: float


def measured_predictors(
    split: Split, candidates: Sequence[Candidate], *, resamples: int = 499, rng: np.random.Generator
) -> tuple[MeasuredPredictor, ...]:
    """Fits every candidate to one part of the pairs and judges it on the other.

    Args:
        split: The pairs to fit to, and those to judge on.
        candidates: What to fit, in the order of the result.
        resamples: Resamples of the bootstrap.
        rng: Gives every interval the same resamples.

    Raises:
        ValueError: If the held-out states after do not vary.
    """
    seed = int(rng.integers(2**63))
    measured = []
    for candidate in candidates:
        predictor = candidate.unfitted()
        started = time.process_time()
        predictor.fit(split.fit)
        fitted = time.process_time()
        predicted = np.asarray(predictor.predict(split.held_out.before))
        done = time.process_time()
        measured.append(
            MeasuredPredictor(
                name=candidate.name,
                family=candidate.family,
                dimension=candidate.dimension,
                error=relative_error(predicted, split.held_out, resamples=resamples, rng=np.random.default_rng(seed)),
                fit_seconds=fitted - started,
                predict_seconds=1000 * (done - fitted) / split.held_out.n,
            )
        )
    return tuple(measured)


def relative_error(
    predicted: np.ndarray, pairs: SnapshotPairs, *, resamples: int = 499, rng: np.random.Generator
) -> Interval:
    """Equation (1) for these predictions of the states after.

    Raises:
        ValueError: If the predictions are not of the shape of the states after or not finite, or these do not vary.
    """
    host = pairs.on_host()
    if predicted.shape != host.after.shape or not np.isfinite(predicted).all():
        raise ValueError(
            f"expected finite predictions of shape {host.after.shape}, got shape {predicted.shape} with "
            f"{np.count_nonzero(~np.isfinite(predicted))} entries that are not finite"
        )
    weights = np.ones(host.n) if host.weights is None else host.weights
    spread = np.square(np.abs(host.after - np.average(host.after, axis=0, weights=weights))).sum(axis=1)
    if not spread.any():
        raise ValueError("expected states after that vary, got one state only: nothing is there to predict")
    errors = np.square(np.abs(predicted - host.after)).sum(axis=1)
    bootstrap = ratio_bootstrap(
        (weights * errors)[:, None], (weights * spread)[:, None], unit=host.unit, resamples=resamples, rng=rng
    )
    interval = bootstrap.intervals()[0]
    low, estimate, high = (float(np.sqrt(end)) for end in (interval.low, interval.estimate, interval.high))
    return replace(interval, low=low, estimate=estimate, high=high)


def paired_difference(treated: Sequence[float], control: Sequence[float], *, level: float = 0.95) -> Interval:
    """The mean of a_s − b_s with its interval, equation (2).

    Args:
        treated: a_s, one number a seed.
        control: b_s, in the order of the same seeds.
        level: Nominal coverage.

    Raises:
        ValueError: If there are fewer than two seeds, other seeds in one than in the other, or a number is not finite.
    """
    a, b = np.asarray(treated, dtype=np.float64), np.asarray(control, dtype=np.float64)
    if a.shape != b.shape or a.ndim != 1 or len(a) < 2 or not np.isfinite([a, b]).all():
        raise ValueError(
            f"expected a finite number for each of the same two or more seeds, got shapes {a.shape} and {b.shape}, "
            f"all finite: {bool(np.isfinite(a).all() and np.isfinite(b).all())}"
        )
    differences, seeds = a - b, len(a)
    mean, error = float(differences.mean()), float(differences.std(ddof=1)) / seeds**0.5
    width = float(scipy.special.stdtrit(seeds - 1, (1 + level) / 2)) * error
    return Interval(
        estimate=mean, low=mean - width, high=mean + width, level=level, n=seeds, method=f"paired t, {seeds} seeds"
    )


def paired_ratio(treated: Sequence[float], control: Sequence[float], *, level: float = 0.95) -> Interval:
    """The geometric mean of a_s / b_s with its interval, equation (2) on logarithms.

    Args:
        treated: a_s > 0, one number a seed.
        control: b_s > 0, in the order of the same seeds.
        level: Nominal coverage.

    Raises:
        ValueError: As `paired_difference`, and if a number is not positive.
    """
    smallest = min(*treated, *control)
    if not smallest > 0:
        raise ValueError(f"expected positive numbers to divide, got {smallest}: take their difference")
    return _exponential(paired_difference(np.log(treated).tolist(), np.log(control).tolist(), level=level))


def paired_trend(
    treated: Sequence[Sequence[float]], control: Sequence[Sequence[float]], *, at: Sequence[float], level: float = 0.95
) -> Interval:
    """The factor by which a/b grows for each unit of what is varied, equation (3); 1 where it stays.

    Args:
        treated: a_ks > 0, for each t_k one number a seed.
        control: b_ks > 0, likewise.
        at: t_k.
        level: Nominal coverage.

    Raises:
        ValueError: If there are not numbers for each of two or more t_k, or they are not positive, and as
            `paired_difference`.
    """
    a, b, t = (np.asarray(numbers, dtype=np.float64) for numbers in (treated, control, at))
    if a.ndim != 2 or a.shape != b.shape or len(a) != len(t) or np.ptp(t) == 0:
        raise ValueError(
            f"expected numbers of the same seeds at each of {len(t)} values, two of them different, got shapes "
            f"{a.shape} and {b.shape} at {t.tolist()}"
        )
    smallest = min(a.min(), b.min())
    if not smallest > 0:
        raise ValueError(f"expected positive numbers to divide, got {smallest}: a trend is one of ratios")
    along = (t - t.mean()) / np.square(t - t.mean()).sum()
    slopes = paired_difference((along @ np.log(a)).tolist(), (along @ np.log(b)).tolist(), level=level)
    return _exponential(slopes)


def _exponential(logarithms: Interval) -> Interval:
    low, estimate, high = (float(np.exp(end)) for end in (logarithms.low, logarithms.estimate, logarithms.high))
    return replace(logarithms, low=low, estimate=estimate, high=high)
