"""Samples against a reference sample of the data: as flat rows, and by features of images."""

import numpy as np

from koopman_analysis.resampling import Interval
from koopman_analysis.twosample import (
    NormalMoments,
    Sample,
    classifier_accuracy,
    energy_distance,
    frechet_distances,
    kernel_distance,
    most_groups,
    precision_recall,
    sliced_wasserstein,
)

FEWEST = 10
"""Samples of each side that a classifier and balls are given, at least."""
PLUG_IN = "_plug_in"
"""What the name of a distance ends in that is not extrapolated."""


def distribution(x: Sample, y: Sample, *, rng: np.random.Generator) -> dict[str, Interval]:
    """What any samples are compared by; few are given to no classifier."""
    found = {"energy_distance": energy_distance(x, y, rng=rng), "sliced_w2": sliced_wasserstein(x, y, rng=rng)}
    if min(len(x), len(y)) < FEWEST:
        return found
    return {**found, "two_sample_accuracy": classifier_accuracy(x, y, rng=rng)}


def image_distribution(x: Sample, y: Sample, *, rng: np.random.Generator) -> dict[str, Interval]:
    """What features of images are compared by, besides."""
    few = min(len(x), len(y)) < FEWEST
    shares = None if few else precision_recall(x, y, groups=most_groups(len(x), len(y)), rng=rng)
    found = frechet_quantities("frechet_distance", x, y, rng=rng)
    found["kernel_distance"] = kernel_distance(x, y, rng=rng)
    return found if shares is None else {**found, "precision": shares.precision, "recall": shares.recall}


def frechet_quantities(
    name: str, x: Sample, y: Sample | NormalMoments, *, rng: np.random.Generator
) -> dict[str, Interval]:
    """The distance as it is at their number, and extrapolated to infinitely many samples where they are enough."""
    sizes = [len(x)] if isinstance(y, NormalMoments) else [len(x), len(y)]
    found = frechet_distances({name: x}, y, groups=most_groups(*sizes), rng=rng)
    extrapolated = {} if found.obstacle else found.extrapolated()
    return {**extrapolated, f"{name}{PLUG_IN}": found.plug_ins()[name]}
