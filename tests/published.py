"""A small checkpoint in the layout of the published checkerboard model, and that model's forward pass in NumPy."""

import sys
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from scipy.special import expit
from torch import nn

OWN = "models.koopman_model_checkerboard"
NETWORKS = ("x0_observables_encoder", "xT_observables_encoder", "x0_observables_decoder")


def checkpoint(path: Path, *, width: int = 6, latent: int = 5, layers: int = 3, seed: int = 0) -> dict[str, np.ndarray]:
    """Writes one with random weights, and returns its tensors by name.

    Encoders take (x, y, t) and have an activation after each layer; the decoder takes (z, t) and ends linearly.
    """
    with pytest.MonkeyPatch.context() as patch, torch.random.fork_rng():
        torch.manual_seed(seed)
        package = ModuleType(OWN)
        for name in ("KoopmanDistillModelCheckerBoard", "Encoder", "Decoder", "Swish"):
            setattr(package, name, type(name, (nn.Module,), {"__module__": OWN}))
        patch.setitem(sys.modules, "models", ModuleType("models"))
        patch.setitem(sys.modules, OWN, package)
        model = package.KoopmanDistillModelCheckerBoard()
        for name, kind, sizes in zip(
            NETWORKS,
            (package.Encoder, package.Encoder, package.Decoder),
            (*([3, *[width] * (layers - 1), latent],) * 2, [latent + 1, *[width] * (layers - 1), 2]),
            strict=True,
        ):
            parts = [(nn.Linear(i, o), package.Swish()) for i, o in pairwise(sizes)]
            flat = [part for pair in parts for part in pair]
            network = kind()
            network.main = nn.Sequential(*(flat[:-1] if kind is package.Decoder else flat))
            setattr(model, name, network)
        model.koopman_operator = nn.Linear(latent, latent)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.mul_(3.0)  # torch's own start hardly lets the input through three layers
        torch.save(model, path)
        return {name: value.numpy().astype(float) for name, value in model.state_dict().items()}


def one_step(tensors: dict[str, np.ndarray], noise: np.ndarray) -> np.ndarray:
    """Noise to data in double precision, with the time as the last column of each network's input."""
    latents = encoded(tensors, "xT_observables_encoder", noise, time=1.0)
    moved = latents @ tensors["koopman_operator.weight"].T + tensors["koopman_operator.bias"]
    return through(tensors, "x0_observables_decoder", with_time(moved, 0.0), linear_end=True)


def encoded(tensors: dict[str, np.ndarray], network: str, states: np.ndarray, *, time: float) -> np.ndarray:
    """The latents of states at a time."""
    return through(tensors, network, with_time(states, time), linear_end=False)


def with_time(rows: np.ndarray, time: float) -> np.ndarray:
    return np.concatenate([rows, np.full((len(rows), 1), time)], axis=1)


def through(tensors: dict[str, np.ndarray], network: str, rows: np.ndarray, *, linear_end: bool) -> np.ndarray:
    """Rows through the layers of a network, with x ↦ x σ(x) after each, or after all but the last."""
    numbers = sorted({int(name.split(".")[2]) for name in tensors if name.startswith(f"{network}.main.")})
    for number in numbers:
        rows = rows @ tensors[f"{network}.main.{number}.weight"].T + tensors[f"{network}.main.{number}.bias"]
        if number != numbers[-1] or not linear_end:
            rows = rows * expit(rows)
    return rows
