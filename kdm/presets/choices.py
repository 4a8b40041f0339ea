"""What the command line changes of a preset, by names."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from kdm.configuration import Architecture
from kdm.distances import (
    Distance,
    PerceptualDistance,
    PseudoHuberDistance,
    SquaredDistance,
    SumOfDistances,
    WeighedDistance,
)
from kdm.networks.perceptual import InstalledWeights, WeightFiles
from kdm.objectives import KoopmanObjective
from kdm.presets.operators import DENSE, operator_named
from kdm.refitting import LeastSquares, MeasurePreserving, Refit
from kdm.semigroup_objective import SemigroupObjective
from kdm.spectral_objectives import MatchedDistribution, OnTheCircle, SpectralObjective, Stability
from kdm.training.adversary import Adversary
from kdm.training.distillation import DistillationConfig
from kdm.training.execution import BFloat16Autocast, Compiled, Eager, Precision, SinglePrecision
from kdm.training.loop import TrainingConfig

Weights = WeightFiles | InstalledWeights

DISTANCES: Mapping[str, Callable[[Weights], Distance]] = {
    "squared": lambda weights: SquaredDistance(),
    "pseudo-huber": lambda weights: PseudoHuberDistance(),
    "perceptual": lambda weights: PerceptualDistance(weights=weights),
    "squared+perceptual": lambda weights: SumOfDistances(
        terms=(
            WeighedDistance(distance=SquaredDistance()),
            WeighedDistance(distance=PerceptualDistance(weights=weights)),
        )
    ),
}
"""Distances between samples, made with the weights of the perceptual network."""
SPECTRA: Mapping[str, SpectralObjective] = {
    "stability": Stability(),
    "circle": OnTheCircle(),
    "matched": MatchedDistribution(),
}
"""Objectives on the eigenvalues of K."""
REFITS: Mapping[str, Refit | None] = {
    "least-squares": Refit(solution=LeastSquares()),
    "measure-preserving": Refit(solution=MeasurePreserving()),
    "none": None,
}
"""Operators in closed form, after the last step."""
PRECISIONS: Mapping[str, Precision] = {"single": SinglePrecision(), "bf16": BFloat16Autocast()}


@dataclass(frozen=True, kw_only=True)
class Choices:
    """Where a training should differ from its preset.

    Attributes:
        operator: dense | identity | isometric | low-rank | spectral (in an orthogonal basis) | spectral-identity |
            spectral-free, where it should differ from the preset's, which is dense.
        rank: Rank of a low-rank operator, which wants one; no other takes it.
        steps: Optimiser steps.
        batch: Pairs in one step, whatever the number of processes.
        micro_batch: Pairs that a process passes through the networks at once at most.
        distance: squared | pseudo-huber | perceptual | squared+perceptual: between a sample and its target.
        perceptual_weights: Files of VGG16 (torchvision's) and of the heads of LPIPS; without them the package lpips is
            asked.
        spectrum: stability (no modulus above 1) | circle (all moduli 1) | matched (spread evenly over the unit disc):
            an objective on the eigenvalues of K. It wants a weight.
        spectrum_weight: Weight of the objective on the eigenvalues.
        adversary: Weight of a critic's verdict, the paper's 0.01; 0 trains without one.
        adversary_start: Steps that the model learns alone before the critic does anything; none unless given.
        precision: single | bf16: of the networks' products.
        compiled: Whether networks are compiled.
        classes: How many classes the data have, of a preset whose model is told the class.
        learning_rate: The largest learning rate.
        threads: Threads of one operation on a CPU; 1 in every preset, those of U-Nets included, so that the result
            does not depend on the number of cores.
        refit: least-squares | measure-preserving | none: what a dense operator becomes after the last step, in closed
            form on the trained latents.
    """

    operator: str | None = None
    rank: int | None = None
    steps: int | None = None
    batch: int | None = None
    micro_batch: int | None = None
    distance: str | None = None
    perceptual_weights: tuple[Path, Path] | None = None
    spectrum: str | None = None
    spectrum_weight: float | None = None
    adversary: float | None = None
    adversary_start: int | None = None
    precision: Literal["single", "bf16"] | None = None
    compiled: bool | None = None
    classes: int | None = None
    learning_rate: float | None = None
    threads: int | None = None
    refit: str | None = None

    def of(self, config: DistillationConfig) -> DistillationConfig:
        """The configuration with these changes.

        Raises:
            ValueError: If a name means nothing, or a choice does not fit the preset.
        """
        if self.operator is not None or self.rank is not None:
            config = config.with_operator(operator_named(self.operator or DENSE, rank=self.rank))
        if self.classes is not None:
            config = replace(config, architecture=self._architecture(config.architecture, self.classes))
        config = replace(config, training=self._training(config.training))
        if self.distance is not None or self.perceptual_weights is not None:
            config = replace(config, objective=self._objective(config))
        if self.spectrum is not None or self.spectrum_weight is not None:
            config = replace(config, objective=self._with_spectrum(config.objective))
        if self.adversary is not None or self.adversary_start is not None:
            config = replace(config, adversary=self._adversary(config.adversary))
        if self.refit is not None:
            if self.refit not in REFITS:
                raise ValueError(f"expected one of the refits {', '.join(REFITS)}, got {self.refit!r}")
            config = replace(config, refit=REFITS[self.refit])
        return config

    def _adversary(self, adversary: Adversary | None) -> Adversary | None:
        if self.adversary is not None:
            adversary = replace(adversary or Adversary(), weight=self.adversary) if self.adversary else None
        if self.adversary_start is None:
            return adversary
        if adversary is None:
            raise ValueError("expected a critic for --adversary-start, got none: give its --adversary weight")
        return replace(adversary, start=self.adversary_start)

    @staticmethod
    def _architecture(architecture: Architecture, classes: int) -> Architecture:
        if architecture.classes == 0 or classes < 1:
            kind = "no classes" if architecture.classes == 0 else f"{architecture.classes} classes"
            raise ValueError(
                f"expected --classes of at least 1, for a preset of classes, got {classes} for one of {kind}"
            )
        return replace(architecture, classes=classes)

    def _training(self, training: TrainingConfig) -> TrainingConfig:
        counts = {"steps": self.steps, "batch": self.batch, "micro_batch": self.micro_batch, "threads": self.threads}
        changed = {name: count for name, count in counts.items() if count is not None}
        training = replace(training, **changed)  # type: ignore[arg-type]
        if self.learning_rate is not None:
            if not 0 < self.learning_rate < math.inf:
                raise ValueError(f"expected a positive, finite learning rate, got {self.learning_rate}")
            training = replace(training, optimiser=replace(training.optimiser, learning_rate=self.learning_rate))
        if self.precision is not None:
            training = replace(training, precision=PRECISIONS[self.precision])
        if self.compiled is not None:
            training = replace(training, compilation=Compiled() if self.compiled else Eager())
        return training

    def _with_spectrum(self, objective: KoopmanObjective | SemigroupObjective) -> KoopmanObjective | SemigroupObjective:
        if self.spectrum is None or self.spectrum_weight is None:
            raise ValueError("expected --spectrum and --spectrum-weight together: neither says anything alone")
        if self.spectrum not in SPECTRA:
            raise ValueError(f"expected one of the spectra {', '.join(SPECTRA)}, got {self.spectrum!r}")
        if not 0 < self.spectrum_weight < math.inf:
            raise ValueError(f"expected a positive, finite weight of the spectrum, got {self.spectrum_weight}")
        return replace(objective, spectral=SPECTRA[self.spectrum], spectral_weight=self.spectrum_weight)

    def _objective(self, config: DistillationConfig) -> KoopmanObjective:
        if not isinstance(config.objective, KoopmanObjective):
            raise ValueError("expected no other distance for a model of whole trajectories, whose objective is squared")
        files = self.perceptual_weights
        weights: Weights = InstalledWeights() if files is None else WeightFiles(vgg=str(files[0]), heads=str(files[1]))
        if self.distance is not None:
            if self.distance not in DISTANCES:
                raise ValueError(f"expected one of the distances {', '.join(DISTANCES)}, got {self.distance!r}")
            return replace(config.objective, distance=DISTANCES[self.distance](weights))
        if not isinstance(config.objective.distance, PerceptualDistance):
            raise ValueError("expected --distance perceptual or squared+perceptual beside --perceptual-weights")
        return replace(config.objective, distance=replace(config.objective.distance, weights=weights))
