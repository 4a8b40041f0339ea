"""Experiments of minutes on one core: points of the plane, and digits of 8 × 8 pixels."""

from kdm.configuration import Architecture
from kdm.networks import ResidualMLPConfig
from kdm.objectives import KoopmanObjective
from kdm.presets.base import Preset
from kdm.semigroup_objective import SemigroupObjective
from kdm.training.batches import ImportanceConfig
from kdm.training.distillation import DistillationConfig
from kdm.training.loop import TrainingConfig
from kdm.training.optimisation import AdamConfig


def plane(name: str) -> Preset:
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


def digits() -> Preset:
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


def digits_large() -> Preset:
    """Many pairs, and a decoder that is asked for digits beside the latents of digits.

    Regression draws the mean of the digits that a noise may become; a decoder that is trained on latents with noise
    alone draws one of them, so that no prediction loss of weight draws it back to the mean.
    """
    architecture = Architecture(
        latent=64,
        noise_encoder=ResidualMLPConfig(width=640, blocks=4),
        data_encoder=ResidualMLPConfig(width=128, blocks=1),
        decoder=ResidualMLPConfig(width=256, blocks=2),
    )
    training = TrainingConfig(
        steps=4000,
        batch=512,
        optimiser=AdamConfig(learning_rate=2e-3, betas=(0.9, 0.99), weight_decay=0.1),
        warmup=100,
    )
    return Preset(
        name="digits-large",
        teacher="digits",
        pairs=400_000,
        solver_steps=24,
        distillation=DistillationConfig(
            architecture=architecture,
            training=training,
            objective=KoopmanObjective(prediction_weight=0.05, latent_noise=0.4),
        ),
    )


def trajectories() -> Preset:
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
