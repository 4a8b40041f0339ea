"""What an ablation is: a distillation with one part changed, trained in a RUN like any other.

The ablations of one comparison share data, training configuration and seed, and the folder that holds their RUNs. They
see the same pairs in the same order, where the order does not depend on errors, and start from the same noise encoder
wherever they have one and it trains.
"""

from abc import ABC, abstractmethod
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import torch

from kdm.evaluation import OneStepGenerator
from kdm.model import KoopmanDistillationModel
from kdm.operators import OperatorConfig
from kdm.training.distillation import DistillationConfig, distil, load
from kdm.training.loop import Step
from kdm.trajectories import Trajectories


@runtime_checkable
class Ablation(Protocol):
    """A distillation with one part changed; two ablations with the same `run` share their training."""

    @property
    def run(self) -> str:
        """Name of its RUN inside of the folder of the comparison."""
        ...

    def train(
        self, config: DistillationConfig, data: Trajectories, folder: Path, *, device: torch.device
    ) -> Generator[Step, None, None]:
        """Trains in `folder / run` to the end, from wherever that stands; yields every finished step.

        Raises:
            RunError: If it holds another experiment.
            FolderInUse: If another process trains in it.
        """
        ...

    def load(self, folder: Path, data: Trajectories) -> OneStepGenerator:
        """What was trained in `folder / run` on these data, in evaluation mode.

        Raises:
            RunError: If there is no such RUN, or it is unfinished or another one.
        """
        ...


class ChangedConfiguration(ABC):
    """An ablation that is the model itself in another configuration; `run` names its RUN."""

    run: str

    @abstractmethod
    def changed(self, config: DistillationConfig) -> DistillationConfig:
        """The configuration with the part changed."""

    def train(
        self, config: DistillationConfig, data: Trajectories, folder: Path, *, device: torch.device
    ) -> Generator[Step, None, None]:
        """Distils in `folder / run`; yields every finished step."""
        return distil(self.changed(config), data, folder / self.run, device=device)

    def load(self, folder: Path, data: Trajectories) -> KoopmanDistillationModel:
        """The distilled model."""
        return load(folder / self.run)


@dataclass(frozen=True, kw_only=True)
class OperatorAblation(ChangedConfiguration):
    """The model with an operator of this kind.

    Attributes:
        run: Name of its RUN.
        operator: The kind.
    """

    run: str
    operator: OperatorConfig

    def changed(self, config: DistillationConfig) -> DistillationConfig:
        """The configuration with this operator."""
        return config.with_operator(self.operator)
