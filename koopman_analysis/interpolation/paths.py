"""Paths from one object to another, in the space of the data: equations (1) to (5) of the room.

All take n pairs of ends and the shares of the way, and return (n, s, d): a path for each pair.
"""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from koopman_analysis.estimators.latent import LatentModel
from koopman_analysis.interpolation.blends import LINEAR, Blend
from koopman_analysis.shapes import Float, Int, States

Shares: TypeAlias = Float[np.ndarray, " s"]
Paths: TypeAlias = Float[np.ndarray, "n s d"]
"""A path of s states of d features for each of n pairs of ends."""


def disjoint_pairs(objects: int, pairs: int, *, rng: np.random.Generator) -> Int[np.ndarray, "2 pairs"]:
    """Random pairs of objects, none of which is in two: the start of each, and its end.

    Raises:
        ValueError: If there are too few objects.
    """
    if not 1 <= pairs <= objects // 2:
        raise ValueError(f"expected 1 to {objects // 2} pairs of {objects} objects, each in one pair only, got {pairs}")
    return rng.permutation(objects)[: 2 * pairs].reshape(2, pairs)


def latent_paths(model: LatentModel, start: States, end: States, *, shares: Shares, blend: Blend = LINEAR) -> Paths:
    """Paths between the latents of two noises, carried by K and decoded: equations (1) and (2)."""
    latents = blend.between(model.encode_noise(start), model.encode_noise(end), shares)
    return _mapped(lambda rows: model.decode(rows @ model.matrix + model.offset()), latents)


def noise_paths(
    flow: Callable[[np.ndarray], np.ndarray], start: States, end: States, *, shares: Shares, blend: Blend = LINEAR
) -> Paths:
    """The images of what lies between two noises, under a model or its teacher: equations (3) and (4)."""
    return _mapped(flow, blend.between(start, end, shares))


def cross_fades(start: States, end: States, *, shares: Shares) -> Paths:
    """What lies between two data points themselves: equation (5)."""
    return LINEAR.between(start, end, shares)


def _mapped(function: Callable[[np.ndarray], np.ndarray], paths: Float[np.ndarray, "n s m"]) -> Paths:
    """The function of rows, on every state of every path."""
    n, steps, _ = paths.shape
    images = np.asarray(function(paths.reshape(n * steps, -1)), dtype=np.float64)
    return images.reshape(n, steps, -1)
