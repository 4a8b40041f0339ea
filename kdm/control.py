"""Controls: the affine part c of x̂ = D( E_noise(x) K + c ), kept apart so that the operator stays linear."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from kdm.shapes import Float, Labels, Tensor


class Control(nn.Module, ABC):
    """What is added to the latents after the operator."""

    @abstractmethod
    def forward(self, labels: Labels | None = None) -> Float[Tensor, "..."]:
        """c, shape (m,) where it is the same for all samples, (n, m) where it depends on their labels."""


class NoControl(Control):
    """c = 0: the map between the ends is linear in the latents."""

    offset: Tensor

    def __init__(self, dimension: int) -> None:
        super().__init__()
        self.register_buffer("offset", torch.zeros(dimension), persistent=False)

    def forward(self, labels: Labels | None = None) -> Float[Tensor, "..."]:
        """Zero, shape (m,)."""
        return self.offset


class ConstantControl(Control):
    """One learned offset for all samples: the bias of the published models."""

    def __init__(self, dimension: int) -> None:
        super().__init__()
        self.offset = nn.Parameter(torch.zeros(dimension))

    def forward(self, labels: Labels | None = None) -> Float[Tensor, "..."]:
        """The offset, shape (m,)."""
        return self.offset


class LabelControl(Control):
    """B · label, one learned offset for each class: the paper's control of conditional models."""

    def __init__(self, dimension: int, *, classes: int) -> None:
        super().__init__()
        if classes < 1:
            raise ValueError(f"expected classes for a control by label, got {classes}: take no control, or a constant")
        self.offsets = nn.Parameter(torch.zeros(classes, dimension))

    def forward(self, labels: Labels | None = None) -> Float[Tensor, "..."]:
        """The offset of each label, shape (n, m).

        Raises:
            ValueError: If there are no labels.
        """
        if labels is None:
            raise ValueError("expected the label of each sample, got none: this model's offset depends on it")
        return functional.embedding(labels, self.offsets)


@dataclass(frozen=True)
class NoControlConfig:
    """No affine part."""

    def built(self, dimension: int, *, classes: int = 0) -> NoControl:
        """The control of latents of this dimension."""
        return NoControl(dimension)


@dataclass(frozen=True)
class ConstantControlConfig:
    """One offset for all samples."""

    def built(self, dimension: int, *, classes: int = 0) -> ConstantControl:
        """The control of latents of this dimension."""
        return ConstantControl(dimension)


@dataclass(frozen=True)
class LabelControlConfig:
    """One offset for each class."""

    def built(self, dimension: int, *, classes: int = 0) -> LabelControl:
        """The control of latents of this dimension.

        Raises:
            ValueError: If there are no classes.
        """
        return LabelControl(dimension, classes=classes)


ControlConfig = NoControlConfig | ConstantControlConfig | LabelControlConfig
