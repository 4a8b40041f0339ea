"""A whole verification in seconds: a preset of few pairs, few samples, few steps."""

from dataclasses import replace

import pytest

import kdm.verification
from kdm.configuration import Architecture
from kdm.networks import ResidualMLPConfig
from kdm.presets import PRESETS, Preset
from kdm.training.distillation import DistillationConfig
from kdm.training.loop import TrainingConfig


@pytest.fixture(scope="module")
def tiny() -> Preset:
    """The preset 'mixture', made tiny for the tests of a module."""
    network = ResidualMLPConfig(width=32, blocks=1)
    architecture = Architecture(latent=6, noise_encoder=network, data_encoder=network, decoder=network)
    training = TrainingConfig(steps=200, batch=256, evaluate_every=100)
    preset = replace(
        PRESETS["mixture"], pairs=1500, solver_steps=16,
        distillation=DistillationConfig(architecture=architecture, training=training),
    )  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(PRESETS, "mixture", preset)
        patch.setattr(kdm.verification, "FRESH_SAMPLES", 300)
        patch.setattr("kdm.verification.page.SEMANTIC_OBJECTS", 80)
        yield preset
