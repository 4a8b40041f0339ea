"""Fewer or more latents: how many a model needs, by training it with fewer.

Truncating a trained model says how many directions it *uses*; training it anew says how many it *needs* at this budget.
The networks stay as they are but for the layers that meet the latents. Latents are normalised to z/rms(z), so m of them
carry m − 1 numbers at most: two latents are a circle, on which no plane of data fits.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from kdm.ablations.base import ChangedConfiguration
from kdm.training.distillation import DistillationConfig


@dataclass(frozen=True, kw_only=True)
class LatentDimension(ChangedConfiguration):
    """The model with this many latents.

    Attributes:
        run: Name of its RUN.
        latent: How many.
    """

    run: str
    latent: int

    def changed(self, config: DistillationConfig) -> DistillationConfig:
        """The configuration with these latents."""
        return replace(config, architecture=replace(config.architecture, latent=self.latent))


def latent_dimensions(latents: Sequence[int]) -> dict[str, LatentDimension]:
    """An ablation for each number of latents, by name; numbers have a width, so that RUNs are listed in their order.

    Raises:
        ValueError: If there is no number, or one of them twice.
    """
    if not latents or len(set(latents)) < len(latents):
        raise ValueError(f"expected different numbers of latents, at least one, got {list(latents)}")
    return {f"{m} latents": LatentDimension(run=f"latent-{m:04d}", latent=m) for m in latents}
