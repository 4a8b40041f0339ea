"""Models that are told classes are verified a class at a time."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_experiments import CPU, trained

from kdm.__main__ import main
from kdm.configuration import Architecture
from kdm.control import LabelControlConfig
from kdm.networks import ResidualMLPConfig
from kdm.sampling import sample
from kdm.teachers import named
from kdm.teachers.conditional import ClassConditional
from kdm.training.distillation import DistillationConfig, load
from kdm.training.loop import TrainingConfig
from kdm.training.runs import RunError
from kdm.trajectories import Trajectories, collect, largest_class, of_class
from kdm.verification.controls import random_encoders, semantic_controls
from kdm.verification.evidence import evidence_of
from kdm.verification.introduction import introduced
from kdm.verification.request import Request
from kdm.verification.subjects import subject_of_run
from kdm.verification.targets import Means, target_named
from koopman_analysis import SnapshotPairs


@pytest.fixture(scope="module")
def conditional(tmp_path_factory) -> Trajectories:
    folder = tmp_path_factory.mktemp("collected") / "data"
    teacher = ClassConditional(of=named("mixture"))
    return collect(teacher, 1200, generator=torch.Generator().manual_seed(0), steps=8, out=folder)


@pytest.fixture(scope="module")
def run(conditional, tmp_path_factory) -> Path:
    """Ten steps of a tiny model that is told eight classes."""
    tiny = ResidualMLPConfig(width=16, blocks=1)
    architecture = Architecture(
        latent=4, noise_encoder=tiny, data_encoder=tiny, decoder=tiny, control=LabelControlConfig(), classes=8
    )
    training = TrainingConfig(steps=10, batch=300, warmup=2, evaluate_every=5)
    folder = tmp_path_factory.mktemp("run") / "told"
    trained(DistillationConfig(architecture=architecture, training=training), conditional, folder)
    return folder


@pytest.fixture(scope="module")
def work(tmp_path_factory) -> Path:
    """Where direct regression is trained once."""
    return tmp_path_factory.mktemp("work")


def means(work: Path, label: int | None = None) -> Means:
    return Means(work=work, seed=0, fast=True, device=CPU, progress=False, label=label)


def test_what_is_measured_is_the_flow_of_the_class(conditional, run, work):
    experiment = target_named(str(run), data=None).experiment(means(work, 5))
    part = of_class(conditional, 5)
    assert experiment.label == 5
    assert experiment.data.manifest.digest == part.manifest.digest
    rng, generator = np.random.default_rng(0), torch.Generator().manual_seed(0)
    evidence = evidence_of(experiment, count=50, rng=rng, generator=generator)
    heldout = part.heldout()
    with torch.no_grad():
        expected = load(run).generate(heldout.noise, torch.full((len(heldout),), 5))
    np.testing.assert_allclose(evidence.prediction, expected.numpy(), atol=1e-5)
    direct = experiment.training.direct
    with torch.no_grad():
        regression = direct.generate(heldout.noise, torch.full((len(heldout),), 5))
    np.testing.assert_allclose(evidence.predictions["direct regression"], regression.numpy(), atol=1e-5)
    noise = heldout.noise.double().numpy()
    controls = semantic_controls(experiment, evidence.baselines)
    encoders = random_encoders(experiment.subject, label=5, generator=generator)
    assert {len(encode(noise)) for encode in [*controls.values(), *encoders]} == {len(heldout)}
    told = introduced(experiment, evidence)
    assert "of class 5" in told
    assert "was trained on these data and those of the other classes: the held-out pairs are new to it" in told
    n, there = len(experiment.data), len(heldout)
    assert f"the baselines were fitted to {n - there} of them" in told
    assert f"measured on the {there} held-out pairs" in told
    few = SnapshotPairs(before=evidence.heldout.before[:3], after=evidence.heldout.after[:3])
    told = introduced(experiment, replace(evidence, heldout=few))
    assert f"the baselines were fitted to {n - there} of them" in told
    assert f"measured on the first 3 of the {there} held-out pairs" in told


def test_a_class_of_more_pairs_from_the_same_seed_is_refused_as_all_of_them_are(conditional, run, tmp_path):
    teacher = ClassConditional(of=named("mixture"))
    more = collect(teacher, 1300, generator=torch.Generator().manual_seed(0), steps=8)
    assert more.manifest.seed == conditional.manifest.seed
    for data in (more, of_class(more, 5)):
        with pytest.raises(RunError, match="was not trained on, got more or fewer from the same seed"):
            subject_of_run(run, data, device=CPU, label=5)
    assert subject_of_run(run, of_class(conditional, 5), device=CPU, label=5).latent == 4


def test_the_largest_class_unless_one_is_asked_for(conditional, run, work):
    experiment = target_named(str(run), data=None).experiment(means(work))
    assert experiment.label == largest_class(conditional)


def test_classes_share_what_was_trained_and_each_has_its_report(run):
    two = [Request(target=str(run), data=None, seed=0, fast=True, label=label) for label in (1, 2)]
    assert [request.name for request in two] == ["told-fast-class1", "told-fast-class2"]
    assert {request.trainings for request in two} == {"told-fast"}
    assert two[0].to_json()["label"] == 1
    assert "--label 1" in two[0].command


def test_a_class_for_a_model_that_is_told_none_is_refused(data, config, tmp_path):
    trained(config, data, tmp_path / "run")
    with pytest.raises(ValueError, match="expected no --label for .* whose model is told no classes, got 0"):
        target_named(str(tmp_path / "run"), data=None).experiment(means(tmp_path / "work", 0))
    theirs = target_named("models_of_others:identity", data=data.folder)
    with pytest.raises(
        ValueError, match="expected no --label for 'models_of_others:.*', of whose classes nobody knows"
    ):
        theirs.experiment(means(tmp_path / "work", 0))


def test_a_class_that_the_model_does_not_know_is_refused(run, work):
    with pytest.raises(ValueError, match="expected a class that the model knows, one of 0 to 7; got 9"):
        target_named(str(run), data=None).experiment(means(work, 9))


def test_samples_of_one_class_are_drawn_by_its_number(run, tmp_path, capsys):
    main(["sample", str(run), "--count", "3", "--label", "2", "--out", str(tmp_path / "twos.npy")])
    expected = sample(load(run), 3, generator=torch.Generator().manual_seed(0), labels=torch.full((3,), 2))
    np.testing.assert_array_equal(np.load(tmp_path / "twos.npy"), expected.numpy())
    assert "3 samples" in capsys.readouterr().out
