"""A critic of pictures: the higher its number, the more it takes a picture for a real one.

Convolutions of 4 × 4 pixels in steps of 2, of 64, 128, 256 and 1 channels (Berman et al. 2025; the layout of Radford et
al. 2016 and, where it ends in several places, of Isola et al. 2017), with leaky rectifiers between them; its number is
the mean over the places of the last. A side of s pixels becomes ⌈s/2⌉ at each step, so that pictures of any size pass.

Each layer is normalised picture by picture (Gulrajani et al. 2017, §4) where that layout normalises batches. Statistics
of a batch let a critic see in each picture what else was in the batch, real ones or generated ones, and depend on how a
batch is divided between processes: that is not the function of one picture which `kdm.adversarial_objective` is about.
"""

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.functional import pad

from kdm.shapes import Float, Samples, Tensor, as_pictures, is_picture


@dataclass(frozen=True, kw_only=True)
class CriticConfig:
    """Size of a critic; the defaults are the paper's.

    Attributes:
        channels: Of the hidden layers.
        slope: Of the leaky rectifiers below zero.

    Raises:
        ValueError: If there is no hidden layer, or one without channels.
    """

    channels: tuple[int, ...] = (64, 128, 256)
    slope: float = 0.2

    def __post_init__(self) -> None:
        if not self.channels or min(self.channels) < 1:
            raise ValueError(f"expected at least one hidden layer with channels >= 1, got {self.channels}")

    def built(self, shape: tuple[int, ...]) -> "Critic":
        """The critic of samples of this shape.

        Raises:
            ValueError: If they are no pictures (channels, height, width) or (height, width).
        """
        if not is_picture(shape):
            raise ValueError(
                f"expected pictures (channels, height, width) or (height, width) for a critic, got samples of shape "
                f"{shape}: train without an adversary"
            )
        return Critic(shape[0] if len(shape) == 3 else 1, self)


class Critic(nn.Module):
    """The network, on pictures of any size.

    Args:
        inputs: Channels of a picture; one where pictures come without an axis of channels.
        config: Its size.
    """

    def __init__(self, inputs: int, config: CriticConfig) -> None:
        super().__init__()
        stages: list[nn.Module] = []
        before = inputs
        for number, channels in enumerate(config.channels):
            # The first layer sees the picture's own contrast.
            norm = nn.GroupNorm(1, channels) if number else nn.Identity()
            stages += [_Halving(before, channels), norm, nn.LeakyReLU(config.slope)]
            before = channels
        self.stages = nn.Sequential(*stages, _Halving(before, 1))

    def forward(self, samples: Samples) -> Float[Tensor, " n"]:
        """One number a sample: its logit of being real."""
        return self.stages(as_pictures(samples)).flatten(1).mean(dim=1)


class _Halving(nn.Module):
    """A convolution of 4 × 4 pixels in steps of 2, of s pixels to ⌈s/2⌉."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(inputs, outputs, kernel_size=4, stride=2)

    def forward(self, pictures: Float[Tensor, "n c h w"]) -> Float[Tensor, "n d i j"]:
        height, width = pictures.shape[2:]
        out: torch.Tensor = self.convolution(pad(pictures, (1, 1 + width % 2, 1, 1 + height % 2)))
        return out
