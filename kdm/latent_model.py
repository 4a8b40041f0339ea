"""A Koopman Distillation Model seen as arrays: the analysis' `LatentModel`, on flat float64 rows."""

from collections.abc import Callable

import numpy as np
import torch

from kdm.model import KoopmanDistillationModel
from kdm.networks import PlainMLP, ResidualMLP
from kdm.shapes import Tensor
from koopman_analysis.estimators.latent import Certificate
from koopman_analysis.sensitivity import RMS_NORMALISATION, SWISH, Activation, lipschitz_certificate


class KDMLatentModel:
    """Encoders, matrix, offset and decoder of a model as NumPy functions of rows; samples are flattened.

    Attributes:
        shared_encoder: Whether one encoder serves both ends; most distillation models have one for each.
    """

    def __init__(self, model: KoopmanDistillationModel, *, batch: int = 8192) -> None:
        self._model, self._batch = model.eval(), batch
        self.shared_encoder = model.shared_encoder

    @property
    def matrix(self) -> np.ndarray:
        """K, shape (m, m)."""
        return self._model.operator.matrix.detach().cpu().double().numpy()

    def encode_noise(self, noise: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
        """E_noise: (n, d) → (n, m)."""
        return self._mapped(lambda rows: self._model.encode_noise(rows.unflatten(1, self._model.shape)), noise)

    def encode_data(self, data: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
        """E_data: (n, d) → (n, m)."""
        return self._mapped(lambda rows: self._model.encode_data(rows.unflatten(1, self._model.shape)), data)

    @torch.no_grad()
    def offset(self, labels: np.ndarray | None = None) -> np.ndarray:
        """c, shape (m,) where it is the same for all labels."""
        given = None if labels is None else torch.from_numpy(np.asarray(labels))
        return self._model.control(given).cpu().double().numpy()

    def decode(self, latents: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
        """D: (n, m) → (n, d)."""
        return self._mapped(lambda rows: self._model.decode(rows).flatten(1), latents)

    def jacobians(self, noise: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
        """The derivative of x ↦ D(E_noise(x) K + c), (n, d) → (n, d, d), exact; row a is that along feature a."""
        parameter = next(self._model.parameters())
        parts = torch.from_numpy(np.ascontiguousarray(noise)).split(self._batch)
        given = [None] * len(parts) if labels is None else torch.from_numpy(np.asarray(labels)).split(self._batch)
        found = [self._jacobians(part.to(parameter), label) for part, label in zip(parts, given, strict=True)]
        return torch.cat(found).numpy()

    @torch.enable_grad()
    def _jacobians(self, noise: Tensor, labels: Tensor | None) -> Tensor:
        rows, model = noise.detach().requires_grad_(), self._model
        latents = model.advance(model.encode_noise(rows.unflatten(1, model.shape)), labels)
        images = model.decode(latents).flatten(1)
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
    def _mapped(self, function: Callable[[Tensor], Tensor], rows: np.ndarray) -> np.ndarray:
        parameter = next(self._model.parameters())
        parts = torch.from_numpy(np.ascontiguousarray(rows)).split(self._batch)
        outputs = [function(part.to(parameter)).cpu().double() for part in parts]
        return torch.cat(outputs).numpy()
