"""The objectives of Koopman distillation, pure functions of one forward pass.

With pairs (x, y = Φ(x)), latents z_y = E_data(y), ẑ = E_noise(x) K + c, and y in standardised units,

    latent linearity     mean ‖z_y − ẑ‖² / m                                                                (1)
    reconstruction       mean d(D(z_y), y)                                                                  (2)
    prediction           mean d(D(ẑ), y)                                                                    (3)

(Berman et al. 2025, §4), d a distance between samples. The published checkerboard model leaves (3) out; without it no
objective passes through the one-step map, and its error is never seen in training.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import torch

from kdm.model import KoopmanDistillationModel
from kdm.shapes import Float, Latents, Samples, Tensor
from kdm.trajectories import Pairs

Scalar = Float[Tensor, ""]


class SampleDistance(Protocol):
    """d of equations (2) and (3): the mean over samples of a distance between two batches of samples."""

    def __call__(self, predicted: Samples, target: Samples) -> Scalar:
        """The mean distance, dimensionless."""
        ...


@dataclass(frozen=True)
class SquaredDistance:
    """Mean squared difference of the features."""

    def __call__(self, predicted: Samples, target: Samples) -> Scalar:
        """Mean (predicted − target)²."""
        return (predicted - target).square().mean()


@dataclass(frozen=True, kw_only=True)
class PseudoHuberDistance:
    """mean √(r² + c²) − c over features: quadratic within c, linear beyond, so that a few far samples do not rule.

    Attributes:
        c: The transition, in standard deviations of the data; the paper's 0.03 by default.
    """

    c: float = 0.03

    def __call__(self, predicted: Samples, target: Samples) -> Scalar:
        """Mean √((predicted − target)² + c²) − c."""
        return torch.sqrt((predicted - target).square() + self.c**2).mean() - self.c


@dataclass(frozen=True, kw_only=True)
class Forward:
    """Everything that the objectives look at, of one batch; samples in standardised units."""

    data: Samples
    latent_data: Latents
    latent_advanced: Latents
    reconstructed: Samples
    predicted: Samples


def forward_pass(model: KoopmanDistillationModel, pairs: Pairs) -> Forward:
    """One pass of a batch through both encoders, the operator and the decoder."""
    latent_data = model.encode_data(pairs.data)
    latent_advanced = model.advance(model.encode_noise(pairs.noise), pairs.labels)
    decoded = model.standardised(model.decode(torch.cat([latent_data, latent_advanced])))
    reconstructed, predicted = decoded.chunk(2)
    return Forward(
        data=model.standardised(pairs.data),
        latent_data=latent_data,
        latent_advanced=latent_advanced,
        reconstructed=reconstructed,
        predicted=predicted,
    )


def latent_linearity(forward: Forward) -> Scalar:
    """Equation (1)."""
    return (forward.latent_data - forward.latent_advanced).square().mean()


def reconstruction(forward: Forward, distance: SampleDistance) -> Scalar:
    """Equation (2)."""
    return distance(forward.reconstructed, forward.data)


def prediction(forward: Forward, distance: SampleDistance) -> Scalar:
    """Equation (3)."""
    return distance(forward.predicted, forward.data)


@dataclass(frozen=True, kw_only=True)
class Losses:
    """The total that is minimised and its parts, unweighted."""

    total: Scalar
    parts: dict[str, Scalar]

    def detached(self) -> "Losses":
        """The same numbers without their graph."""
        return Losses(total=self.total.detach(), parts={name: part.detach() for name, part in self.parts.items()})


class Objective(Protocol):
    """What training minimises: a pure function of a module and a batch of pairs."""

    def __call__(self, module: Any, pairs: Pairs) -> Losses:
        """The losses of one batch."""
        ...


@dataclass(frozen=True, kw_only=True)
class KoopmanObjective:
    """The weighted sum of (1), (2) and (3).

    Attributes:
        latent_weight: Weight of latent linearity.
        reconstruction_weight: Weight of reconstruction.
        prediction_weight: Weight of prediction.
        distance: d of (2) and (3).
    """

    latent_weight: float = 1.0
    reconstruction_weight: float = 1.0
    prediction_weight: float = 1.0
    distance: SquaredDistance | PseudoHuberDistance = SquaredDistance()

    def __call__(self, module: KoopmanDistillationModel, pairs: Pairs) -> Losses:
        """The losses of one batch."""
        forward = forward_pass(module, pairs)
        parts = {
            "latent_linearity": latent_linearity(forward),
            "reconstruction": reconstruction(forward, self.distance),
            "prediction": prediction(forward, self.distance),
        }
        weights = (self.latent_weight, self.reconstruction_weight, self.prediction_weight)
        total = sum((weight * part for weight, part in zip(weights, parts.values(), strict=True)), torch.zeros(()))
        return Losses(total=total, parts=parts)
