"""The objective of distillation along whole trajectories, with one encoder for all of their times.

For the states x_0 … x_K of a trajectory, noise first, in their declared units u_k, with latents z_k = E(u_k) and
ẑ_k = z_0 exp(s_k A) + c (`kdm.shared_encoder`),

    latent linearity     Σ_k a_k mean ‖z_k − ẑ_k‖² / m                                                     (1)
    reconstruction       Σ_k a_k mean d(D(z_k), u_k)                                                         (2)
    prediction           Σ_k a_k mean d(D(ẑ_k), u_k)                                                         (3)

over k = 1 … K, with a_K = 1 at the data end and a_k = a / (K − 1) at each time between: a tells how much the way counts
beside its end. At a = 0 the ends alone are trained on, as by `kdm.objectives`, and the clock stays where it began. With
one encoder the eigenvalues of K = exp(A) are no choice of coordinates, and an objective on them asks something of the
flow's law.
"""

from dataclasses import dataclass, field

import torch

from kdm.distances import PixelDistance, SquaredDistance
from kdm.draws import Draws
from kdm.objectives import Losses, Weights, weighted_mean, with_spectrum
from kdm.shapes import Float, Tensor
from kdm.shared_encoder import SharedEncoderModel
from kdm.spectral_objectives import SpectralObjective, Stability
from kdm.trajectories import Pairs
from kdm.versions import ADDED_LATER


@dataclass(frozen=True, kw_only=True)
class SemigroupObjective:
    """The weighted sum of (1), (2) and (3), and of an objective on the eigenvalues of exp(A).

    Attributes:
        latent_weight: Weight of latent linearity.
        reconstruction_weight: Weight of reconstruction.
        prediction_weight: Weight of prediction.
        between_weight: a: what all times between the ends weigh together, beside 1 for the data end.
        distance: d of (2) and (3).
        spectral_weight: Weight of the objective on the eigenvalues.
        spectral: That objective.
    """

    latent_weight: float = 1.0
    reconstruction_weight: float = 1.0
    prediction_weight: float = 1.0
    between_weight: float = 1.0
    distance: PixelDistance = field(default_factory=SquaredDistance)
    spectral_weight: float = field(default=0.0, metadata=ADDED_LATER)
    spectral: SpectralObjective = field(default_factory=Stability, metadata=ADDED_LATER)

    def __call__(
        self, module: SharedEncoderModel, pairs: Pairs, weights: Weights | None = None, *, draws: Draws | None = None
    ) -> Losses:
        """The losses of one batch; nothing of them is random.

        Raises:
            ValueError: If the pairs come without the states between them.
        """
        if pairs.states is None:
            raise ValueError("expected states at all stored times, got the two ends: take pairs with whole=True")
        scaled = module.scaled(pairs.states)
        latents = module.encode_along(scaled)
        later, advanced = latents[:, 1:], module.advance_along(latents[:, 0])
        decoded = module.decode_along(torch.cat([later, advanced]))
        reconstructed, predicted = (self._distances(part, scaled[:, 1:]) for part in decoded.chunk(2))
        share = self._shares(later)
        parts = {
            "latent_linearity": weighted_mean((later - advanced).square().mean(dim=2) @ share, weights),
            "reconstruction": weighted_mean(reconstructed @ share, weights),
            "prediction": weighted_mean(predicted @ share, weights),
        }
        total = (
            self.latent_weight * parts["latent_linearity"]
            + self.reconstruction_weight * parts["reconstruction"]
            + self.prediction_weight * parts["prediction"]
        )
        losses = Losses(total=total, parts=parts, errors=predicted[:, -1].sqrt())
        return with_spectrum(losses, module.operator, self.spectral, weight=self.spectral_weight)

    def _distances(
        self, predicted: Float[Tensor, "n times features"], target: Float[Tensor, "n times features"]
    ) -> Float[Tensor, "n times"]:
        distances = self.distance(predicted.flatten(0, 1), target.flatten(0, 1))
        return distances.unflatten(0, predicted.shape[:2])

    def _shares(self, later: Float[Tensor, "n times m"]) -> Float[Tensor, " times"]:
        """a_1 … a_K."""
        between = later.shape[1] - 1
        shares = later.new_full((between + 1,), self.between_weight / max(between, 1))
        shares[-1] = 1.0
        return shares
