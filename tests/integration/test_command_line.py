import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import published_checkpoint as published
import pytest
import torch

from kdm.__main__ import main
from kdm.networks import ResidualMLPConfig
from kdm.operators import DenseOperator, IdentityOperator, IsometricOperator, LowRankOperator, SpectralOperator
from kdm.presets import PRESETS
from kdm.training.distillation import load
from kdm.trajectories import save_trajectories


def failure(capsys, *arguments: str) -> str:
    """What a failing command prints; it exits with 2 and shows no traceback."""
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    printed = capsys.readouterr().err
    assert "Traceback" not in printed
    return printed


def test_collect_train_sample_and_evaluate_work_on_each_others_folders(tiny, tmp_path, capsys):
    data, run = str(tmp_path / "data"), tmp_path / "run"
    main(["collect", "mixture", "--pairs", "1500", "--steps", "16", "--out", data])
    main(["train", "mixture", "--data", data, "--out", str(run), "--steps", "60"])
    main(["sample", str(run), "--count", "20", "--out", str(tmp_path / "samples.npy")])
    main(["sample", str(run), "--count", "20", "--out", str(tmp_path / "samples.png")])
    assert (tmp_path / "samples.png").read_bytes().startswith(b"\x89PNG")
    main(["evaluate", str(run), "--samples", "300"])
    printed = capsys.readouterr().out
    assert "1,500 pairs" in printed
    assert "median solver error" in printed
    assert "held-out error" in printed
    assert np.load(tmp_path / "samples.npy").shape == (20, 2)
    measured = json.loads((run / "evaluation.json").read_text())
    assert set(measured["paired_error"]) == {"estimate", "low", "high"}
    assert "energy_distance" in measured["floor"]
    trained_on = json.loads((run / "config.json").read_text())["experiment"]["data"]["digest"]
    assert measured["inputs"] == {"data": {"digest": trained_on}, "seed": 0, "samples": 300, "heldout": 150}
    np.savez(tmp_path / "moments.npz", mu=np.zeros(2), sigma=np.eye(2))
    printed = failure(capsys, "evaluate", str(run), "--fid-statistics", str(tmp_path / "moments.npz"))
    assert "expected images to compare by features, got states of shape (2,)" in printed
    weights = str(tmp_path / "moments.npz")
    assert "expected a file of tensors" in failure(capsys, "evaluate", str(run), "--inception-weights", weights)


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        (("dense",), DenseOperator),
        (("identity",), IdentityOperator),
        (("isometric",), IsometricOperator),
        (("low-rank", "--rank", "3"), LowRankOperator),
        (("spectral",), SpectralOperator),
        (("spectral-identity",), SpectralOperator),
        (("spectral-free",), SpectralOperator),
    ],
)
def test_a_preset_is_trained_and_sampled_with_each_operator(tmp_path, words, kind):
    data, run, samples = (str(tmp_path / name) for name in ("data", "run", "samples.npy"))
    main(["collect", "mixture", "--pairs", "300", "--steps", "8", "--out", data])
    train = ["train", "mixture", "--data", data, "--out", run, "--steps", "3", "--operator", *words]
    main(train)
    main(train)  # again: nothing is left to do
    assert type(load(run).operator) is kind
    main(["sample", run, "--count", "5", "--out", samples])
    assert np.isfinite(np.load(samples)).all()


def test_a_model_of_all_times_is_fed_from_a_collection_that_keeps_them(tmp_path, capsys, monkeypatch):
    preset = PRESETS["checkerboard-trajectory"]
    assert list(preset.keep) == [0, 16, 32, 48, 64], "as the help says"
    network = ResidualMLPConfig(width=16, blocks=1)
    architecture = replace(preset.distillation.architecture, noise_encoder=network, decoder=network)
    small = replace(preset, distillation=replace(preset.distillation, architecture=architecture))
    monkeypatch.setitem(PRESETS, preset.name, small)
    kept, ends, run = (str(tmp_path / name) for name in ("kept", "ends", "run"))
    collect = ("collect", "checkerboard", "--pairs", "300", "--steps", "8")
    main([*collect, "--keep", "2", "4", "--out", kept])
    assert "300 pairs at 4 times" in capsys.readouterr().out
    assert np.load(tmp_path / "kept" / "trajectory.npy").shape == (300, 4, 2)
    main(["train", preset.name, "--data", kept, "--out", run, "--steps", "2"])
    assert load(run).semigroup.matrices.shape[0] == 3
    main([*collect, "--out", ends])
    assert "300 pairs in" in capsys.readouterr().out
    printed = failure(capsys, "train", preset.name, "--data", ends, "--out", str(tmp_path / "other"))
    assert "got the two ends only" in printed
    assert "--keep" in printed
    assert "differs in times" in failure(capsys, *collect, "--keep", "2", "--out", kept)


def test_pack_reads_a_published_layout(tmp_path, capsys):
    rng = np.random.default_rng(0)
    array = np.stack([rng.standard_normal((500, 2)), rng.uniform(0, 20 / 9, (500, 2))]).astype(np.float32)
    np.save(tmp_path / "published.npy", array)
    main(["pack", str(tmp_path / "published.npy"), "--layout", "checkerboard", "--out", str(tmp_path / "data")])
    assert "500 pairs" in capsys.readouterr().out


def test_a_published_model_is_imported_sampled_and_evaluated_on_data_that_are_named(tmp_path, capsys):
    tensors = published.checkpoint(tmp_path / "theirs.pt")
    noise = np.random.default_rng(0).standard_normal((200, 2))
    pairs = {"noise": noise, "data": published.one_step(tensors, noise)}
    save_trajectories(tmp_path / "data", **pairs, times=(0.0, 1.0), time_name="t", source={})
    run = tmp_path / "run"
    main(["import", str(tmp_path / "theirs.pt"), "--out", str(run)])
    assert "parameters; measure it with `kdm verify" in capsys.readouterr().out
    main(["sample", str(run), "--count", "20", "--out", str(tmp_path / "samples.npy")])
    assert np.load(tmp_path / "samples.npy").shape == (20, 2)
    assert "name a data set with --data" in failure(capsys, "evaluate", str(run))
    main(["evaluate", str(run), "--data", str(tmp_path / "data"), "--samples", "20"])
    measured = json.loads((run / "evaluation.json").read_text())
    assert measured["paired_error"]["estimate"] < 1e-5  # the data are its own, to single precision
    assert "it differs in kind: imported-model" in failure(
        capsys, "train", "mixture", "--data", str(tmp_path / "data"), "--out", str(run)
    )


def test_missing_data_are_explained_in_one_screen(tmp_path, capsys):
    printed = failure(capsys, "train", "checkerboard", "--data", str(tmp_path / "dta"), "--out", str(tmp_path / "run"))
    assert printed.startswith("error: no data set at ")
    assert "kdm collect" in printed
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("collect", "chequerboard", "--out", "x"), "expected one of"),
        (("collect", "mixture", "--steps", "8", "--keep", "4", "9", "--out", "x"), "from 0 (noise) to 8 (data, after"),
        (("collect", "mixture", "--steps", "8", "--keep", "-1", "--out", "x"), "got [-1]: leave them out"),
        (("pack", "x.npy", "--layout", "tar", "--out", "x"), "expected one of the layouts"),
        (("train", "chequerboard", "--out", "x"), "expected one of the presets"),
        (("train", "mixture", "--operator", "sparse", "--out", "x"), "expected one of the operators dense"),
        (("train", "mixture", "--operator", "low-rank", "--rank", "9", "--out", "x"), "at most the latent dimension"),
        (("train", "mixture", "--rank", "3", "--out", "x"), "a rank for low-rank and for no other operator"),
        (("train", "checkerboard-trajectory", "--operator", "isometric", "--out", "x"), "no operator of its own"),
        (("sample", "nothing", "--count", "3", "--out", "x.npy"), "no run at 'nothing'"),
        (("sample", "nothing", "--count", "3", "--out", "x.jpg"), "ends in .npy or .png"),
        (("evaluate", "nothing"), "no run at 'nothing'"),
        (("import", "nothing.pt", "--out", "x"), "no checkpoint at 'nothing.pt'"),
        (("verify", "nothing"), "expected one of the presets"),
    ],
)
def test_a_wrong_word_is_answered_with_the_right_ones(tmp_path, capsys, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    assert message in failure(capsys, *arguments)
    assert list(tmp_path.iterdir()) == []


def test_a_gpu_that_is_not_there_is_an_error_and_not_a_slow_cpu(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    printed = failure(capsys, "train", "mixture", "--out", str(tmp_path / "run"), "--device", "cuda")
    assert "use --device cpu" in printed


def test_a_full_disk_is_named(tmp_path, capsys, monkeypatch):
    def full(*arguments, **options):
        raise OSError(28, "No space left on device", str(tmp_path))

    monkeypatch.setattr("kdm.__main__.packed", full)
    assert "the disk is full" in failure(capsys, "pack", "x.npy", "--layout", "checkerboard", "--out", "x")


def test_debug_shows_the_traceback(tmp_path):
    with pytest.raises(ValueError, match="no run at"):
        main(["evaluate", str(tmp_path), "--debug"])


def test_control_c_stops_a_training_cleanly_and_it_can_go_on(tmp_path):
    folders = ["--data", str(tmp_path / "data"), "--out", str(tmp_path / "run")]
    main(["collect", "mixture", "--pairs", "600", "--steps", "8", "--out", str(tmp_path / "data")])
    command = [sys.executable, "-m", "kdm", "train", "mixture", *folders, "--steps", "100000"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as running:
        printed = b""
        while b"0/100000" not in printed:  # the first line of the log: training begins
            piece = os.read(running.stderr.fileno(), 4096)
            assert piece, printed
            printed += piece
        time.sleep(5)  # some steps; the next line of the log comes much later
        running.send_signal(signal.SIGINT)
        _, rest = running.communicate(timeout=120)
    assert running.returncode == 130, rest
    assert b"the same command goes on from there" in rest
    steps = torch.load(tmp_path / "run" / "state.pt", weights_only=True)["step"]
    assert 1 <= steps < 100_000
    assert not list((tmp_path / "run").glob("*.partial"))
