"""Samples that can be compared, and their resamples."""

from typing import TypeAlias

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


def require_sample(name: str, sample: Sample, *, width: int) -> None:
    """Refuses a sample that cannot be compared with another of this width.

    Raises:
        ValueError: If it has fewer than two points, another width, or a value that is not finite.
    """
    if len(sample) < 2 or sample.shape[1] != width:
        raise ValueError(f"expected {name!r} to have at least two points of width {width}, got shape {sample.shape}")
    if not np.isfinite(sample).all():
        raise ValueError(
            f"expected finite points in {name!r}, got {np.count_nonzero(~np.isfinite(sample))} that are not"
        )
