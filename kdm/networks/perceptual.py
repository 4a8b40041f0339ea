"""The learned perceptual metric LPIPS (Zhang et al. 2018, arXiv 1801.03924) on the features of VGG16.

With f_k the features after the last rectifier of VGG16's k-th stage (Simonyan & Zisserman 2015), k = 1 … 5, and w_k ≥ 0
the learned weights of its channels,

    f̂_k = f_k / √(Σ_c f_kc² + ε),        d(x, y) = Σ_k mean_hw Σ_c w_kc (f̂_kc(x) − f̂_kc(y))²,               (1)

ε = 10⁻¹⁰ under the root, where a place that no channel responds to still has a derivative. Pictures come with values in
[−1, 1] and three channels; a grey one is repeated. They are put in units of the photographs that VGG16 was trained on.

The widths of all layers are those of the weights, in the layout of torchvision's `vgg16` (`features.0.weight` …; its
classifier is not looked at) and of the published heads (`lin0.model.1.weight` …).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, TypeAlias

import torch
from torch import nn
from torch.nn.functional import avg_pool2d, conv2d, interpolate, max_pool2d

from kdm.shapes import Float, Tensor
from kdm.storage import digest_of

Pictures: TypeAlias = Float[Tensor, "n channels height width"]
Features: TypeAlias = Float[Tensor, "n _ _ _"]
PerPicture: TypeAlias = Float[Tensor, " n"]

STAGES = ((0, 2), (5, 7), (10, 12, 14), (17, 19, 21), (24, 26, 28))
"""Where the convolutions of each stage stand in `features`; between two stages the picture is halved."""
_MEAN, _DEVIATION = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
_ROUNDING = 1e-10


@dataclass(frozen=True, kw_only=True)
class WeightFiles:
    """Weights from two files, or one that has both; read as tensors, nothing in them is run.

    Attributes:
        vgg: Path of a state dictionary in the layout of torchvision's `vgg16`.
        heads: Path of the heads'; the package `lpips` has them in `weights/v0.1/vgg.pth`.
    """

    vgg: str
    heads: str

    def tensors(self) -> dict[str, Tensor]:
        """All weights by name.

        Raises:
            WeightsError: If there is no such file, or it holds something else.
        """
        return _state_of(self.vgg) | _state_of(self.heads)

    def digests(self) -> dict[str, str]:
        """The SHA-256 of each file, by its path.

        Raises:
            WeightsError: If there is no such file.
        """
        return {path: digest_of(_present(path)) for path in (self.vgg, self.heads)}


@dataclass(frozen=True)
class InstalledWeights:
    """Weights from the package `lpips`, which takes VGG16's from torchvision, and that from its cache or the net."""

    def tensors(self) -> dict[str, Tensor]:
        """All weights by name.

        Raises:
            WeightsError: If the package is not there, or does not work.
        """
        try:
            from lpips import LPIPS

            state: dict[str, Tensor] = LPIPS(net="vgg", verbose=False).state_dict()
        except Exception as error:  # torchvision of another build than torch raises RuntimeError, a download URLError
            raise WeightsError(
                f"expected a working package lpips, got {type(error).__name__}: {error}; name files of its "
                "weights (--perceptual-weights VGG HEADS), or train without any (--distance squared)"
            ) from error
        return {_published_name(name): value for name, value in state.items()}

    def digests(self) -> dict[str, str]:
        """None: where the package has its files is its own affair."""
        return {}


class WeightsError(ValueError):
    """Weights that are not those of this network."""


class PerceptualNetwork(nn.Module):
    """Equation (1); a constant, with a derivative by the pictures alone.

    Args:
        weights: The weights of VGG16's convolutions and of the heads, by name.

    Raises:
        WeightsError: If some are missing, are not finite, do not fit together, or a head is negative.
    """

    def __init__(self, weights: Mapping[str, Any]) -> None:
        super().__init__()
        needed = [f"features.{place}.{kind}" for stage in STAGES for place in stage for kind in ("weight", "bias")]
        needed += [_head(stage) for stage in range(len(STAGES))]
        if missing := [name for name in needed if not isinstance(weights.get(name), Tensor)]:
            raise WeightsError(
                f"expected the weights of VGG16 and of the heads of LPIPS, got none named {missing[0]} (and "
                f"{len(missing) - 1} others): name files in the layouts of torchvision's vgg16 and of lpips"
            )
        _require_fitting(weights)
        if wrong := [name for name in needed if not bool(weights[name].isfinite().all())]:
            raise WeightsError(
                f"expected finite weights, got others in {wrong[0]} (and {len(wrong) - 1} others): name files that are "
                "not damaged"
            )
        for name in needed:
            self.register_buffer(_own(name), weights[name].detach().clone().float())

    def features(self, pictures: Pictures, *, shortest: int) -> list[Features]:
        """f̂_1 … f̂_5 of pictures with values in [−1, 1].

        Args:
            pictures: Of one channel or of three.
            shortest: Pictures with a shorter side are enlarged, bilinearly, until it is so long.

        Raises:
            ValueError: If they are of another number of channels.
        """
        if pictures.shape[1] not in (1, 3):
            raise ValueError(f"expected pictures of 1 or 3 channels for LPIPS, got {pictures.shape[1]}")
        side = min(pictures.shape[2:])
        if side < shortest:
            height, width = (-(-shortest * length // side) for length in pictures.shape[2:])
            pictures = interpolate(pictures, size=(height, width), mode="bilinear", align_corners=False)
        here = (pictures.expand(-1, 3, -1, -1) - _triple(pictures, _MEAN)) / _triple(pictures, _DEVIATION)
        found = []
        for number, stage in enumerate(STAGES):
            here = max_pool2d(here, 2) if number else here
            for place in stage:
                here = conv2d(here, *self._convolution(place), padding=1).relu()
            found.append(here / (here.square().sum(dim=1, keepdim=True) + _ROUNDING).sqrt())
        return found

    def between(self, left: Sequence[Features], right: Sequence[Features]) -> PerPicture:
        """Equation (1), of pictures with these features."""
        stages = zip(left, right, strict=True)
        return torch.stack([self._at(stage, (x - y).square()) for stage, (x, y) in enumerate(stages)]).sum(dim=0)

    def _at(self, stage: int, squares: Features) -> PerPicture:
        weighed = conv2d(squares, self.get_buffer(_own(_head(stage))))
        return avg_pool2d(weighed, weighed.shape[2:]).flatten()

    def _convolution(self, place: int) -> tuple[Tensor, Tensor]:
        return self.get_buffer(f"features_{place}_weight"), self.get_buffer(f"features_{place}_bias")


def _triple(like: Pictures, values: tuple[float, float, float]) -> Float[Tensor, "3 1 1"]:
    return like.new_tensor(values).view(3, 1, 1)


def _head(stage: int) -> str:
    return f"lin{stage}.model.1.weight"


def _own(name: str) -> str:
    return name.replace(".", "_")


def _published_name(name: str) -> str:
    """The name in torchvision's layout of one of the package's, `net.slice2.5.weight` for `features.5.weight`."""
    parts = name.split(".")
    return f"features.{'.'.join(parts[2:])}" if parts[0] == "net" else name


def _require_fitting(weights: Mapping[str, Tensor]) -> None:
    inputs = 3
    for number, stage in enumerate(STAGES):
        for place in stage:
            weight, bias = weights[f"features.{place}.weight"], weights[f"features.{place}.bias"]
            outputs = len(bias) if bias.ndim else 0
            if weight.shape != (outputs, inputs, 3, 3) or bias.shape != (outputs,):
                raise WeightsError(
                    f"expected a convolution of {inputs} channels with kernels of 3 x 3 in features.{place}, got "
                    f"weights {tuple(weight.shape)} and biases {tuple(bias.shape)}: name a file of VGG16's weights"
                )
            inputs = outputs
        head = weights[_head(number)]
        if head.shape != (1, inputs, 1, 1) or bool((head < 0).any()):
            raise WeightsError(
                f"expected {inputs} weights >= 0 in {_head(number)}, got shape {tuple(head.shape)}, the "
                f"least being {head.min().item():.3g}: name a file of the heads for VGG16"
            )


def _present(path: str) -> Path:
    if not Path(path).is_file():
        raise WeightsError(f"expected a file of weights at '{path}', got none: download it, and name where it is")
    return Path(path)


def _state_of(path: str) -> dict[str, Tensor]:
    present = _present(path)
    try:
        # The published heads were saved on a GPU.
        state = torch.load(present, map_location="cpu", weights_only=True)
    except (UnpicklingError, RuntimeError, EOFError, KeyError, ValueError, OSError):
        # torch's own message proposes to unpickle anyway, which would run whatever code the file holds.
        raise WeightsError(f"expected a state dictionary in '{path}', got something else") from None
    if not isinstance(state, dict):
        raise WeightsError(f"expected a state dictionary in '{path}', got a {type(state).__name__}")
    return state
