"""Ablations over data sets and training seeds, in a folder from which a killed study goes on.

Every ablation a of a problem is trained with the seeds s = 1 … S on the same stored pairs, and judged on the same
held-out ones and from the same fresh noise:

    paired error, median error     as in `kdm.evaluation`
    energy distance                of one-step samples of fresh noise to a reference sample of the data; unbiased, so
                                   that it may be negative; its floor is that of a second sample of the data

What is compared with the plain model, seed by seed, is the business of `koopman_analysis.studies`.

    WORK/PROBLEM/data              the pairs
    WORK/PROBLEM/SEED/RUN          one training (`kdm.training.runs`)
    WORK/PROBLEM/SEED/RUN.json     what was measured on it, and of what

A job is all that one RUN decides, so that two jobs never write to one folder, and any number of processes may share
them out: `measurements(…, mapped=pool.map)`.
"""

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from kdm.ablations.base import Ablation
from kdm.configuration import ConfigurationError, from_json, to_json
from kdm.evaluation import FreshSamples, OneStepGenerator, fresh_samples, generated, paired_error, rows
from kdm.shapes import Samples
from kdm.storage import write_json
from kdm.teachers import Teacher
from kdm.training.distillation import DistillationConfig
from kdm.trajectories import Trajectories, collect, open_trajectories
from koopman_analysis.twosample import energy_distance

DATA_SEED = 0
"""Seed of the pairs, and of the fresh samples: not one of the training seeds."""


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A data set to compare on, and how to distil it.

    Attributes:
        name: Its name, and that of its folder.
        teacher: Whose flow it is.
        pairs: Pairs to collect, the held-out tenth included.
        solver_steps: Heun steps of the flow.
        keep: Steps after which states are stored beside both ends, for ablations along whole trajectories.
        distillation: How the plain model is trained; its seed is replaced.
    """

    name: str
    teacher: Teacher
    pairs: int
    solver_steps: int
    keep: Sequence[int] = ()
    distillation: DistillationConfig

    def collected(self, work: Path) -> Trajectories:
        """The pairs, in their folder."""
        generator = torch.Generator().manual_seed(DATA_SEED)
        out = work / self.name / "data"
        return collect(
            self.teacher, self.pairs, generator=generator, steps=self.solver_steps, keep=self.keep, out=out
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Quality:
    """What one trained model reached.

    Attributes:
        paired_error: Relative to the spread of the data; 1 for their mean.
        median: Median distance to the teacher's sample, in the data's units.
        energy_distance: Of fresh one-step samples to the data.
    """

    paired_error: float
    median: float
    energy_distance: float


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """The quality of one ablation on one problem with one seed.

    Attributes:
        problem: Name of the problem.
        ablation: Name of the ablation.
        seed: Seed of its training.
        quality: What was reached.
        cpu_seconds: Of the process that trained and measured the RUN, for all ablations that share it; where the
            training was interrupted, of its last part.
    """

    problem: str
    ablation: str
    seed: int
    quality: Quality
    cpu_seconds: float


@dataclass(frozen=True, kw_only=True)
class Record:
    """The contents of RUN.json.

    Attributes:
        asked: What was measured: configuration, data, samples, ablations.
        qualities: By the name of the ablation.
        cpu_seconds: As in `Measurement`.
    """

    asked: dict[str, Any]
    qualities: dict[str, Quality]
    cpu_seconds: float


@dataclass(frozen=True, kw_only=True)
class Job:
    """The ablations that share one RUN, on one problem with one seed.

    Attributes:
        problem: Name of the problem.
        data: Folder of the pairs.
        folder: Folder of the RUNs of this problem and seed.
        config: How to train, the seed included.
        ablations: By name; all of one RUN.
        samples: Fresh samples for the energy distance.
    """

    problem: str
    data: Path
    folder: Path
    config: DistillationConfig
    ablations: Mapping[str, Ablation]
    samples: int

    def done(self) -> tuple[Measurement, ...]:
        """Trains and measures what is not measured yet; one measurement an ablation."""
        data = open_trajectories(self.data)
        (run,) = {ablation.run for ablation in self.ablations.values()}
        path, asked = self.folder / f"{run}.json", self._asked(data)
        record = _record_of(path, asked) or self._made(path, asked, data)
        return tuple(
            Measurement(
                problem=self.problem, ablation=name, seed=self.config.training.seed, quality=quality,
                cpu_seconds=record.cpu_seconds,
            )
            for name, quality in record.qualities.items()
        )  # fmt: skip

    def _asked(self, data: Trajectories) -> dict[str, Any]:
        asked = {
            "config": to_json(self.config),
            "data": data.manifest.digest,
            "samples": self.samples,
            "ablations": {name: repr(ablation) for name, ablation in self.ablations.items()},
        }
        return dict(json.loads(json.dumps(asked)))

    def _made(self, path: Path, asked: dict[str, Any], data: Trajectories) -> Record:
        started = time.process_time()
        for ablation in self.ablations.values():
            for _ in ablation.train(self.config, data, self.folder, device=torch.device("cpu")):
                pass
        fresh = _fresh(data, self.samples)
        qualities = {
            name: measured_quality(ablation.load(self.folder, data), data, fresh)
            for name, ablation in self.ablations.items()
        }
        record = Record(asked=asked, qualities=qualities, cpu_seconds=time.process_time() - started)
        write_json(path, to_json(record))
        return record


def jobs(
    problem: Problem, ablations: Mapping[str, Ablation], seeds: Iterable[int], *, samples: int, work: Path
) -> tuple[Job, ...]:
    """What there is to do on one problem, whose pairs are collected first; seed by seed.

    Args:
        problem: The problem.
        ablations: By name.
        seeds: Training seeds.
        samples: Fresh samples for the energy distance.
        work: Folder of the study.
    """
    data = problem.collected(work).folder
    assert data is not None
    by_run: dict[str, dict[str, Ablation]] = {}
    for name, ablation in ablations.items():
        by_run.setdefault(ablation.run, {})[name] = ablation
    return tuple(
        Job(
            problem=problem.name, data=data, folder=work / problem.name / str(seed),
            config=problem.distillation.seeded(seed), ablations=sharing, samples=samples,
        )
        for seed in seeds
        for sharing in by_run.values()
    )  # fmt: skip


def measurements(
    asked: Iterable[Job], *, mapped: Callable[..., Iterable[tuple[Measurement, ...]]] = map
) -> tuple[Measurement, ...]:
    """What the jobs measured, in their order.

    Args:
        asked: The jobs.
        mapped: `map`, or that of a pool of processes.
    """
    return tuple(measurement for made in mapped(Job.done, asked) for measurement in made)


def measured_quality(model: OneStepGenerator, data: Trajectories, fresh: FreshSamples) -> Quality:
    """The quality of a model on the held-out pairs and from fresh noise."""
    error = paired_error(model, data.heldout())
    samples = generated(model, fresh.noise)
    return Quality(
        paired_error=error.relative_rmse,
        median=error.median,
        energy_distance=_energy_distance(samples, fresh.reference),
    )


def energy_floor(data: Trajectories, *, samples: int) -> float:
    """The energy distance of a second sample of the data to the reference that the models are compared with."""
    fresh = _fresh(data, samples)
    return _energy_distance(fresh.second, fresh.reference)


def _energy_distance(samples: Samples, reference: Samples) -> float:
    x, y = rows(samples), rows(reference)
    # Intervals are over seeds: one resample, and not looked at.
    return energy_distance(x, y, resamples=1, rng=np.random.default_rng(0)).estimate


def _fresh(data: Trajectories, samples: int) -> FreshSamples:
    return fresh_samples(data, count=samples, generator=torch.Generator().manual_seed(DATA_SEED))


def _record_of(path: Path, asked: dict[str, Any]) -> Record | None:
    """What was measured before, where it was the same; what is damaged is measured again."""
    try:
        record = from_json(Record, json.loads(path.read_text()))
    except (FileNotFoundError, json.JSONDecodeError, UnicodeDecodeError, ConfigurationError):
        return None
    return record if record.asked == asked else None
