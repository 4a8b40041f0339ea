"""Patches of photographs: the smallest natural images that come with an installed library.

The two sample photographs of scikit-learn, 427 × 640 pixels each, are cut into squares of `SIZE` pixels whose corners
lie on the multiples of `STRIDE`: 50 × 77 squares of each, 7700 in all, and neighbours overlap. Pixels are scaled from
0 … 255 to −1 … 1, channels first; the label of a patch is its photograph.

The median distance of a patch to its nearest neighbour is 0.07 a pixel, that of the nearest hundredth (of a clear sky)
0.01. The bandwidth of 0.05, six grey levels, lies between: skies are a continuum, and flowers stay apart.

One evaluation of the denoiser takes 7700 × 3072 × 4 operations a state, and a step takes two: at 24 steps, 4.5 · 10¹²
for 1000 pairs. The median error of 24 steps is 0.14 over 3072 pixels, a third of a grey level each.
"""

from dataclasses import dataclass, field
from functools import cache
from typing import ClassVar

import numpy as np
import torch

from kdm.shapes import Float, Labels, Tensor
from kdm.teachers.empirical import NamedPoints

PHOTOGRAPHS = ("china.jpg", "flower.jpg")
SIZE, STRIDE = 32, 8


@cache
def _squares() -> tuple[Float[Tensor, "points 3 32 32"], Labels]:
    # Imported here because it takes longer than the rest of this package, which mostly does without.
    from sklearn.datasets import load_sample_image

    cut = []
    for name in PHOTOGRAPHS:
        windows = np.lib.stride_tricks.sliding_window_view(load_sample_image(name), (SIZE, SIZE), axis=(0, 1))
        cut.append(windows[::STRIDE, ::STRIDE].reshape(-1, 3, SIZE, SIZE))
    labels = np.repeat(np.arange(len(cut)), [len(squares) for squares in cut])
    # Of 256 grey levels nothing is lost in single precision, in which the pairs are stored.
    return torch.from_numpy(np.concatenate(cut).astype(np.float32) / 127.5 - 1), torch.from_numpy(labels)


@dataclass(frozen=True, kw_only=True, eq=False)
class Patches(NamedPoints):
    """The 7700 patches of 3 × 32 × 32 pixels in [−1, 1]; the label of one is its photograph."""

    points: Float[Tensor, " points *shape"] = field(default_factory=lambda: _squares()[0], init=False)
    classes: Labels | None = field(default_factory=lambda: _squares()[1], init=False)
    bandwidth: float = 0.05

    kind: ClassVar[str] = "patches32"

    @property
    def steps(self) -> int:
        """Few, for each takes 2 · 10¹¹ operations for 1000 pairs; they err by less than half a grey level a pixel."""
        return 24

    @property
    def together(self) -> int:
        """What 2 · 10¹² operations make."""
        return 512
