"""Held-out pairs: equations (1) and (2) of the package."""

from dataclasses import dataclass

import numpy as np

from kdm.evaluation.samples import OneStepGenerator, generated
from kdm.shapes import Samples
from kdm.trajectories import Pairs, Trajectories
from koopman_analysis.resampling import Interval, object_bootstrap


@dataclass(frozen=True, kw_only=True)
class PairedError:
    """Equation (1).

    Attributes:
        relative_rmse: Root mean squared error over the root of the data's total variance; 0.01 is one percent.
        median: Median distance, in the data's units.
        pairs: Of how many pairs.
    """

    relative_rmse: float
    median: float
    pairs: int


def paired_error(model: OneStepGenerator, pairs: Pairs) -> PairedError:
    """The paired error of one-step samples on these pairs, in float64: equation (1)."""
    data = pairs.data.flatten(1).double()
    error = (generated(model, pairs.noise, pairs.labels).flatten(1).double() - data).norm(dim=1)
    total_variance = data.var(dim=0, correction=0).sum()
    return PairedError(
        relative_rmse=float((error.square().mean() / total_variance).sqrt()),
        median=float(error.median()),
        pairs=len(pairs),
    )


def paired_quantities(
    data: Trajectories, truth: Samples, predicted: Samples, *, rng: np.random.Generator
) -> dict[str, Interval]:
    """Both errors and, where the support is known, the excess, with intervals over pairs."""
    rows, images = (points.flatten(1).double() for points in (truth, predicted))
    error = (images - rows).norm(dim=1).numpy()
    total_variance = float(rows.var(dim=0, correction=0).sum())
    squares, order = np.square(error), np.argsort(error)

    def statistics(multiplicities: np.ndarray) -> np.ndarray:
        rmse = np.sqrt(multiplicities @ squares / len(squares) / total_variance)
        half = np.searchsorted(np.cumsum(multiplicities[order]), len(error) / 2)
        return np.array([rmse, error[order[half]]])

    rmse, median = object_bootstrap(statistics, len(error), rng=rng).intervals()
    quantities = {"paired_error": rmse, "paired_error_median": median}
    if data.support is not None:
        excess = data.support.distance(images) - data.support.distance(rows)
        quantities["support_distance_excess"] = mean_interval(excess.numpy(), rng=rng)
    return quantities


def mean_interval(values: np.ndarray, *, rng: np.random.Generator) -> Interval:
    """The mean of one number an object, or the share of those that are true."""
    terms = values.astype(np.float64)
    return object_bootstrap(lambda n: n @ terms / len(terms), len(terms), rng=rng).intervals()[0]
