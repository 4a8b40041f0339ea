"""Data and trainings that several benchmarks share."""

import os
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from tqdm import tqdm

from kdm.ablations import DirectRegression, load_direct, regress_directly
from kdm.evaluation import evaluate, generated, paired_error
from kdm.importing.layouts import CHECKERBOARD, pack
from kdm.model import KoopmanDistillationModel
from kdm.presets import Preset, preset_named
from kdm.training.distillation import DistillationConfig, begun, distil, load, model_config_of
from kdm.training.loop import Step, train
from kdm.trajectories import Pairs, Trajectories, collect, open_trajectories

from .cost import Cost, Stopwatch
from .page import Row

CPU = torch.device("cpu")
PUBLISHED_FILE, PUBLISHED_MODEL = "checkerboard_flow_matching.npy", "published_checkerboard_model.pt"
COLUMNS = {
    "samples": "", "paired error, held out": ".2%", "median error": ".4f", "p90": ".4f",
    "paired error, training": ".2%", "off-support fraction": ".2%", "support-distance excess": ".5f",
    "wall s": ".0f", "CPU s": ".0f", "others, cores": ".2f",
}  # fmt: skip
"""What `checkerboard_row` measures, with the format of each number."""


@dataclass(frozen=True, kw_only=True)
class Profile:
    """How much is measured, and where data are kept between two runs.

    Attributes:
        fast: To see that everything runs, without meaning.
        work: The folder for data.
    """

    fast: bool
    work: Path

    def preset(self, name: str) -> Preset:
        """The preset of this name."""
        preset = preset_named(name)
        return preset.fast() if self.fast else preset

    def count(self, full: int, *, fast: int) -> int:
        """How many of something."""
        return fast if self.fast else full


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A distilled model, with averaged weights, and what its training cost."""

    model: KoopmanDistillationModel
    cost: Cost


def trained(config: DistillationConfig, data: Trajectories, *, name: str = "training") -> Trained:
    """Distils in memory, exactly as `kdm train` does but for the saves; the cost is that of the training alone."""
    training, heldout = data.training(), data.heldout()
    state, objective = begun(config, model_config_of(config, data), training, device=CPU)
    watch = Stopwatch()
    steps = train(state, objective, training, heldout)
    deque(tqdm(steps, total=config.training.steps, desc=name, unit="step", mininterval=5), maxlen=0)
    module = state.result().eval()
    assert isinstance(module, KoopmanDistillationModel)
    return Trained(model=module, cost=watch.cost())


def collected(preset: Preset, folder: Path) -> Trajectories:
    """The preset's pairs of its teacher, collected once."""
    return collect(
        preset.teacher_object(), preset.pairs, generator=torch.Generator().manual_seed(0), steps=preset.solver_steps,
        out=folder, progress=True,
    )  # fmt: skip


def distilled_in(run: Path, preset: Preset, data: Trajectories) -> KoopmanDistillationModel:
    """The preset's model, trained in this RUN, where that has not been done."""
    steps = distil(preset.distillation, data, run, device=CPU, preset=preset.name)
    _to_the_end(steps, preset, name=f"{preset.name}, {run.name}")
    return load(run)


def regressed_in(run: Path, preset: Preset, data: Trajectories) -> DirectRegression:
    """Direct regression with the parameters and samples of the preset's model, likewise."""
    _to_the_end(regress_directly(preset.distillation, data, run, device=CPU), preset, name=f"{preset.name}, {run.name}")
    return load_direct(run)


def _to_the_end(steps: Iterable[Step], preset: Preset, *, name: str) -> None:
    total = preset.distillation.training.steps
    deque(tqdm(steps, total=total, desc=name, unit="step", mininterval=5), maxlen=0)


def published_trajectories(work: Path) -> Trajectories:
    """The checkerboard published with the paper, packed once.

    Raises:
        SystemExit: If KDM_REFERENCE_DATA does not name the folder that holds it.
    """
    source, folder = published_file(PUBLISHED_FILE), work / "published"
    return open_trajectories(folder) if folder.exists() else pack(source, layout=CHECKERBOARD, out=folder)


def published_file(name: str) -> Path:
    """A file published with the paper.

    Raises:
        SystemExit: If KDM_REFERENCE_DATA does not name the folder that holds it.
    """
    source = Path(os.environ.get("KDM_REFERENCE_DATA", "")) / name
    if not source.is_file():
        raise SystemExit(f"expected {name} in the folder that KDM_REFERENCE_DATA names, found none there")
    return source


def first_training_pairs(data: Trajectories, count: int) -> Trajectories:
    """The same held-out pairs, and the first `count` of the others to train on."""
    heldout = data.manifest.heldout
    if not 0 < count <= len(data) - heldout:
        raise ValueError(f"expected between 1 and {len(data) - heldout} training pairs, got {count}")
    rows = torch.cat([torch.arange(count), torch.arange(len(data) - heldout, len(data))]).numpy()
    return replace(
        data,
        noise=data.noise[rows],
        data=data.data[rows],
        trajectory=None,
        labels=None if data.labels is None else data.labels[rows],
        manifest=replace(data.manifest, n=len(rows)),
        folder=None,
    )


def error_quantile(model: KoopmanDistillationModel, pairs: Pairs, share: float) -> float:
    """The distance ‖ŷ − y‖ that this share of the pairs does not exceed."""
    distance = (generated(model, pairs.noise, pairs.labels) - pairs.data).flatten(1).double().norm(dim=1)
    return float(distance.quantile(share))


def checkerboard_row(name: str, fitted: Trained, data: Trajectories, *, count: int) -> Row:
    """What a model reaches on data with a known support, `count` fresh samples, and what its training cost."""
    quantities = evaluate(fitted.model, data, count=count).quantities
    return {
        "samples": name,
        "paired error, held out": quantities["paired_error"],
        "median error": quantities["paired_error_median"],
        "p90": error_quantile(fitted.model, data.heldout(), 0.9),
        "paired error, training": paired_error(fitted.model, data.training()).relative_rmse,
        "off-support fraction": quantities["off_support_fraction"],
        "support-distance excess": quantities["support_distance_excess"],
        "wall s": fitted.cost.wall,
        "CPU s": fitted.cost.cpu,
        "others, cores": fitted.cost.others,
    }
