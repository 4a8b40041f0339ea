"""A named experiment: a teacher, how many pairs of it, and how to distil them.

Step counts, not seconds, are what a preset fixes; `tests/benchmarks/results` says how long they take and what they
reach.
"""

from dataclasses import dataclass, replace
from typing import Any

from kdm.teachers import Teacher, named
from kdm.training.distillation import DistillationConfig


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
