"""Inception-v3 features, by weights that the user has: the extractor of the FID.

The network of Szegedy et al. 2016 as the FID uses it (Heusel et al. 2017): 2048 numbers, the mean over places of the
last block, with TensorFlow's averages, which leave padding out, and a maximum in the last block. The file holds the
tensors under the names of the public ports (`Mixed_5b.branch1x1.conv.weight`, …); widths and kernels are those of its
tensors, and nothing is downloaded. Weights of other trainings have these names, too, and other features: those of the
FID, of 2015-12-05, end in a layer of 1008 classes, others in one of 1000, and may have a second one in the middle.
Before it, images of [−1, 1] become what image files hold, and are enlarged as TensorFlow 1 does:

    v = round(127.5 (x + 1)) clipped to 0 … 255,                                                             (1)
    v(i, j) ← linear between the pixels about (i h/299, j w/299), the last repeated,      (v − 128) / 128.    (2)

Every convolution is followed by its normalisation with stored moments (ε = 10⁻³) and max(0, ·).
"""

import pickle
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import torch
from torch.nn import functional

from kdm.shapes import Float, Samples, Tensor, as_pictures, can_be_shown
from kdm.storage import digest_of

CLASSES = 1008
"""Rows of the last layer in the file of the FID; it is not read otherwise."""
PUBLISHED = "weights-inception-2015-12-05-6726825d.pth or pt_inception-2015-12-05-6726825d.pth of the public ports"
SIZE = 299
"""Pixels along each side that the network sees."""
EPSILON = 1e-3
A = (("branch1x1",), ("branch5x5_1", "branch5x5_2"), ("branch3x3dbl_1", "branch3x3dbl_2", "branch3x3dbl_3"))
B = (("branch3x3",), ("branch3x3dbl_1", "branch3x3dbl_2", "branch3x3dbl_3"))
C = (
    ("branch1x1",),
    tuple(f"branch7x7_{k}" for k in range(1, 4)),
    tuple(f"branch7x7dbl_{k}" for k in range(1, 6)),
)
D = (("branch3x3_1", "branch3x3_2"), tuple(f"branch7x7x3_{k}" for k in range(1, 5)))
E = (
    (("branch1x1",), ()),
    (("branch3x3_1",), ("branch3x3_2a", "branch3x3_2b")),
    (("branch3x3dbl_1", "branch3x3dbl_2"), ("branch3x3dbl_3a", "branch3x3dbl_3b")),
)
"""Chains of convolutions of each kind of block; those of the last end in a fork."""
Images = Float[Tensor, "n _ _ _"]
Layer: TypeAlias = tuple[Tensor, Tensor, Tensor]
"""A kernel, and the scale and shift of its normalisation."""
NORMALISATION = ("weight", "bias", "running_mean", "running_var")


@dataclass(frozen=True, kw_only=True, eq=False)
class Inception:
    """Inception-v3 with the tensors of a file.

    Attributes:
        tensors: Of each convolution its kernel, and of its normalisation scale and shift, by the convolution's name.
        file: The file's name.
        digest: Its SHA-256.
        low: The value of a black pixel.
        high: The value of a white one.
    """

    tensors: Mapping[str, Layer]
    file: str
    digest: str
    low: float = field(default=-1.0, init=False)
    high: float = field(default=1.0, init=False)
    _copies: dict[torch.device, Mapping[str, Layer]] = field(default_factory=dict, init=False, repr=False)

    @classmethod
    def of_file(cls, path: str | Path) -> "Inception":
        """The extractor with these weights; nothing in the file is executed.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If it does not hold the tensors of the network, or those of another training.
        """
        path = Path(path)
        digest = digest_of(path)
        try:
            loaded = torch.load(path, map_location="cpu", weights_only=True)
        except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError) as error:
            raise ValueError(f"expected a file of tensors, got '{path}': {type(error).__name__}") from error
        tensors = loaded if isinstance(loaded, dict) else {}
        if unlike := _unlike_the_published(tensors):
            raise ValueError(
                f"expected the weights of Inception-v3 as the FID uses it in '{path}', got {unlike}: take {PUBLISHED}"
            )
        found = cls(tensors={name: _folded(tensors, name) for name in _names()}, file=path.name, digest=digest)
        found._require_fitting(path, width=tensors["fc.weight"].shape[1])
        return found

    @property
    def name(self) -> str:
        """The file that they came from."""
        return f"Inception-v3, {self.file} (sha256 {self.digest[:12]})"

    def __call__(self, images: Samples) -> Float[Tensor, "n features"]:
        """The features, in float32, of grey or coloured images of [−1, 1]."""
        x = (as_stored(images) - 128.0) / 128.0
        x = self._convolved(x, "Conv2d_1a_3x3", stride=2, padded=False)
        x = self._convolved(x, "Conv2d_2a_3x3", padded=False)
        x = functional.max_pool2d(self._convolved(x, "Conv2d_2b_3x3"), 3, 2)
        x = self._convolved(self._convolved(x, "Conv2d_3b_1x1"), "Conv2d_4a_3x3", padded=False)
        x = functional.max_pool2d(x, 3, 2)
        for block in ("Mixed_5b", "Mixed_5c", "Mixed_5d"):
            x = self._mixed(x, block, A)
        x = self._halved(x, "Mixed_6a", B)
        for block in ("Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e"):
            x = self._mixed(x, block, C)
        x = self._halved(x, "Mixed_7a", D)
        x = self._forked(x, "Mixed_7b", pooled=_average(x))
        x = self._forked(x, "Mixed_7c", pooled=functional.max_pool2d(x, 3, 1, padding=1))
        return x.mean(dim=(2, 3))

    def on(self, device: torch.device) -> Mapping[str, Layer]:
        """The tensors there: copied at the first call, and held."""
        if device not in self._copies:
            self._copies[device] = {
                name: (kernel.to(device), scale.to(device), shift.to(device))
                for name, (kernel, scale, shift) in self.tensors.items()
            }
        return self._copies[device]

    def _require_fitting(self, path: Path, *, width: int) -> None:
        """Refuses tensors that do not follow one another, or lead to no feature that the last layer takes."""
        try:
            # Without numbers: shapes alone are computed.
            reached = self(torch.empty(1, 3, 8, 8, device="meta")).shape[1]
        except RuntimeError as error:
            raise ValueError(f"expected the convolutions of Inception-v3 in '{path}', got others: {error}") from error
        if reached != width:
            raise ValueError(
                f"expected as many features as the last layer in '{path}' takes, {width}, got {reached} of the "
                f"convolutions: take {PUBLISHED}"
            )

    def _mixed(self, x: Images, block: str, chains: Iterable[tuple[str, ...]]) -> Images:
        parts = [self._chained(x, block, chain) for chain in chains]
        return torch.cat([*parts, self._convolved(_average(x), f"{block}.branch_pool")], dim=1)

    def _halved(self, x: Images, block: str, chains: Iterable[tuple[str, ...]]) -> Images:
        """Every chain ends in a step of two without padding, as the maximum beside them does."""
        parts = [
            self._convolved(self._chained(x, block, chain[:-1]), f"{block}.{chain[-1]}", stride=2, padded=False)
            for chain in chains
        ]
        return torch.cat([*parts, functional.max_pool2d(x, 3, 2)], dim=1)

    def _forked(self, x: Images, block: str, *, pooled: Images) -> Images:
        parts = []
        for chain, fork in E:
            along = self._chained(x, block, chain)
            parts += [self._convolved(along, f"{block}.{end}") for end in fork] or [along]
        return torch.cat([*parts, self._convolved(pooled, f"{block}.branch_pool")], dim=1)

    def _chained(self, x: Images, block: str, chain: Iterable[str]) -> Images:
        for name in chain:
            x = self._convolved(x, f"{block}.{name}")
        return x

    def _convolved(self, x: Images, name: str, *, stride: int = 1, padded: bool = True) -> Images:
        kernel, scale, shift = self.on(x.device)[name]
        padding = [side // 2 if padded else 0 for side in kernel.shape[2:]]
        x = functional.conv2d(x, kernel, stride=stride, padding=padding)
        return (x * scale[:, None, None] + shift[:, None, None]).relu_()


def as_stored(images: Samples) -> Images:
    """Equations (1) and (2) before the last step: images of 0 … 255 in three channels of 299 × 299."""
    if not can_be_shown(tuple(images.shape[1:])):
        raise ValueError(
            f"expected grey or coloured images, (n, h, w) or (n, 1 or 3, h, w), got shape {tuple(images.shape)}"
        )
    stored = (127.5 * (as_pictures(images).float() + 1.0)).round().clamp(0.0, 255.0).expand(-1, 3, -1, -1)
    rows, columns = (_weights(side, like=stored) for side in stored.shape[2:])
    return rows @ stored @ columns.T


def _weights(side: int, *, like: Tensor) -> Float[Tensor, "299 side"]:
    """The weights of the pixels along one side in each enlarged pixel."""
    place = torch.arange(SIZE, dtype=torch.float64) * (side / SIZE)
    before = place.floor().long()
    share, row = (place - before)[:, None], torch.zeros(SIZE, side, dtype=torch.float64)
    row.scatter_add_(1, before[:, None], 1.0 - share)
    row.scatter_add_(1, (before + 1).clamp(max=side - 1)[:, None], share)
    return row.to(like)


def _average(x: Images) -> Images:
    return functional.avg_pool2d(x, 3, 1, padding=1, count_include_pad=False)


def _unlike_the_published(tensors: Mapping[str, Any]) -> str:
    """What of these is not as in the file of the FID, empty where nothing is."""
    parts = ("conv.weight", *(f"bn.{part}" for part in NORMALISATION))
    needed = [*(f"{name}.{part}" for part in parts for name in _names()), "fc.weight"]
    missing = [name for name in needed if not isinstance(tensors.get(name), Tensor)]
    if missing:
        return f"a file without {missing[0]} and {len(missing) - 1} others"
    last = tensors["fc.weight"]
    if last.ndim != 2 or len(last) != CLASSES:
        return f"a last layer fc.weight of shape {tuple(last.shape)}, not of {CLASSES} rows: those of another training"
    if second := next((name for name in tensors if name.startswith("AuxLogits.")), ""):
        return f"{second}, of a second last layer: those of another training"
    return ""


def _folded(tensors: Mapping[str, Tensor], name: str) -> Layer:
    """The kernel, and the scale and shift that normalise by the stored moments."""
    weight, bias, mean, variance = (tensors[f"{name}.bn.{part}"].float() for part in NORMALISATION)
    scale = weight / (variance + EPSILON).sqrt()
    return tensors[f"{name}.conv.weight"].float(), scale, bias - mean * scale


def _names() -> list[str]:
    """Every convolution."""
    names = ["Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "Conv2d_3b_1x1", "Conv2d_4a_3x3"]
    forked = tuple(chain + fork for chain, fork in E)
    kinds = {
        "5b": A,
        "5c": A,
        "5d": A,
        "6a": B,
        "6b": C,
        "6c": C,
        "6d": C,
        "6e": C,
        "7a": D,
        "7b": forked,
        "7c": forked,
    }
    for block, chains in kinds.items():
        pool = () if chains in (B, D) else ("branch_pool",)
        names += [f"Mixed_{block}.{name}" for chain in (*chains, pool) for name in chain]
    return names
