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
    precision_recall,
    sliced_wasserstein,
)

GROUPS = 20
"""Groups of objects that are left out in turn, where there are twice as many objects."""


def distribution(x: Sample, y: Sample, *, rng: np.random.Generator) -> dict[str, Interval]:
    """What any samples are compared by."""
    return {
        "energy_distance": energy_distance(x, y, rng=rng),
        "sliced_w2": sliced_wasserstein(x, y, rng=rng),
        "two_sample_accuracy": classifier_accuracy(x, y, rng=rng),
    }


def image_distribution(x: Sample, y: Sample, *, rng: np.random.Generator) -> dict[str, Interval]:
    """What features of images are compared by, besides."""
    groups = min(GROUPS, len(x) // 2, len(y) // 2)
    shares = precision_recall(x, y, groups=groups, rng=rng)
    return {
        **frechet_quantities("frechet_distance", x, y, rng=rng),
        "kernel_distance": kernel_distance(x, y, rng=rng),
        "precision": shares.precision,
        "recall": shares.recall,
    }


def frechet_quantities(
    name: str, x: Sample, y: Sample | NormalMoments, *, rng: np.random.Generator
) -> dict[str, Interval]:
    """The distance extrapolated to infinitely many samples, and as it is at their number."""
    sizes = [len(x)] if isinstance(y, NormalMoments) else [len(x), len(y)]
    found = frechet_distances({name: x}, y, groups=min(GROUPS, min(sizes) // 2), rng=rng)
    return {name: found.extrapolated()[name], f"{name}_plug_in": found.plug_ins()[name]}
