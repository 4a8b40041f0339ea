"""The operator by least squares (`kdm.refitting`), on latents that are given.

*Refitted operator*: on the latents of a trained model, whose encoders and decoder stay. It asks whether gradient
descent found the linear map that its own latents want. *Random encoders*: both encoders stay as they were drawn, and
only the decoder is trained, on the model's objective. It asks what learned functions add to as many random ones.
"""

from collections.abc import Generator
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from kdm.ablations.base import ChangedConfiguration
from kdm.configuration import built_model, to_json
from kdm.model import KoopmanDistillationModel
from kdm.operators import DenseConfig
from kdm.refitting import LeastSquares, Refit, refitted
from kdm.training.adversary import played
from kdm.training.distillation import DistillationConfig, model_config_of, objective_entries, restored_model
from kdm.training.loop import Step, TrainingState
from kdm.training.preparation import require_trainable
from kdm.training.runs import RunFolder
from kdm.training.sessions import train_in_folder
from kdm.trajectories import Trajectories

KIND = "random-encoders"
BY_LEAST_SQUARES = Refit(solution=LeastSquares())


@dataclass(frozen=True, kw_only=True)
class RefittedOperator:
    """Another ablation's model with its operator refitted; what is trained is that model.

    Attributes:
        of: The ablation.
    """

    of: ChangedConfiguration

    @property
    def run(self) -> str:
        """Name of the RUN of that model."""
        return self.of.run

    def train(
        self, config: DistillationConfig, data: Trajectories, folder: Path, *, device: torch.device
    ) -> Generator[Step, None, None]:
        """Trains that model; yields every finished step."""
        return self.of.train(config, data, folder, device=device)

    def load(self, folder: Path, data: Trajectories) -> KoopmanDistillationModel:
        """That model, refitted on the training pairs."""
        return refitted(self.of.load(folder, data), data.training(), BY_LEAST_SQUARES)


@dataclass(frozen=True, kw_only=True)
class RandomEncoders:
    """Encoders as drawn, the operator by least squares, and only the decoder trained.

    Attributes:
        run: Name of its RUN.
    """

    run: str = "random"

    def train(
        self, config: DistillationConfig, data: Trajectories, folder: Path, *, device: torch.device
    ) -> Generator[Step, None, None]:
        """Trains the decoder in `folder / run`; yields every finished step."""
        model_config = model_config_of(_without_dropout(config), data)
        run = RunFolder(folder / self.run)
        experiment = {
            "kind": KIND,
            "model": to_json(model_config),
            **objective_entries(config),
            "training": to_json(config.training),
            "data": {"digest": data.manifest.digest},
        }
        if run.is_finished(experiment):
            return
        training, heldout = data.training(), data.heldout()
        require_trainable(data, heldout, classes=config.architecture.classes, batch=config.training.batch)
        generator = torch.Generator().manual_seed(config.training.seed)
        drawn = built_model(model_config, generator=generator)
        model = refitted(drawn, training, BY_LEAST_SQUARES).to(device)
        model.requires_grad_(False)
        model.decoder.requires_grad_(True)
        objective, rival = played(
            config.objective, config.adversary, model_config.shape, generator=generator, device=device
        )
        state = TrainingState(model, config.training, pairs=len(training), rival=rival)
        with run.claimed(experiment, data_folder=data.folder):
            yield from train_in_folder(
                run, state=state, objective=objective, training=training.to(device), heldout=heldout.to(device)
            )

    def load(self, folder: Path, data: Trajectories) -> KoopmanDistillationModel:
        """The model with its trained decoder."""
        return restored_model(RunFolder(folder / self.run), kind=KIND).eval()


def _without_dropout(config: DistillationConfig) -> DistillationConfig:
    """Encoders that are not trained are functions, in training too; the operator is any matrix."""
    architecture = config.architecture
    if architecture.data_encoder is None:
        raise ValueError(
            "expected an encoder for each end, got one for all times: with it K is a semigroup's, which no regression "
            "on end points finds"
        )
    fixed = replace(
        architecture,
        noise_encoder=architecture.noise_encoder.without_dropout(),
        data_encoder=architecture.data_encoder.without_dropout(),
        operator=DenseConfig(),
    )
    return replace(config, architecture=fixed)
