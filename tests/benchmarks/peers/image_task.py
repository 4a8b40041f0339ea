"""The size of a model of images, and a batch for it, alike for all contestants."""

from dataclasses import dataclass
from pathlib import Path

import torch
from worker import settings, threads

NOISE = 80.0


@dataclass(frozen=True, kw_only=True)
class Size:
    """Of the networks, the pictures and what is done with them."""

    side: int
    channels: int
    multipliers: tuple[int, ...]
    blocks: int
    batch: int
    samples: int


def size(folder: Path) -> Size:
    """What this folder asks for; torch uses as many threads as the contestant may."""
    torch.set_num_threads(threads())
    numbers = settings(folder)
    return Size(**{**numbers, "multipliers": tuple(numbers["multipliers"])})


def pairs(size: Size) -> tuple[torch.Tensor, torch.Tensor]:
    """Noise, and pixels in [−1, 1]."""
    shape = (size.batch, 3, size.side, size.side)
    generator = torch.Generator().manual_seed(0)
    return NOISE * torch.randn(shape, generator=generator), torch.rand(shape, generator=generator) * 2 - 1
