"""Samples to look at: a figure of them, and while a model trains a grid of images, as a PNG file (ISO/IEC 15948).

    signature, IHDR (width, height, 8 bits, grey or RGB), IDAT (zlib of the rows, each after a 0: unfiltered), IEND

Every chunk is its length, its name, its content and the CRC-32 of the last two. Numbers become bytes by

    b = 255 (x − low) / (high − low), rounded and cut to [0, 255].                                          (1)
"""

import struct
import zlib
from pathlib import Path

import numpy as np
import torch

from kdm.evaluation import OneStepGenerator, generated
from kdm.shapes import Samples, as_pictures
from kdm.storage import replaced_file
from kdm.trajectories import Pairs

SIDE = 8
"""Images in a row and in a column at most."""
SHOWN = 400
"""Images in a figure at most."""


def picture_of(model: OneStepGenerator, pairs: Pairs) -> bytes:
    """One-step samples from the noise of the first pairs, always the same, in the range of the data beside it."""
    shown = pairs[: SIDE**2]
    low, high = shown.data.min().item(), shown.data.max().item()
    samples = generated(model, shown.noise, shown.labels)
    return png(grid(as_pictures(samples), low=low, high=high))


def save_picture_of(samples: np.ndarray, out: Path) -> None:
    """Writes points of the plane (n, 2), or up to `SHOWN` images, as a figure into a PNG file.

    Raises:
        ValueError: If they are neither.
    """
    if samples.ndim == 2 and samples.shape[1] != 2:
        raise ValueError(f"expected points of the plane or images for a picture, got rows of {samples.shape[1]}")
    # With all that draws, which takes seconds to import.
    from koopman_analysis.figures import draw_images, draw_samples, figure_of

    if samples.ndim == 2:
        figure = figure_of(lambda ax: draw_samples(ax, samples), size=(4.0, 4.0))
    else:
        figure = figure_of(lambda ax: draw_images(ax, samples[:SHOWN]), size=(6.0, 6.0))
    with replaced_file(out) as temporary:
        figure.savefig(temporary, format="png", metadata={"Software": None})


def grid(images: Samples, *, low: float, high: float) -> np.ndarray:
    """Images side by side in rows of `SIDE`, one pixel apart, as bytes of shape (height, width, channels)."""
    n, channels, height, width = images.shape
    columns = min(n, SIDE)
    rows = -(-n // columns)
    scaled = 255.0 * (images.detach().float().cpu() - low) / max(high - low, torch.finfo(torch.float32).tiny)
    values = scaled.round().clamp(0.0, 255.0).to(torch.uint8).permute(0, 2, 3, 1).numpy()
    canvas = np.zeros((rows, height + 1, columns, width + 1, channels), np.uint8)
    for index, image in enumerate(values):
        canvas[index // columns, :height, index % columns, :width] = image
    return canvas.reshape(rows * (height + 1), columns * (width + 1), channels)[:-1, :-1]


def png(pixels: np.ndarray) -> bytes:
    """The file of a picture of bytes, of shape (height, width, 1 or 3)."""
    height, width, channels = pixels.shape
    kinds = {1: 0, 3: 2}
    if pixels.dtype != np.uint8 or channels not in kinds:
        raise ValueError(f"expected bytes in 1 or 3 channels, got {pixels.dtype} in {channels}")
    header = struct.pack(">IIBBBBB", width, height, 8, kinds[channels], 0, 0, 0)
    rows = np.concatenate([np.zeros((height, 1), np.uint8), pixels.reshape(height, -1)], axis=1)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes())), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, content) for name, content in chunks)


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
