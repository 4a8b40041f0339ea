"""The main job: data → a distilled model and its baselines → claims with verdicts → one page."""

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from kdm.presets import preset_named
from kdm.storage import lock_beside, lock_inside, sole_writer
from kdm.verification.evidence import evidence_of
from kdm.verification.experiment import (
    Experiment,
    experiment_of_preset,
    experiment_of_run,
    train_with_bar,
)
from kdm.verification.page import report_of
from kdm.verification.request import Request
from koopman_analysis.report import Report, summary_table

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
        FileExistsError: If `out` holds something that is not a report, or the report of another command.
        FolderInUse: If another process is working for this report, or in the same part of `work`.
        ValueError: If the target, the data or a RUN in `work` is not what it should be.
    """
    started = time.monotonic()
    request = Request(target=target, data=data, seed=seed, fast=fast)
    out, folder = out or Path("reports") / request.name, work / f"verify-{request.name}"
    with (
        sole_writer(out, lock=lock_beside(out)),
        sole_writer(folder, lock=lock_inside(folder), otherwise="start from another directory"),
    ):
        request.require_replaceable(out)
        experiment = _experiment_of(request, work=folder, device=torch.device(device), progress=progress)
        report = _measured(experiment, request, progress=progress)
        duration = {"torch": torch.__version__, "duration_seconds": round(time.monotonic() - started)}
        report = replace(report, environment={**report.environment, **duration})
        page = report.save(out)
    if progress:
        print(f"\n{summary_table(report.claims.values())}\n\nreport  {page}\nmodel   {experiment.run.path}")
    return report


def _experiment_of(request: Request, *, work: Path, device: torch.device, progress: bool) -> Experiment:
    if request.is_run:
        return experiment_of_run(Path(request.target), data=request.data, out=work, device=device)
    preset = preset_named(request.target)
    return experiment_of_preset(
        preset.fast() if request.fast else preset,
        data=request.data, out=work, seed=request.seed, device=device, progress=progress,
    )  # fmt: skip


def _measured(experiment: Experiment, request: Request, *, progress: bool) -> Report:
    if progress:
        print("fitting baselines and measuring the claims", flush=True)
    rng, generator = np.random.default_rng(request.seed), torch.Generator().manual_seed(request.seed)
    count = FRESH_SAMPLES_FAST if request.fast else FRESH_SAMPLES
    evidence = evidence_of(experiment, count=count, rng=rng, generator=generator)
    return report_of(experiment, evidence, request=request, rng=rng, generator=generator)


__all__ = ["Experiment", "train_with_bar", "verify"]
