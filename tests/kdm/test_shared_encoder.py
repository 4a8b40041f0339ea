"""One encoder and one semigroup for all stored times: the model, its objective, and its training."""

import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from kdm.configuration import Architecture, ModelConfig, built_model, from_json, to_json
from kdm.latent_model import KDMLatentModel
from kdm.model import Scaling
from kdm.networks import ResidualMLPConfig
from kdm.objectives import KoopmanObjective
from kdm.presets import PRESETS, preset_named
from kdm.semigroup import Semigroup
from kdm.semigroup_objective import SemigroupObjective
from kdm.shared_encoder import SharedEncoderModel
from kdm.teachers import named
from kdm.training.distillation import DistillationConfig, config_of, distil, load, model_config_of
from kdm.training.runs import RunFolder
from kdm.trajectories import DataError, Pairs, collect, save_trajectories
from kdm.verification.evidence import latent_trajectories

CPU = torch.device("cpu")
TINY = ResidualMLPConfig(width=16, blocks=1, dropout=0.2)
SHARED = Architecture(latent=4, noise_encoder=TINY, data_encoder=None, decoder=TINY)
SIGMAS = (80.0, 10.0, 1.0, 0.002)


@pytest.fixture
def model() -> SharedEncoderModel:
    """A model of 2 × 3 samples at four times, with weights that are no special case."""
    network = ResidualMLPConfig(width=8, blocks=1)
    config = ModelConfig(
        architecture=Architecture(latent=5, noise_encoder=network, data_encoder=None, decoder=network),
        shape=(2, 3),
        scaling=Scaling(noise=80.0, data_mean=0.3, data=2.0),
        sigmas=SIGMAS,
    )
    model = built_model(config, generator=torch.Generator().manual_seed(0)).double()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.3 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
    assert isinstance(model, SharedEncoderModel)
    return model


@pytest.fixture
def pairs() -> Pairs:
    generator = torch.Generator().manual_seed(2)
    states = torch.randn(7, 4, 2, 3, generator=generator, dtype=torch.float64) * torch.tensor(SIGMAS)[:, None, None]
    states = states + 0.3 + torch.randn(7, 1, 2, 3, generator=generator, dtype=torch.float64)
    return Pairs(noise=states[:, 0], data=states[:, -1], states=states)


@pytest.fixture(scope="module")
def trajectories(tmp_path_factory):
    """400 trajectories of the mixture at five times, on disk."""
    folder = tmp_path_factory.mktemp("collected") / "mixture"
    return collect(
        named("mixture"), 400, generator=torch.Generator().manual_seed(0), steps=12, keep=range(0, 13, 3), out=folder
    )  # fmt: skip


@pytest.fixture
def shared(config) -> DistillationConfig:
    """Ten steps of a tiny model with one encoder."""
    return replace(config, architecture=SHARED, objective=SemigroupObjective())


def test_operators_at_all_times_are_powers_of_one_semigroup():
    semigroup = Semigroup(4, intervals=3).double()
    with torch.no_grad():
        semigroup.pace.copy_(torch.tensor([0.3, -1.0, 0.2]))
    clock, matrices = semigroup.clock, semigroup.matrices
    assert clock[-1].item() == pytest.approx(1.0, abs=1e-15)
    assert (clock.diff() > 0).all()
    torch.testing.assert_close(matrices[-1], semigroup.matrix)
    between = torch.linalg.matrix_exp((clock[2] - clock[0]) * semigroup.generator)
    torch.testing.assert_close(matrices[0] @ between, matrices[2])
    latents = torch.randn(3, 4, dtype=torch.float64)
    torch.testing.assert_close(semigroup(latents), latents @ semigroup.matrix)


def test_a_new_semigroup_is_orthogonal_on_an_even_clock():
    semigroup = Semigroup(6, intervals=4)
    matrix = semigroup.matrix.double()
    torch.testing.assert_close(matrix @ matrix.T, torch.eye(6, dtype=torch.float64), atol=1e-5, rtol=0)
    assert (matrix - torch.eye(6, dtype=torch.float64)).norm() > 0.5, "it must move something"
    torch.testing.assert_close(semigroup.clock, torch.tensor([0.25, 0.5, 0.75, 1.0]))
    with pytest.raises(ValueError, match="at least one interval"):
        Semigroup(6, intervals=0)


def test_along_a_trajectory_the_ends_are_those_of_the_one_step_model(model, pairs):
    scaled = model.scaled(pairs.states)
    latents = model.encode_along(scaled)
    torch.testing.assert_close(latents[:, 0], model.encode_noise(pairs.noise))
    torch.testing.assert_close(latents[:, -1], model.encode_data(pairs.data))
    advanced = model.advance_along(latents[:, 0])
    torch.testing.assert_close(advanced[:, -1], model.advance(latents[:, 0]))
    end = model.decode_along(advanced)[:, -1].reshape(7, 2, 3)
    torch.testing.assert_close(0.3 + 2.0 * end, model.generate(pairs.noise))


def test_states_are_scaled_as_declared_between_the_ends(model):
    w = (10.0**2 - 0.002**2) / (80.0**2 - 0.002**2)
    scale = (w * 80.0**2 + (1 - w) * 2.0**2) ** 0.5
    states = torch.full((1, 4, 2, 3), 5.0, dtype=torch.float64)
    expected = torch.full((6,), (5.0 - (1 - w) * 0.3) / scale, dtype=torch.float64)
    # The units are kept in single precision.
    torch.testing.assert_close(model.scaled(states)[0, 1], expected, rtol=1e-6, atol=0)
    assert model.scaled(states)[0, 0, 0].item() == pytest.approx(5.0 / 80.0, rel=1e-6)


def test_the_weights_of_one_encoder_are_kept_once(model):
    assert {name.split(".")[0] for name in model.state_dict()} == {"noise_encoder", "operator", "decoder"}


def test_noise_levels_that_are_not_the_times_of_the_semigroup_are_refused(model):
    parts = {
        "shape": (2, 3), "encoder": model.noise_encoder, "control": model.control, "decoder": model.decoder,
        "normalisation": model.normalisation, "scaling": model.scaling,
    }  # fmt: skip
    for sigmas in ((80.0, 1.0, 0.002), (80.0, 1.0, 10.0, 0.002)):
        with pytest.raises(ValueError, match="4 falling noise levels"):
            SharedEncoderModel(**parts, semigroup=Semigroup(5, intervals=3), sigmas=sigmas)


def test_the_objective_is_its_equations(model, pairs):
    weights = [0.4 / 2, 0.4 / 2, 1.0]
    u = ((pairs.states.flatten(2) - model.units[:, 0, None]) / model.units[:, 1, None]).unbind(1)
    z = [model.normalisation(model.noise_encoder(state)) for state in u]
    ahead = [z[0] @ matrix for matrix in model.semigroup.matrices]

    def summed(left: list, right: list) -> torch.Tensor:
        return sum(w * (a - b).square().mean() for w, a, b in zip(weights, left, right, strict=True))

    expected = {
        "latent_linearity": summed(z[1:], ahead),
        "reconstruction": summed([model.decoder(latent) for latent in z[1:]], u[1:]),
        "prediction": summed([model.decoder(latent) for latent in ahead], u[1:]),
    }
    objective = SemigroupObjective(
        latent_weight=2.0, reconstruction_weight=3.0, prediction_weight=5.0, between_weight=0.4
    )
    losses = objective(model, pairs)
    for name, value in expected.items():
        torch.testing.assert_close(losses.parts[name], value)
    torch.testing.assert_close(
        losses.total, sum(w * value for w, value in zip((2.0, 3.0, 5.0), expected.values(), strict=True))
    )
    distance = ((model.generate(pairs.noise) - pairs.data) / 2.0).flatten(1).square().mean(1).sqrt()
    torch.testing.assert_close(losses.errors, distance)


def test_with_no_weight_between_the_ends_it_is_the_objective_of_pairs(model, pairs):
    ends, whole = KoopmanObjective()(model, pairs), SemigroupObjective(between_weight=0.0)(model, pairs)
    for name, value in ends.parts.items():
        torch.testing.assert_close(whole.parts[name], value)
    assert not torch.allclose(ends.total, SemigroupObjective()(model, pairs).total)


def test_the_objective_reaches_the_clock_only_where_times_between_the_ends_count(model, pairs):
    for weight in (0.0, 1.0):
        model.zero_grad()
        SemigroupObjective(between_weight=weight)(model, pairs).total.backward()
        moved = model.semigroup.pace.grad.abs().max()
        assert (moved > 1e-6) == (weight > 0)
        assert model.semigroup.generator.grad.abs().max() > 1e-6


def test_weights_belong_to_the_trajectories_of_the_batch(model, pairs):
    weights = torch.tensor([0.0, 2.0, 0.5, 1.0, 0.0, 3.0, 1.0], dtype=torch.float64)
    by_hand = sum(
        weight * SemigroupObjective()(model, pairs[row : row + 1]).total for row, weight in enumerate(weights)
    ) / len(weights)  # fmt: skip
    torch.testing.assert_close(SemigroupObjective()(model, pairs, weights).total, by_hand)


def test_ten_steps_are_five_and_an_interruption_and_five_bitwise(shared, trajectories, tmp_path):
    for _ in distil(shared, trajectories, tmp_path / "whole", device=CPU):
        pass
    steps = distil(shared, trajectories, tmp_path / "halves", device=CPU)
    for step in steps:
        if step.index == 5:
            steps.close()
    assert [step.index for step in distil(shared, trajectories, tmp_path / "halves", device=CPU)] == [6, 7, 8, 9, 10]
    whole, halves = (load_file(tmp_path / name / "model.safetensors") for name in ("whole", "halves"))
    assert whole.keys() == halves.keys()
    assert all(torch.equal(whole[name], halves[name]) for name in whole)
    assert not torch.equal(whole["operator.pace"], torch.zeros(4)), "the clock must have learnt"


def test_a_finished_run_loads_and_says_what_it_is(shared, trajectories, tmp_path):
    *_, last = distil(shared, trajectories, tmp_path / "run", device=CPU)
    model = load(tmp_path / "run")
    assert isinstance(model, SharedEncoderModel)
    assert last.heldout is not None
    assert config_of(RunFolder(tmp_path / "run").experiment()) == shared
    latent = KDMLatentModel(model)
    assert latent.shared_encoder
    seen = latent_trajectories(model, trajectories)
    noise = trajectories.heldout().noise.double().numpy()
    assert seen.states.shape == (40, 5, 4)
    assert abs(seen.states[:, 0] - latent.encode_noise(noise)).max() < 1e-6
    assert seen.times.tolist() == list(trajectories.manifest.times)


def test_objectives_and_encoders_that_do_not_belong_together_are_refused(config, shared):
    with pytest.raises(ValueError, match="expected a SemigroupObjective for one encoder, got a KoopmanObjective"):
        replace(shared, objective=KoopmanObjective())
    with pytest.raises(ValueError, match="expected a KoopmanObjective for two encoders, got a SemigroupObjective"):
        replace(config, objective=SemigroupObjective())
    with pytest.raises(ValueError, match="noise levels where one encoder serves all times"):
        ModelConfig(architecture=SHARED, shape=(2,), scaling=Scaling(noise=1.0, data_mean=0.0, data=1.0))


def test_pairs_without_what_lies_between_them_are_refused(shared, data, model, pairs, tmp_path):
    with pytest.raises(DataError, match="expected whole trajectories, got the two ends only"):
        next(distil(shared, data, tmp_path / "run", device=CPU))
    assert not (tmp_path / "run").exists()
    with pytest.raises(ValueError, match="take pairs with whole=True"):
        SemigroupObjective()(model, replace(pairs, states=None))
    with pytest.raises(ValueError, match=r"states are \(6, 4, 2, 3\): expected those of 7 rows"):
        replace(pairs, states=pairs.states[:6])


def test_trajectories_that_are_not_at_noise_levels_are_refused(shared, tmp_path):
    states = torch.randn(20, 3, 2).numpy()
    imported = save_trajectories(
        tmp_path / "data", noise=states[:, 0], data=states[:, -1], trajectory=states, times=(0.0, 0.5, 1.0),
        time_name="t", source={},
    )  # fmt: skip
    with pytest.raises(ValueError, match="expected trajectories at noise levels"):
        model_config_of(shared, imported)


def test_states_travel_with_their_rows(trajectories):
    heldout = trajectories.heldout(whole=True)
    assert heldout.states is not None
    assert torch.equal(heldout.states[:, 0], heldout.noise)
    assert torch.equal(heldout.states[:, -1], heldout.data)
    rows = torch.tensor([3, 1])
    assert torch.equal(heldout[rows].states, heldout.states[rows])
    assert trajectories.heldout().states is None, "they are read where they are asked for"


def test_a_model_with_two_encoders_is_recorded_as_ever(config, data):
    recorded = to_json(model_config_of(config, data))
    assert set(recorded) == {"architecture", "shape", "scaling"}
    with_levels = ModelConfig(
        architecture=SHARED, shape=(2,), scaling=Scaling(noise=80.0, data_mean=0.0, data=1.0), sigmas=SIGMAS
    )
    assert from_json(ModelConfig, json.loads(json.dumps(to_json(with_levels)))) == with_levels


def test_the_preset_stores_its_times_whether_fast_or_not():
    preset = preset_named("checkerboard-trajectory")
    for variant in (preset, preset.fast()):
        assert len(variant.keep) == preset.intervals + 1 > 2
        assert variant.keep[-1] == variant.solver_steps
    assert list(PRESETS["checkerboard"].keep) == [0, 64]
    with pytest.raises(ValueError, match="intervals that divide 64 steps, got 7"):
        replace(preset, intervals=7)
