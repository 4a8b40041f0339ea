"""Places that are read-only, full, linked, moved, or have names with spaces."""

import json
import os
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tiny_experiments import CPU, half_trained, same, trained

from kdm.__main__ import main
from kdm.sampling import sample
from kdm.teachers import named
from kdm.training.distillation import distil, load
from kdm.training.measurable import data_for
from kdm.training.runs import RunError, RunFolder
from kdm.trajectories import DataError, collect, open_trajectories
from koopman_analysis.report import Report

COLLECT = ("collect", "mixture", "--pairs", "100", "--steps", "4", "--out")


def test_a_finished_run_on_a_read_only_place_is_used_like_any_other(config, data, tmp_path, read_only, capsys):
    trained(config, data, tmp_path / "run")
    main(["evaluate", str(tmp_path / "run"), "--samples", "20"])
    measured = capsys.readouterr().out
    run, copied = read_only(tmp_path / "run", data.folder)
    model = load(run)
    sample(model, 5, generator=torch.Generator().manual_seed(0))
    assert list(distil(config, data, run, device=CPU)) == []
    main(["evaluate", str(run), "--data", str(copied), "--samples", "20"])
    printed = capsys.readouterr()
    assert "paired_error " in printed.out
    assert printed.out == measured
    assert printed.err == f"not kept: '{run / 'evaluation.json'}' cannot be written (Permission denied)\n"


def test_finished_data_on_a_read_only_place_are_used_like_any_other(tmp_path, read_only, capsys):
    main([*COLLECT, str(tmp_path / "data")])
    (data,) = read_only(tmp_path / "data")
    assert len(open_trajectories(data)) == 100
    main([*COLLECT, str(data)])
    assert "100 pairs" in capsys.readouterr().out


def test_an_unfinished_run_on_a_read_only_place_is_refused_in_one_line(config, data, tmp_path, read_only, capsys):
    half_trained(config, data, tmp_path / "run")
    (run,) = read_only(tmp_path / "run")
    with pytest.raises(PermissionError, match="run"):
        next(distil(config, data, run, device=CPU))
    with pytest.raises(SystemExit):
        main([*COLLECT, str(run / "data")])
    assert capsys.readouterr().err == (
        f"error: no access to '{run / 'data'}' (Permission denied): choose another place, or change its permissions\n"
    )


@pytest.mark.parametrize("size", [400, 4_000, 20_000], ids=["config.json", "state.pt, at once", "state.pt, later"])
def test_a_training_on_a_disk_that_fills_up_fails_and_goes_on_to_the_same_bits(
    config, data, tmp_path, files_at_most, size
):
    whole = trained(config, data, tmp_path / "whole")
    assert (tmp_path / "whole" / "state.pt").stat().st_size > size
    with files_at_most(size), pytest.raises(OSError, match=r"File too large: '.*run/(config\.json|state\.pt)'"):
        trained(config, data, tmp_path / "run")
    if (tmp_path / "run").exists():
        assert not list((tmp_path / "run").glob(".*")), "neither a lock nor half a file"
        assert not (tmp_path / "run" / "state.pt").exists()
    assert same(trained(config, data, tmp_path / "run"), whole)


def test_metrics_that_were_cut_by_a_full_disk_are_made_whole(config, data, tmp_path):
    trained(config, data, tmp_path / "whole")
    whole = (tmp_path / "whole" / "metrics.jsonl").read_bytes()
    half_trained(config, data, tmp_path / "run")
    with open(tmp_path / "run" / "metrics.jsonl", "ab") as metrics:
        metrics.write(whole[len(whole) // 2 : -10])
    assert [line["step"] for line in RunFolder(tmp_path / "run").metrics()] == [5], "what is torn is not read"
    trained(config, data, tmp_path / "run")
    assert (tmp_path / "run" / "metrics.jsonl").read_bytes() == whole


def test_samples_on_a_disk_that_fills_up_leave_nothing(config, data, tmp_path, files_at_most, capsys):
    trained(config, data, tmp_path / "run")
    command = ["sample", str(tmp_path / "run"), "--out", str(tmp_path / "samples.npy"), "--count"]
    with files_at_most(1_000), pytest.raises(SystemExit):
        main([*command, "10000"])
    assert capsys.readouterr().err == f"error: [Errno 27] File too large: '{tmp_path / 'samples.npy'}'\n"
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


@pytest.mark.parametrize("suffix", [".npy", ".png"])
def test_samples_do_not_overwrite_what_is_there(config, data, tmp_path, suffix, capsys):
    trained(config, data, tmp_path / "run")
    precious = tmp_path / f"samples{suffix}"
    precious.write_text("precious")
    with pytest.raises(SystemExit):
        main(["sample", str(tmp_path / "run"), "--out", str(precious), "--count", "3"])
    assert capsys.readouterr().err == (
        f"error: expected a new file, got '{precious}', which is there: remove it, or choose another --out\n"
    )
    assert precious.read_text() == "precious"


def test_a_report_on_a_disk_that_fills_up_leaves_the_older_one(tmp_path, files_at_most):
    Report(title="Older").save(tmp_path / "r")
    page = (tmp_path / "r" / "index.html").read_bytes()
    newer = Report(title="Newer")
    assert len(page) > 1_000
    with files_at_most(1_000), pytest.raises(OSError, match="File too large"):
        newer.save(tmp_path / "r")
    assert (tmp_path / "r" / "index.html").read_bytes() == page
    assert [path.name for path in tmp_path.iterdir()] == ["r"]


def test_data_on_a_disk_that_is_too_small_are_refused_at_once(tmp_path, files_at_most):
    with files_at_most(500), pytest.raises(DataError, match="could not write .*File too large. Make room"):
        collect(named("mixture"), 100, generator=torch.Generator().manual_seed(0), steps=4, out=tmp_path / "data")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("there", [True, False], ids=["an empty folder", "nothing yet"])
def test_data_go_where_a_link_points_to(tmp_path, there):
    (tmp_path / "elsewhere").mkdir()
    if there:
        (tmp_path / "elsewhere" / "real").mkdir()
    link = tmp_path / "data"
    link.symlink_to(Path("elsewhere", "real"))
    main([*COLLECT, str(link)])
    assert link.is_symlink()
    assert [path.name for path in (tmp_path / "elsewhere").iterdir()] == ["real"]
    assert len(open_trajectories(tmp_path / "elsewhere" / "real")) == 100
    main([*COLLECT, str(link)])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "elsewhere"]


def test_a_folder_that_cannot_be_replaced_is_refused_before_any_work(tmp_path, monkeypatch):
    """Data and reports get their names when they are whole, and neither of these places can be given up for them."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with monkeypatch.context() as patch:
        patch.setattr(os.path, "ismount", lambda path: Path(path) == tmp_path / "mounted")
        (tmp_path / "mounted").mkdir()
        for place in (Path("."), tmp_path / "mounted"):
            with pytest.raises(DataError, match="is the working folder or a mount point: choose a folder inside of it"):
                collect(named("mixture"), 100, generator=torch.Generator().manual_seed(0), steps=4, out=place)
            with pytest.raises(FileExistsError, match="got the working folder or a mount point: choose a folder insi"):
                Report(title="Here").save(place)
        collect(named("mixture"), 100, generator=torch.Generator().manual_seed(0), steps=4, out=Path("data"))
    Report(title="Here").save("report")
    assert sorted(path.name for path in Path(".").iterdir()) == ["data", "report"]


def test_a_run_goes_where_a_link_points_to(config, data, tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "run").symlink_to("real")
    trained(config, data, tmp_path / "run")
    load(tmp_path / "real")
    assert (tmp_path / "run").is_symlink()


def test_a_copy_of_an_unfinished_run_goes_on_like_the_run(config, data, tmp_path):
    whole = trained(config, data, tmp_path / "whole")
    steps = distil(config, data, tmp_path / "run", device=CPU)
    for step in steps:
        if step.index == 7:
            shutil.copytree(tmp_path / "run", tmp_path / "a copy")  # while it is being trained, its lock and all
            assert (tmp_path / "a copy" / ".lock").exists()
            break
    assert [step.index for step in distil(config, data, tmp_path / "a copy", device=CPU)] == [6, 7, 8, 9, 10]
    assert same(load_file(tmp_path / "a copy" / "model.safetensors"), whole)
    assert not (tmp_path / "a copy" / ".lock").exists()
    assert sum(1 for _ in steps) == 3
    assert same(load_file(tmp_path / "run" / "model.safetensors"), whole)


def test_weights_and_configuration_alone_are_a_run(config, data, tmp_path, capsys):
    trained(config, data, tmp_path / "run")
    (tmp_path / "published").mkdir()
    for name in ("config.json", "model.safetensors"):
        shutil.copy(tmp_path / "run" / name, tmp_path / "published")
    load(tmp_path / "published")
    assert data_for(tmp_path / "published", None).manifest.digest == data.manifest.digest
    assert list(distil(config, data, tmp_path / "published", device=CPU)) == []


def test_names_with_spaces_are_names(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    main([*COLLECT, "my data"])
    main(["train", "mixture", "--data", "my data", "--out", "my run", "--steps", "3"])
    main(["evaluate", "my run", "--samples", "20"])
    main(["sample", "my run", "--count", "3", "--out", "my samples.npy"])
    assert np.load("my samples.npy").shape == (3, 2)
    assert json.loads(Path("my run", "config.json").read_text())["data_folder"] == str(tmp_path / "my data")


def test_a_command_that_is_proposed_can_be_pasted(tmp_path):
    with pytest.raises(RunError) as no_run:
        load("my run")
    with pytest.raises(DataError) as no_data:
        open_trajectories("my data")
    for error, name in ((no_run, "my run"), (no_data, "my data")):
        proposed = str(error.value).split("`")[1]
        assert shlex.split(proposed)[-1] == name


def test_a_finished_run_without_its_metrics_is_told_apart(data, tmp_path, capsys):
    command = ["train", "mixture", "--data", str(data.folder), "--out", str(tmp_path / "run"), "--steps", "3"]
    main(command)
    assert "% after 3 steps" in capsys.readouterr().out
    os.unlink(tmp_path / "run" / "metrics.jsonl")
    main(command)
    assert "unknown, metrics.jsonl is gone, after 3 steps" in capsys.readouterr().out
