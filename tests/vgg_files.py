"""Files of weights in the layouts of torchvision's VGG16 and of LPIPS, random and narrow."""

from pathlib import Path

import torch

from kdm.distances import PerceptualDistance
from kdm.networks.perceptual import STAGES, WeightFiles

WIDTHS = (4, 5, 6, 7, 8)


def vgg_state(*, seed: int = 0) -> dict[str, torch.Tensor]:
    """The convolutions of VGG16, of these widths; its classifier is there, too, and nothing to LPIPS."""
    generator = torch.Generator().manual_seed(seed)
    state, inputs = {"classifier.0.weight": torch.zeros(3, 2)}, 3
    for stage, outputs in zip(STAGES, WIDTHS, strict=True):
        for place in stage:
            weight = torch.randn(outputs, inputs, 3, 3, generator=generator) * (2.0 / (9 * inputs)) ** 0.5
            state[f"features.{place}.weight"] = weight
            state[f"features.{place}.bias"] = 0.1 * torch.randn(outputs, generator=generator)
            inputs = outputs
    return state


def head_state(*, seed: int = 1) -> dict[str, torch.Tensor]:
    """The heads."""
    generator = torch.Generator().manual_seed(seed)
    return {
        f"lin{stage}.model.1.weight": torch.rand(1, width, 1, 1, generator=generator)
        for stage, width in enumerate(WIDTHS)
    }


def weight_files(folder: Path) -> WeightFiles:
    """Both in files."""
    vgg, heads = folder / "vgg16.pth", folder / "heads.pth"
    torch.save(vgg_state(), vgg)
    torch.save(head_state(), heads)
    return WeightFiles(vgg=str(vgg), heads=str(heads))


def narrow_distance(folder: Path, *, low: float, high: float) -> PerceptualDistance:
    """LPIPS by such files in a new folder, of pictures of 16 pixels and more."""
    folder.mkdir()
    return PerceptualDistance(weights=weight_files(folder), low=low, high=high, shortest=16)
