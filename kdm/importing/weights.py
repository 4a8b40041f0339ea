"""What a published file becomes: a configuration of ours, and the weights of the model that it builds."""

from dataclasses import dataclass

from kdm.configuration import ModelConfig
from kdm.shapes import Tensor


@dataclass(frozen=True, kw_only=True, eq=False)
class Converted:
    """A published model in our letters.

    Attributes:
        config: What it is made of.
        weights: By the names that the built model has for them.
        layout: The name of the layout that it was read from.
    """

    config: ModelConfig
    weights: dict[str, Tensor]
    layout: str
