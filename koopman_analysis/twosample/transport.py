"""The sliced Wasserstein distance: equation (4) of the package."""

import numpy as np

from koopman_analysis.resampling import Interval
from koopman_analysis.twosample.draws import Sample, require_samples, resampled_multiplicities


def sliced_wasserstein(
    x: Sample, y: Sample, *, directions: int = 64, resamples: int = 199, rng: np.random.Generator
) -> Interval:
    """SW₂ of equation (4) over random directions.

    The interval is that of the sampling noise about the estimate: it does not remove the bias of the plug-in, which is
    the same for the noise floor at the same sizes.

    Raises:
        TypeError: If a sample is not an array of real numbers.
        ValueError: If a sample has fewer than two points, the widths differ, or a value is not finite.
    """
    require_samples({"x": x, "y": y})
    theta = rng.standard_normal((x.shape[1], directions))
    theta /= np.linalg.norm(theta, axis=0)
    counts_x, counts_y = (
        resampled_multiplicities(len(x), resamples, rng=rng),
        resampled_multiplicities(len(y), resamples, rng=rng),
    )
    squares = np.zeros(resamples + 1)
    for direction in theta.T:
        along_x, along_y = x @ direction, y @ direction
        order_x, order_y = np.argsort(along_x), np.argsort(along_y)
        sorted_x, sorted_y = along_x[order_x], along_y[order_y]
        for b in range(resamples + 1):
            drawn_x = np.repeat(sorted_x, counts_x[b, order_x].astype(np.int64))
            drawn_y = np.repeat(sorted_y, counts_y[b, order_y].astype(np.int64))
            squares[b] += _squared_wasserstein(drawn_x, drawn_y) / directions
    values = np.sqrt(squares)
    estimate = float(values[0])
    spread = np.quantile(values[1:] - values[1:].mean(), [0.025, 0.975])
    return Interval(
        estimate=estimate, low=max(0.0, estimate + float(spread[0])), high=estimate + float(spread[1]),
        n=min(len(x), len(y)), method=f"object bootstrap, {resamples} resamples, spread about the estimate",
    )  # fmt: skip


def _squared_wasserstein(x: np.ndarray, y: np.ndarray) -> float:
    """W₂² of two sorted samples of numbers: both quantile functions are steps, so the integral is a finite sum."""
    if len(x) == len(y):
        return float(np.square(x - y).mean())
    levels = np.union1d(np.arange(1, len(x) + 1) / len(x), np.arange(1, len(y) + 1) / len(y))
    middle = levels - np.diff(levels, prepend=0.0) / 2.0
    gap = x[np.int64(middle * len(x))] - y[np.int64(middle * len(y))]
    return float((np.square(gap) * np.diff(levels, prepend=0.0)).sum())
