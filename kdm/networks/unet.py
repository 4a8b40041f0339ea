"""U-Nets in the layout of DDPM++ (Song et al. 2021; Karras et al. 2022), on diffusers' `UNet2DModel`.

Between a picture and a latent vector of m entries stands a stack of p planes of the picture's height and width,

    z = flatten( U(x) )                  where p H W = m,                                                       (1)
    z = W flatten( U(x) ) + b            else, with p = 1,                                                      (2)

x ↦ z of shape (C, H, W) ↦ (m,), and the other way round the planes come first; between two pictures there is U alone.
p is the smallest number of planes of equation (1) where m is a multiple of H W: the published models of CIFAR-10 have
m = 32 · 32 and one plane, those of 64 × 64 pixels (2) with m = 512.

A bypass adds to either end's numbers a linear map of the other's, of rank r at most,

    z = … + B flatten(x),                                                                                   (3)

so that affine DMD is among what the network can be. Means of many pixels say most of what noise says of data; of noise
that is independent between pixels they are a small part, which convolutions learn last and a linear map at once.

U halves the picture once between two levels; level l has c · k_l channels and `blocks` residual blocks on the way down,
one more on the way up, and attention where its pictures are as high as `attention_at` says. It is told a class where
there are some, and no time: the noise level is one and known, and enters by the units of the noise
(`kdm.model.Scaling`), so that what U reads has variance one at σ = 80 as at σ = 1.

Groups of channels are normalised, gcd(32, c) of them, never batches: what one picture becomes does not depend on the
others, in training neither.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from torch import nn

from kdm.networks.dropout import require_share
from kdm.shapes import Float, Labels, Tensor, is_picture
from kdm.versions import ADDED_LATER

Sizes = TypeVar("Sizes", bound="UNetSizes")


@dataclass(frozen=True, kw_only=True)
class UNetSizes(ABC):
    """Size of a U-Net of any layout.

    Attributes:
        channels: c, those of the first level; a multiple of 4.
        multipliers: k_l, one a level.
        blocks: Residual blocks of a level on the way down.
        attention_at: Heights of pictures at which there is attention.
        dropout: Share of the hidden units of each block dropped in training.
    """

    channels: int
    multipliers: tuple[int, ...]
    blocks: int
    attention_at: tuple[int, ...]
    dropout: float = 0.1

    def __post_init__(self) -> None:
        if self.channels < 4 or self.channels % 4:
            raise ValueError(f"expected channels in multiples of 4, got {self.channels}")
        if not self.multipliers or min(self.multipliers) < 1 or self.blocks < 1:
            raise ValueError(
                f"expected at least one level, multipliers >= 1 and blocks >= 1, got multipliers {self.multipliers} "
                f"and blocks {self.blocks}"
            )
        require_share(self.dropout)

    def built(self, inputs: tuple[int, ...], outputs: tuple[int, ...], *, classes: int = 0) -> "UNet":
        """The network between samples or latent vectors of these shapes.

        Raises:
            ValueError: As `PictureEnds`.
        """
        ends = PictureEnds(inputs, outputs, levels=len(self.multipliers))
        return UNet(ends, self.core(ends, classes=classes), classes=classes, bypass=self.bypass_between(ends))

    def bypass_between(self, ends: "PictureEnds") -> nn.Module | None:
        """B of equation (3); None in a layout without one."""
        return None

    @abstractmethod
    def core(self, ends: "PictureEnds", *, classes: int) -> nn.Module:
        """U, planes and labels to planes; its last convolution is `conv_out`."""

    def wider(self: Sizes) -> Sizes:
        """Four channels wider at the first level."""
        return replace(self, channels=self.channels + 4)

    def without_dropout(self: Sizes) -> Sizes:
        """The same network as a function, in training too."""
        return replace(self, dropout=0.0)

    def for_regression(self: Sizes) -> Sizes:
        """The same network; its outputs are of any size and sign already."""
        return self


@dataclass(frozen=True, kw_only=True)
class UNetConfig(UNetSizes):
    """Size of a U-Net of diffusers; the defaults are the paper's for CIFAR-10.

    Attributes:
        bypass: r of equation (3); 0 where there is none.
    """

    channels: int = 64
    multipliers: tuple[int, ...] = (1, 2, 2, 2)
    blocks: int = 4
    attention_at: tuple[int, ...] = (16,)
    bypass: int = field(default=0, metadata=ADDED_LATER)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.bypass < 0:
            raise ValueError(f"expected a bypass of rank >= 0, got {self.bypass}")

    def bypass_between(self, ends: "PictureEnds") -> nn.Module | None:
        """B of equation (3), where there is one."""
        return ends.bypass(self.bypass) if self.bypass else None

    def core(self, ends: "PictureEnds", *, classes: int) -> nn.Module:
        """U of `UNet2DModel`, of planes and labels."""
        return _ddpm(ends, self, classes=classes)


class PictureEnds:
    """How a U-Net stands between two shapes, of which one at least is that of pictures: equations (1) and (2).

    Args:
        inputs: Shape of what it takes: (channels, height, width), (height, width) of one channel, or (m,).
        outputs: Shape of what it gives.
        levels: How many it has.

    Attributes:
        sides: Height and width of its pictures.
        planes_in: Channels of what U takes.
        planes_out: Channels of what U gives.

    Raises:
        ValueError: If neither is a picture, or the sides cannot be halved so often.
    """

    def __init__(self, inputs: tuple[int, ...], outputs: tuple[int, ...], *, levels: int) -> None:
        pictures = [shape for shape in (inputs, outputs) if is_picture(shape)]
        if not pictures:
            raise ValueError(
                f"expected pictures (channels, height, width) or (height, width) for a U-Net at one end at least, got "
                f"{inputs} and {outputs}: flat samples want a multilayer perceptron"
            )
        self.sides, factor = pictures[0][-2:], 2 ** (levels - 1)
        if any(side % factor for side in self.sides):
            raise ValueError(
                f"expected sides that {levels} levels can halve {levels - 1} times, multiples of {factor}, got "
                f"{self.sides[0]} x {self.sides[1]} pixels: take fewer multipliers, or pad the pictures"
            )
        self._sizes, area = (math.prod(inputs), math.prod(outputs)), math.prod(self.sides)
        self.planes_in, self.planes_out = (1 if size % area else size // area for size in self._sizes)

    def maps(self) -> tuple[nn.Module, nn.Module]:
        """The maps between the flat ends and the flat planes, identities where those are the same numbers."""
        area = math.prod(self.sides)
        (before, after), into, out = self._sizes, self.planes_in * area, self.planes_out * area
        return (
            nn.Identity() if before == into else nn.Linear(before, into),
            nn.Identity() if after == out else nn.Linear(out, after),
        )

    def bypass(self, rank: int) -> nn.Module:
        """The linear map of equation (3) between the flat ends: one matrix where the rank limits nothing, else two."""
        before, after = self._sizes
        if rank >= min(before, after):
            return nn.Linear(before, after, bias=False)
        return nn.Sequential(nn.Linear(before, rank, bias=False), nn.Linear(rank, after, bias=False))


class UNet(nn.Module):
    """The network of equations (1) to (3), on flat features.

    Args:
        ends: What it stands between.
        core: U, planes and labels to planes; its last convolution is `conv_out`.
        classes: How many classes it is told; 0 where it is told none.
        bypass: B of equation (3), if any.
    """

    def __init__(
        self, ends: PictureEnds, core: nn.Module, *, classes: int = 0, bypass: nn.Module | None = None
    ) -> None:  # fmt: skip
        super().__init__()
        self.classes, self._sides = classes, ends.sides
        self.inward, self.outward = ends.maps()
        self.core: Any = core
        self.bypass = bypass

    def forward(self, features: Float[Tensor, "n inputs"], labels: Labels | None = None) -> Float[Tensor, "n outputs"]:
        """Features to outputs, row by row."""
        planes = self.inward(features).unflatten(1, (-1, *self._sides))
        outputs: Tensor = self.outward(self.core(planes, labels if self.classes else None).flatten(1))
        return outputs if self.bypass is None else outputs + self.bypass(features)

    def last_hidden(
        self, features: Float[Tensor, "n inputs"], labels: Labels | None = None
    ) -> Float[Tensor, "n hidden"]:
        """What the last convolution reads, flat."""
        read: list[Tensor] = []
        handle = self.core.conv_out.register_forward_pre_hook(lambda _, given: read.append(given[0]))
        try:
            self(features, labels)
        finally:
            handle.remove()
        return read[0].flatten(1)


def _ddpm(ends: PictureEnds, config: UNetConfig, *, classes: int) -> nn.Module:
    """U of diffusers, of planes and labels."""
    try:
        from diffusers import UNet2DModel
    except ImportError:
        raise ImportError(
            "expected diffusers, which U-Nets are made of, got a Python without it: pip install 'kdm[images]'"
        ) from None

    attentive = [ends.sides[0] // 2**level in config.attention_at for level in range(len(config.multipliers))]
    down = tuple("AttnDownBlock2D" if here else "DownBlock2D" for here in attentive)
    up = tuple("AttnUpBlock2D" if here else "UpBlock2D" for here in reversed(attentive))
    unet = UNet2DModel(
        sample_size=ends.sides,
        in_channels=ends.planes_in,
        out_channels=ends.planes_out,
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
    return _Timeless(unet)


class _Timeless(nn.Module):
    """A U-Net of diffusers at one time, always the same: its embedding is a bias of every block."""

    def __init__(self, unet: Any) -> None:
        super().__init__()
        self.unet = unet

    @property
    def conv_out(self) -> nn.Module:
        """The last convolution."""
        last: nn.Module = self.unet.conv_out
        return last

    def forward(self, planes: Float[Tensor, "n p h w"], labels: Labels | None = None) -> Float[Tensor, "n q h w"]:
        """U of equations (1) and (2)."""
        return self.unet(planes, 0, class_labels=labels, return_dict=False)[0]
