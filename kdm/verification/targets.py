"""What can be verified: a preset, a RUN that was trained here, one that was imported, anyone's model as MODULE:OBJECT.

A model that was trained elsewhere does not say on what, so that the data to measure it on have to be named. Trainings
are made or found in one folder:

    WORK/data      the collected pairs, unless they are given
    WORK/run       the RUN of the model, unless one is given
    WORK/direct    the RUN of direct regression

Each part resumes where an interrupted one stopped.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch

from kdm.ablations import load_direct
from kdm.evaluation import pairs_in_rows
from kdm.presets import PRESETS, Preset, preset_named
from kdm.progress import progress_bar
from kdm.training.distillation import DistillationConfig, config_of, distil, distillation_experiment, load
from kdm.training.measurable import data_for
from kdm.training.runs import RunError, RunFolder
from kdm.trajectories import Trajectories, collect, of_class, open_trajectories
from kdm.verification.direct import direct_beside
from kdm.verification.experiment import Experiment, Subject, Training
from kdm.verification.model_objects import digest_of_answers, fitting_model, is_model_object, model_object
from kdm.verification.subjects import class_to_verify, digest_of_run, name_of_run, subject_of_run
from koopman_analysis import LatentModel, SnapshotPairs

ELSEWHERE = "was trained elsewhere: whether it has seen the pairs that are held out here, nobody says"


@dataclass(frozen=True, kw_only=True)
class Means:
    """With what an experiment is made.

    Attributes:
        work: Folder for collected data and trainings.
        seed: Seed of everything random.
        fast: Few pairs and little training.
        device: Where to train.
        progress: Show bars.
        label: The class to look at, where the model is told classes; None for the largest.
    """

    work: Path
    seed: int
    fast: bool
    device: torch.device
    progress: bool
    label: int | None = None


@dataclass(frozen=True)
class Target(ABC):
    """What is verified, as the command line names it.

    Attributes:
        word: The name.
        data: The data given, if any.
    """

    word: str
    data: Path | None

    @property
    @abstractmethod
    def name(self) -> str:
        """A name for folders."""

    @property
    @abstractmethod
    def key(self) -> dict[str, str]:
        """What decides the answer, wherever the folders are."""

    @abstractmethod
    def experiment(self, means: Means) -> Experiment:
        """The experiment, with everything made that it needs."""


class PresetTarget(Target):
    """A preset: everything is made."""

    @property
    def name(self) -> str:
        """The preset's."""
        return self.word

    @property
    def key(self) -> dict[str, str]:
        """Its name, and the digest of the data given."""
        given = {} if self.data is None else {"data": open_trajectories(self.data).manifest.digest}
        return {"target": self.word} | given

    def experiment(self, means: Means) -> Experiment:
        """Collects (unless data are given), trains the model and direct regression."""
        preset = preset_named(self.word).seeded(means.seed)
        preset = preset.fast() if means.fast else preset
        pairs = open_trajectories(self.data) if self.data else _collected(preset, means)
        direct, run = means.work / "direct", means.work / "run"
        with direct_beside(preset.distillation, pairs, direct, device=means.device):
            train_with_bar(
                preset.distillation, pairs, run, device=means.device, preset=preset.name, progress=means.progress
            )
        return _trained_here(run, pairs, name=preset.name, means=means)


class TrainedRun(Target):
    """A RUN that was trained here, on its own data."""

    @property
    def name(self) -> str:
        """That of its folder."""
        return name_of_run(Path(self.word))

    @property
    def key(self) -> dict[str, str]:
        """What was trained on what: the data are part of it."""
        return {"target": digest_of_run(Path(self.word))}

    def experiment(self, means: Means) -> Experiment:
        """The RUN, with direct regression trained to stand beside it.

        Raises:
            RunError: If the data given are others than the RUN's: baselines fitted to them would be no rivals of it.
        """
        run = Path(self.word)
        load(run)
        record = distillation_experiment(RunFolder(run))
        pairs = data_for(run, self.data)
        if pairs.manifest.digest != record["data"]["digest"]:
            raise RunError(
                f"expected the data that '{run}' was trained on, wherever they are now, got others: "
                "measure it on others with `kdm evaluate RUN --data DATA`"
            )
        with direct_beside(config_of(record), pairs, means.work / "direct", device=means.device):
            pass
        return _trained_here(run, pairs, name=self.name, means=means)


@dataclass(frozen=True)
class Elsewhere(Target):
    """A model that was trained elsewhere, on data that have to be named.

    Raises:
        ValueError: If they are not.
    """

    def __post_init__(self) -> None:
        if self.data is None:
            raise ValueError(
                f"expected --data DATA for {self.word!r}, which was trained elsewhere, so that nothing here says on "
                "what: name the pairs to measure it on (`kdm collect` and `kdm pack` make some)"
            )

    @cached_property
    def pairs(self) -> Trajectories:
        """The data given, opened."""
        assert self.data is not None  # as it was made
        return open_trajectories(self.data)

    @property
    def key(self) -> dict[str, str]:
        """What decides the model's answers, and the digest of the data."""
        return {"target": self.digest, "data": self.pairs.manifest.digest}

    def experiment(self, means: Means) -> Experiment:
        """The model on the data given."""
        if means.label is not None:
            raise ValueError(f"expected no --label for {self.word!r}, of whose classes nobody knows: leave it out")
        return Experiment(subject=self.subject(device=means.device), data=self.pairs)

    @property
    @abstractmethod
    def digest(self) -> str:
        """What decides the model's answers."""

    @abstractmethod
    def subject(self, *, device: torch.device) -> Subject:
        """The model."""


class ImportedRun(Elsewhere):
    """A RUN that was imported."""

    @property
    def name(self) -> str:
        """That of its folder."""
        return name_of_run(Path(self.word))

    @property
    def digest(self) -> str:
        """That of its record, which names the file that it was read from, and of its weights."""
        return digest_of_run(Path(self.word))

    def experiment(self, means: Means) -> Experiment:
        """The model of the RUN on the data given, or on those of one class."""
        return _of_one_class(Path(self.word), self.pairs, means, name=None, training=None)

    def subject(self, *, device: torch.device) -> Subject:
        """The model of the RUN."""
        return subject_of_run(Path(self.word), self.pairs, device=device)


class ModelObject(Elsewhere):
    """Anyone's model, as MODULE:OBJECT."""

    @property
    def name(self) -> str:
        """Module and object."""
        return self.word.replace(":", "-")

    @cached_property
    def model(self) -> LatentModel:
        """What the word names, as a model of the data; its module is imported, and its function called, once.

        Raises:
            ModelObjectError: If it is none.
        """
        training = pairs_in_rows(self.pairs.training())
        return fitting_model(model_object(self.word), name=self.word, training=training, heldout=self._heldout)

    @cached_property
    def digest(self) -> str:
        """That of its answers on the held-out pairs."""
        return digest_of_answers(self.model, self._heldout)

    def subject(self, *, device: torch.device) -> Subject:
        """The model, of which nothing else is known."""
        return Subject(name=self.word, model=self.model, history=ELSEWHERE)

    @cached_property
    def _heldout(self) -> SnapshotPairs:
        return pairs_in_rows(self.pairs.heldout())


def target_named(word: str, *, data: Path | None) -> Target:
    """What a word of the command line means, with these data; a preset comes before a folder of its name.

    Raises:
        ValueError: If it means nothing, or needs data and there are none.
        RunError: If it is a folder but no RUN.
    """
    if word in PRESETS:
        return PresetTarget(word, data)
    if Path(word).exists():
        kind = ImportedRun if RunFolder(Path(word)).is_imported() else TrainedRun
        return kind(word, data)
    if is_model_object(word):
        return ModelObject(word, data)
    raise ValueError(
        f"expected one of the presets {', '.join(PRESETS)}, the folder of a run, or a model as MODULE:OBJECT, "
        f"got {word!r}"
    )


def train_with_bar(
    config: DistillationConfig, data: Trajectories, folder: Path, *, device: torch.device, preset: str, progress: bool
) -> None:
    """Trains in the folder to the end, under a bar that shows the held-out error."""
    with progress_bar(total=config.training.steps, doing="training", unit="step", shown=progress) as bar:
        for step in distil(config, data, folder, device=device, preset=preset):
            bar.update(step.index - bar.n)
            if step.heldout is not None:
                bar.set_postfix_str(f"held-out error {100 * step.heldout.relative_rmse:.2f} %", refresh=False)


def _collected(preset: Preset, means: Means) -> Trajectories:
    return collect(
        preset.teacher_object(), preset.pairs, generator=torch.Generator().manual_seed(means.seed),
        steps=preset.solver_steps, keep=preset.keep, out=means.work / "data", device=means.device,
        progress=means.progress,
    )  # fmt: skip


def _trained_here(run: Path, data: Trajectories, *, name: str, means: Means) -> Experiment:
    folder, direct = RunFolder(run), load_direct(means.work / "direct", device=means.device)
    training = Training(run=folder, config=config_of(distillation_experiment(folder)), direct=direct)
    return _of_one_class(run, data, means, name=name, training=training)


def _of_one_class(
    run: Path, data: Trajectories, means: Means, *, name: str | None, training: Training | None
) -> Experiment:
    """The experiment on all data, or on those of the one class that a model of classes is looked at with."""
    label = class_to_verify(run, data, asked=means.label)
    part = data if label is None else of_class(data, label)
    subject = subject_of_run(run, part, device=means.device, name=name, label=label)
    return Experiment(subject=subject, data=part, training=training, label=label)
