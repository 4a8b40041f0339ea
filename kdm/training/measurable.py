"""Data that the model of a RUN can be measured on: of its states and its noise, with no pair that it was trained on."""

from pathlib import Path

from kdm.configuration import ModelConfig, from_json
from kdm.training.distillation import distillation_experiment, noise_scale
from kdm.training.runs import RunError, RunFolder
from kdm.trajectories import Trajectories, open_trajectories, whole_of


def data_for(run: str | Path, data: str | Path | None) -> Trajectories:
    """The data to measure a RUN on: those given, or those it was trained on.

    Raises:
        RunError: If the data given are of the same teacher and seed as the training data but another size: their
            held-out part would hold pairs that the model was trained on. If their states, noise or labels are not
            those that the model takes. If none are given, and those of the training are gone, or nobody knows them.
        DataError: If there are none.
    """
    folder = RunFolder(Path(run))
    where = Path(data) if data else folder.data_folder()
    if data is None and not where.is_dir():
        raise RunError(
            f"the data of '{run}' were in '{where}' and are not there any more: "
            "name the folder where they are now with --data"
        )
    found = open_trajectories(where)
    require_measurable(folder, found)
    return found


def require_measurable(folder: RunFolder, data: Trajectories) -> None:
    """Refuses data on whose held-out part a RUN's model cannot be measured.

    Raises:
        RunError: As `data_for`, of data that are given.
    """
    _require_fitting(folder, data)
    if not folder.is_imported():
        _require_unseen(folder, data)


def _require_fitting(folder: RunFolder, data: Trajectories) -> None:
    """Refuses data whose states, whose noise, or whose labels are not what the model takes."""
    config = from_json(ModelConfig, folder.experiment()["model"])
    if (config.shape, config.scaling.noise) != (data.shape, noise_scale(data)):
        raise RunError(
            f"expected states of shape {config.shape} from noise of standard deviation {config.scaling.noise:g}, which "
            f"'{folder.path}' takes, got shape {data.shape} and deviation {noise_scale(data):g}: name other data"
        )
    classes = config.architecture.classes
    if classes and data.labels is not None and not 0 <= data.labels.min() <= data.labels.max() < classes:
        raise RunError(
            f"expected labels of 0 to {classes - 1}, which '{folder.path}' knows, got {data.labels.min()} to "
            f"{data.labels.max()}: name other data"
        )


def _require_unseen(folder: RunFolder, data: Trajectories) -> None:
    """Refuses data of which other rows are held out than in the training."""
    trained_on = distillation_experiment(folder)["data"]
    digest, source = whole_of(data)
    alike = data.manifest.seed is not None and data.manifest.seed == trained_on["seed"]
    if alike and source == trained_on["source"] and digest != trained_on["digest"]:
        raise RunError(
            f"expected pairs that '{folder.path}' was not trained on, got more or fewer from the same seed: "
            "collect them with another --seed"
        )
