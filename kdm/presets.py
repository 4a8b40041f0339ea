"""Named experiments: a teacher, how many pairs of it, and how to distil them.

Step counts, not seconds, are what a preset fixes; `tests/benchmarks/results` says how long they take and what they
reach.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from kdm.configuration import Architecture
from kdm.networks import ResidualMLPConfig
from kdm.objectives import KoopmanObjective
from kdm.operators import (
    DenseConfig,
    FreeBasisConfig,
    IdentityBasisConfig,
    IdentityConfig,
    IsometricConfig,
    LowRankConfig,
    OperatorConfig,
    OrthogonalBasisConfig,
    SpectralConfig,
)
from kdm.semigroup_objective import SemigroupObjective
from kdm.teachers import Teacher, named
from kdm.training.batches import ImportanceConfig
from kdm.training.distillation import DistillationConfig
from kdm.training.loop import TrainingConfig
from kdm.training.optimisation import AdamConfig


@dataclass(frozen=True, kw_only=True)
class Preset:
    """One named experiment.

    Attributes:
        name: Its name on the command line.
        teacher: Name of its teacher.
        pairs: Pairs to collect, the held-out tenth included.
        solver_steps: Heun steps of the teacher's flow.
        distillation: What is trained on them, and how.
        intervals: Intervals between the times at which states are stored; at 1 only the two ends are.

    Raises:
        ValueError: If the intervals do not divide the solver's steps.
    """

    name: str
    teacher: str
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
        training = replace(self.distillation.training, steps=300, batch=256, evaluate_every=100)
        return replace(
            self, pairs=4000, solver_steps=24, distillation=replace(self.distillation, training=training)
        )  # fmt: skip

    def seeded(self, seed: int) -> "Preset":
        """The same experiment with another seed of its training."""
        return replace(self, distillation=self.distillation.seeded(seed))

    def teacher_object(self) -> Teacher:
        """The teacher itself."""
        return named(self.teacher)


def _plane(name: str) -> Preset:
    """Two-dimensional data: the non-linearity sits in the noise encoder, so the other two networks are small."""
    architecture = Architecture(
        latent=8,
        noise_encoder=ResidualMLPConfig(width=128, blocks=3),
        data_encoder=ResidualMLPConfig(width=64, blocks=1),
        decoder=ResidualMLPConfig(width=64, blocks=1),
    )
    training = TrainingConfig(steps=6500, batch=512, batches=ImportanceConfig())
    return Preset(
        name=name,
        teacher=name,
        pairs=50_000,
        solver_steps=64,
        distillation=DistillationConfig(architecture=architecture, training=training),
    )


def _digits() -> Preset:
    """Few pairs for their dimension: what limits is overfitting, so training is short and weights decay."""
    architecture = Architecture(
        latent=64,
        noise_encoder=ResidualMLPConfig(width=256, blocks=3),
        data_encoder=ResidualMLPConfig(width=128, blocks=1),
        decoder=ResidualMLPConfig(width=128, blocks=1),
    )
    training = TrainingConfig(
        steps=2000,
        batch=256,
        optimiser=AdamConfig(learning_rate=4e-3, betas=(0.9, 0.99), weight_decay=0.4),
        warmup=60,
    )
    return Preset(
        name="digits",
        teacher="digits",
        pairs=50_000,
        solver_steps=24,
        distillation=DistillationConfig(
            architecture=architecture,
            training=training,
            objective=KoopmanObjective(latent_weight=0.3, reconstruction_weight=0.3),
        ),
    )


def _trajectories() -> Preset:
    """One encoder and one semigroup for all stored times: what the linear law costs where it must be one law."""
    architecture = Architecture(
        latent=8,
        noise_encoder=ResidualMLPConfig(width=128, blocks=3),
        data_encoder=None,
        decoder=ResidualMLPConfig(width=64, blocks=1),
    )
    training = TrainingConfig(steps=4000, batch=256, batches=ImportanceConfig())
    return Preset(
        name="checkerboard-trajectory",
        teacher="checkerboard",
        pairs=50_000,
        solver_steps=64,
        distillation=DistillationConfig(
            architecture=architecture,
            training=training,
            objective=SemigroupObjective(between_weight=0.2),
        ),
        intervals=4,
    )


PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        _plane("checkerboard"),
        _plane("mixture"),
        _plane("mixture-10"),
        _plane("gaussian"),
        _digits(),
        _trajectories(),
    )
}


DENSE = "dense"
"""The name of the kind of operator that every preset has."""
LOW_RANK = "low-rank"
"""The name of the one that wants a number."""
OPERATORS: Mapping[str, OperatorConfig] = {
    DENSE: DenseConfig(),
    "identity": IdentityConfig(),
    "isometric": IsometricConfig(),
    "spectral": SpectralConfig(basis=OrthogonalBasisConfig()),
    "spectral-identity": SpectralConfig(basis=IdentityBasisConfig()),
    "spectral-free": SpectralConfig(basis=FreeBasisConfig()),
}
"""Every other kind, by its name on the command line; the spectral ones by their basis."""


def operator_named(name: str, *, rank: int | None = None) -> OperatorConfig:
    """The kind of operator of this name.

    Args:
        name: One of `OPERATORS`, or "low-rank".
        rank: Of a low-rank one.

    Raises:
        ValueError: If there is no such kind, or a rank where it has none, or none where it has one.
    """
    if name != LOW_RANK and name not in OPERATORS:
        raise ValueError(f"expected one of the operators {', '.join([*OPERATORS, LOW_RANK])}, got {name!r}")
    if (rank is None) == (name == LOW_RANK):
        raise ValueError(f"expected a rank for {LOW_RANK} and for no other operator, got rank {rank} for {name}")
    return OPERATORS[name] if rank is None else LowRankConfig(rank=rank)


def preset_named(name: str) -> Preset:
    """The preset of this name.

    Raises:
        ValueError: If there is none.
    """
    try:
        return PRESETS[name]
    except KeyError:
        raise ValueError(f"expected one of the presets {', '.join(PRESETS)}, got {name!r}") from None
