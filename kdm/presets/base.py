"""A named experiment: a teacher, how many pairs of it, and how to distil them.

Step counts, not seconds, are what a preset fixes; `tests/benchmarks/results` says how long they take and what they
reach.
"""

from dataclasses import dataclass, replace
from typing import Any

import torch

from kdm.configuration import ModelConfig
from kdm.model import Scaling
from kdm.teachers import Teacher, named
from kdm.training.distillation import DistillationConfig, prepared


@dataclass(frozen=True, kw_only=True)
class Preset:
    """One named experiment.

    Attributes:
        name: Its name on the command line.
        teacher: Name of its teacher; None where its pairs come from elsewhere, and have to be given.
        pairs: Pairs to collect, the held-out tenth included.
        solver_steps: Heun steps of the teacher's flow.
        distillation: What is trained on them, and how.
        intervals: Intervals between the times at which states are stored; at 1 only the two ends are.

    Raises:
        ValueError: If the intervals do not divide the solver's steps.
    """

    name: str
    teacher: str | None
    pairs: int
    solver_steps: int
    distillation: DistillationConfig
    intervals: int = 1

    def __post_init__(self) -> None:
        if self.intervals < 1 or self.solver_steps % self.intervals:
            raise ValueError(f"expected intervals that divide {self.solver_steps} steps, got {self.intervals}")

    @property
    def keep(self) -> range:
        """Indices of the times at which states are stored, both ends included."""
        return range(0, self.solver_steps + 1, self.solver_steps // self.intervals)

    def fast(self) -> "Preset":
        """The same experiment, small enough for a quick look: few pairs, few solver steps, little training."""
        batch = min(256, self.distillation.training.batch)
        training = replace(self.distillation.training, steps=300, batch=batch, evaluate_every=100)
        return replace(
            self, pairs=4000, solver_steps=24, distillation=replace(self.distillation, training=training)
        )  # fmt: skip

    def seeded(self, seed: int) -> "Preset":
        """The same experiment with another seed of its training."""
        return replace(self, distillation=self.distillation.seeded(seed))

    def with_architecture(self, **changed: Any) -> "Preset":
        """The same experiment with other parts of the model."""
        architecture = replace(self.distillation.architecture, **changed)
        return replace(self, distillation=replace(self.distillation, architecture=architecture))

    def teacher_object(self) -> Teacher:
        """The teacher itself.

        Raises:
            ValueError: If its pairs come from elsewhere.
        """
        if self.teacher is None:
            raise ValueError(
                f"expected --data DATA for the preset {self.name}, whose pairs are not made here: `kdm pack` turns the "
                "published ones into a data set, `kdm collect FOLDER` makes them with a pipeline of diffusers"
            )
        return named(self.teacher)

    def rehearse(self) -> None:
        """Makes all that the training takes but its pairs, and forgets it: mistakes are found before any are made.

        Raises:
            ValueError: If the pairs come from elsewhere, or the model, its critic or its distance do not fit the
                teacher's samples and classes.
            WeightsError: If the weights that the distance reads cannot be had.
        """
        teacher, architecture = self.teacher_object(), self.distillation.architecture
        if architecture.classes not in (0, teacher.number_of_labels):
            raise ValueError(
                f"expected {teacher.number_of_labels} classes, those of the teacher {self.teacher}, got "
                f"{architecture.classes}: leave their number out, or name --data of as many"
            )
        sigmas = (teacher.sigma_noise, teacher.sigma_data) if self.distillation.shares_encoder else None
        scaling = Scaling(noise=teacher.sigma_noise, data_mean=0.0, data=1.0)
        config = ModelConfig(architecture=architecture, shape=teacher.shape, scaling=scaling, sigmas=sigmas)
        prepared(self.distillation, config, device=torch.device("cpu"))
