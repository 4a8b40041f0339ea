"""What a verification is asked to do, and whether an older report answers the same."""

import json
import shutil
from dataclasses import replace

import pytest
import torch

from kdm.teachers import named
from kdm.training.distillation import distil
from kdm.training.runs import RunError
from kdm.trajectories import collect
from kdm.verification.request import Request
from koopman_analysis.report import Report

PLAIN = Request(target="mixture", data=None, seed=0, fast=False)


def answered(request: Request, folder):
    """A report in the folder, of this request."""
    Report(title="Older", inputs={"command": request.to_json()}).save(folder)
    return folder


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    folder = tmp_path_factory.mktemp("other") / "data"
    return collect(named("mixture"), 100, generator=torch.Generator().manual_seed(9), steps=4, out=folder)


@pytest.fixture
def run(config, data, tmp_path):
    for _ in distil(config, data, tmp_path / "run1", device=torch.device("cpu")):
        pass
    return tmp_path / "run1"


def test_a_request_has_the_name_and_the_command_that_tell_it_from_others(data):
    assert (PLAIN.name, PLAIN.command) == ("mixture", "kdm verify mixture --seed 0")
    full = Request(target="mixture", data=data.folder, seed=3, fast=True)
    assert full.name == f"mixture-fast-{data.manifest.digest[:8]}-seed3"
    assert full.command == f"kdm verify mixture --data {data.folder} --fast --seed 3"


def test_a_target_that_is_neither_a_preset_nor_a_folder_is_refused(tmp_path):
    with pytest.raises(ValueError, match="checkerboard, .*, the folder of a run, or a model as MODULE:OBJECT, got"):
        replace(PLAIN, target=str(tmp_path / "nothing"))


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(RunError, match="no run at"):
        replace(PLAIN, target=str(tmp_path)).to_json()


def test_the_same_request_may_replace_its_report(tmp_path):
    PLAIN.require_replaceable(tmp_path / "new")
    PLAIN.require_replaceable(answered(PLAIN, tmp_path / "r"))


def test_another_target_data_seed_or_size_may_not(tmp_path, data, other, run):
    given = replace(PLAIN, data=data.folder)
    requests = [
        PLAIN, replace(PLAIN, target="checkerboard"), replace(PLAIN, seed=1), replace(PLAIN, fast=True), given,
        replace(PLAIN, data=other.folder), replace(PLAIN, target=str(run)),
    ]  # fmt: skip
    for index, older in enumerate(requests):
        folder = answered(older, tmp_path / f"report {index}")
        for request in requests:
            if request is older:
                request.require_replaceable(folder)
                continue
            with pytest.raises(FileExistsError, match="holds the report of another command") as refused:
                request.require_replaceable(folder)
            assert f"({older.command}): choose another --out, or remove it" in str(refused.value)


def test_what_decides_is_the_data_and_not_where_they_are(tmp_path, data, other):
    shutil.copytree(data.folder, tmp_path / "data")
    here = replace(PLAIN, data=tmp_path / "data")
    answered(replace(PLAIN, data=data.folder), tmp_path / "r")
    here.require_replaceable(tmp_path / "r")
    shutil.rmtree(tmp_path / "data")
    shutil.copytree(other.folder, tmp_path / "data")
    with pytest.raises(FileExistsError, match="another command"):
        replace(PLAIN, data=tmp_path / "data").require_replaceable(tmp_path / "r")


def test_what_decides_is_the_run_and_not_where_it_is(tmp_path, config, data, run):
    answered(replace(PLAIN, target=str(run)), tmp_path / "r")
    moved = run.rename(tmp_path / "moved")
    replace(PLAIN, target=str(moved)).require_replaceable(tmp_path / "r")
    reseeded = replace(config, training=replace(config.training, seed=1))
    for _ in distil(reseeded, data, run, device=torch.device("cpu")):
        pass
    with pytest.raises(FileExistsError, match="another command"):
        replace(PLAIN, target=str(run)).require_replaceable(tmp_path / "r")


def test_a_report_that_does_not_say_what_was_asked_is_kept(tmp_path):
    Report(title="Someone's own").save(tmp_path / "r")
    with pytest.raises(FileExistsError, match=r"another command \(it does not say which\): choose another --out"):
        PLAIN.require_replaceable(tmp_path / "r")
    (tmp_path / "r" / "claims.json").write_text(json.dumps({"inputs": {"command": "kdm verify mixture --seed 0"}}))
    with pytest.raises(FileExistsError, match="it does not say which"):
        PLAIN.require_replaceable(tmp_path / "r")


def test_anything_but_a_report_is_kept(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(FileExistsError, match="an older report, got something else"):
        PLAIN.require_replaceable(tmp_path)
