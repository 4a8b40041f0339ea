"""What a verification looks at: data, the trained model, and direct regression beside it, made or found in one folder.

    OUT/data      the collected pairs, unless they are given
    OUT/run       the RUN of the model, unless one is given
    OUT/direct    the RUN of direct regression

Each part resumes where an interrupted one stopped. The two trainings are independent, so direct regression runs in a
process of its own beside the model's.
"""

import contextlib
import multiprocessing
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from tqdm import tqdm

from kdm.ablations import DirectRegression, load_direct, regress_directly
from kdm.configuration import ModelConfig, from_json
from kdm.model import KoopmanDistillationModel
from kdm.objectives import KoopmanObjective
from kdm.presets import Preset
from kdm.training.distillation import DistillationConfig, data_for, distil, distillation_experiment, load
from kdm.training.loop import TrainingConfig
from kdm.training.runs import RunError, RunFolder
from kdm.trajectories import Trajectories, collect, open_trajectories


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """Everything that a verification measures.

    Attributes:
        name: What it is called on the page.
        data: The pairs, with their held-out tenth.
        model: The distilled model.
        model_config: What it is made of.
        run: The folder that it was trained in.
        direct: Direct regression with its parameters, on the same samples.
    """

    name: str
    data: Trajectories
    model: KoopmanDistillationModel
    model_config: ModelConfig
    run: RunFolder
    direct: DirectRegression


def experiment_of_preset(
    preset: Preset, *, data: Path | None, out: Path, seed: int, device: torch.device, progress: bool
) -> Experiment:
    """Collects (unless data are given), trains the model and direct regression, in folders under `out`."""
    if data is None:
        pairs = collect(
            preset.teacher_object(), preset.pairs, generator=torch.Generator().manual_seed(seed),
            steps=preset.solver_steps, out=out / "data", device=device, progress=progress,
        )  # fmt: skip
    else:
        pairs = open_trajectories(data)
    config = preset.seeded(seed).distillation
    with _direct_beside(config, pairs, out / "direct", device):
        train_with_bar(config, pairs, out / "run", device=device, preset=preset.name, progress=progress)
    return _loaded(preset.name, pairs, run=out / "run", direct=out / "direct", device=device)


def experiment_of_run(run: Path, *, data: Path | None, out: Path, device: torch.device) -> Experiment:
    """A trained RUN on its own data, with direct regression trained to stand beside it.

    Raises:
        RunError: If the data given are others than the RUN's: baselines fitted to them would be no rivals of it.
    """
    load(run)
    record = distillation_experiment(RunFolder(run))
    pairs = data_for(run, data)
    if pairs.manifest.digest != record["data"]["digest"]:
        raise RunError(
            f"expected the data that '{run}' was trained on, wherever they are now, got others: "
            "measure it on others with `kdm evaluate RUN --data DATA`"
        )
    config = DistillationConfig(
        architecture=from_json(ModelConfig, record["model"]).architecture,
        objective=from_json(KoopmanObjective, record["objective"]),
        training=from_json(TrainingConfig, record["training"]),
    )
    with _direct_beside(config, pairs, out / "direct", device):
        pass
    return _loaded(run.resolve().name, pairs, run=run, direct=out / "direct", device=device)


def train_with_bar(
    config: DistillationConfig, data: Trajectories, folder: Path, *, device: torch.device, preset: str, progress: bool
) -> None:
    """Trains in the folder to the end, under a bar that shows the held-out error."""
    with tqdm(total=config.training.steps, desc="training", unit="step", disable=not progress) as bar:
        for step in distil(config, data, folder, device=device, preset=preset):
            bar.update(step.index - bar.n)
            if step.heldout is not None:
                bar.set_postfix_str(f"held-out error {100 * step.heldout.relative_rmse:.2f} %", refresh=False)


@contextmanager
def _direct_beside(
    config: DistillationConfig, data: Trajectories, folder: Path, device: torch.device
) -> Iterator[None]:
    """Trains direct regression in another process while the block runs; done when the block is left."""
    if data.folder is None:
        raise ValueError("expected data on disk, got data in memory: another process has to open them")
    steps = regress_directly(config, data, folder, device=device)
    finished = next(steps, None) is None
    steps.close()
    if finished:
        yield  # a process takes seconds to start
        return
    arguments = (config, data.folder, folder, str(device))
    beside = multiprocessing.get_context("spawn").Process(target=_regress_quietly, args=arguments)
    with _interrupts_ignored():  # what the new process inherits: until it trains, an interrupt is not its business
        beside.start()
    try:
        yield
    except BaseException:
        beside.terminate()  # it saves what it has, and stops
        raise
    finally:
        beside.join()
    # Here, so that what went wrong there is told; it finds nothing to do where nothing did.
    _regress_to_the_end(*arguments)


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)


def _regress_quietly(config: DistillationConfig, data: Path, folder: Path, device: str) -> None:
    with contextlib.suppress(KeyboardInterrupt):  # told by the process that started this one
        _regress_to_the_end(config, data, folder, device)


def _regress_to_the_end(config: DistillationConfig, data: Path, folder: Path, device: str) -> None:
    for _ in regress_directly(config, open_trajectories(data), folder, device=torch.device(device)):
        pass


def _loaded(name: str, data: Trajectories, *, run: Path, direct: Path, device: torch.device) -> Experiment:
    folder = RunFolder(run)
    return Experiment(
        name=name,
        data=data,
        model=load(run, device=device),
        model_config=from_json(ModelConfig, distillation_experiment(folder)["model"]),
        run=folder,
        direct=load_direct(direct, device=device),
    )
