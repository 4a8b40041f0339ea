"""The harness of the benchmarks; what they measure is never asserted."""

import json
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from benchmarks import verify_cost
from benchmarks.__main__ import BENCHMARKS, run
from benchmarks.cost import Cost, Stopwatch
from benchmarks.experiments import Profile, error_quantile, first_training_pairs, published_trajectories, trained
from benchmarks.page import Goal, Page, Table
from kdm.evaluation import paired_error
from kdm.teachers import named
from kdm.trajectories import collect
from koopman_analysis.claims import Side
from koopman_analysis.resampling import Interval


@pytest.fixture(scope="module")
def data():
    return collect(named("mixture"), 200, generator=torch.Generator().manual_seed(0), steps=8)


@pytest.fixture
def profile(tmp_path) -> Profile:
    return Profile(fast=True, work=tmp_path)


def test_a_page_says_what_was_measured_on_what_and_whether_it_suffices(tmp_path):
    rows = [{"model": "a", "error": Interval(estimate=0.5, low=0.25, high=0.75)}, {"model": "b"}]
    goals = [
        Goal(quantity="error", measured=0.5, side=Side.AT_MOST, bound=0.6),
        Goal(quantity="agreement", measured=0.5, side=Side.AT_LEAST, bound=0.6),
    ]
    page = Page(title="T", about="A.", tables=[Table(columns={"model": "", "error": ".0%"}, rows=rows)], goals=goals)
    page.save(tmp_path, name="t", command="c", threads=1, cost=Cost(wall=3.0, cpu=2.0, others=0.5))
    text, record = (tmp_path / "t.md").read_text(), json.loads((tmp_path / "t.json").read_text())
    assert "| a | 50% [25%, 75%] |\n| b |  |" in text
    assert "| error ≤ 0.6 | 0.5 | yes |" in text
    assert "| agreement ≥ 0.6 | 0.5 | **no** |" in text
    assert "others kept 0.50 cores busy" in text
    assert record["tables"][0][0]["error"] == {"estimate": 0.5, "low": 0.25, "high": 0.75}
    assert [goal["met"] for goal in record["goals"]] == [True, False]
    assert {"cpu", "cores", "memory_gib", "packages", "date"} <= record["record"].keys()


def test_cpu_seconds_are_those_of_work_and_not_of_sleep():
    watch, total = Stopwatch(), 0
    while watch.cost().cpu < 0.05:
        total += sum(range(1000))
    working = watch.cost()
    assert total > 0
    assert working.wall >= working.cpu - 0.02  # the clocks tick in hundredths


def test_fewer_training_pairs_leave_the_heldout_ones_alone(data):
    fewer = first_training_pairs(data, 50)
    assert len(data.training()) == 180
    assert len(fewer.training()) == 50
    torch.testing.assert_close(fewer.heldout().data, data.heldout().data, rtol=0, atol=0)
    torch.testing.assert_close(fewer.training().noise, data.training().noise[:50], rtol=0, atol=0)
    assert not np.array_equal(fewer.heldout().noise, data.training().noise[-20:])


def test_more_training_pairs_than_there_are_is_an_error(data):
    with pytest.raises(ValueError, match="expected between 1 and 180 training pairs, got 181"):
        first_training_pairs(data, 181)


def test_a_training_improves_on_the_mean_and_is_paid_for(data, profile):
    config = profile.preset("mixture").distillation
    fitted = trained(replace(config, training=replace(config.training, steps=60)), data)
    heldout = data.heldout()
    assert paired_error(fitted.model, heldout).relative_rmse < 0.9
    assert fitted.cost.cpu > 0
    median = paired_error(fitted.model, heldout).median
    assert error_quantile(fitted.model, heldout, 0.25) < median < error_quantile(fitted.model, heldout, 0.9)


def test_published_data_that_are_not_there_are_asked_for(monkeypatch, tmp_path):
    monkeypatch.setenv("KDM_REFERENCE_DATA", str(tmp_path))
    with pytest.raises(SystemExit, match="in the folder that KDM_REFERENCE_DATA names, found none"):
        published_trajectories(tmp_path / "work")


def test_an_unknown_benchmark_is_refused():
    with pytest.raises(SystemExit, match="expected benchmarks among published, .*, got nothing_of_the_kind"):
        run(("nothing_of_the_kind",))


def test_a_main_command_that_fails_is_not_measured(monkeypatch, profile):
    monkeypatch.setattr(sys, "executable", "false")
    with pytest.raises(SystemExit, match="expected `kdm verify --out report --fast` to succeed, got exit status 1"):
        verify_cost.measured(profile)


def test_a_benchmark_runs_from_name_to_page(tmp_path):
    run(("closure",), fast=True, work=tmp_path)
    assert "| median |" in (tmp_path / "fast" / "closure.md").read_text()


@pytest.mark.slow
@pytest.mark.reference
@pytest.mark.parametrize("name", sorted(BENCHMARKS))
def test_every_benchmark_runs_small(name, tmp_path, reference_data):
    run((name,), fast=True, work=tmp_path)
    assert json.loads((tmp_path / "fast" / f"{name}.json").read_text())["tables"]
