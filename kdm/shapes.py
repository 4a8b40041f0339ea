"""The shapes that tensors have in the trainer, as annotations that the tests execute, and which of them are pictures.

`n` counts samples, `*shape` is the shape of one sample, `m` is the latent dimension.
"""

from typing import TypeAlias

from jaxtyping import Complex, Float, Int
from torch import Tensor

Samples: TypeAlias = Float[Tensor, " n *shape"]
"""n samples, at any one time of the flow."""

Latents: TypeAlias = Float[Tensor, "n m"]
"""n latent vectors, one a row."""

Labels: TypeAlias = Int[Tensor, " n"]
"""One class label a sample."""


def is_whole(number: object) -> bool:
    """Whether a number counts something: an integer, and no truth value."""
    return hasattr(number, "__index__") and not isinstance(number, bool)


def is_picture(shape: tuple[int, ...]) -> bool:
    """Whether samples of this shape are pictures: (channels, height, width), or (height, width) of one channel."""
    return len(shape) in (2, 3)


def can_be_shown(shape: tuple[int, ...]) -> bool:
    """Whether samples of this shape are pictures that can be looked at: grey, or red, green and blue."""
    return is_picture(shape) and (len(shape) == 2 or shape[0] in (1, 3))


def as_pictures(samples: Samples) -> Float[Tensor, "n channels height width"]:
    """Pictures with an axis of channels, of length 1 where they came without.

    Raises:
        ValueError: If the samples are no pictures.
    """
    shape = tuple(samples.shape[1:])
    if not is_picture(shape):
        raise ValueError(
            f"expected pictures (channels, height, width) or (height, width), got samples of shape {shape}"
        )
    return samples if len(shape) == 3 else samples.unsqueeze(1)


__all__ = [
    "Complex",
    "Float",
    "Int",
    "Labels",
    "Latents",
    "Samples",
    "Tensor",
    "as_pictures",
    "can_be_shown",
    "is_picture",
    "is_whole",
]
