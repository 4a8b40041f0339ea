"""Critics, the games against them, and training beside one."""

import copy
import json
from dataclasses import replace

import pytest
import torch
from processes import in_threads
from safetensors.torch import load_file
from tiny_experiments import CPU, half_trained, same, trained
from torch import nn
from torch.nn.functional import logsigmoid

from kdm.ablations.least_squares import RandomEncoders
from kdm.adversarial_objective import AdversarialObjective
from kdm.configuration import Architecture, ModelConfig, built_model, from_json, to_json
from kdm.model import Scaling
from kdm.networks import ResidualMLPConfig
from kdm.networks.discriminator import CriticConfig
from kdm.objectives import KoopmanObjective, Losses, forward_pass
from kdm.semigroup_objective import SemigroupObjective
from kdm.teachers import Empirical
from kdm.training.adversary import Adversary, NonSaturatingGame, PairedGame
from kdm.training.batches import Batch
from kdm.training.distillation import DistillationConfig, config_of, distil, load
from kdm.training.distributed import Alone, Processes
from kdm.training.gradients import StepGradient
from kdm.training.loop import TrainingConfig
from kdm.training.optimisation import AdamConfig
from kdm.training.runs import RunFolder
from kdm.trajectories import Pairs, Trajectories, collect

TINY = ResidualMLPConfig(width=16, blocks=1, dropout=0.2)
SMALL_CRITIC = CriticConfig(channels=(4, 8))


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def critic_of(shape: tuple[int, ...], config: CriticConfig = SMALL_CRITIC) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return config.built(shape).double()


@pytest.mark.parametrize("shape", [(8, 8), (1, 28, 28), (3, 32, 32), (3, 7, 20), (2, 1, 1)])
def test_a_critic_judges_pictures_of_any_size_one_by_one(shape):
    critic = critic_of(shape, CriticConfig())
    pictures = normal(5, *shape)
    judged = critic(pictures)
    assert judged.shape == (5,)
    torch.testing.assert_close(critic(pictures[2:3]), judged[2:3])
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in critic.modules())
    assert judged.unique().numel() > 1
    assert [stage.convolution.out_channels for stage in critic.stages if hasattr(stage, "convolution")] == [
        64, 128, 256, 1,
    ]  # fmt: skip


def test_a_side_of_s_pixels_becomes_the_half_rounded_up():
    critic = critic_of((1, 9, 16))
    sizes = []
    for stage in critic.stages:
        stage.register_forward_hook(lambda _, __, out: sizes.append(tuple(out.shape[2:])))
    critic(normal(2, 1, 9, 16))
    assert sizes[::3] == [(5, 8), (3, 4), (2, 2)]


@pytest.fixture(scope="module")
def model():
    network = ResidualMLPConfig(width=8, blocks=1)
    config = ModelConfig(
        architecture=Architecture(latent=5, noise_encoder=network, data_encoder=network, decoder=network),
        shape=(6, 6),
        scaling=Scaling(noise=80.0, data_mean=0.3, data=2.0),
    )
    model = built_model(config, generator=torch.Generator().manual_seed(0)).double()
    with torch.no_grad():
        for number, parameter in enumerate(model.parameters()):
            parameter += 0.3 * normal(*parameter.shape, seed=number)
    return model


PAIRS = Pairs(noise=80 * normal(7, 6, 6), data=0.3 + 2 * normal(7, 6, 6, seed=1))
WEIGHTS = torch.tensor([0.0, 2.0, 0.5, 1.0, 0.0, 3.0, 1.0], dtype=torch.float64)


def adversarial(**changes) -> AdversarialObjective:
    """An objective that predicts with weight 3, and a critic with numbers that are no special case."""
    parts = {"game": NonSaturatingGame(), "weight": 0.7, "smoothness": 0.0} | changes
    objective = KoopmanObjective(prediction_weight=3.0)
    return AdversarialObjective(objective=objective, rival=critic_of((6, 6)), **parts)


def test_the_games_are_their_equations_and_both_cost_the_mean_over_the_weighted_pairs(model):
    forward = forward_pass(model, PAIRS)
    for game in (NonSaturatingGame(), PairedGame()):
        objective = adversarial(game=game)
        real, generated = objective.rival(forward.data), objective.rival(forward.predicted)
        if isinstance(game, NonSaturatingGame):
            critic = -(logsigmoid(real) + logsigmoid(-generated)) / 2
            paid = -logsigmoid(generated)
        else:
            critic, paid = -logsigmoid(real - generated), -logsigmoid(generated - real)
        losses, plain = objective(model, PAIRS, WEIGHTS), objective.objective(model, PAIRS, WEIGHTS)
        torch.testing.assert_close(losses.parts["critic"], (WEIGHTS * critic).mean())
        torch.testing.assert_close(losses.parts["adversarial"], (WEIGHTS * paid).mean())
        torch.testing.assert_close(losses.total, plain.total + (WEIGHTS * (0.7 * paid + critic)).mean())
        assert torch.equal(losses.errors, plain.errors)


def test_the_gradient_of_the_total_is_each_players_own(model):
    objective = adversarial(smoothness=0.4)
    losses = objective(model, PAIRS)
    field = torch.autograd.grad(losses.total, [*model.parameters(), *objective.rival.parameters()])
    losses = objective(model, PAIRS)  # again: that graph is used up
    critic = losses.parts["critic"] + 0.2 * losses.parts["critic_roughness"]
    of_critic = torch.autograd.grad(critic, list(objective.rival.parameters()), retain_graph=True)
    moved = torch.autograd.grad(critic, list(model.parameters()), allow_unused=True, retain_graph=True)
    assert all(gradient is None for gradient in moved), "to the critic the samples are constants"
    rest = torch.autograd.grad(losses.total - critic, list(model.parameters()), retain_graph=True)
    paid = torch.autograd.grad(
        losses.parts["adversarial"], list(objective.rival.parameters()), allow_unused=True, retain_graph=True
    )
    assert all(gradient is None for gradient in paid), "to the model the critic is a constant"
    for found, expected in zip(field, (*rest, *of_critic), strict=True):
        torch.testing.assert_close(found, expected)
    assert max(gradient.abs().max() for gradient in of_critic) > 0


def test_the_roughness_of_a_linear_critic_is_the_square_of_its_slope(model):
    class Linear(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.slope = nn.Parameter(normal(36))

        def forward(self, samples: torch.Tensor) -> torch.Tensor:
            return samples.flatten(1) @ self.slope

    objective = replace(adversarial(smoothness=2.0), rival=Linear())
    losses = objective(model, PAIRS)
    torch.testing.assert_close(losses.parts["critic_roughness"], objective.rival.slope.square().sum())
    rough = replace(objective, smoothness=0.0)(model, PAIRS)
    assert rough.parts["critic_roughness"] == 0.0
    torch.testing.assert_close(losses.total, rough.total + losses.parts["critic_roughness"])


@pytest.mark.parametrize("start", [2, 3], ids=["on", "not yet"])
def test_the_step_of_both_players_does_not_depend_on_who_computes_which_part_of_it(model, start):
    batch = Batch(indices=torch.tensor([0, 1, 2, 3, 4, 5, 6, 6]), weights=WEIGHTS[[1, 2, 3, 5, 6, 0, 1, 2]])

    def asked(processes: Processes, micro_batch: int | None = None) -> tuple[Losses, torch.Tensor]:
        ours = copy.deepcopy(model)
        noisy = KoopmanObjective(prediction_weight=3.0, latent_noise=0.4)
        objective = replace(critical, objective=noisy, rival=copy.deepcopy(critical.rival))
        gradient = StepGradient(
            module=ours, rival=objective.rival, objective=objective, seed=1, micro_batch=micro_batch,
            processes=processes,
        )  # fmt: skip
        losses = gradient.losses(PAIRS.__getitem__, batch, step=2)
        found = [parameter.grad for parameter in (*ours.parameters(), *objective.rival.parameters())]
        assert (found[-1] is None) == (start > 2), "the critic learns once the game is on"
        return losses, torch.cat([gradient.flatten() for gradient in found if gradient is not None])

    critical = adversarial(smoothness=0.4, game=PairedGame(), start=start)
    whole, expected = asked(Alone())
    for losses, gradient in (asked(Alone(), 3), *in_threads(2, lambda each: asked(each, 3))):
        torch.testing.assert_close(gradient, expected, rtol=1e-9, atol=1e-11)
        torch.testing.assert_close(losses.total, whole.total)
        torch.testing.assert_close(losses.parts, whole.parts)


@pytest.fixture(scope="module")
def patterns(tmp_path_factory) -> Trajectories:
    """80 pairs of pictures near six patterns."""
    teacher = Empirical(points=normal(6, 8, 8), bandwidth=0.1)
    folder = tmp_path_factory.mktemp("collected") / "patterns"
    return collect(teacher, 80, generator=torch.Generator().manual_seed(0), steps=4, out=folder)


@pytest.fixture(scope="module")
def beside_a_critic() -> DistillationConfig:
    architecture = Architecture(latent=4, noise_encoder=TINY, data_encoder=TINY, decoder=TINY)
    adversary = Adversary(
        critic=SMALL_CRITIC, game=PairedGame(), weight=0.3, smoothness=0.5,
        optimiser=AdamConfig(learning_rate=1e-2),
    )  # fmt: skip
    training = TrainingConfig(steps=10, batch=30, warmup=2, evaluate_every=5)
    return DistillationConfig(architecture=architecture, training=training, adversary=adversary)


def test_training_beside_a_critic_resumes_bitwise_and_leaves_no_critic_in_the_model(
    patterns, beside_a_critic, tmp_path
):
    whole = trained(beside_a_critic, patterns, tmp_path / "whole")
    half_trained(beside_a_critic, patterns, tmp_path / "halves")
    state = torch.load(tmp_path / "halves" / "state.pt", weights_only=True)
    assert state["step"] == 5
    assert state["rival"]["optimiser"]["state"], "the critic's moments"
    resumed = [step.index for step in distil(beside_a_critic, patterns, tmp_path / "halves", device=CPU)]
    assert resumed == [6, 7, 8, 9, 10]
    assert same(load_file(tmp_path / "halves" / "model.safetensors"), whole)
    assert RunFolder(tmp_path / "halves").metrics() == RunFolder(tmp_path / "whole").metrics()
    assert {"adversarial", "critic", "critic_roughness"} < RunFolder(tmp_path / "whole").metrics()[-1].keys()
    after = torch.load(tmp_path / "halves" / "state.pt", weights_only=True)["rival"]["module"]
    assert not same(after, state["rival"]["module"]), "the critic is trained"

    alone = trained(replace(beside_a_critic, adversary=None), patterns, tmp_path / "alone")
    assert whole.keys() == alone.keys(), "the model is the same network"
    assert not same(whole, alone)
    assert "rival" not in torch.load(tmp_path / "alone" / "state.pt", weights_only=True)
    assert load(tmp_path / "whole").generate(patterns.heldout().noise).shape == (8, 8, 8)


def test_before_the_game_begins_a_model_is_trained_bit_for_bit_as_without_a_critic(patterns, beside_a_critic, tmp_path):
    late = replace(beside_a_critic, adversary=replace(beside_a_critic.adversary, start=6))
    alone = replace(beside_a_critic, adversary=None)
    totals = [
        [step.losses.total.item() for step in distil(config, patterns, tmp_path / name, device=CPU)]
        for name, config in (("late", late), ("alone", alone))
    ]
    assert totals[0][:6] == totals[1][:6]
    assert totals[0][6] != totals[1][6]
    before, after = ({"critic", "adversarial"} & logged.keys() for logged in RunFolder(tmp_path / "late").metrics())
    assert (before, after) == (set(), {"critic", "adversarial"}), "after 5 steps and after 10"
    for name, config in (("late half", late), ("half alone", alone)):
        half_trained(config, patterns, tmp_path / name)
    states = [torch.load(tmp_path / name / "state.pt", weights_only=True) for name in ("late half", "half alone")]
    assert same(states[0]["module"], states[1]["module"])
    assert same(states[0]["average"], states[1]["average"])
    assert states[0]["rival"]["optimiser"]["state"] == {}, "the critic has not learned"

    whole = load_file(tmp_path / "late" / "model.safetensors")
    assert same(trained(late, patterns, tmp_path / "late half"), whole), "resumed across the beginning of the game"
    assert RunFolder(tmp_path / "late half").metrics() == RunFolder(tmp_path / "late").metrics()
    assert not same(whole, load_file(tmp_path / "alone" / "model.safetensors"))


def test_a_decoder_alone_is_trained_beside_the_same_critic(patterns, beside_a_critic, tmp_path):
    for _ in RandomEncoders().train(beside_a_critic, patterns, tmp_path, device=CPU):
        pass
    run = RunFolder(tmp_path / "random")
    assert from_json(Adversary, run.experiment()["adversary"]) == beside_a_critic.adversary
    assert torch.load(run.path / "state.pt", weights_only=True)["rival"]["optimiser"]["state"]


def test_a_critic_learns_to_tell_samples_apart_that_a_model_does_not_change():
    objective = adversarial()
    optimiser = torch.optim.Adam(objective.rival.parameters(), lr=1e-2)
    real, generated = normal(64, 6, 6), normal(64, 6, 6, seed=1).cumsum(1)
    for _ in range(60):
        loss = objective.game.of_critic(objective.rival(real), objective.rival(generated)).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    fresh = normal(64, 6, 6, seed=2), normal(64, 6, 6, seed=3).cumsum(1)
    assert (
        objective.game.of_critic(*(objective.rival(samples) for samples in fresh)).mean()
        < 0.4
        < torch.log(torch.tensor(2.0))
    )


def test_an_adversary_survives_json_and_the_record_of_a_run_and_is_written_only_where_there_is_one(
    patterns, beside_a_critic, tmp_path
):
    late = replace(beside_a_critic.adversary, start=6)
    assert from_json(Adversary, to_json(late)) == late
    assert "start" not in to_json(beside_a_critic.adversary), "an earlier version's critic begins at once"
    for original in (beside_a_critic, replace(beside_a_critic, adversary=None)):
        values = json.loads(json.dumps(to_json(original)))
        assert from_json(DistillationConfig, values) == original
        assert ("adversary" in values) == (original.adversary is not None)
        folder = tmp_path / str("adversary" in values)
        next(distil(original, patterns, folder, device=CPU))
        experiment = RunFolder(folder).experiment()
        assert ("adversary" in experiment) == (original.adversary is not None)
        assert config_of(experiment) == original


def test_adversaries_where_there_can_be_none_are_refused(data, beside_a_critic, tmp_path):
    with pytest.raises(ValueError, match=r"expected pictures .* for a critic, got samples of shape \(2,\): train with"):
        next(distil(beside_a_critic, data, tmp_path / "plane", device=CPU))
    shared = replace(beside_a_critic.architecture, data_encoder=None)
    with pytest.raises(ValueError, match="expected no adversary beside one encoder for all times, got Adversary"):
        replace(beside_a_critic, architecture=shared, objective=SemigroupObjective())
    with pytest.raises(ValueError, match="begins before the end of 10 steps, got one that begins after 10: let"):
        replace(beside_a_critic, adversary=Adversary(start=10))
    with pytest.raises(ValueError, match="expected a step >= 0 at which the adversary begins, got -1"):
        Adversary(start=-1)
    with pytest.raises(ValueError, match="expected a smoothness >= 0 of the critic, got -1"):
        Adversary(smoothness=-1.0)
    with pytest.raises(ValueError, match="expected a weight > 0 of the adversary, got 0.0: train without one instead"):
        Adversary(weight=0.0)
    with pytest.raises(ValueError, match=r"expected at least one hidden layer with channels >= 1, got \(\)"):
        CriticConfig(channels=())
