"""No bottleneck: one network from noise to data, trained on the prediction loss alone.

    x̂_data = N(x_noise),        min mean d(N(x_noise), x_data)                                                (1)

It has the model's parameters, optimiser, samples and distance d, a critic like the model's where that has one, and
neither latent space nor operator. With d the squared distance this is knowledge distillation (Luhman & Luhman 2021). It
is the control for every claim about what linearity buys.
"""

from collections.abc import Generator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from kdm.configuration import ModelConfig, built_model, from_json, seeded_modules, to_json
from kdm.distances import Distance, SquaredDistance, require_range
from kdm.draws import Draws
from kdm.model import Scaling
from kdm.networks import Network, NetworkConfig
from kdm.objectives import Losses, Predicted, Weights, prediction, weighted_mean
from kdm.shapes import Float, Labels, Samples, Tensor
from kdm.training.adversary import Adversary, played
from kdm.training.distillation import DistillationConfig, model_config_of, weights_read
from kdm.training.loop import Step, TrainingState
from kdm.training.preparation import require_trainable
from kdm.training.runs import RunFolder
from kdm.training.sessions import train_in_folder
from kdm.trajectories import Pairs, Trajectories
from kdm.versions import ADDED_LATER

KIND = "direct-regression"


class DirectRegression(nn.Module):
    """x̂_data = N(x_noise): one network, no latent space and no operator."""

    def __init__(self, network: Network, *, shape: tuple[int, ...], scaling: Scaling, classes: int = 0) -> None:
        super().__init__()
        self.network, self.shape, self.scaling, self.classes = network, shape, scaling, classes

    def predicted(self, noise: Samples, labels: Labels | None = None) -> Samples:
        """One step from noise to data in units of their own mean and standard deviation."""
        told = labels if self.classes else None
        standardised: Samples = self.network(noise.flatten(1) / self.scaling.noise, told).unflatten(1, self.shape)
        return standardised

    def generate(self, noise: Samples, labels: Labels | None = None) -> Samples:
        """One step from noise to data."""
        return self.predicted(noise, labels) * self.scaling.data + self.scaling.data_mean

    def last_hidden(self, noise: Samples, labels: Labels | None = None) -> Float[Tensor, "n width"]:
        """What the last layer of N reads."""
        return self.network.last_hidden(noise.flatten(1) / self.scaling.noise, labels if self.classes else None)


@dataclass(frozen=True, kw_only=True)
class DirectObjective:
    """Equation (1), in standardised units: the prediction loss alone.

    Attributes:
        distance: d.
    """

    distance: Distance = field(default_factory=SquaredDistance, metadata=ADDED_LATER)

    def __call__(
        self, module: DirectRegression, pairs: Pairs, weights: Weights | None = None, *, draws: Draws | None = None
    ) -> Losses:
        """The loss of one batch; nothing of it is random."""
        return self.of_forward(self.passed(module, pairs, draws), module, weights)

    def passed(self, module: DirectRegression, pairs: Pairs, draws: Draws | None) -> Predicted:
        """One pass of a batch."""
        data = (pairs.data - module.scaling.data_mean) / module.scaling.data
        return Predicted(data=data, predicted=module.predicted(pairs.noise, pairs.labels))

    def of_forward(self, forward: Predicted, module: DirectRegression, weights: Weights | None) -> Losses:
        """The loss of a batch that has been through the module."""
        distances = prediction(forward, self.distance.to(forward.data, scaling=module.scaling))
        total = weighted_mean(distances, weights)
        return Losses(total=total, parts={"prediction": total}, errors=distances.sqrt())


@dataclass(frozen=True, kw_only=True)
class DirectConfig:
    """Everything that rebuilds a direct regression but its weights."""

    network: NetworkConfig
    shape: tuple[int, ...]
    scaling: Scaling
    classes: int = field(default=0, metadata=ADDED_LATER)


def equal_network(config: ModelConfig) -> NetworkConfig:
    """The network of the noise encoder's depth whose direct regression has the parameters of the whole model.

    The width is the smallest whose parameter count is at least the model's.
    """
    wanted = _parameters(built_model(config, generator=torch.Generator()))
    network = config.architecture.noise_encoder.for_regression()
    while _parameters(_built(_direct_of(config, network))) < wanted:
        network = network.wider()
    return network


def _direct_of(config: ModelConfig, network: NetworkConfig) -> DirectConfig:
    return DirectConfig(
        network=network, shape=config.shape, scaling=config.scaling, classes=config.architecture.classes
    )  # fmt: skip


def regress_directly(
    config: DistillationConfig, data: Trajectories, folder: Path, *, device: torch.device
) -> Generator[Step, None, None]:
    """Trains direct regression with the parameters, optimiser, samples and loss of a distillation; resumable.

    Yields:
        Every finished step.

    Raises:
        ValueError: If there is an adversary, and the samples are no pictures; or if values of the data are not in the
            range of a perceptual distance.
        WeightsError: If a file of weights that the distance reads is not there.
        DataError: If the labels are not those of the classes, or the held-out data do not differ.
        RunError: If the folder holds another experiment.
        FolderInUse: If another process trains in it.
    """
    training, model_config = data.training_source(), model_config_of(config, data)
    direct, adversary = _direct_of(model_config, equal_network(model_config)), adversary_of(config)
    minimised = DirectObjective(distance=config.objective.distance)
    run = RunFolder(folder)
    experiment = {
        "kind": KIND,
        "model": to_json(direct),
        **_entries(minimised, adversary),
        "training": to_json(config.training),
        "data": {"digest": data.manifest.digest},
    }
    if run.is_finished(experiment):
        return
    heldout = data.heldout()
    require_trainable(data, heldout, classes=direct.classes, batch=config.training.batch)
    require_range(minimised.distance, data)
    generator = torch.Generator().manual_seed(config.training.seed)
    module = _built(direct, generator=generator).to(device)
    objective, rival = played(minimised, adversary, direct.shape, generator=generator, device=device)
    state = TrainingState(module, config.training, pairs=len(training), rival=rival)
    with run.claimed(experiment, data_folder=data.folder):
        yield from train_in_folder(
            run, state=state, objective=objective, training=training.to(device), heldout=heldout.to(device)
        )


def adversary_of(config: DistillationConfig) -> Adversary | None:
    """The critic of a distillation as it stands beside (1): weighed against d as there against the prediction loss."""
    weight = config.objective.prediction_weight
    if config.adversary is None or weight == 0.0:
        return config.adversary
    return replace(config.adversary, weight=config.adversary.weight / weight)


def _entries(objective: DirectObjective, adversary: Adversary | None) -> dict[str, Any]:
    """What an experiment records of the loss: nothing where it is the squared distance alone, as it was at first."""
    parts = {"objective": to_json(objective), "adversary": {} if adversary is None else to_json(adversary)}
    return {name: part for name, part in parts.items() if part} | weights_read(objective.distance)


def load_direct(run: str | Path, *, device: torch.device | str = "cpu") -> DirectRegression:
    """The trained direct regression of a RUN, with averaged weights, in evaluation mode.

    Raises:
        RunError: If there is no such RUN, or it holds something else.
    """
    folder = RunFolder(Path(run))
    experiment = folder.experiment_of(KIND)
    folder.require_finished()
    module = _built(from_json(DirectConfig, experiment["model"]))
    folder.load_weights(module)
    module.to(device).eval()
    return module


@dataclass(frozen=True, kw_only=True)
class NoBottleneck:
    """Direct regression with the parameters of the model, as an ablation.

    Attributes:
        run: Name of its RUN.
    """

    run: str = "direct"

    def train(
        self, config: DistillationConfig, data: Trajectories, folder: Path, *, device: torch.device
    ) -> Generator[Step, None, None]:
        """Trains in `folder / run`; yields every finished step."""
        return regress_directly(config, data, folder / self.run, device=device)

    def load(self, folder: Path, data: Trajectories) -> DirectRegression:
        """The trained regression."""
        return load_direct(folder / self.run)


def _built(config: DirectConfig, *, generator: torch.Generator | None = None) -> DirectRegression:
    with seeded_modules(generator or torch.Generator()):
        network = config.network.built(config.shape, config.shape, classes=config.classes)
    return DirectRegression(network, shape=config.shape, scaling=config.scaling, classes=config.classes)


def _parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
