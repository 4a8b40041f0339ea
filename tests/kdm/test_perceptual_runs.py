"""A RUN that compares pictures by a network from files knows what was in them."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tiny_experiments import CPU, half_trained, same, trained
from vgg_files import head_state, narrow_distance

from kdm.configuration import Architecture
from kdm.distances import PerceptualDistance, SquaredDistance, SumOfDistances, WeighedDistance, digests_of_weights
from kdm.evaluation import evaluate
from kdm.networks import ResidualMLPConfig
from kdm.networks.perceptual import InstalledWeights, WeightsError
from kdm.objectives import KoopmanObjective
from kdm.sampling import sample
from kdm.teachers import Empirical
from kdm.training.distillation import DistillationConfig, config_of, distil, load
from kdm.training.loop import TrainingConfig
from kdm.training.runs import RunError, RunFolder
from kdm.trajectories import Trajectories, collect


@pytest.fixture(scope="module")
def patterns(tmp_path_factory) -> Trajectories:
    """80 pairs of pictures near six patterns."""
    generator = torch.Generator().manual_seed(0)
    teacher = Empirical(points=torch.randn(6, 16, 16, generator=generator, dtype=torch.float64), bandwidth=0.1)
    return collect(teacher, 80, generator=generator, steps=4, out=tmp_path_factory.mktemp("collected") / "patterns")


@pytest.fixture
def perceptual(tmp_path) -> PerceptualDistance:
    return narrow_distance(tmp_path / "weights", low=-3.0, high=3.0)


@pytest.fixture
def config(perceptual) -> DistillationConfig:
    tiny = ResidualMLPConfig(width=16, blocks=1)
    return DistillationConfig(
        architecture=Architecture(latent=4, noise_encoder=tiny, data_encoder=tiny, decoder=tiny),
        training=TrainingConfig(steps=10, batch=8, warmup=2, evaluate_every=5),
        objective=KoopmanObjective(distance=perceptual),
    )


def files_of(perceptual: PerceptualDistance) -> list[Path]:
    return [Path(perceptual.weights.vgg), Path(perceptual.weights.heads)]


def recorded(run: Path) -> dict[str, str] | None:
    return RunFolder(run).experiment().get("weights_sha256")


def test_a_run_records_the_weights_that_it_read_and_resumes_with_no_others(config, perceptual, patterns, tmp_path):
    expected = {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files_of(perceptual)}
    whole = trained(config, patterns, tmp_path / "whole")
    half_trained(config, patterns, tmp_path / "halves")
    assert recorded(tmp_path / "halves") == expected
    assert config_of(RunFolder(tmp_path / "halves").experiment()) == config

    heads = files_of(perceptual)[1]
    original = heads.read_bytes()
    torch.save(head_state(seed=5), heads)
    with pytest.raises(RunError, match=r"got another one \(it differs in weights_sha256\./.*/heads\.pth\)"):
        next(distil(config, patterns, tmp_path / "halves", device=CPU))
    heads.write_bytes(original)
    assert same(trained(config, patterns, tmp_path / "halves"), whole)


def test_without_the_files_nothing_is_trained_and_all_else_is_done(config, perceptual, patterns, tmp_path):
    trained(config, patterns, tmp_path / "run")
    for path in files_of(perceptual):
        path.unlink()
    model = load(tmp_path / "run")
    assert sample(model, 3, generator=torch.Generator().manual_seed(0)).shape == (3, 16, 16)
    assert "paired_error" in evaluate(model, patterns, count=10).quantities
    with pytest.raises(WeightsError, match="expected a file of weights at '.*', got none: download it"):
        next(distil(config, patterns, tmp_path / "new", device=CPU))
    assert not (tmp_path / "new").exists()


def test_data_outside_the_range_of_the_distance_are_refused_before_anything_is_trained(config, patterns, tmp_path):
    brighter = replace(patterns, data=patterns.data + 100.0)
    pair = SumOfDistances(
        terms=(WeighedDistance(distance=SquaredDistance()), WeighedDistance(distance=config.objective.distance))
    )
    for distance in (config.objective.distance, pair):
        with pytest.raises(ValueError, match=r"values between -3 and 3, got data between 9.* give the perceptual"):
            next(distil(replace(config, objective=KoopmanObjective(distance=distance)), brighter, tmp_path / "run",
                        device=CPU))  # fmt: skip
    assert not (tmp_path / "run").exists()
    trained(replace(config, objective=KoopmanObjective(distance=SquaredDistance())), brighter, tmp_path / "squared")


def test_a_run_of_an_earlier_version_that_does_not_know_its_weights_loads_and_goes_on(config, patterns, tmp_path):
    whole = trained(config, patterns, tmp_path / "whole")
    half_trained(config, patterns, tmp_path / "earlier")
    path = tmp_path / "earlier" / "config.json"
    record = json.loads(path.read_text())
    del record["experiment"]["weights_sha256"]
    path.write_text(json.dumps(record))
    assert same(trained(config, patterns, tmp_path / "earlier"), whole)
    assert recorded(tmp_path / "earlier") is None, "it still does not know what its first half read"
    load(tmp_path / "earlier")


def test_a_sum_reads_the_files_of_its_terms_and_other_distances_read_none(perceptual):
    both = SumOfDistances(
        terms=(WeighedDistance(distance=SquaredDistance()), WeighedDistance(distance=perceptual, weight=0.5))
    )
    assert digests_of_weights(both) == digests_of_weights(perceptual)
    assert len(digests_of_weights(perceptual)) == 2
    for without in (SquaredDistance(), PerceptualDistance(weights=InstalledWeights())):
        assert digests_of_weights(without) == {}
