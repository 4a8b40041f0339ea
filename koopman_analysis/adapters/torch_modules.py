"""A Koopman autoencoder of torch modules, on NumPy rows.

    z = E_noise(x), E_data(y),        K = Wᵀ, c = b of a linear layer (z ↦ z Wᵀ + b),       D(z)                    (1)

Modules are called in evaluation mode, so that batch normalisation and dropout are functions of the row, without
gradients, a batch at a time, in the precision and on the device of their parameters; afterwards each of their parts is
in the mode in which it was. Latents come back in double precision.

The only place of this package that imports torch: to leave out gradients, nothing less will do.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn

from koopman_analysis.adapters.conversion import NotAdaptable, adapted_by_class
from koopman_analysis.shapes import Float, Labels, Latents, Operator, States

PARTS = "encoder (or noise_encoder and data_encoder), operator (a torch.nn.Linear) and decoder"


class TorchLatentModel:
    """Equation (1), as a `LatentModel`.

    Args:
        encode_noise: E_noise, a module from states (n, *shape) to latents (n, m).
        encode_data: E_data; E_noise where None.
        operator: A linear layer.
        decode: D, a module from latents to states (n, *shape).
        shape: Of one state as the encoders take it; rows are reshaped to it. Rows where None.
        batch: States encoded at a time.

    Attributes:
        shared_encoder: Whether one encoder serves both ends.

    Raises:
        TypeError: If the operator is not a linear layer.
    """

    def __init__(
        self,
        *,
        encode_noise: nn.Module,
        encode_data: nn.Module | None = None,
        operator: nn.Module,
        decode: nn.Module,
        shape: Sequence[int] | None = None,
        batch: int = 8192,
    ) -> None:
        if not isinstance(operator, nn.Linear):
            raise TypeError(
                f"expected the operator as a torch.nn.Linear, got {type(operator).__name__}: of another, take "
                "ArrayLatentModel with the matrix K of the rows z K"
            )
        self._noise, self._data = encode_noise, encode_noise if encode_data is None else encode_data
        self._operator, self._decoder = operator, decode
        self._shape, self._batch = shape, batch
        self.shared_encoder = self._data is self._noise

    @property
    def matrix(self) -> Operator:
        """K, shape (m, m)."""
        return self._operator.weight.detach().cpu().double().numpy().T.copy()

    def offset(self, labels: Labels | None = None) -> Float[np.ndarray, " m"]:
        """c, the layer's bias; zero where it has none."""
        bias = self._operator.bias
        return np.zeros(self._operator.out_features) if bias is None else bias.detach().cpu().double().numpy().copy()

    def encode_noise(self, noise: States, labels: Labels | None = None) -> Latents:
        """E_noise: (n, d) → (n, m)."""
        return self._mapped(self._noise, noise, self._shape)

    def encode_data(self, data: States, labels: Labels | None = None) -> Latents:
        """E_data: (n, d) → (n, m)."""
        return self._mapped(self._data, data, self._shape)

    def decode(self, latents: Latents, labels: Labels | None = None) -> States:
        """D: (n, m) → (n, d)."""
        return self._mapped(self._decoder, latents, None)

    @torch.no_grad()
    def _mapped(self, module: nn.Module, rows: np.ndarray, shape: Sequence[int] | None) -> np.ndarray:
        like = next(module.parameters(), self._operator.weight)
        outputs = []
        with evaluated(module):
            for part in torch.from_numpy(np.array(rows)).split(self._batch):
                states = part.to(like) if shape is None else part.to(like).reshape(len(part), *shape)
                outputs.append(module(states).flatten(1).cpu().double())
        return torch.cat(outputs).numpy()


def torch_features(
    module: nn.Module, *, shape: Sequence[int] | None = None, batch: int = 8192
) -> Callable[[np.ndarray], np.ndarray]:
    """Any module as a function from rows of states to rows of features, for a semantic measure of distance.

    Args:
        module: From states (n, *shape) to a tensor of features, or to several, as the trunk of a perceptual distance
            (LPIPS) returns them; each row of every one is flattened, and they stand side by side.
        shape: Of one state; rows where None.
        batch: States at a time.
    """

    @torch.no_grad()
    def features(rows: np.ndarray) -> np.ndarray:
        like = next(module.parameters(), torch.zeros(0, dtype=torch.float64))
        parts = []
        with evaluated(module):
            for part in torch.from_numpy(np.array(rows)).split(batch):
                states = part.to(like) if shape is None else part.to(like).reshape(len(part), *shape)
                found = module(states)
                several = [found] if isinstance(found, torch.Tensor) else list(found)
                parts.append(torch.cat([one.flatten(1) for one in several], dim=1).cpu().double())
        return torch.cat(parts).numpy()

    return features


@contextmanager
def evaluated(module: nn.Module) -> Iterator[None]:
    """The module in evaluation mode; each of its parts is then put back into its own."""
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, training in modes:
            part.training = training


@adapted_by_class.register
def of_module(model: nn.Module) -> TorchLatentModel:
    """The parts of a module, by their usual names.

    Raises:
        NotAdaptable: If it has others.
    """
    parts = dict(model.named_children())
    two = {"noise_encoder", "data_encoder"} <= parts.keys()
    if not {"operator", "decoder"} <= parts.keys() or not (two or "encoder" in parts):
        raise NotAdaptable(
            f"expected a module with the parts {PARTS}, got {type(model).__name__} with "
            f"{sorted(parts) or 'none'}: name them by TorchLatentModel(encode_noise=…, operator=…, decode=…) "
            "of koopman_analysis.adapters.torch_modules"
        )
    ends = (parts["noise_encoder"], parts["data_encoder"]) if two else (parts["encoder"], None)
    adapted = TorchLatentModel(
        encode_noise=ends[0], encode_data=ends[1], operator=parts["operator"], decode=parts["decoder"]
    )
    _require_its_own_forward(model, adapted, ends[0])
    return adapted


def _require_its_own_forward(model: nn.Module, adapted: TorchLatentModel, encoder: nn.Module) -> None:
    """Refuses a module whose `forward` makes another model of its parts, as D(z + z K) does.

    What it returns may be one step, D(E(x) K + c), or the states back, D(E(x)); what it takes or returns besides a
    matrix of states is not compared.

    Raises:
        NotAdaptable: If it is neither.
    """
    first = next((part for part in encoder.modules() if isinstance(part, nn.Linear)), None)
    if first is None:
        return
    rows = np.linspace(-1.0, 1.0, 4 * first.in_features).reshape(4, -1)
    try:
        with torch.no_grad(), evaluated(model):
            answer = model(torch.from_numpy(rows).to(first.weight)).cpu().double().numpy()
        latents = adapted.encode_noise(rows)
        known = [adapted.decode(latents @ adapted.matrix + adapted.offset()), adapted.decode(latents)]
    except Exception:  # forward is missing, or takes or returns something else
        return
    scale = np.abs(known).max() * 1e-3
    if all(answer.shape == one.shape and np.abs(answer - one).max() > scale for one in known):
        raise NotAdaptable(
            f"expected forward of {type(model).__name__} to be decoder(operator(encoder(x))) or decoder(encoder(x)), "
            "got another function of these parts: describe what it does by ArrayLatentModel(encode_noise=…, "
            "encode_data=…, matrix=…, decode=…), or by TorchLatentModel with an operator that does all of it"
        )
