"""What is wrong with a training is said before its folder is made, and costs none."""

import sys
from dataclasses import replace

import numpy as np
import pytest
from tiny_experiments import CPU, trained

from kdm.__main__ import main
from kdm.ablations import RandomEncoders, regress_directly
from kdm.distances import PerceptualDistance
from kdm.networks.perceptual import InstalledWeights, WeightsError
from kdm.objectives import KoopmanObjective
from kdm.presets import PRESETS
from kdm.training.adversary import Adversary
from kdm.training.distillation import distil
from kdm.training.loop import TrainingDiverged
from kdm.training.measurable import require_measurable
from kdm.training.optimisation import AdamConfig
from kdm.training.runs import RunError, RunFolder
from kdm.trajectories import DataError, save_trajectories


def told(config, classes):
    return replace(config, architecture=replace(config.architecture, classes=classes))


def labelled(data, *found):
    """The data with these labels in turn; None for none."""
    return replace(data, labels=np.resize(np.array(found), len(data)) if found else None)


TRAININGS = {"distillation": distil, "direct": regress_directly, "random": RandomEncoders().train}


@pytest.mark.parametrize("train", TRAININGS.values(), ids=TRAININGS)
@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ((), "expected a label of 0 to 3 for each pair, which the model is told, got none: take data with labels"),
        ((-1, 0, 3), r"expected labels from 0 on, got -1 to 3: number the classes"),
        (
            (0, 1, 4),
            r"that of the last of 4 classes, got 0 to 4: train a model of 5 .*kdm train --classes 5\)",
        ),
        (
            (0, 1, 2),
            r"that of the last of 4 classes, got 0 to 2: train a model of 3 .*kdm train --classes 3\)",
        ),
    ],
)
def test_labels_that_are_not_those_of_the_classes_are_refused_before_anything_is_made(
    config, data, tmp_path, train, labels, message
):
    with pytest.raises(DataError, match=message):
        next(train(told(config, 4), labelled(data, *labels), tmp_path / "run", device=CPU))
    assert not (tmp_path / "run").exists()


def test_a_class_without_a_training_pair_is_warned_of(config, data, tmp_path):
    with pytest.warns(UserWarning, match=r"no training pair is of the classes \[1, 2\]: samples of them will mean"):
        next(distil(told(config, 4), labelled(data, 0, 3), tmp_path / "run", device=CPU))


def test_without_classes_labels_are_not_looked_at(config, data, tmp_path):
    assert next(distil(config, labelled(data, -1, 99), tmp_path / "run", device=CPU)).index == 1


def test_a_run_is_measured_on_data_of_classes_that_it_knows(config, data, tmp_path):
    trained(told(config, 4), labelled(data, 0, 1, 2, 3), tmp_path / "run")
    run = RunFolder(tmp_path / "run")
    require_measurable(run, labelled(data, 0, 1, 2))
    for labels in ((0, 4), (-1, 3)):
        with pytest.raises(RunError, match=f"labels of 0 to 3, which .* knows, got {labels[0]} to {labels[1]}: name"):
            require_measurable(run, labelled(data, *labels))


@pytest.mark.parametrize("train", TRAININGS.values(), ids=TRAININGS)
def test_held_out_data_that_do_not_differ_are_refused(config, data, tmp_path, train):
    ends = {"few": data.data[:19], "alike": np.r_[data.data[:27], data.data[:1].repeat(3, 0)]}
    few, alike = (
        save_trajectories(
            tmp_path / name, noise=data.noise[: len(each)], data=each, times=(80.0, 0.002), time_name="sigma", source={}
        )
        for name, each in ends.items()
    )
    for pairs, count in ((few, 1), (alike, 3)):
        with pytest.raises(DataError, match=f"held-out pairs whose data differ, .* got {count} with the same: take a"):
            next(train(config, pairs, tmp_path / "run", device=CPU))
    assert not (tmp_path / "run").exists()


def test_a_critic_or_a_distance_of_pictures_costs_no_folder_where_there_are_points(config, data, tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="pictures"):
        next(distil(replace(config, adversary=Adversary()), data, tmp_path / "run", device=CPU))
    monkeypatch.setitem(sys.modules, "lpips", None)
    perceptual = KoopmanObjective(distance=PerceptualDistance(weights=InstalledWeights()))
    with pytest.raises(WeightsError, match=r"\(--perceptual-weights VGG HEADS\), or train without any \(--distance"):
        next(distil(replace(config, objective=perceptual), data, tmp_path / "run", device=CPU))
    assert not (tmp_path / "run").exists()


def test_a_training_that_failed_before_it_saved_anything_leaves_its_folder_to_another(config, data, tmp_path):
    hot = replace(config, training=replace(config.training, optimiser=AdamConfig(learning_rate=1e30)))
    with pytest.raises(TrainingDiverged):
        list(distil(hot, data, tmp_path / "run", device=CPU))
    trained(config, data, tmp_path / "run")
    with pytest.raises(ValueError, match=r"differs in training\.optimiser"):
        list(distil(hot, data, tmp_path / "run", device=CPU))


@pytest.mark.parametrize("name", [name for name, preset in PRESETS.items() if preset.teacher is not None])
def test_every_preset_whose_pairs_are_made_is_rehearsed(name):
    PRESETS[name].rehearse()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("checkerboard", "--adversary", "0.01"), "pictures"),
        (("patches32",), "expected diffusers, which U-Nets are made of, got a Python without it: pip install"),
        (("checkerboard", "--distance", "perceptual"), "working package lpips"),
        (
            ("digits-conditional", "--classes", "7"),
            "10 classes, those of the teacher digits-conditional, got 7",
        ),
        (("digits", "--classes", "7"), "for a preset of classes, got 7 for one of no classes"),
        (
            ("digits-conditional", "--classes", "0"),
            "at least 1, for a preset of classes, got 0 for one of 10",
        ),
        (("digits", "--learning-rate", "0"), "expected a positive, finite learning rate, got 0.0"),
        (("digits", "--threads", "0"), "expected threads >= 1, got 0"),
    ],
)
def test_a_mistaken_training_is_refused_before_its_pairs_are_made(tmp_path, capsys, monkeypatch, arguments, message):
    for package in ("lpips", "diffusers"):
        monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(SystemExit) as stopped:
        main(["train", *arguments, "--out", str(tmp_path / "run"), "--device", "cpu"])
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_preset_of_classes_is_trained_on_data_of_as_many_as_there_are(tmp_path, capsys):
    rng = np.random.default_rng(0)
    noise = 80 * rng.standard_normal((40, 8, 8))
    save_trajectories(
        tmp_path / "data", noise=noise, data=np.tanh(noise / 80), labels=np.arange(40) % 4, times=(80.0, 0.002),
        time_name="sigma", source={"kind": "packed"},
    )  # fmt: skip
    train = ["train", "digits-conditional", "--data", str(tmp_path / "data"), "--out", str(tmp_path / "run")]
    train += ["--steps", "1", "--batch", "4", "--device", "cpu"]
    with pytest.raises(SystemExit):
        main(train)
    assert "train a model of 4 classes (kdm train --classes 4)" in capsys.readouterr().err
    main([*train, "--classes", "4", "--threads", "2", "--learning-rate", "1e-4"])
    sample = ["sample", str(tmp_path / "run"), "--count", "2", "--out", str(tmp_path / "s.npy"), "--device", "cpu"]
    with pytest.raises(SystemExit):
        main([*sample, "--label", "7"])
    assert "of 0 to 3" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main([*sample[:3], "-3", *sample[4:], "--label", "1"])
    assert "error: expected a positive number of samples, got -3" in capsys.readouterr().err
