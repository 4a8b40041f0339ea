"""Distillation at several latent dimensions and seeds: how many latents a model needs, by training it with fewer.

    FOLDER/latent-0008-seed-0    the RUN of one training, and so on

Truncating a trained model says how many directions it *uses*; training it anew says how many it *needs* at this budget.
All trainings see the same pairs, and differ in the latent dimension and the seed alone: the networks stay as they are
but for the layers that meet the latents. Latents are normalised to z/rms(z), so m of them carry m − 1 numbers at most:
two latents are a circle, on which no plane of data fits.

Every RUN resumes where it stopped, and a finished one is only read.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from kdm.evaluation import PairedError, paired_error, pairs_in_rows
from kdm.latent_model import KDMLatentModel
from kdm.training.distillation import DistillationConfig, distil, load
from kdm.training.loop import Step
from kdm.trajectories import Trajectories
from koopman_analysis.closure import DecoderWeightedClosure, decoder_weighted_defect


@dataclass(frozen=True, kw_only=True)
class LatentTraining:
    """One training of a sweep.

    Attributes:
        config: The distillation that is varied.
        latent: Latent dimension of this one.
        seed: Seed of this one.
        folder: Folder of the whole sweep.
    """

    config: DistillationConfig
    latent: int
    seed: int
    folder: Path

    @property
    def run(self) -> Path:
        """The folder of its RUN; numbers have a width, so that folders are listed in their order."""
        return self.folder / f"latent-{self.latent:04d}-seed-{self.seed}"

    @property
    def varied(self) -> DistillationConfig:
        """The distillation at this dimension and seed."""
        architecture = replace(self.config.architecture, latent=self.latent)
        return replace(self.config, architecture=architecture).seeded(self.seed)

    def steps(self, data: Trajectories, *, device: torch.device) -> Generator[Step, None, None]:
        """Trains from wherever the RUN stands; nothing where it is finished.

        Yields:
            Every finished step.

        Raises:
            RunError: If the RUN is of another experiment.
            FolderInUse: If another process trains in it.
        """
        return distil(self.varied, data, self.run, device=device)


@dataclass(frozen=True, kw_only=True)
class LatentQuality:
    """What one training reached, on held-out pairs.

    Attributes:
        latent: Latent dimension.
        seed: Seed.
        parameters: Number of trained numbers.
        error: Paired error.
        closure: Decoder-weighted defect, state error and reconstruction error.
    """

    latent: int
    seed: int
    parameters: int
    error: PairedError
    closure: DecoderWeightedClosure


def latent_trainings(
    config: DistillationConfig, folder: Path, *, latents: Sequence[int], seeds: Sequence[int]
) -> tuple[LatentTraining, ...]:
    """The trainings of a sweep, dimension after dimension.

    Raises:
        ValueError: If there is no dimension or no seed, or one of them twice.
    """
    for name, numbers in (("latent dimensions", latents), ("seeds", seeds)):
        if not numbers or len(set(numbers)) < len(numbers):
            raise ValueError(f"expected different {name}, at least one, got {list(numbers)}")
    return tuple(
        LatentTraining(config=config, latent=latent, seed=seed, folder=folder) for latent in latents for seed in seeds
    )


def latent_quality(training: LatentTraining, data: Trajectories) -> LatentQuality:
    """What a finished training reached on the data's held-out pairs.

    Raises:
        RunError: If it is not finished.
    """
    model, heldout = load(training.run), data.heldout()
    closure = decoder_weighted_defect(
        KDMLatentModel(model),
        pairs_in_rows(heldout),
        labels=None if heldout.labels is None else heldout.labels.numpy(),
        rng=np.random.default_rng(training.seed),
    )
    return LatentQuality(
        latent=training.latent,
        seed=training.seed,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        error=paired_error(model, heldout),
        closure=closure,
    )
