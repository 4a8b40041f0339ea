"""Samples that can be compared, and their resamples."""

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np

from koopman_analysis.shapes import Float, Inexact

Sample: TypeAlias = Inexact[np.ndarray, "_ _"]
"""Points of one law, one a row. Where samples meet, their sizes and widths are compared, with a message."""


def resampled_multiplicities(objects: int, resamples: int, *, rng: np.random.Generator) -> Float[np.ndarray, "b n"]:
    """The sample itself (each object once), then the multiplicities of each resample, a row each.

    Args:
        objects: Number of objects, at least two.
        resamples: Number of resamples; one that holds a single object has no pairs, and is drawn again.
        rng: Draws them.
    """
    shares = np.full(objects, 1.0 / objects)
    drawn = rng.multinomial(objects, shares, size=resamples)
    while (single := drawn.max(axis=1) == objects).any():
        drawn[single] = rng.multinomial(objects, shares, size=np.count_nonzero(single))
    return np.concatenate([np.ones((1, objects)), drawn.astype(np.float64)])


def require_samples(samples: Mapping[str, Any], *, width: int | None = None) -> None:
    """Refuses samples that cannot be compared with each other.

    Args:
        samples: The samples, by the names that an error calls them.
        width: How many numbers each point must have; as many as those of the last sample unless given.

    Raises:
        TypeError: If one is not a NumPy array of real numbers.
        ValueError: If one has not two axes, fewer than two points, no width, another width, or a value that is not
            finite.
    """
    for name, sample in samples.items():
        if not isinstance(sample, np.ndarray) or sample.dtype.kind not in "iuf":
            kind = f"an array of {sample.dtype}" if isinstance(sample, np.ndarray) else type(sample).__name__
            raise TypeError(
                f"expected {name!r} as a NumPy array of real numbers, got {kind}: use np.asarray(…, dtype=float)"
            )
        if sample.ndim != 2 or sample.shape[1] < 1:
            raise ValueError(
                f"expected points of one number or more in {name!r}, one a row, got shape {sample.shape}: reshape to "
                "(points, numbers)"
            )
    wanted = [*samples.values()][-1].shape[1] if width is None else width
    for name, sample in samples.items():
        if len(sample) < 2 or sample.shape[1] != wanted:
            raise ValueError(
                f"expected {name!r} to have at least two points of width {wanted}, got shape {sample.shape}"
            )
        if not np.isfinite(sample).all():
            raise ValueError(
                f"expected finite points in {name!r}, got {np.count_nonzero(~np.isfinite(sample))} that are not"
            )
