"""Residual multilayer perceptrons, and the plain ones of the published models.

    h_0 = W_in u + b_in,    h_l = h_{l−1} + W_l' φ(W_l N(h_{l−1}) + b_l) + b_l',    out = W_out φ(N(h_L)) + b_out,   (1)

with N(h) = h / rms(h) before each block (Zhang & Sennrich 2019, without gain) and φ(u) = u Φ(u) the Gaussian error
linear unit (Hendrycks & Gimpel 2016). Weights start at a scale that keeps features of order one at any depth: variance
2/width into a block, 1/(L width) out of it; b_in starts at random, so that the first features bend at different places.
A network that is told classes adds a learned vector of the class to h_0.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from torch import nn
from torch.nn import functional

from kdm.networks.dropout import require_share
from kdm.shapes import Float, Labels, Tensor


@dataclass(frozen=True, kw_only=True)
class ResidualMLPConfig:
    """Size of a residual MLP.

    Attributes:
        width: Features of the residual stream and of the hidden layer of each block.
        blocks: Number of residual blocks L.
        dropout: Share of the hidden units of each block dropped in training.
    """

    width: int = 128
    blocks: int = 3
    dropout: float = 0.0

    def __post_init__(self) -> None:
        if self.width < 1 or self.blocks < 0:
            raise ValueError(f"expected width >= 1 and blocks >= 0, got width {self.width} and blocks {self.blocks}")
        require_share(self.dropout)

    def built(self, inputs: tuple[int, ...], outputs: tuple[int, ...], *, classes: int = 0) -> "ResidualMLP":
        """The network between samples or latent vectors of these shapes."""
        return ResidualMLP(math.prod(inputs), math.prod(outputs), self, classes=classes)

    def wider(self) -> "ResidualMLPConfig":
        """One feature wider."""
        return replace(self, width=self.width + 1)

    def without_dropout(self) -> "ResidualMLPConfig":
        """The same network as a function, in training too."""
        return replace(self, dropout=0.0)

    def for_regression(self) -> "ResidualMLPConfig":
        """The same network; its outputs are of any size and sign already."""
        return self


class ResidualBlock(nn.Module):
    """h ↦ h + W' φ(W N(h) + b) + b'."""

    def __init__(self, width: int, *, blocks: int, dropout: float) -> None:
        super().__init__()
        self.hidden = _linear(width, width, std=math.sqrt(2.0 / width))
        self.outward = _linear(width, width, std=1.0 / math.sqrt(blocks * width))
        self.dropout = nn.Dropout(dropout)

    def forward(self, features: Float[Tensor, "n width"]) -> Float[Tensor, "n width"]:
        """The features plus the block's correction."""
        return features + self.outward(self.dropout(functional.gelu(self.hidden(_normalised(features)))))


class ResidualMLP(nn.Module):
    """The network of equation (1), from `inputs` to `outputs` flat features; told a class where there are some."""

    def __init__(self, inputs: int, outputs: int, config: ResidualMLPConfig, *, classes: int = 0) -> None:
        super().__init__()
        self.inward = _linear(inputs, config.width, std=1.0 / math.sqrt(inputs))
        nn.init.normal_(self.inward.bias, std=0.5)
        self.blocks = nn.Sequential(
            *(ResidualBlock(config.width, blocks=config.blocks, dropout=config.dropout) for _ in range(config.blocks))
        )
        self.outward = _linear(config.width, outputs, std=1.0 / math.sqrt(config.width))
        self.embedding = nn.Embedding(classes, config.width) if classes else None

    def forward(self, features: Float[Tensor, "n inputs"], labels: Labels | None = None) -> Float[Tensor, "n outputs"]:
        """Features to outputs, row by row."""
        return self.outward(self.last_hidden(features, labels))

    def last_hidden(
        self, features: Float[Tensor, "n inputs"], labels: Labels | None = None
    ) -> Float[Tensor, "n width"]:
        """What the last layer reads: φ(N(h_L)) of equation (1)."""
        hidden = self.inward(features)
        if self.embedding is not None:
            hidden = hidden + self.embedding(labels)
        return functional.gelu(_normalised(self.blocks(hidden)))


def _normalised(features: Float[Tensor, "n width"]) -> Float[Tensor, "n width"]:
    return functional.rms_norm(features, features.shape[1:])


def _linear(inputs: int, outputs: int, *, std: float) -> nn.Linear:
    layer = nn.Linear(inputs, outputs)
    nn.init.normal_(layer.weight, std=std)
    nn.init.zeros_(layer.bias)
    return layer


@dataclass(frozen=True, kw_only=True)
class PlainMLPConfig:
    """Size of a plain MLP.

    Attributes:
        widths: Features after each layer but the last.
        linear_end: Whether the last layer has no activation.
    """

    widths: tuple[int, ...]
    linear_end: bool = True

    def __post_init__(self) -> None:
        if not self.widths or min(self.widths) < 1:
            raise ValueError(f"expected at least one width, and widths >= 1, got {self.widths}")

    def built(self, inputs: tuple[int, ...], outputs: tuple[int, ...], *, classes: int = 0) -> "PlainMLP":
        """The network between samples or latent vectors of these shapes.

        Raises:
            ValueError: If it is to be told classes, for which the published layout has no place.
        """
        if classes:
            raise ValueError(f"expected no classes for a plain MLP, got {classes}: take residual ones, or U-Nets")
        return PlainMLP([math.prod(inputs), *self.widths, math.prod(outputs)], linear_end=self.linear_end)

    def wider(self) -> "PlainMLPConfig":
        """One feature wider everywhere."""
        return replace(self, widths=tuple(width + 1 for width in self.widths))

    def without_dropout(self) -> "PlainMLPConfig":
        """The same network, which has none."""
        return self

    def for_regression(self) -> "PlainMLPConfig":
        """The same network with outputs of any size and sign."""
        return replace(self, linear_end=True)


class PlainMLP(nn.Module):
    """Linear layers with x ↦ x σ(x) after each, the last excepted where it is to be linear: the published layout.

    Args:
        sizes: Features at the input and after each layer.
        linear_end: Whether the last layer has no activation.
    """

    def __init__(self, sizes: Sequence[int], *, linear_end: bool) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(inputs, outputs) for inputs, outputs in pairwise(sizes))
        self.linear_end = linear_end

    def forward(self, features: Float[Tensor, "n inputs"], labels: Labels | None = None) -> Float[Tensor, "n outputs"]:
        """Features to outputs, row by row; there is no class that it could be told."""
        outputs = self.layers[-1](self.last_hidden(features))
        return outputs if self.linear_end else functional.silu(outputs)

    def last_hidden(
        self, features: Float[Tensor, "n inputs"], labels: Labels | None = None
    ) -> Float[Tensor, "n width"]:
        """What the last layer reads."""
        for layer in self.layers[:-1]:
            features = functional.silu(layer(features))
        return features
