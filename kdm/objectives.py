"""The objectives of Koopman distillation, pure functions of one forward pass.

With pairs (x, y = Φ(x)), latents z_y = E_data(y), ẑ = E_noise(x) K + c, and y in standardised units,

    latent linearity     mean ‖z_y − ẑ‖² / m                                                                (1)
    reconstruction       mean d(D(z_y), y)                                                                  (2)
    prediction           mean d(D(ẑ), y)                                                                    (3)

(Berman et al. 2025, §4), d a distance between samples (`kdm.distances`). In training, noise of scale s may be added to
the latents that the operator and the decoder read,

    ẑ = (E_noise(x) + s n) K + c,        D(z_y + s n′) in (2),        n, n′ ~ N(0, I),                         (4)

so that D is asked for samples beside the latents of data, too, where ẑ lands; the paper has s = 0.4. The published
checkerboard model leaves (3) out; without it no objective passes through the one-step map, and its error is never seen
in training. An objective on the eigenvalues of K (`kdm.spectral_objectives`) may stand beside them; it depends on no
pair.
"""

import math
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, TypeAlias, runtime_checkable

import torch

from kdm.distances import Distance, DistanceTo, PerSample, SquaredDistance
from kdm.draws import Draws
from kdm.model import KoopmanDistillationModel
from kdm.operators import KoopmanOperator
from kdm.shapes import Float, Latents, Samples, Tensor
from kdm.spectral_objectives import SpectralObjective, Stability
from kdm.trajectories import Pairs
from kdm.versions import ADDED_LATER

NOISE_END, DATA_END = 0, 1
"""The streams from which the latents of the two ends draw."""

Scalar: TypeAlias = Float[Tensor, ""]
Weights: TypeAlias = Float[Tensor, " n"]


@dataclass(frozen=True, kw_only=True)
class Predicted:
    """The data of one batch, and what is predicted from its noise, in standardised units."""

    data: Samples
    predicted: Samples


@dataclass(frozen=True, kw_only=True)
class Forward(Predicted):
    """Everything that the objectives look at, of one batch; samples in standardised units."""

    latent_data: Latents
    latent_advanced: Latents
    reconstructed: Samples


def forward_pass(
    model: KoopmanDistillationModel, pairs: Pairs, *, latent_noise: float = 0.0, draws: Draws | None = None
) -> Forward:
    """One pass of a batch through both encoders, the operator and the decoder.

    Args:
        model: The model.
        pairs: The batch.
        latent_noise: s of equation (4).
        draws: Where its noise comes from; without draws, as outside of training, there is none.
    """
    labels = pairs.labels
    latent_data, latent_start = model.encode_data(pairs.data, labels), model.encode_noise(pairs.noise, labels)
    latent_decoded = latent_data
    if latent_noise > 0.0 and draws is not None:
        latent_start = latent_start + latent_noise * draws.normal_like(latent_start, stream=NOISE_END)
        latent_decoded = latent_data + latent_noise * draws.normal_like(latent_data, stream=DATA_END)
    latent_advanced = model.advance(latent_start, labels)
    twice = None if labels is None else labels.repeat(2)
    decoded = model.standardised(model.decode(torch.cat([latent_decoded, latent_advanced]), twice))
    reconstructed, predicted = decoded.chunk(2)
    return Forward(
        data=model.standardised(pairs.data),
        latent_data=latent_data,
        latent_advanced=latent_advanced,
        reconstructed=reconstructed,
        predicted=predicted,
    )


def latent_linearity(forward: Forward) -> PerSample:
    """Equation (1)."""
    return (forward.latent_data - forward.latent_advanced).square().mean(dim=1)


def reconstruction(forward: Forward, distance: DistanceTo) -> PerSample:
    """Equation (2), by the distance to the batch's data."""
    return distance(forward.reconstructed)


def prediction(forward: Predicted, distance: DistanceTo) -> PerSample:
    """Equation (3), by the distance to the batch's data."""
    return distance(forward.predicted)


def weighted_mean(values: PerSample, weights: Weights | None) -> Scalar:
    """The mean over a batch; with importance weights an unbiased estimate of the mean over all pairs."""
    return values.mean() if weights is None else (weights * values).mean()


@dataclass(frozen=True, kw_only=True)
class Losses:
    """What one batch costs.

    Attributes:
        total: What is minimised.
        parts: Its parts, unweighted.
        errors: Prediction error of each pair of the batch: the root of d in (3). Of the squared distance that is the
            root mean square of the difference; of the others a number that grows with it, as long as it is small in
            proportion, and that is compared with none of another distance.
    """

    total: Scalar
    parts: dict[str, Scalar]
    errors: PerSample

    def detached(self) -> "Losses":
        """The same numbers without their graph."""
        parts = {name: part.detach() for name, part in self.parts.items()}
        return Losses(total=self.total.detach(), parts=parts, errors=self.errors.detach())


def with_spectrum(losses: Losses, operator: KoopmanOperator, objective: SpectralObjective, *, weight: float) -> Losses:
    """The losses with an objective on the operator's eigenvalues; at weight 0 as they are, and nothing is computed."""
    if weight == 0.0:
        return losses
    spectrum = objective(operator.eigenvalues)
    return replace(losses, total=losses.total + weight * spectrum, parts={**losses.parts, "spectrum": spectrum})


@runtime_checkable
class Objective(Protocol):
    """What training minimises: a pure function of a module, a batch of pairs and draws, a mean over the pairs.

    Training may ask for it part by part, and weighs each part by its share of the batch.
    """

    def __call__(
        self, module: Any, pairs: Pairs, weights: Weights | None = None, *, draws: Draws | None = None
    ) -> Losses:
        """The losses of one batch, its pairs weighted alike unless weights are given; draws come with training."""
        ...


@runtime_checkable
class SampleObjective(Protocol):
    """An objective in two parts, between which others may look at the samples of the pass."""

    def passed(self, module: Any, pairs: Pairs, draws: Draws | None) -> Predicted:
        """One pass of a batch."""
        ...

    def of_forward(self, forward: Any, module: Any, weights: Weights | None) -> Losses:
        """The losses of a batch that has been through the module."""
        ...


@dataclass(frozen=True, kw_only=True)
class KoopmanObjective:
    """The weighted sum of (1), (2) and (3), and of an objective on the eigenvalues of K.

    Attributes:
        latent_weight: Weight of latent linearity.
        reconstruction_weight: Weight of reconstruction.
        prediction_weight: Weight of prediction.
        distance: d of (2) and (3).
        spectral_weight: Weight of the objective on the eigenvalues.
        spectral: That objective.
        latent_noise: s of (4).

    Raises:
        ValueError: If s is negative or not finite.
    """

    latent_weight: float = 1.0
    reconstruction_weight: float = 1.0
    prediction_weight: float = 1.0
    distance: Distance = field(default_factory=SquaredDistance)
    spectral_weight: float = field(default=0.0, metadata=ADDED_LATER)
    spectral: SpectralObjective = field(default_factory=Stability, metadata=ADDED_LATER)
    latent_noise: float = field(default=0.0, metadata=ADDED_LATER)

    def __post_init__(self) -> None:
        if not 0.0 <= self.latent_noise < math.inf:
            raise ValueError(f"expected latent noise of a scale >= 0, got {self.latent_noise}")

    def __call__(
        self, module: KoopmanDistillationModel, pairs: Pairs, weights: Weights | None = None, *,
        draws: Draws | None = None,
    ) -> Losses:  # fmt: skip
        """The losses of one batch."""
        return self.of_forward(self.passed(module, pairs, draws), module, weights)

    def passed(self, module: KoopmanDistillationModel, pairs: Pairs, draws: Draws | None) -> Forward:
        """One pass of a batch, with the noise of (4)."""
        return forward_pass(module, pairs, latent_noise=self.latent_noise, draws=draws)

    def of_forward(self, forward: Forward, module: KoopmanDistillationModel, weights: Weights | None) -> Losses:
        """The losses of a batch that has been through the module."""
        distance = self.distance.to(forward.data, scaling=module.scaling)
        predicted = prediction(forward, distance)
        parts = {
            "latent_linearity": weighted_mean(latent_linearity(forward), weights),
            "reconstruction": weighted_mean(reconstruction(forward, distance), weights),
            "prediction": weighted_mean(predicted, weights),
        }
        total = (
            self.latent_weight * parts["latent_linearity"]
            + self.reconstruction_weight * parts["reconstruction"]
            + self.prediction_weight * parts["prediction"]
        )
        losses = Losses(total=total, parts=parts, errors=predicted.sqrt())
        return with_spectrum(losses, module.operator, self.spectral, weight=self.spectral_weight)
