"""The main job: data → a distilled model and its baselines → claims with verdicts → one page."""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from kdm.storage import lock_beside, lock_inside, sole_writer
from kdm.verification.evidence import evidence_of
from kdm.verification.experiment import Experiment
from kdm.verification.page import report_of
from kdm.verification.request import Request
from kdm.verification.subjects import classes_of_run, subject_of_run
from kdm.verification.targets import Means, train_with_bar
from koopman_analysis.report import Report, summary_table

FRESH_SAMPLES, FRESH_SAMPLES_FAST = 10_000, 1_000


def verify(
    target: str = "checkerboard", *, data: Path | None = None, beside: Sequence[Path] = (), out: Path | None = None,
    work: Path = Path("runs"), seed: int = 0, fast: bool = False, label: int | None = None,
    device: torch.device | str = "cpu", progress: bool = False,
) -> Report:  # fmt: skip
    """Runs a verification to its end, resuming what an interrupted one had finished, and saves its report.

    Args:
        target: A preset, the folder of a RUN, or MODULE:OBJECT, a `LatentModel` or a callable that returns one.
        data: A data set, where it should differ from the preset's or the RUN's; needed by a model trained elsewhere.
        beside: RUNs to measure on the same held-out pairs.
        out: Folder of the report; `reports/<name>` where None, the name telling the other arguments apart.
        work: Folder in which data and trainings are kept.
        seed: Seed of everything random.
        fast: Few pairs and little training.
        label: The class to look at, where the model is told classes, each of which has a flow of its own; the largest
            unless given.
        device: Where to train and sample.
        progress: Show bars, and the claims as a table.

    Raises:
        FileExistsError: If `out` holds something that is not a report, or the report of another command.
        FolderInUse: If another process is working for this report, or in the same part of `work`.
        ValueError: If the target, the data or a RUN in `work` is not what it should be.
    """
    started = time.monotonic()
    request = Request(target=target, data=data, seed=seed, fast=fast, beside=tuple(beside), label=label)
    out, folder = out or Path("reports") / request.name, work / f"verify-{request.trainings}"
    with (
        sole_writer(out, lock=lock_beside(out)),
        sole_writer(folder, lock=lock_inside(folder), otherwise="start from another directory"),
    ):
        request.require_replaceable(out)
        place = torch.device(device)
        means = Means(work=folder, seed=seed, fast=fast, device=place, progress=progress, label=label)
        experiment = request.what.experiment(means)
        others = tuple(
            subject_of_run(
                run, experiment.data, device=place, label=experiment.label if classes_of_run(run) else None
            )
            for run in request.beside
        )  # fmt: skip
        experiment = replace(experiment, beside=others)
        report = _measured(experiment, request, progress=progress)
        duration = {"torch": torch.__version__, "duration_seconds": round(time.monotonic() - started)}
        report = replace(report, environment={**report.environment, **duration})
        page = report.save(out)
    if progress:
        print(f"\n{summary_table(report.claims.values())}\n\nreport  {page}")
        if experiment.training is not None:
            print(f"model   {experiment.training.run.path}")
    return report


def _measured(experiment: Experiment, request: Request, *, progress: bool) -> Report:
    if progress:
        print("fitting baselines and measuring the claims", flush=True)
    rng, generator = np.random.default_rng(request.seed), torch.Generator().manual_seed(request.seed)
    count = FRESH_SAMPLES_FAST if request.fast else FRESH_SAMPLES
    evidence = evidence_of(experiment, count=count, rng=rng, generator=generator)
    return report_of(experiment, evidence, request=request, rng=rng, generator=generator)


__all__ = ["Experiment", "train_with_bar", "verify"]
