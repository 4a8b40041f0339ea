"""The main job: data → a distilled model and its baselines → claims with verdicts → one page."""

import shlex
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from kdm.presets import PRESETS, preset_named
from kdm.trajectories import open_trajectories
from kdm.verification.evidence import evidence_of
from kdm.verification.experiment import (
    Experiment,
    experiment_of_preset,
    experiment_of_run,
    train_with_bar,
)
from kdm.verification.page import report_of
from koopman_analysis.report import Report, require_report_or_nothing, summary_table

FRESH_SAMPLES, FRESH_SAMPLES_FAST = 10_000, 1_000


def verify(
    target: str = "checkerboard", *, data: Path | None = None, out: Path | None = None, work: Path = Path("runs"),
    seed: int = 0, fast: bool = False, device: torch.device | str = "cpu", progress: bool = False,
) -> Report:  # fmt: skip
    """Runs a verification to its end, resuming what an interrupted one had finished, and saves its report.

    Args:
        target: A preset, or the folder of a RUN.
        data: A data set, where it should differ from the preset's or the RUN's.
        out: Folder of the report; `reports/<name>` where None, the name telling `fast`, `data` and `seed` apart.
        work: Folder in which data and trainings are kept.
        seed: Seed of everything random.
        fast: Few pairs and little training.
        device: Where to train and sample.
        progress: Show bars, and the claims as a table.

    Raises:
        FileExistsError: If `out` holds something that is not a report.
        ValueError: If the target, the data or a RUN in `work` is not what it should be.
    """
    started, place = time.monotonic(), torch.device(device)
    is_run = target not in PRESETS and Path(target).exists()
    if not is_run and target not in PRESETS:
        raise ValueError(f"expected one of the presets {', '.join(PRESETS)}, or the folder of a run, got {target!r}")
    given = [] if data is None else [open_trajectories(data).manifest.digest[:8]]
    variant = [*(["fast"] if fast else []), *given, *([f"seed{seed}"] if seed else [])]
    name = "-".join([_name_of_run(Path(target)) if is_run else target, *variant])
    out = out or Path("reports") / name
    require_report_or_nothing(out)
    folder = work / f"verify-{name}"
    if is_run:
        experiment = experiment_of_run(Path(target), data=data, out=folder, device=place)
    else:
        preset = preset_named(target).fast() if fast else preset_named(target)
        experiment = experiment_of_preset(preset, data=data, out=folder, seed=seed, device=place, progress=progress)
    rng, generator = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    if progress:
        print("fitting baselines and measuring the claims", flush=True)
    count = FRESH_SAMPLES_FAST if fast else FRESH_SAMPLES
    evidence = evidence_of(experiment, count=count, rng=rng, generator=generator)
    options = [*(["--data", str(data)] if data else []), *(["--fast"] if fast else []), "--seed", str(seed)]
    command = shlex.join(["kdm", "verify", target, *options])
    report = report_of(experiment, evidence, command=command, seed=seed, rng=rng, generator=generator)
    environment = {
        **report.environment,
        "torch": torch.__version__,
        "duration_seconds": round(time.monotonic() - started),
    }
    report = replace(report, environment=environment)
    page = report.save(out)
    if progress:
        print(f"\n{summary_table(report.claims.values())}\n\nreport  {page}\nmodel   {experiment.run.path}")
    return report


def _name_of_run(run: Path) -> str:
    """The folder's name; with its parent's where that is the RUN inside of another's work folder."""
    path = run.resolve()
    return f"{path.parent.name.removeprefix('verify-')}-run" if path.name == "run" else path.name


__all__ = ["Experiment", "train_with_bar", "verify"]
