"""Published models as ours, read without executing their pickles.

The checkerboard model of Berman et al. 2025 is, with s the activation x ↦ x σ(x) and t a constant input column,

    E(x, t) = s(W₅ … s(W₁ [x, t] + b₁) …) + b₅),      t = 1 at the noise end, 0 at the data end,               (1)
    x̂ = D(E_noise(x, 1) Cᵀ + c, 0),                   D of four such layers and a linear one.                   (2)

A column that is constant belongs to the bias: b₁ + t w_t. The operator's bias c is a control, and K = Cᵀ. Latents are
not normalised, and both ends are in the units of the data.
"""

from pathlib import Path

import numpy as np
import torch
from torch import nn

from kdm.control import ConstantControl
from kdm.importing.archive import CheckpointError, module_in
from kdm.model import KoopmanDistillationModel, Scaling
from kdm.networks import PlainMLP
from kdm.operators import DenseOperator

_OWN = "models.koopman_model_checkerboard"
_LAYERS = ("torch.nn.modules.container.Sequential", "torch.nn.modules.linear.Linear")
PUBLISHED_CLASSES = frozenset(
    {*(f"{_OWN}.{name}" for name in ("KoopmanDistillModelCheckerBoard", "Encoder", "Decoder", "Swish")), *_LAYERS}
)
"""The module classes of the published checkerboard model."""


def published_checkerboard(path: str | Path) -> KoopmanDistillationModel:
    """The published checkerboard model in a file, as a model of ours, in evaluation mode.

    Raises:
        CheckpointError: If the file is not that model, or is damaged or dangerous.
    """
    record = module_in(Path(path), classes=PUBLISHED_CLASSES)
    if not all(np.isfinite(values).all() for _, values in record.tensors()):
        raise CheckpointError(f"expected finite weights in '{path}', got NaN or Inf: damaged")
    tensors = {name: torch.tensor(values, dtype=torch.float32) for name, values in record.tensors()}
    try:
        noise_encoder = _plain(tensors, "xT_observables_encoder.main", time=1.0, linear_end=False)
        data_encoder = _plain(tensors, "x0_observables_encoder.main", time=0.0, linear_end=False)
        decoder = _plain(tensors, "x0_observables_decoder.main", time=0.0, linear_end=True)
        weight, bias = tensors["koopman_operator.weight"], tensors["koopman_operator.bias"]
    except KeyError as error:
        raise CheckpointError(
            f"expected the published checkerboard model in '{path}', got one without {error}: no other layout is known"
        ) from None
    operator, control = DenseOperator(len(bias)), ConstantControl(len(bias))
    with torch.no_grad():
        try:
            operator.weight.copy_(weight)
        except RuntimeError as error:
            raise CheckpointError(f"expected a square operator in '{path}', got shape {tuple(weight.shape)}") from error
        control.offset.copy_(bias)
    model = KoopmanDistillationModel(
        shape=(2,), noise_encoder=noise_encoder, data_encoder=data_encoder, operator=operator, control=control,
        decoder=decoder, normalisation=nn.Identity(), scaling=Scaling(noise=1.0, data_mean=0.0, data=1.0),
    )  # fmt: skip
    return model.eval()


def _plain(tensors: dict[str, torch.Tensor], prefix: str, *, time: float, linear_end: bool) -> PlainMLP:
    """The layers under a prefix, the constant last input column folded into the first bias."""
    numbers = sorted({int(name.split(".")[-2]) for name in tensors if name.startswith(f"{prefix}.")})
    if not numbers:
        raise KeyError(f"layers in {prefix}")
    weights = [tensors[f"{prefix}.{number}.weight"] for number in numbers]
    biases = [tensors[f"{prefix}.{number}.bias"] for number in numbers]
    biases[0] = biases[0] + time * weights[0][:, -1]
    weights[0] = weights[0][:, :-1]
    network = PlainMLP([weights[0].shape[1], *(len(bias) for bias in biases)], linear_end=linear_end)
    values = {f"layers.{i}.weight": weight for i, weight in enumerate(weights)}
    values |= {f"layers.{i}.bias": bias for i, bias in enumerate(biases)}
    try:
        network.load_state_dict(values)
    except RuntimeError as error:
        raise CheckpointError(f"expected layers that follow each other in {prefix}, got others: {error}") from None
    return network
