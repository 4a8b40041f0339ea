"""The paper's experiments on images, and one with such networks that needs nothing from elsewhere: patches.

Networks, latents, batches, steps and rates of cifar10, ffhq64 and afhqv2-64 are those of Berman et al. 2025 (table of
experiments); latents are normalised here, weights are averaged by a power law, and what is slow on a GPU is
not: bfloat16 products, compiled networks, channels last. Their pairs are bought with a GPU: nobody collects them here.
"""

from dataclasses import replace

from kdm.configuration import Architecture
from kdm.control import LabelControlConfig
from kdm.distances import PerceptualDistance
from kdm.networks import ResidualMLPConfig, UNetConfig
from kdm.networks.perceptual import InstalledWeights
from kdm.objectives import KoopmanObjective
from kdm.operators import FreeBasisConfig, SpectralConfig
from kdm.presets.base import Preset
from kdm.refitting import MeasurePreserving, Refit
from kdm.spectral_objectives import MatchedDistribution
from kdm.training.adversary import Adversary
from kdm.training.distillation import DistillationConfig
from kdm.training.execution import BFloat16Autocast, ChannelsLast, Compiled
from kdm.training.loop import TrainingConfig
from kdm.training.optimisation import AdamConfig, ConstantRate

CIFAR10_CLASSES = 10


def _published(name: str, *, pairs: int, network: UNetConfig, latent: int) -> Preset:
    """One of the paper's unconditional experiments."""
    architecture = Architecture(latent=latent, noise_encoder=network, data_encoder=network, decoder=network)
    training = TrainingConfig(
        steps=800_000,
        batch=128,
        optimiser=AdamConfig(learning_rate=3e-4),
        warmup=1000,
        evaluate_every=5000,
        schedule=ConstantRate(),
        precision=BFloat16Autocast(),
        compilation=Compiled(),
        layout=ChannelsLast(),
    )
    distillation = DistillationConfig(
        architecture=architecture,
        training=training,
        objective=KoopmanObjective(distance=PerceptualDistance(weights=InstalledWeights()), latent_noise=0.4),
        adversary=Adversary(),
    )
    return Preset(name=name, teacher=None, pairs=pairs, solver_steps=18, distillation=distillation)


def cifar10() -> Preset:
    """3 × 32 × 32 pixels; one plane of latents."""
    return _published("cifar10", pairs=1_000_000, network=UNetConfig(), latent=1024)


def cifar10_conditional() -> Preset:
    """The same, told the class everywhere, with an offset for each."""
    preset = cifar10().with_architecture(control=LabelControlConfig(), classes=CIFAR10_CLASSES)
    return replace(preset, name="cifar10-conditional")


def cifar10_spectral() -> Preset:
    """The same with declared eigenvalues, drawn toward a disc that they fill evenly."""
    preset = cifar10().with_architecture(operator=SpectralConfig(basis=FreeBasisConfig()))
    objective = replace(preset.distillation.objective, spectral_weight=0.1, spectral=MatchedDistribution())
    return replace(
        preset, name="cifar10-spectral", distillation=replace(preset.distillation, objective=objective)
    )  # fmt: skip


def ffhq64() -> Preset:
    """Faces of 3 × 64 × 64 pixels; latents are projections of a plane."""
    return _published("ffhq64", pairs=1_000_000, network=UNetConfig(channels=32), latent=512)


def afhqv2_64() -> Preset:
    """Animals of 3 × 64 × 64 pixels; latents are projections of a plane."""
    return _published("afhqv2-64", pairs=250_000, network=UNetConfig(channels=32), latent=512)


def patches32() -> Preset:
    """Patches of photographs, 3 × 32 × 32, with U-Nets that two cores can train.

    Latents of both ends collapse to a constant where latent linearity weighs as much as reconstruction from the first
    step on; at a tenth of it the decoder has a use for them in time. After the last step K preserves their measure.
    """
    network = UNetConfig(channels=16, multipliers=(1, 2, 2), blocks=1, attention_at=(), dropout=0.0, bypass=256)
    data_encoder = ResidualMLPConfig(width=256, blocks=1, dropout=0.0)
    architecture = Architecture(latent=256, noise_encoder=network, data_encoder=data_encoder, decoder=network)
    training = TrainingConfig(
        steps=1000,
        batch=32,
        optimiser=AdamConfig(learning_rate=2e-3, betas=(0.9, 0.99), weight_decay=0.1),
        warmup=50,
        evaluate_every=250,
        precision=BFloat16Autocast(),
    )
    return Preset(
        name="patches32",
        teacher="patches32",
        pairs=10_000,
        solver_steps=24,
        distillation=DistillationConfig(
            architecture=architecture,
            training=training,
            objective=KoopmanObjective(latent_weight=0.1),
            refit=Refit(solution=MeasurePreserving()),
        ),
    )
