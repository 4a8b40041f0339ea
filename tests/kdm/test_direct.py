"""Direct regression minimises what the model beside it does: the same distance, beside the same kind of critic."""

import hashlib
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from tiny_experiments import CPU, half_trained, read_from_disk, same, trained
from vgg_files import head_state, narrow_distance

from kdm.ablations import load_direct, regress_directly
from kdm.ablations.direct import DirectObjective, DirectRegression, adversary_of
from kdm.configuration import Architecture, from_json
from kdm.distances import PerceptualDistance, PseudoHuberDistance, SquaredDistance, SumOfDistances, WeighedDistance
from kdm.evaluation import generated
from kdm.model import Scaling
from kdm.networks import ResidualMLPConfig
from kdm.networks.discriminator import CriticConfig
from kdm.networks.perceptual import InstalledWeights
from kdm.objectives import KoopmanObjective
from kdm.refitting import MeasurePreserving, Refit
from kdm.teachers import Empirical
from kdm.training.adversary import Adversary
from kdm.training.distillation import DistillationConfig
from kdm.training.loop import TrainingConfig
from kdm.training.optimisation import AdamConfig
from kdm.training.runs import RunError, RunFolder
from kdm.trajectories import Pairs, Trajectories, collect
from kdm.verification.losses import loss_of_both

TINY = ResidualMLPConfig(width=16, blocks=1, dropout=0.2)


@pytest.fixture(scope="module")
def patterns(tmp_path_factory) -> Trajectories:
    """80 pairs of pictures near six patterns."""
    generator = torch.Generator().manual_seed(0)
    teacher = Empirical(points=1.0 + torch.randn(6, 16, 16, generator=generator, dtype=torch.float64), bandwidth=0.1)
    return collect(teacher, 80, generator=generator, steps=4, out=tmp_path_factory.mktemp("collected") / "patterns")


@pytest.fixture
def perceptual(tmp_path) -> PerceptualDistance:
    return narrow_distance(tmp_path / "weights", low=-3.0, high=5.0)


@pytest.fixture
def pictured() -> DistillationConfig:
    architecture = Architecture(latent=4, noise_encoder=TINY, data_encoder=TINY, decoder=TINY)
    training = TrainingConfig(steps=10, batch=8, warmup=2, evaluate_every=5)
    return DistillationConfig(architecture=architecture, training=training)


def beside(config: DistillationConfig, distance) -> DistillationConfig:
    return replace(config, objective=KoopmanObjective(distance=distance))


regressed, half_regressed = (partial(done, train=regress_directly) for done in (trained, half_trained))


def test_a_run_of_the_squared_distance_records_what_it_always_did_and_stays_finished(config, data, tmp_path):
    whole = regressed(config, data, tmp_path / "run")
    experiment = RunFolder(tmp_path / "run").experiment()
    assert experiment.keys() == {"kind", "model", "training", "data"}
    assert experiment["kind"] == "direct-regression"
    assert experiment["model"].keys() == {"network", "shape", "scaling"}
    assert experiment["data"] == {"digest": data.manifest.digest}
    assert list(regress_directly(config, data, tmp_path / "run", device=CPU)) == []
    half_regressed(config, data, tmp_path / "halves")
    assert same(regressed(config, data, tmp_path / "halves"), whole)
    stabilised = replace(config, objective=KoopmanObjective(latent_weight=0.1, latent_noise=0.4, spectral_weight=1.0))
    assert list(regress_directly(stabilised, data, tmp_path / "run", device=CPU)) == [], "it has no latents"


def test_another_distance_gives_other_weights_is_recorded_and_resumes_to_the_same_bits(config, data, tmp_path):
    robust = beside(config, PseudoHuberDistance())
    squared, whole = regressed(config, data, tmp_path / "squared"), regressed(robust, data, tmp_path / "whole")
    assert squared.keys() == whole.keys()
    assert not same(squared, whole)
    recorded = RunFolder(tmp_path / "whole").experiment()["objective"]
    assert recorded == {"distance": {"kind": "PseudoHuberDistance", "c": 0.03}}
    assert from_json(DirectObjective, recorded) == DirectObjective(distance=PseudoHuberDistance())
    half_regressed(robust, data, tmp_path / "halves")
    with pytest.raises(RunError, match=r"got another one \(it differs in objective\)"):
        regressed(config, data, tmp_path / "halves")
    assert same(regressed(robust, data, tmp_path / "halves"), whole)
    assert RunFolder(tmp_path / "halves").metrics() == RunFolder(tmp_path / "whole").metrics()


def test_lpips_sees_the_pictures_in_their_own_units(perceptual):
    generator = torch.Generator().manual_seed(0)
    module = DirectRegression(
        ResidualMLPConfig(width=16, blocks=1).built((16, 16), (16, 16), classes=0), shape=(16, 16),
        scaling=Scaling(noise=80.0, data_mean=1.0, data=1.5),
    )  # fmt: skip
    pairs = Pairs(
        noise=80 * torch.randn(5, 16, 16, generator=generator), data=1 + torch.randn(5, 16, 16, generator=generator)
    )
    levels = [
        ((pixels - 1.0) / 4.0).unsqueeze(1) for pixels in (generated(module.eval(), pairs.noise), pairs.data)
    ]  # of −3 … 5
    network = perceptual.network
    expected = network.between(*(network.features(pixels, shortest=16) for pixels in levels))
    losses = DirectObjective(distance=perceptual)(module, pairs)
    torch.testing.assert_close(losses.errors.square(), expected, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(losses.total, expected.mean(), rtol=1e-4, atol=1e-6)


def test_a_run_by_lpips_knows_the_weights_that_it_read_and_resumes_with_no_others(
    pictured, perceptual, patterns, tmp_path
):
    alike = beside(pictured, perceptual)
    whole = regressed(alike, patterns, tmp_path / "whole")
    assert not same(whole, regressed(pictured, patterns, tmp_path / "squared"))
    half_regressed(alike, patterns, tmp_path / "halves")
    files = [Path(perceptual.weights.vgg), Path(perceptual.weights.heads)]
    expected = {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    assert RunFolder(tmp_path / "halves").experiment()["weights_sha256"] == expected
    original = files[1].read_bytes()
    torch.save(head_state(seed=5), files[1])
    with pytest.raises(RunError, match=r"got another one \(it differs in weights_sha256\./.*/heads\.pth\)"):
        regressed(alike, patterns, tmp_path / "halves")
    files[1].write_bytes(original)
    assert same(regressed(alike, patterns, tmp_path / "halves"), whole)


@pytest.fixture
def against_a_critic(pictured) -> DistillationConfig:
    adversary = Adversary(critic=CriticConfig(channels=(4, 8)), weight=0.3, optimiser=AdamConfig(learning_rate=1e-2))
    return replace(pictured, adversary=adversary)


def test_a_critic_like_the_models_is_trained_beside_it_and_is_no_part_of_it(
    pictured, against_a_critic, patterns, tmp_path
):
    whole = regressed(against_a_critic, patterns, tmp_path / "whole")
    half_regressed(against_a_critic, patterns, tmp_path / "halves")
    before = torch.load(tmp_path / "halves" / "state.pt", weights_only=True)["rival"]
    assert same(regressed(against_a_critic, patterns, tmp_path / "halves"), whole)
    assert not same(
        torch.load(tmp_path / "halves" / "state.pt", weights_only=True)["rival"]["module"], before["module"]
    )
    assert before["optimiser"]["state"], "the critic learns"
    assert {"adversarial", "critic"} < RunFolder(tmp_path / "whole").metrics()[-1].keys()
    recorded = RunFolder(tmp_path / "whole").experiment()["adversary"]
    assert from_json(Adversary, recorded) == against_a_critic.adversary
    alone = regressed(pictured, patterns, tmp_path / "alone")
    assert whole.keys() == alone.keys()
    assert not same(whole, alone)
    assert load_direct(tmp_path / "whole").generate(patterns.heldout().noise).shape == (8, 16, 16)


def test_before_the_game_begins_it_is_trained_bit_for_bit_as_without_a_critic(
    pictured, against_a_critic, patterns, tmp_path
):
    late = replace(against_a_critic, adversary=replace(against_a_critic.adversary, start=6))
    totals = [
        [step.losses.total.item() for step in regress_directly(config, patterns, tmp_path / name, device=CPU)]
        for name, config in (("late", late), ("alone", pictured))
    ]
    assert totals[0][:6] == totals[1][:6]
    assert totals[0][6] != totals[1][6]


def test_the_critic_is_weighed_against_the_distance_as_against_the_models_prediction_loss(against_a_critic):
    def weight(prediction: float) -> float:
        return adversary_of(replace(against_a_critic, objective=KoopmanObjective(prediction_weight=prediction))).weight

    assert weight(1.0) == weight(0.0) == 0.3, "without a prediction loss there is nothing to weigh against"
    assert weight(0.5) == 0.6
    assert adversary_of(replace(against_a_critic, adversary=None)) is None


def test_pairs_that_stay_on_disk_give_the_same_weights(config, data, tmp_path, monkeypatch):
    memory = regressed(config, data, tmp_path / "memory")
    taken = read_from_disk(monkeypatch)
    assert same(regressed(config, data, tmp_path / "disk"), memory)
    assert len(taken) == config.training.steps


def test_what_both_minimise_is_told_in_words(config):
    def told(distance) -> str:
        return loss_of_both(beside(config, distance))

    assert told(SquaredDistance()) == (
        "both minimise the mean squared difference between samples, and neither has a critic"
    )
    assert "the pseudo-Huber distance of c = 0.03 between" in told(PseudoHuberDistance())
    lpips = PerceptualDistance(weights=InstalledWeights())
    both = SumOfDistances(
        terms=(WeighedDistance(distance=SquaredDistance()), WeighedDistance(distance=lpips, weight=0.5))
    )
    assert "minimise 1 × the mean squared difference + 0.5 × LPIPS between" in told(both)
    assert loss_of_both(replace(beside(config, lpips), adversary=Adversary())) == (
        "both minimise LPIPS between samples, and each has a critic of its own"
    )
    refit = Refit(solution=MeasurePreserving())
    assert loss_of_both(replace(config, refit=refit)).endswith("had its operator refitted, as direct regression cannot")
