"""One encoder for all times: the latents must move by one autonomous law from the noise to the data.

    E(u_k) ≈ E(u_0) exp(s_k A) + c                                                                          (1)

in place of an encoder for each end and any K between them (`kdm.shared_encoder`). The losses keep their weights and
count the stored times between the ends, too (`kdm.semigroup_objective`), so that at equal steps this ablation sees more
states of the same pairs, with the data encoder's parameters gone.
"""

from dataclasses import dataclass, replace

from kdm.ablations.base import ChangedConfiguration
from kdm.distances import PixelDistance
from kdm.objectives import KoopmanObjective
from kdm.operators import DenseConfig
from kdm.semigroup_objective import SemigroupObjective
from kdm.training.distillation import DistillationConfig


@dataclass(frozen=True, kw_only=True)
class SharedEncoder(ChangedConfiguration):
    """One encoder and one semigroup for all stored times; the data must have kept some between the ends.

    Attributes:
        run: Name of its RUN.
        between_weight: What all times between the ends weigh together, beside 1 for the data end.
    """

    run: str = "shared-encoder"
    between_weight: float = 0.2

    def changed(self, config: DistillationConfig) -> DistillationConfig:
        """The configuration with one encoder, and the losses along whole trajectories.

        Raises:
            ValueError: If it has one encoder already, or an objective that is for the data end alone.
        """
        objective = config.objective
        if not isinstance(objective, KoopmanObjective):
            raise ValueError("expected a model with an encoder for each end, to compare with, got one encoder for all")
        if not isinstance(objective.distance, PixelDistance) or config.adversary is not None:
            raise ValueError(
                "expected a distance feature by feature and no adversary, to have the same at all times, got "
                f"{objective.distance} and {config.adversary}"
            )
        architecture = replace(config.architecture, data_encoder=None, operator=DenseConfig())
        along = SemigroupObjective(
            latent_weight=objective.latent_weight,
            reconstruction_weight=objective.reconstruction_weight,
            prediction_weight=objective.prediction_weight,
            between_weight=self.between_weight,
            distance=objective.distance,
            spectral_weight=objective.spectral_weight,
            spectral=objective.spectral,
        )
        return replace(config, architecture=architecture, objective=along)
