"""U-Nets in the layout of DDPM++ (Song et al. 2021; Karras et al. 2022), on diffusers' `UNet2DModel`.

Between a picture and a latent vector of m entries stands a stack of p planes of the picture's height and width,

    z = flatten( U(x) )                  where p H W = m,                                                       (1)
    z = W flatten( U(x) ) + b            else, with p = 1,                                                      (2)

x ↦ z of shape (C, H, W) ↦ (m,), and the other way round the planes come first; between two pictures there is U alone.
p is the smallest number of planes of equation (1) where m is a multiple of H W: the published models of CIFAR-10 have
m = 32 · 32 and one plane, those of 64 × 64 pixels (2) with m = 512.

U halves the picture once between two levels; level l has c · k_l channels and `blocks` residual blocks on the way down,
one more on the way up, and attention where its pictures are as high as `attention_at` says. It is told a class where
there are some, and no time: the noise level is one and known, and enters by the units of the noise
(`kdm.model.Scaling`), so that what U reads has variance one at σ = 80 as at σ = 1.

Groups of channels are normalised, gcd(32, c) of them, never batches: what one picture becomes does not depend on the
others, in training neither.
"""

import math
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from kdm.shapes import Float, Labels, Tensor


@dataclass(frozen=True, kw_only=True)
class UNetConfig:
    """Size of a U-Net; the defaults are the paper's for CIFAR-10.

    Attributes:
        channels: c, those of the first level; a multiple of 4.
        multipliers: k_l, one a level.
        blocks: Residual blocks of a level on the way down.
        attention_at: Heights of pictures at which there is attention.
        dropout: Share of the hidden units of each block dropped in training.
    """

    channels: int = 64
    multipliers: tuple[int, ...] = (1, 2, 2, 2)
    blocks: int = 4
    attention_at: tuple[int, ...] = (16,)
    dropout: float = 0.1

    def __post_init__(self) -> None:
        if self.channels < 4 or self.channels % 4:
            raise ValueError(f"expected channels in multiples of 4, got {self.channels}")
        if not self.multipliers or min(self.multipliers) < 1 or self.blocks < 1:
            raise ValueError(
                f"expected at least one level, multipliers >= 1 and blocks >= 1, got multipliers {self.multipliers} "
                f"and blocks {self.blocks}"
            )
        if not 0.0 <= self.dropout < 1.0:
            raise ValueError(f"expected a dropout share in [0, 1), got {self.dropout}")

    def built(self, inputs: tuple[int, ...], outputs: tuple[int, ...], *, classes: int = 0) -> "UNet":
        """The network between samples or latent vectors of these shapes.

        Raises:
            ValueError: If neither is a picture (channels, height, width), or its sides cannot be halved so often.
        """
        return UNet(inputs, outputs, self, classes=classes)

    def wider(self) -> "UNetConfig":
        """Four channels wider at the first level."""
        return replace(self, channels=self.channels + 4)

    def without_dropout(self) -> "UNetConfig":
        """The same network as a function, in training too."""
        return replace(self, dropout=0.0)

    def for_regression(self) -> "UNetConfig":
        """The same network; its outputs are of any size and sign already."""
        return self


class UNet(nn.Module):
    """The network of equations (1) and (2), on flat features.

    Args:
        inputs: Shape of what it takes: (channels, height, width), or (m,).
        outputs: Shape of what it gives.
        config: Its size.
        classes: How many classes it is told; 0 where it is told none.
    """

    def __init__(
        self, inputs: tuple[int, ...], outputs: tuple[int, ...], config: UNetConfig, *, classes: int = 0
    ) -> None:
        super().__init__()
        pictures = [shape for shape in (inputs, outputs) if len(shape) == 3]
        if not pictures:
            raise ValueError(
                f"expected pictures (channels, height, width) for a U-Net at one end at least, got {inputs} and "
                f"{outputs}: flat samples want a multilayer perceptron"
            )
        sides = pictures[0][1:]
        _require_halvable(sides, levels=len(config.multipliers))
        self.classes, self._sides = classes, sides
        self.inward, planes_in = _ends(inputs, sides, into=True)
        self.outward, planes_out = _ends(outputs, sides, into=False)
        self.unet: Any = _unet(planes_in, planes_out, sides, config, classes=classes)

    def forward(self, features: Float[Tensor, "n inputs"], labels: Labels | None = None) -> Float[Tensor, "n outputs"]:
        """Features to outputs, row by row."""
        planes = self.inward(features).unflatten(1, (-1, *self._sides))
        told = labels if self.classes else None
        # The time is one and always the same; its embedding is a bias of every block.
        now = torch.zeros((), device=features.device)
        out: Tensor = self.unet(planes, now, class_labels=told, return_dict=False)[0]
        return self.outward(out.flatten(1))

    def last_hidden(
        self, features: Float[Tensor, "n inputs"], labels: Labels | None = None
    ) -> Float[Tensor, "n hidden"]:
        """What the last convolution reads, flat."""
        read: list[Tensor] = []
        handle = self.unet.conv_out.register_forward_pre_hook(lambda _, given: read.append(given[0]))
        try:
            self(features, labels)
        finally:
            handle.remove()
        return read[0].flatten(1)


def _ends(shape: tuple[int, ...], sides: tuple[int, ...], *, into: bool) -> tuple[nn.Module, int]:
    """The map between a flat end of this shape and flat planes, and how many planes there are."""
    size, area = math.prod(shape), math.prod(sides)
    if size % area == 0:
        return nn.Identity(), size // area
    return nn.Linear(size, area) if into else nn.Linear(area, size), 1


def _require_halvable(sides: tuple[int, ...], *, levels: int) -> None:
    factor = 2 ** (levels - 1)
    if any(side % factor for side in sides):
        raise ValueError(
            f"expected sides that {levels} levels can halve {levels - 1} times, multiples of {factor}, got "
            f"{sides[0]} x {sides[1]} pixels: take fewer multipliers, or pad the pictures"
        )


def _unet(planes_in: int, planes_out: int, sides: tuple[int, ...], config: UNetConfig, *, classes: int) -> Any:
    try:
        from diffusers import UNet2DModel
    except ImportError:
        raise ImportError(
            "expected diffusers, which U-Nets are made of, got a Python without it: pip install 'kdm[images]'"
        ) from None

    attentive = [sides[0] // 2**level in config.attention_at for level in range(len(config.multipliers))]
    down = tuple("AttnDownBlock2D" if here else "DownBlock2D" for here in attentive)
    up = tuple("AttnUpBlock2D" if here else "UpBlock2D" for here in reversed(attentive))
    return UNet2DModel(
        sample_size=sides,
        in_channels=planes_in,
        out_channels=planes_out,
        block_out_channels=tuple(config.channels * factor for factor in config.multipliers),
        down_block_types=down,
        up_block_types=up,
        layers_per_block=config.blocks,
        attention_head_dim=None,
        norm_num_groups=math.gcd(32, config.channels),
        dropout=config.dropout,
        add_attention=any(attentive),
        num_class_embeds=classes or None,
    )
