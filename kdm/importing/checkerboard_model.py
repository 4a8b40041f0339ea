"""The published checkerboard model as one of ours.

The model of Berman et al. 2025 is, with s the activation x ↦ x σ(x) and t a constant input column,

    E(x, t) = s(W₅ … s(W₁ [x, t] + b₁) …) + b₅),      t = 1 at the noise end, 0 at the data end,               (1)
    x̂ = D(E_noise(x, 1) Cᵀ + c, 0),                   D of four such layers and a linear one.                   (2)

A column that is constant belongs to the bias: b₁ + t w_t. The operator's bias c is a control, and K = Cᵀ. Latents are
not normalised, and both ends are in the units of the data.
"""

import re
from itertools import pairwise
from pathlib import Path

import torch

from kdm.configuration import Architecture, ModelConfig
from kdm.control import ConstantControlConfig
from kdm.importing.archive import CheckpointError
from kdm.importing.weights import Converted
from kdm.model import NoNormalisationConfig, Scaling
from kdm.networks import PlainMLPConfig

LAYOUT = "published checkerboard model"
_OWN = "models.koopman_model_checkerboard"
_LAYERS = ("torch.nn.modules.container.Sequential", "torch.nn.modules.linear.Linear")
PUBLISHED_CLASSES = frozenset(
    {*(f"{_OWN}.{name}" for name in ("KoopmanDistillModelCheckerBoard", "Encoder", "Decoder", "Swish")), *_LAYERS}
)
"""The module classes of the published checkerboard model."""
_PLACES = {
    "noise_encoder": ("xT_observables_encoder.main", 1.0),
    "data_encoder": ("x0_observables_encoder.main", 0.0),
    "decoder": ("x0_observables_decoder.main", 0.0),
}
"""Where the published module keeps each network of ours, and the time that it is given."""


def converted_checkerboard(tensors: dict[str, torch.Tensor], *, path: Path) -> Converted:
    """Configuration and weights of the model with these tensors.

    Raises:
        CheckpointError: If some are missing, or do not fit together.
    """
    try:
        layers = {place: _layers(tensors, prefix, time=time) for place, (prefix, time) in _PLACES.items()}
        matrix, offset = tensors["koopman_operator.weight"], tensors["koopman_operator.bias"]
    except KeyError as error:
        raise CheckpointError(
            f"expected the {LAYOUT} in '{path}', got one without {error}: no other layout is known"
        ) from None
    _require_chain(layers, matrix, offset, path=path)
    weights = {"operator.weight": matrix, "control.offset": offset}
    for place, found in layers.items():
        weights |= {f"{place}.layers.{i}.weight": weight for i, (weight, _) in enumerate(found)}
        weights |= {f"{place}.layers.{i}.bias": bias for i, (_, bias) in enumerate(found)}
    return Converted(config=_config(layers, latent=len(offset)), weights=weights, layout=LAYOUT)


_Layers = list[tuple[torch.Tensor, torch.Tensor]]


def _layers(tensors: dict[str, torch.Tensor], prefix: str, *, time: float) -> _Layers:
    """Weight and bias of each layer under a prefix, the constant last input column folded into the first bias."""
    found = (re.fullmatch(rf"{re.escape(prefix)}\.(\d{{1,4}})\.weight", name) for name in tensors)
    numbers = sorted((match[1] for match in found if match), key=int)
    if len(numbers) < 2:
        raise KeyError(f"layers in {prefix}")
    layers = [(tensors[f"{prefix}.{number}.weight"], tensors[f"{prefix}.{number}.bias"]) for number in numbers]
    weight, bias = layers[0]
    if weight.ndim != 2 or bias.shape != weight.shape[:1]:
        raise KeyError(f"matrices and vectors in {prefix}")
    return [(weight[:, :-1], bias + time * weight[:, -1]), *layers[1:]]


def _require_chain(layers: dict[str, _Layers], matrix: torch.Tensor, offset: torch.Tensor, *, path: str | Path) -> None:
    """Refuses shapes that do not follow each other, before a model with room for them is built.

    Raises:
        CheckpointError: If they do not.
    """
    shapes = {place: [tuple(part.shape) for layer in found for part in layer] for place, found in layers.items()}
    features, latent = shapes["noise_encoder"][0][1], len(offset) if offset.ndim else 0
    wanted = {"operator": [(latent, latent), (latent,)]}
    for place in _PLACES:
        size, end = (latent, features) if place == "decoder" else (features, latent)
        sizes = [size, *(shape[0] if shape else 0 for shape in shapes[place][1:-1:2]), end]
        wanted[place] = [shape for before, after in pairwise(sizes) for shape in ((after, before), (after,))]
    shapes["operator"] = [tuple(matrix.shape), tuple(offset.shape)]
    for place, found in shapes.items():
        if found != wanted[place]:
            raise CheckpointError(f"expected layers that follow each other in the {place} of '{path}', got {found}")


def _config(layers: dict[str, _Layers], *, latent: int) -> ModelConfig:
    """What rebuilds the model but its weights."""
    widths = {place: tuple(len(bias) for _, bias in found[:-1]) for place, found in layers.items()}
    architecture = Architecture(
        latent=latent,
        noise_encoder=PlainMLPConfig(widths=widths["noise_encoder"], linear_end=False),
        data_encoder=PlainMLPConfig(widths=widths["data_encoder"], linear_end=False),
        decoder=PlainMLPConfig(widths=widths["decoder"]),
        control=ConstantControlConfig(),
        normalisation=NoNormalisationConfig(),
    )
    features = layers["noise_encoder"][0][0].shape[1]
    return ModelConfig(
        architecture=architecture, shape=(features,), scaling=Scaling(noise=1.0, data_mean=0.0, data=1.0)
    )
