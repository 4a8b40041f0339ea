"""One distillation: an architecture, an objective and a way to train, on one data set, in one RUN.

A model that was trained elsewhere and imported is loaded and measured like one that was trained here; what it was
trained on, its RUN does not know.
"""

from collections.abc import Generator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from kdm.configuration import Architecture, ModelConfig, built_model, from_json, to_json
from kdm.distances import SampleDistance, digests_of_weights, require_range
from kdm.model import KoopmanDistillationModel, Scaling
from kdm.objectives import KoopmanObjective, Objective
from kdm.operators import DenseConfig, OperatorConfig
from kdm.refitting import Refit, refitted
from kdm.semigroup_objective import SemigroupObjective
from kdm.training.adversary import Adversary, Rival, played
from kdm.training.distributed import current_processes
from kdm.training.loop import Step, TrainingConfig, TrainingState
from kdm.training.preparation import require_trainable
from kdm.training.records import WEIGHTS_READ
from kdm.training.runs import RunFolder
from kdm.training.sessions import claimed_together, train_in_folder
from kdm.trajectories import IndexedPairs, Trajectories
from kdm.trajectories.manifest import NOISE_DEVIATION
from kdm.versions import ADDED_LATER

KIND, IMPORTED = "koopman-distillation", "imported-model"


@dataclass(frozen=True, kw_only=True)
class DistillationConfig:
    """What is trained and how, whatever the data.

    Attributes:
        architecture: What.
        training: How.
        objective: What for.
        adversary: A critic that is trained beside it, if any.
        refit: What the operator becomes after the last step, in closed form, if it is not to stay as it was trained.

    Raises:
        ValueError: If the objective, an adversary or a refit is not one for the architecture's encoders and operator,
            or the training ends before the adversary begins.
    """

    architecture: Architecture
    training: TrainingConfig
    objective: KoopmanObjective | SemigroupObjective = field(default_factory=KoopmanObjective)
    adversary: Adversary | None = field(default=None, metadata=ADDED_LATER)
    refit: Refit | None = field(default=None, metadata=ADDED_LATER)

    def __post_init__(self) -> None:
        expected = objective_of(self.architecture)
        if not isinstance(self.objective, expected):
            raise ValueError(
                f"expected a {expected.__name__} for {'one encoder' if self.shares_encoder else 'two encoders'}, "
                f"got a {type(self.objective).__name__}"
            )
        self._require_fitting_adversary()
        if self.refit is not None and (self.shares_encoder or self.architecture.operator != DenseConfig()):
            raise ValueError(
                f"expected an encoder for each end and a dense operator, to be replaced by {self.refit}, got "
                f"{'one encoder' if self.shares_encoder else self.architecture.operator}"
            )

    def _require_fitting_adversary(self) -> None:
        if self.adversary is None:
            return
        if self.shares_encoder:
            raise ValueError(f"expected no adversary beside one encoder for all times, got {self.adversary}")
        if self.adversary.start >= self.training.steps:
            raise ValueError(
                f"expected an adversary that begins before the end of {self.training.steps} steps, got one that begins "
                f"after {self.adversary.start}: let it begin earlier, or train without one"
            )

    @property
    def shares_encoder(self) -> bool:
        """Whether one encoder serves all times, so that whole trajectories are trained on."""
        return self.architecture.data_encoder is None

    def with_operator(self, operator: OperatorConfig) -> "DistillationConfig":
        """The same with another kind of operator."""
        return replace(self, architecture=replace(self.architecture, operator=operator))

    def seeded(self, seed: int) -> "DistillationConfig":
        """The same with another seed of the training."""
        return replace(self, training=replace(self.training, seed=seed))


def objective_of(architecture: Architecture) -> type[KoopmanObjective] | type[SemigroupObjective]:
    """The kind of objective for these encoders: one for all times asks for whole trajectories."""
    return SemigroupObjective if architecture.data_encoder is None else KoopmanObjective


def objective_entries(config: DistillationConfig) -> dict[str, Any]:
    """What an experiment records of the objective, files that it reads, and an adversary and a refit if there are any.

    Raises:
        WeightsError: If such a file is not there.
    """
    parts = {"objective": config.objective, "adversary": config.adversary, "refit": config.refit}
    entries = {name: to_json(part) for name, part in parts.items() if part is not None}
    return {**entries, **weights_read(config.objective.distance)}


def weights_read(distance: SampleDistance) -> dict[str, Any]:
    """What an experiment records of the files that a distance reads; nothing where it reads none.

    Raises:
        WeightsError: If such a file is not there.
    """
    read = digests_of_weights(distance)
    return {WEIGHTS_READ: read} if read else {}


def prepared(
    config: DistillationConfig, model_config: ModelConfig, *, device: torch.device
) -> tuple[KoopmanDistillationModel, Objective, Rival | None]:
    """A fresh model, its objective, and what is trained beside it, all tried on the shape of a sample.

    Raises:
        ValueError: As `played`, or if the distance is one of pictures and the samples are none.
        WeightsError: If the weights that the distance reads cannot be had.
    """
    generator = torch.Generator().manual_seed(config.training.seed)
    model = built_model(model_config, generator=generator).to(device)
    objective, rival = played(
        config.objective, config.adversary, model_config.shape, generator=generator, device=device
    )
    if isinstance(config.objective, KoopmanObjective):
        config.objective.distance.to(torch.zeros(1, *model_config.shape, device=device), scaling=model_config.scaling)
    return model, objective, rival


def begun(
    config: DistillationConfig, model_config: ModelConfig, training: IndexedPairs, *, device: torch.device
) -> tuple[TrainingState, Objective]:
    """A training before its first step, and its objective.

    Raises:
        ValueError: As `prepared`.
        WeightsError: As `prepared`.
    """
    model, objective, rival = prepared(config, model_config, device=device)
    finish = None if config.refit is None else partial(refitted, pairs=training, refit=config.refit)
    return TrainingState(model, config.training, pairs=len(training), rival=rival, finish=finish), objective


def noise_scale(data: Trajectories) -> float:
    """The standard deviation of the noise: that of its source, or σ of the first stored time, 1 for flow matching."""
    sigma = data.manifest.times[0] if data.manifest.time_name == "sigma" else 1.0
    return float(data.manifest.source.get(NOISE_DEVIATION, sigma))


def model_config_of(config: DistillationConfig, data: Trajectories) -> ModelConfig:
    """The model for these data; its units are the noise's known standard deviation and the data's measured moments.

    Raises:
        ValueError: If one encoder is to serve all times of trajectories that are not at noise levels.
    """
    if config.shares_encoder and data.manifest.time_name != "sigma":
        raise ValueError(
            f"expected trajectories at noise levels, for one encoder of all times, got times {data.manifest.time_name}"
        )
    sigmas = data.manifest.times if config.shares_encoder else None
    moments = data.training_moments()
    scaling = Scaling(noise=noise_scale(data), data_mean=moments.mean, data=moments.deviation)
    return ModelConfig(architecture=config.architecture, shape=data.shape, scaling=scaling, sigmas=sigmas)


def config_of(experiment: dict[str, Any]) -> DistillationConfig:
    """The configuration of a distillation, from the experiment that its RUN recorded."""
    architecture = from_json(ModelConfig, experiment["model"]).architecture
    return DistillationConfig(
        architecture=architecture,
        objective=from_json(objective_of(architecture), experiment["objective"]),
        training=from_json(TrainingConfig, experiment["training"]),
        adversary=from_json(Adversary, experiment["adversary"]) if "adversary" in experiment else None,
        refit=from_json(Refit, experiment["refit"]) if "refit" in experiment else None,
    )


def distil(
    config: DistillationConfig, data: Trajectories, folder: Path, *, device: torch.device, preset: str = ""
) -> Generator[Step, None, None]:
    """Trains a model on the data's training part; the same call on the same folder resumes, or is already done.

    All that the training takes is made before the folder is: a mistake costs no folder.
    Where torch has a process group, its processes make the same call, and train together.

    Yields:
        Every finished step.

    Raises:
        DataError: If one encoder is to serve all times, and only the two ends were kept; if the labels are not those of
            the model's classes, or the held-out data do not differ.
        ValueError: If there is an adversary, and the samples are no pictures; or if values of the data are not in the
            range of a perceptual distance.
        WeightsError: If weights that the objective reads are not there, or others.
        RunError: If the folder holds another experiment, or one whose objective read other files.
        FolderInUse: If another process trains in it.
        ProcessLost: If one of several processes fails, in the others.
    """
    training, heldout = data.training_source(whole=config.shares_encoder), data.heldout()
    model_config = model_config_of(config, data)
    run = RunFolder(folder)
    experiment = {
        "kind": KIND,
        "preset": preset,
        "model": to_json(model_config),
        **objective_entries(config),
        "training": to_json(config.training),
        "data": {"digest": data.manifest.digest, "seed": data.manifest.seed, "source": dict(data.manifest.source)},
    }
    if current_processes().told(lambda: run.is_finished(experiment)):
        return
    require_trainable(data, heldout, classes=config.architecture.classes, batch=config.training.batch)
    state, objective = begun(config, model_config, training, device=device)
    require_range(config.objective.distance, data)
    with claimed_together(run, experiment, data_folder=data.folder):
        yield from train_in_folder(
            run, state=state, objective=objective, training=training.to(device), heldout=heldout.to(device)
        )


def load(run: str | Path, *, device: torch.device | str = "cpu") -> KoopmanDistillationModel:
    """The model of a RUN, with averaged weights where it was trained here, in evaluation mode.

    Raises:
        RunError: If there is no such RUN, or it is unfinished, damaged or of another version or kind.
    """
    folder = RunFolder(Path(run))
    kind = IMPORTED if folder.is_imported() else KIND
    return restored_model(folder, kind=kind).to(device).eval()


def restored_model(folder: RunFolder, *, kind: str) -> KoopmanDistillationModel:
    """The model with the weights of a finished RUN of this kind.

    Raises:
        RunError: As `load`.
    """
    experiment = folder.experiment_of(kind)
    folder.require_finished()
    model = built_model(from_json(ModelConfig, experiment["model"]), generator=torch.Generator())
    folder.load_weights(model)
    return model


def distillation_experiment(folder: RunFolder) -> dict[str, Any]:
    """The experiment of a RUN that holds a distillation.

    Raises:
        RunError: If the RUN holds something else.
    """
    return folder.experiment_of(KIND)
