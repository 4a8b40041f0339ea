"""Studies of several fitted things side by side: predictors by their error, their dimension and their cost.

Each predictor is fitted to the same pairs and judged on the same held-out ones by its relative error,

    √( Σ w ‖ŷ − y‖² / Σ w ‖y − ȳ‖² ),     ȳ the mean of the held-out states after,                              (1)

1 for predicting the mean, with an interval by resampling whole units, and by the CPU seconds of its fit and of its
predictions. Errors can be computed again to the last bit; seconds belong to the machine and the hour.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

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
