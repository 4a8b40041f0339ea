"""Small experiments: fixtures, for the conftest of a folder of tests, and what is done with them."""

from collections.abc import Callable, Generator
from functools import partialmethod
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from kdm.configuration import Architecture
from kdm.networks import ResidualMLPConfig
from kdm.teachers import named
from kdm.training.distillation import DistillationConfig, distil
from kdm.training.loop import Step, TrainingConfig
from kdm.trajectories import MappedPairs, Trajectories, collect

CPU = torch.device("cpu")
Training = Callable[..., Generator[Step, None, None]]


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


def trained(
    config: DistillationConfig, data: Trajectories, folder: Path, *, train: Training = distil
) -> dict[str, torch.Tensor]:
    """The weights at the end of a training, new or resumed, in this folder."""
    for _ in train(config, data, folder, device=CPU):
        pass
    return load_file(folder / "model.safetensors")


def half_trained(config: DistillationConfig, data: Trajectories, folder: Path, *, train: Training = distil) -> None:
    """Saved at the measurement after step 5; whatever follows is lost."""
    steps = train(config, data, folder, device=CPU)
    for step in steps:
        if step.index == 5:
            steps.close()


def read_from_disk(monkeypatch: pytest.MonkeyPatch) -> list[MappedPairs]:
    """From now on pairs stay on disk; one entry for every batch that is taken from there."""
    taken: list[MappedPairs] = []
    copied = MappedPairs.__getitem__

    def gathered(self, *arguments):
        taken.append(self)
        return copied(self, *arguments)

    monkeypatch.setattr(MappedPairs, "__getitem__", gathered)
    monkeypatch.setattr(Trajectories, "training_source", partialmethod(Trajectories.training_source, in_memory=0))
    return taken


def same(left: dict[str, torch.Tensor], right: dict[str, torch.Tensor]) -> bool:
    """Whether two models have the same weights, bit for bit."""
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)
