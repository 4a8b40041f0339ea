"""What a verification looks at: data, the trained model, and direct regression beside it, made or found in one folder.

    OUT/data      the collected pairs, unless they are given
    OUT/run       the RUN of the model, unless one is given
    OUT/direct    the RUN of direct regression

Each part resumes where an interrupted one stopped.
"""

from dataclasses import dataclass
from pathlib import Path

import torch

from kdm.ablations import DirectRegression, load_direct
from kdm.configuration import ModelConfig, from_json
from kdm.model import KoopmanDistillationModel
from kdm.presets import Preset
from kdm.progress import progress_bar
from kdm.training.distillation import DistillationConfig, config_of, data_for, distil, distillation_experiment, load
from kdm.training.runs import RunError, RunFolder
from kdm.trajectories import Trajectories, collect, open_trajectories
from kdm.verification.direct import direct_beside


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
            steps=preset.solver_steps, keep=preset.keep, out=out / "data", device=device, progress=progress,
        )  # fmt: skip
    else:
        pairs = open_trajectories(data)
    config = preset.seeded(seed).distillation
    with direct_beside(config, pairs, out / "direct", device=device):
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
    with direct_beside(config_of(record), pairs, out / "direct", device=device):
        pass
    return _loaded(run.resolve().name, pairs, run=run, direct=out / "direct", device=device)


def train_with_bar(
    config: DistillationConfig, data: Trajectories, folder: Path, *, device: torch.device, preset: str, progress: bool
) -> None:
    """Trains in the folder to the end, under a bar that shows the held-out error."""
    with progress_bar(total=config.training.steps, doing="training", unit="step", shown=progress) as bar:
        for step in distil(config, data, folder, device=device, preset=preset):
            bar.update(step.index - bar.n)
            if step.heldout is not None:
                bar.set_postfix_str(f"held-out error {100 * step.heldout.relative_rmse:.2f} %", refresh=False)


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
