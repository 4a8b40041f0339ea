"""A distillation model with one encoder, and one semigroup, for all stored times of a flow.

    E(u_k) ≈ E(u_0) exp(s_k A) + c,     x_k ≈ D( E(u_0) exp(s_k A) + c )  in the units of u_k,                   (1)

with x_0 the noise, x_K the data, and one decoder, too. Nothing but the clock s_k knows the time: states enter in units
that are declared beforehand, never fitted, those of the two ends of the model and between them those of a
variance-exploding process at noise level σ_k,

    u_k = (x_k − (1 − w_k) μ) / √( w_k σ² + (1 − w_k) s² ),     w_k = (σ_k² − σ_K²) / (σ_0² − σ_K²),               (2)

σ the noise's scale, μ and s the data's mean and standard deviation. A model of this kind exists for any flow in d + 2
dimensions if time is one of the coordinates; here it is not, so that the latents must move by one autonomous law: a
restriction, whose price is measured, and what makes K's eigenvalues and the path between the ends mean something.
"""

from typing import cast

import torch
from torch import nn

from kdm.control import Control
from kdm.model import KoopmanDistillationModel, Scaling
from kdm.semigroup import Semigroup
from kdm.shapes import Float, Latents, Tensor


class SharedEncoderModel(KoopmanDistillationModel):
    """Equation (1); between the ends it is a distillation model as any other.

    Args:
        shape: Shape of one sample.
        encoder: Of states at all times.
        semigroup: The operators.
        control: c.
        decoder: Of latents at all times.
        normalisation: Of latent vectors.
        scaling: Units of the two ends.
        sigmas: Noise levels of the stored times, noise first.

    Raises:
        ValueError: If the noise levels do not fall, or are not one more than the semigroup's intervals.
    """

    units: Tensor

    def __init__(
        self, *, shape: tuple[int, ...], encoder: nn.Module, semigroup: Semigroup, control: Control,
        decoder: nn.Module, normalisation: nn.Module, scaling: Scaling, sigmas: tuple[float, ...],
    ) -> None:  # fmt: skip
        super().__init__(
            shape=shape, noise_encoder=encoder, data_encoder=None, operator=semigroup, control=control,
            decoder=decoder, normalisation=normalisation, scaling=scaling,
        )  # fmt: skip
        if len(sigmas) != len(semigroup.clock) + 1 or sorted(sigmas, reverse=True) != list(sigmas):
            raise ValueError(
                f"expected {len(semigroup.clock) + 1} falling noise levels, one for each stored time, got {sigmas}"
            )
        self.register_buffer("units", torch.tensor(_units(scaling, sigmas)), persistent=False)

    @property
    def semigroup(self) -> Semigroup:
        """The operators."""
        return cast(Semigroup, self.operator)

    def scaled(self, states: Float[Tensor, "n times ..."]) -> Float[Tensor, "n times features"]:
        """u_k of equation (2), flat, for the states at all stored times."""
        mean, deviation = self.units[:, 0, None], self.units[:, 1, None]
        return (states.flatten(2) - mean) / deviation

    def encode_along(self, scaled: Float[Tensor, "n times features"]) -> Float[Tensor, "n times m"]:
        """E(u_k) at all of these times."""
        latents: Tensor = self.normalisation(self.noise_encoder(scaled.flatten(0, 1)))
        return latents.unflatten(0, scaled.shape[:2])

    def advance_along(self, latents: Latents) -> Float[Tensor, "n intervals m"]:
        """Latents at the noise end to latents at every later stored time."""
        return torch.einsum("nr,krm->nkm", latents, self.semigroup.matrices) + self.control()

    def decode_along(self, latents: Float[Tensor, "n times m"]) -> Float[Tensor, "n times features"]:
        """Latents to flat states in the units of equation (2)."""
        decoded: Tensor = self.decoder(latents.flatten(0, 1))
        return decoded.unflatten(0, latents.shape[:2])


def _units(scaling: Scaling, sigmas: tuple[float, ...]) -> list[list[float]]:
    """Mean and deviation of equation (2) at each time."""
    first, last = sigmas[0] ** 2, sigmas[-1] ** 2
    weights = [(sigma**2 - last) / (first - last) for sigma in sigmas]
    return [
        [(1.0 - w) * scaling.data_mean, (w * scaling.noise**2 + (1.0 - w) * scaling.data**2) ** 0.5] for w in weights
    ]
