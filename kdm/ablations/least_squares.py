"""The operator by least squares, on latents that are given.

For latents Z_noise = E_noise(x) and Z_data = E_data(y) of training pairs, and the model's offset c,

    K = argmin Σ ‖ Z_data − c − Z_noise K ‖²,                                                               (1)

which is EDMD with the encoders as dictionaries (Williams, Kevrekidis & Rowley 2015), from the moments of
`koopman_analysis`. Networks in single precision know each latent to a relative ε = 2⁻²³; independent errors of that
size move the singular values of Z_noise by about ε of the largest, so that directions below 10 ε are left out.

Two ablations use it. *Refitted operator*: (1) on the latents of a trained model, whose encoders and decoder stay. It
asks whether gradient descent found the linear map that its own latents want. *Random encoders*: both encoders stay as
they were drawn, K is (1), and only the decoder is trained, on the model's objective. It asks what learned functions add
to as many random ones.
"""

import copy
from collections.abc import Generator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from kdm.ablations.base import ChangedConfiguration
from kdm.configuration import built_model, seeded_modules, to_json
from kdm.evaluation import pairs_in_rows
from kdm.latent_model import KDMLatentModel
from kdm.model import KoopmanDistillationModel
from kdm.operators import DenseConfig, DenseOperator
from kdm.training.distillation import DistillationConfig, model_config_of, objective_entries, played, restored_model
from kdm.training.loop import Step, TrainingState
from kdm.training.runs import RunFolder
from kdm.training.sessions import train_in_folder
from kdm.trajectories import Pairs, Trajectories
from koopman_analysis.moments import FactorMoments
from koopman_analysis.regression import ThresholdRank

KIND = "random-encoders"
RESOLUTION = 10 * float(torch.finfo(torch.float32).eps)
"""Share of the largest singular value of the latents below which singular values are rounding."""


def refitted(model: KoopmanDistillationModel, pairs: Pairs) -> KoopmanDistillationModel:
    """A copy of the model whose operator is the K of equation (1) on these pairs."""
    latents = KDMLatentModel(model)
    moments = FactorMoments.of(
        pairs_in_rows(pairs),
        latents.encode_noise,
        lambda data: latents.encode_data(data) - latents.offset(),
    )
    return _with_matrix(model, moments.operator(rank=ThresholdRank(RESOLUTION)))


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
        return refitted(self.of.load(folder, data), data.training())


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
        with run.claimed(experiment, data_folder=data.folder):
            generator = torch.Generator().manual_seed(config.training.seed)
            drawn = built_model(model_config, generator=generator)
            model = refitted(drawn, data.training()).to(device)
            model.requires_grad_(False)
            model.decoder.requires_grad_(True)
            objective, rival = played(config, model_config.shape, generator=generator, device=device)
            state = TrainingState(model, config.training, pairs=len(data.training()), rival=rival)
            yield from train_in_folder(
                run, state=state, objective=objective,
                training=data.training().to(device), heldout=data.heldout().to(device),
            )  # fmt: skip

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


def _with_matrix(model: KoopmanDistillationModel, matrix: np.ndarray) -> KoopmanDistillationModel:
    changed = copy.deepcopy(model)
    with seeded_modules(torch.Generator()):
        operator = DenseOperator(len(matrix))
    with torch.no_grad():
        operator.weight.copy_(torch.from_numpy(matrix.T.copy()))
    changed.operator = operator.to(next(model.parameters()).device)
    return changed.train(model.training)
