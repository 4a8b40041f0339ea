"""A Koopman Distillation Model seen as arrays: the analysis' `LatentModel`, on flat float64 rows."""

from collections.abc import Callable, Sequence

import numpy as np
import torch

from kdm.model import KoopmanDistillationModel
from kdm.networks import PlainMLP, ResidualMLP
from kdm.shapes import Tensor
from koopman_analysis.estimators.latent import Certificate
from koopman_analysis.sensitivity import RMS_NORMALISATION, SWISH, Activation, lipschitz_certificate


def require_known(label: int, *, classes: int) -> None:
    """Refuses a class that a model of so many does not know.

    Raises:
        ValueError: If it does not.
    """
    if not 0 <= label < classes:
        known = f"one of 0 to {classes - 1}" if classes else "none: it is told no classes"
        raise ValueError(f"expected a class that the model knows, {known}; got {label}")


class KDMLatentModel:
    """Encoders, matrix, offset and decoder of a model as NumPy functions of rows; samples are flattened.

    Args:
        model: The model, which is put in evaluation mode.
        batch: Rows that are computed together.
        label: The class to tell a model of classes where no labels are given: each class has a flow of its own.

    Attributes:
        shared_encoder: Whether one encoder serves both ends; most distillation models have one for each.

    Raises:
        ValueError: If the model knows no such class, or no classes.
    """

    def __init__(self, model: KoopmanDistillationModel, *, batch: int = 8192, label: int | None = None) -> None:
        if label is not None:
            require_known(label, classes=model.classes)
        self._model, self._batch, self._label = model.eval(), batch, label
        self.shared_encoder = model.shared_encoder

    @property
    def matrix(self) -> np.ndarray:
        """K, shape (m, m)."""
        return self._model.operator.matrix.detach().cpu().double().numpy()

    def encode_noise(self, noise: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
        """E_noise: (n, d) → (n, m)."""
        return self._mapped(self._model.encode_noise, noise, labels, shape=self._model.shape)

    def encode_data(self, data: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
        """E_data: (n, d) → (n, m)."""
        return self._mapped(self._model.encode_data, data, labels, shape=self._model.shape)

    @torch.no_grad()
    def offset(self, labels: np.ndarray | None = None) -> np.ndarray:
        """c, shape (m,) where it is the same for all rows, (n, m) where it depends on their labels."""
        if labels is None and self._label is not None:
            return self.offset(np.array([self._label])).reshape(-1)
        given = None if labels is None else torch.from_numpy(np.asarray(labels)).to(self._device)
        return self._model.control(given).cpu().double().numpy()

    def decode(self, latents: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
        """D: (n, m) → (n, d)."""
        return self._mapped(lambda rows, told: self._model.decode(rows, told).flatten(1), latents, labels)

    def jacobians(self, noise: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
        """The derivative of x ↦ D(E_noise(x) K + c), (n, d) → (n, d, d), exact; row a is that along feature a."""
        parameter = next(self._model.parameters())
        parts = torch.from_numpy(np.ascontiguousarray(noise)).split(self._batch)
        given = self._told(labels, parts)
        found = [self._jacobians(part.to(parameter), label) for part, label in zip(parts, given, strict=True)]
        return torch.cat(found).numpy()

    @torch.enable_grad()
    def _jacobians(self, noise: Tensor, labels: Tensor | None) -> Tensor:
        rows, model = noise.detach().requires_grad_(), self._model
        images = model.generate(rows.unflatten(1, model.shape), labels).flatten(1)
        columns = [torch.autograd.grad(image.sum(), rows, retain_graph=True)[0] for image in images.unbind(1)]
        return torch.stack(columns, dim=2).cpu().double()

    @property
    def decoder_lipschitz(self) -> Certificate:
        """A Lipschitz constant of D, where the decoder's layers give one; residual ones are normalised and do not."""
        decoder = self._model.decoder
        if isinstance(decoder, ResidualMLP):
            return lipschitz_certificate([RMS_NORMALISATION])
        if not isinstance(decoder, PlainMLP):
            return Certificate(constant=None, because=f"no certificate is known for a {type(decoder).__name__}")
        factors: list[np.ndarray | Activation] = []
        for weight in (parameter for parameter in decoder.parameters() if parameter.ndim == 2):
            factors += [weight.detach().cpu().double().numpy(), SWISH]
        factors = factors[:-1] if decoder.linear_end else factors
        if (scale := self._model.scaling.data) != 1.0:
            factors.append(np.full((1, 1), scale))
        return lipschitz_certificate(factors)

    @torch.no_grad()
    def _mapped(
        self, function: Callable[[Tensor, Tensor | None], Tensor], rows: np.ndarray, labels: np.ndarray | None,
        *, shape: tuple[int, ...] | None = None,
    ) -> np.ndarray:  # fmt: skip
        parameter = next(self._model.parameters())
        parts = torch.from_numpy(np.ascontiguousarray(rows)).split(self._batch)
        shaped = [(part if shape is None else part.unflatten(1, shape)).to(parameter) for part in parts]
        outputs = [
            function(part, told).cpu().double() for part, told in zip(shaped, self._told(labels, parts), strict=True)
        ]
        return torch.cat(outputs).numpy()

    def _told(self, labels: np.ndarray | None, parts: Sequence[Tensor]) -> list[Tensor | None]:
        """The labels of each part; those asked for, or the one class."""
        if labels is not None:
            return [*torch.from_numpy(np.asarray(labels)).to(self._device).split(self._batch)]
        if self._label is None:
            return [None] * len(parts)
        return [torch.full((len(part),), self._label, device=self._device) for part in parts]

    @property
    def _device(self) -> torch.device:
        return next(self._model.parameters()).device
