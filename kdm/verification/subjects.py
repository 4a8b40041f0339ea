"""Models on disk as the subjects of a verification, and what may be said of the pairs that they have seen."""

import hashlib
import json
from contextlib import suppress
from pathlib import Path

import torch

from kdm.configuration import ModelConfig, from_json
from kdm.latent_model import KDMLatentModel, require_known
from kdm.training.distillation import distillation_experiment, load
from kdm.training.measurable import require_measurable
from kdm.training.runs import RunFolder
from kdm.trajectories import Trajectories, largest_class, whole_of
from kdm.verification.experiment import Network, Subject


def subject_of_run(
    run: Path, data: Trajectories, *, device: torch.device, name: str | None = None, label: int | None = None
) -> Subject:
    """The model of a RUN, whoever trained it, under this name or its folder's; told this class, if any.

    Raises:
        RunError: If there is no such RUN, it is unfinished, or its states and noise are not those of the data.
        ValueError: If it knows no such class.
    """
    folder = RunFolder(run)
    network = Network(module=load(run, device=device), config=from_json(ModelConfig, folder.experiment()["model"]))
    require_measurable(folder, data)
    history = history_of_run(run, data)
    return Subject(
        name=name or name_of_run(run), model=KDMLatentModel(network.module, label=label), history=history,
        network=network,
    )  # fmt: skip


def classes_of_run(run: Path) -> int:
    """How many classes the model of a RUN is told, 0 where it is told none.

    Raises:
        RunError: If there is no such RUN.
    """
    return from_json(ModelConfig, RunFolder(run).experiment()["model"]).architecture.classes


def class_to_verify(run: Path, data: Trajectories, *, asked: int | None) -> int | None:
    """The class whose flow is looked at: the one asked for, else the largest; None where the model is told none.

    Raises:
        ValueError: If one is asked for, and the model is told none, or does not know it.
        DataError: If the model is told classes, and the data's labels are no conditions.
    """
    classes = classes_of_run(run)
    if classes == 0 and asked is not None:
        raise ValueError(f"expected no --label for '{run}', whose model is told no classes, got {asked}: leave it out")
    if classes == 0:
        return None
    if asked is None:
        return largest_class(data)
    require_known(asked, classes=classes)
    return asked


def history_of_run(run: Path, data: Trajectories) -> str:
    """What the model of a RUN was trained on, and whether it has seen the held-out pairs of these data."""
    folder = RunFolder(run)
    if folder.is_imported():
        source = folder.experiment()["source"]
        return (
            f"was imported from {source['file']} ({source['layout']}): its authors may have trained it on the very "
            "pairs that are held out here, so that its errors on new pairs may be larger"
        )
    trained_on = distillation_experiment(folder)["data"]["digest"]
    whole, _ = whole_of(data)
    if trained_on == whole != data.manifest.digest:
        return "was trained on these data and those of the other classes: the held-out pairs are new to it"
    if trained_on == whole:
        others = len(data) - data.manifest.heldout
        return f"was trained on the {others:,} other pairs of these data: the held-out ones are new to it"
    return "was trained on other data: the held-out pairs are new to it, unless the two sets share some"


def digest_of_run(run: Path) -> str:
    """The SHA-256 of what a RUN says that it holds, and of its weights where it has finished."""
    folder = RunFolder(run)
    digest = hashlib.sha256(json.dumps(folder.experiment(), sort_keys=True).encode())
    with suppress(FileNotFoundError):
        digest.update(folder.weights.read_bytes())
    return digest.hexdigest()


def name_of_run(run: Path) -> str:
    """The folder's name; with its parent's where that is the RUN inside of another's work folder."""
    path = run.resolve()
    return f"{path.parent.name.removeprefix('verify-')}-run" if path.name == "run" else path.name
