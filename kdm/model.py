"""The Koopman Distillation Model (Berman et al. 2025, arXiv 2505.13358): one equation.

    x̂_data = D( E_noise(x_noise) K + c(label) ),        with E_data(x_data) ≈ E_noise(x_noise) K + c(label).        (1)

Noise enters divided by its scale; data enter and leave standardised. Both encoders end in the same parameter-free
normalisation of each latent vector, z ↦ z / rms(z), so that no scale is left for the latent objective to shrink; the
published models have none. One encoder may serve both ends (`kdm.shared_encoder`).
"""

from dataclasses import dataclass

import torch
from torch import nn

from kdm.control import Control
from kdm.operators import KoopmanOperator
from kdm.shapes import Labels, Latents, Samples


@dataclass(frozen=True, kw_only=True)
class Scaling:
    """Units of the two ends: noise has standard deviation `noise`, data have mean `data_mean` and deviation `data`."""

    noise: float
    data_mean: float
    data: float

    def __post_init__(self) -> None:
        if not (self.noise > 0 and self.data > 0):
            raise ValueError(f"expected positive scales, got noise {self.noise} and data {self.data}")


class RMSNormalisation(nn.Module):
    """z ↦ z / sqrt(mean z² + ε): each latent vector to root mean square 1, whatever else is in the batch."""

    def forward(self, latents: Latents) -> Latents:
        """The normalised latents."""
        return latents * torch.rsqrt(latents.square().mean(dim=1, keepdim=True) + 1e-8)


@dataclass(frozen=True)
class RMSNormalisationConfig:
    """Latents of root mean square 1."""

    def built(self) -> RMSNormalisation:
        """The normalisation."""
        return RMSNormalisation()


@dataclass(frozen=True)
class NoNormalisationConfig:
    """Latents as the encoders give them."""

    def built(self) -> nn.Identity:
        """The identity."""
        return nn.Identity()


NormalisationConfig = RMSNormalisationConfig | NoNormalisationConfig


class KoopmanDistillationModel(nn.Module):
    """Encoders of both ends, the operator between them, the control and the decoder of equation (1).

    Where `data_encoder` is None, the noise encoder serves both ends. With `classes` all networks and the control are
    told the class of each sample; without, labels are not looked at.
    """

    def __init__(
        self, *, shape: tuple[int, ...], noise_encoder: nn.Module, data_encoder: nn.Module | None,
        operator: KoopmanOperator, control: Control, decoder: nn.Module, normalisation: nn.Module, scaling: Scaling,
        classes: int = 0,
    ) -> None:  # fmt: skip
        super().__init__()
        self.shape, self.scaling, self.classes = shape, scaling, classes
        self.noise_encoder, self.data_encoder, self.decoder = noise_encoder, data_encoder, decoder
        self.operator, self.control, self.normalisation = operator, control, normalisation

    def encode_noise(self, noise: Samples, labels: Labels | None = None) -> Latents:
        """E_noise: samples at the noise end to latents."""
        return self.normalisation(self.noise_encoder(noise.flatten(1) / self.scaling.noise, self._told(labels)))

    @property
    def shared_encoder(self) -> bool:
        """Whether one encoder serves both ends."""
        return self.data_encoder is None

    def encode_data(self, data: Samples, labels: Labels | None = None) -> Latents:
        """E_data: samples at the data end to latents."""
        encoder = self.noise_encoder if self.data_encoder is None else self.data_encoder
        return self.normalisation(encoder(self.standardised(data).flatten(1), self._told(labels)))

    def advance(self, latents: Latents, labels: Labels | None = None) -> Latents:
        """Latents at the noise end to latents at the data end: z K + c(label)."""
        return self.operator(latents) + self.control(self._told(labels))

    def decode(self, latents: Latents, labels: Labels | None = None) -> Samples:
        """D: latents at the data end to samples."""
        decoded: Samples = self.decoder(latents, self._told(labels)).unflatten(1, self.shape)
        return decoded * self.scaling.data + self.scaling.data_mean

    def standardised(self, data: Samples) -> Samples:
        """Data in units of their own mean and standard deviation."""
        return (data - self.scaling.data_mean) / self.scaling.data

    def generate(self, noise: Samples, labels: Labels | None = None) -> Samples:
        """One step from noise to data: equation (1)."""
        return self.decode(self.advance(self.encode_noise(noise, labels), labels), labels)

    def _told(self, labels: Labels | None) -> Labels | None:
        """The labels, where the model is one of classes.

        Raises:
            ValueError: If it is, and there are none.
        """
        if self.classes and labels is None:
            raise ValueError(
                f"expected a label below {self.classes} for each sample, got none: the model is of classes"
            )
        return labels if self.classes else None
