"""The shapes that tensors have in the trainer, as annotations that the tests execute.

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


__all__ = ["Complex", "Float", "Int", "Labels", "Latents", "Samples", "Tensor", "is_whole"]
