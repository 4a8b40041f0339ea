"""Fixtures of small experiments, for the conftest of a folder of tests."""

import pytest
import torch

from kdm.configuration import Architecture
from kdm.networks import ResidualMLPConfig
from kdm.teachers import named
from kdm.training.distillation import DistillationConfig
from kdm.training.loop import TrainingConfig
from kdm.trajectories import Trajectories, collect


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(20_250_513)


@pytest.fixture(scope="session")
def data(tmp_path_factory) -> Trajectories:
    """400 pairs of the Gaussian mixture, on disk."""
    folder = tmp_path_factory.mktemp("collected") / "mixture"
    return collect(named("mixture"), 400, generator=torch.Generator().manual_seed(0), steps=12, out=folder)


@pytest.fixture
def config() -> DistillationConfig:
    """Ten steps of a tiny model with dropout, so that its randomness is part of what must be reproduced."""
    tiny = ResidualMLPConfig(width=16, blocks=1, dropout=0.2)
    architecture = Architecture(latent=4, noise_encoder=tiny, data_encoder=tiny, decoder=tiny)
    training = TrainingConfig(steps=10, batch=300, warmup=2, evaluate_every=5)
    return DistillationConfig(architecture=architecture, training=training)
