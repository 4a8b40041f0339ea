"""Experiments of minutes on one core: points of the plane, and digits of 8 × 8 pixels."""

from dataclasses import replace

from kdm.configuration import Architecture
from kdm.control import LabelControlConfig
from kdm.networks import ResidualMLPConfig
from kdm.objectives import KoopmanObjective
from kdm.presets.base import Preset
from kdm.semigroup_objective import SemigroupObjective
from kdm.training.batches import ImportanceConfig
from kdm.training.distillation import DistillationConfig
from kdm.training.loop import TrainingConfig
from kdm.training.optimisation import AdamConfig

DIGITS = 10
"""How many classes of them there are."""


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
    return _of_digits(
        "digits",
        noise_encoder=ResidualMLPConfig(width=256, blocks=3),
        decoder=ResidualMLPConfig(width=128, blocks=1),
        training=TrainingConfig(steps=2000, batch=256, optimiser=_adam(4e-3, weight_decay=0.4), warmup=60),
        objective=KoopmanObjective(latent_weight=0.3, reconstruction_weight=0.3),
    )


def digits_large() -> Preset:
    """Many pairs, and a decoder that is asked for digits beside the latents of digits.

    Regression draws the mean of the digits that a noise may become; a decoder that is trained on latents with noise
    alone draws one of them, so that no prediction loss of weight draws it back to the mean.
    """
    return _of_digits(
        "digits-large",
        pairs=400_000,
        noise_encoder=ResidualMLPConfig(width=640, blocks=4),
        decoder=ResidualMLPConfig(width=256, blocks=2),
        training=TrainingConfig(steps=4000, batch=512, optimiser=_adam(2e-3, weight_decay=0.1), warmup=100),
        objective=KoopmanObjective(prediction_weight=0.05, latent_noise=0.4),
    )


def digits_conditional() -> Preset:
    """Digits of a class that is asked for."""
    preset = _of_digits(
        "digits-conditional",
        noise_encoder=ResidualMLPConfig(width=256, blocks=3),
        decoder=ResidualMLPConfig(width=256, blocks=2),
        training=TrainingConfig(steps=2000, batch=256, optimiser=_adam(3e-3, weight_decay=0.1), warmup=100),
        objective=KoopmanObjective(latent_weight=0.3, reconstruction_weight=0.3),
    )
    told = preset.with_architecture(control=LabelControlConfig(), classes=DIGITS)
    return replace(told, teacher="digits-conditional")


def _of_digits(
    name: str, *, noise_encoder: ResidualMLPConfig, decoder: ResidualMLPConfig, training: TrainingConfig,
    objective: KoopmanObjective, pairs: int = 50_000,
) -> Preset:  # fmt: skip
    architecture = Architecture(
        latent=64,
        noise_encoder=noise_encoder,
        data_encoder=ResidualMLPConfig(width=128, blocks=1),
        decoder=decoder,
    )
    return Preset(
        name=name,
        teacher="digits",
        pairs=pairs,
        solver_steps=24,
        distillation=DistillationConfig(architecture=architecture, training=training, objective=objective),
    )


def _adam(learning_rate: float, *, weight_decay: float) -> AdamConfig:
    return AdamConfig(learning_rate=learning_rate, betas=(0.9, 0.99), weight_decay=weight_decay)


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
