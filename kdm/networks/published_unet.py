"""The U-Net of the published image models, layer by layer, so that their weights are ours.

DDPM++ as in Karras et al. 2022, at one time t that is always the same (1 at the noise end, 0 at the data end). With s
the activation x ↦ x σ(x), N a normalisation of min(32, channels / 4) groups, R nothing or halving or doubling of the
sides, and the embedding e, one block is

    h = W₁ s(N(W₀ R s(N(x)) + A e)),         y = (h + P R x) / √2,                                             (1)
    y ← (y + Q softmax(q kᵀ / √c) v) / √2,   (q, k, v) = W N(y),       where there is attention,               (2)
    e = s(L₁ s(L₀ (τ(t) + e_label))),        τ(t) = (sin t ω, cos t ω),    ω_j = 10^(−4 j / (c/2 − 1)),     (3)

W₀, W₁ convolutions of 3 × 3 pixels, P one of 1 × 1 or nothing. Halving takes means of 2 × 2 pixels, doubling repeats
them. On the way down each level but the first begins with a block that halves, and all that comes out is kept; on the
way up each block takes the last of it besides, each level but the last begins with a block that doubles, and attention
stands in the last block of a level. Between the ways are two blocks, the first with attention.

It serves models that were trained elsewhere (`kdm.importing`); for new ones there is `kdm.networks.unet`.
"""

import math
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from kdm.networks.unet import PictureEnds, UNetSizes
from kdm.shapes import Float, Labels, Tensor


@dataclass(frozen=True, kw_only=True)
class PublishedUNetConfig(UNetSizes):
    """Size of a published U-Net; its blocks of a level are without the one that halves.

    Attributes:
        time: t of equation (3).
    """

    time: float

    def core(self, ends: PictureEnds, *, classes: int) -> "PublishedCore":
        """U of this layout."""
        return PublishedCore(ends, self, classes=classes)


class PublishedCore(nn.Module):
    """Planes and labels to planes.

    Attributes:
        downward: The first convolution and the blocks on the way down, in order.
        upward: The two blocks between the ways and those on the way up, in order.
        norm_out: Before the last activation.
        conv_out: The last convolution.
    """

    clock: Tensor

    def __init__(self, ends: PictureEnds, config: PublishedUNetConfig, *, classes: int) -> None:
        super().__init__()
        width = [config.channels * factor for factor in config.multipliers]
        heights = [ends.sides[0] // 2**level for level in range(len(width))]
        attentive = [height in config.attention_at for height in heights]
        embedded = 4 * config.channels
        self.register_buffer("clock", positional(config.time, config.channels), persistent=False)
        self.label = nn.Embedding(classes, config.channels) if classes else None
        self.embed = nn.Sequential(nn.Linear(config.channels, embedded), nn.SiLU(), nn.Linear(embedded, embedded))

        def block(inputs: int, outputs: int, *, attention: bool = False, resample: nn.Module | None = None) -> "_Block":
            return _Block(
                inputs, outputs, embedded, attention=attention, resample=resample, dropout=config.dropout
            )  # fmt: skip

        down: list[nn.Module] = [nn.Conv2d(ends.planes_in, config.channels, 3, padding=1)]
        kept, current = [config.channels], config.channels
        for level, (channels, attention) in enumerate(zip(width, attentive, strict=True)):
            if level:
                down.append(block(current, current, resample=nn.AvgPool2d(2)))
                kept.append(current)
            for _ in range(config.blocks):
                down.append(block(current, channels, attention=attention))
                kept.append(channels)
                current = channels
        up = [block(current, current, attention=True), block(current, current)]
        for level in reversed(range(len(width))):
            if level < len(width) - 1:
                up.append(block(current, current, resample=nn.Upsample(scale_factor=2)))
            for index in range(config.blocks + 1):
                last = index == config.blocks
                up.append(block(current + kept.pop(), width[level], attention=attentive[level] and last))
                current = width[level]
        self.downward, self.upward = nn.ModuleList(down), nn.ModuleList(up)
        self.norm_out, self.conv_out = _norm(current), nn.Conv2d(current, ends.planes_out, 3, padding=1)

    def forward(self, planes: Float[Tensor, "n p h w"], labels: Labels | None = None) -> Float[Tensor, "n q h w"]:
        """U of `kdm.networks.unet`, equations (1) and (2)."""
        told = self.clock if self.label is None else self.clock + self.label(labels)
        embedding = functional.silu(self.embed(told))
        x, kept = self.downward[0](planes), []
        kept.append(x)
        for block in self.downward[1:]:
            x = block(x, embedding)
            kept.append(x)
        for block in self.upward:
            given = torch.cat([x, kept.pop()], dim=1) if block.inputs != x.shape[1] else x
            x = block(given, embedding)
        return self.conv_out(functional.silu(self.norm_out(x)))


def positional(time: float, channels: int) -> Float[Tensor, " channels"]:
    """τ(t) of equation (3)."""
    half = channels // 2
    phase = time * 1e-4 ** (torch.arange(half) / (half - 1))
    return torch.cat([phase.sin(), phase.cos()])


def _norm(channels: int) -> nn.GroupNorm:
    return nn.GroupNorm(min(32, channels // 4), channels, eps=1e-6)


class _Block(nn.Module):
    """Equations (1) and (2)."""

    def __init__(
        self, inputs: int, outputs: int, embedded: int, *, attention: bool, resample: nn.Module | None, dropout: float
    ) -> None:
        super().__init__()
        self.inputs, self.dropout = inputs, dropout
        self.norm0, self.conv0 = _norm(inputs), nn.Conv2d(inputs, outputs, 3, padding=1)
        self.affine = nn.Linear(embedded, outputs)
        self.norm1, self.conv1 = _norm(outputs), nn.Conv2d(outputs, outputs, 3, padding=1)
        self.resample = nn.Identity() if resample is None else resample
        plain = inputs == outputs and resample is None
        self.skip = nn.Identity() if plain else nn.Conv2d(inputs, outputs, 1)
        self.attention = _Attention(outputs) if attention else None

    def forward(self, x: Float[Tensor, "n a h w"], embedding: Float[Tensor, "..."]) -> Float[Tensor, "n b u v"]:
        h = self.conv0(self.resample(functional.silu(self.norm0(x)))) + self.affine(embedding)[..., None, None]
        h = self.conv1(functional.dropout(functional.silu(self.norm1(h)), self.dropout, self.training))
        y = (h + self.skip(self.resample(x))) * math.sqrt(0.5)
        return y if self.attention is None else self.attention(y)


class _Attention(nn.Module):
    """Equation (2), with one head; channel 3 c + j of the product of W is entry c of q, k or v."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm2, self.qkv = _norm(channels), nn.Conv2d(channels, 3 * channels, 1)
        self.proj = nn.Conv2d(channels, channels, 1)

    def forward(self, y: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        q, k, v = self.qkv(self.norm2(y)).flatten(2).unflatten(1, (-1, 3)).transpose(1, 3).unbind(2)
        attended = functional.scaled_dot_product_attention(q[:, None], k[:, None], v[:, None])[:, 0]
        return (self.proj(attended.transpose(1, 2).reshape(y.shape)) + y) * math.sqrt(0.5)
