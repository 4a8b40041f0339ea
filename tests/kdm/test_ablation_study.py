"""A study of ablations measures each once, shares what is shared, and goes on where it was killed."""

import json
from dataclasses import replace

import pytest
import torch

from kdm.ablations import ABLATIONS, PLAIN
from kdm.ablations.study import Job, Problem, energy_floor, jobs, measurements
from kdm.evaluation import paired_error
from kdm.teachers import named
from kdm.training.runs import RunError

SAMPLES = 100
SOME = {name: ABLATIONS[name] for name in (PLAIN, "refitted operator", "random encoders")}


@pytest.fixture
def problem(config) -> Problem:
    return Problem(name="two ends", teacher=named("mixture"), pairs=200, solver_steps=6, distillation=config)


def asked(problem, tmp_path, *, ablations=SOME, seeds=(1, 2)) -> tuple[Job, ...]:
    return jobs(problem, ablations, seeds, samples=SAMPLES, work=tmp_path)


def never(*arguments, **named):
    raise AssertionError("there is nothing left to train")


def test_every_ablation_is_measured_with_every_seed_and_what_shares_a_run_is_one_job(problem, tmp_path):
    listed = asked(problem, tmp_path)
    assert [tuple(job.ablations) for job in listed] == 2 * [(PLAIN, "refitted operator"), ("random encoders",)]
    made = measurements(listed)
    assert {(one.ablation, one.seed) for one in made} == {(name, seed) for name in SOME for seed in (1, 2)}
    qualities = {(one.ablation, one.seed): one.quality for one in made}
    assert len(set(qualities.values())) == len(qualities), "another ablation or seed, another model"
    data, folder = problem.collected(tmp_path), tmp_path / "two ends" / "2"
    error = paired_error(SOME["random encoders"].load(folder, data), data.heldout())
    quality = qualities["random encoders", 2]
    assert (quality.paired_error, quality.median) == (error.relative_rmse, error.median)
    assert energy_floor(data, samples=SAMPLES) < quality.energy_distance, "ten steps do not make the data"


def test_a_finished_study_is_read(problem, tmp_path, monkeypatch):
    first = measurements(asked(problem, tmp_path))
    monkeypatch.setattr("kdm.ablations.base.distil", never)
    assert measurements(asked(problem, tmp_path)) == first


def test_a_killed_study_goes_on_and_ends_alike(problem, tmp_path):
    whole = measurements(asked(problem, tmp_path / "whole"))
    first, second, *_ = asked(problem, tmp_path / "killed")
    first.done()
    data = problem.collected(tmp_path / "killed")
    steps = SOME["random encoders"].train(second.config, data, second.folder, device=torch.device("cpu"))
    next(step for step in steps if step.index == 7)
    steps.close()
    (first.folder / "plain.json").write_text('{"asked": ')  # torn
    resumed = measurements(asked(problem, tmp_path / "killed"))
    assert [replace(one, cpu_seconds=0) for one in resumed] == [replace(one, cpu_seconds=0) for one in whole]


def test_what_was_measured_otherwise_is_measured_again_and_another_training_is_refused(problem, tmp_path):
    (job,) = asked(problem, tmp_path, ablations={PLAIN: ABLATIONS[PLAIN]}, seeds=(1,))
    (before,) = job.done()
    (after,) = replace(job, samples=SAMPLES // 2).done()
    assert after.quality.energy_distance != before.quality.energy_distance
    assert after.quality.paired_error == before.quality.paired_error
    record = json.loads((job.folder / "plain.json").read_text())
    assert record["asked"]["samples"] == SAMPLES // 2
    longer = replace(job.config, training=replace(job.config.training, steps=11))
    with pytest.raises(RunError, match="training.steps"):
        replace(job, config=longer).done()


def test_jobs_may_be_shared_out(problem, tmp_path):
    given = []

    def mapped(function, listed):
        given.extend(listed)
        return map(function, listed)

    listed = asked(problem, tmp_path, seeds=(1,))
    made = measurements(listed, mapped=mapped)
    assert given == list(listed)
    assert len(made) == len(SOME)
