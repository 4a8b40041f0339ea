import os
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tiny_experiments import CPU, same, trained
from torch import nn

import kdm
from kdm.ablations.direct import DirectRegression
from kdm.configuration import Architecture, ModelConfig, built_model
from kdm.control import ConstantControlConfig
from kdm.model import Scaling
from kdm.networks import ResidualMLPConfig
from kdm.objectives import KoopmanObjective
from kdm.operators import DenseConfig, FreeBasisConfig, IsometricConfig, LowRankConfig, SpectralConfig
from kdm.presets import preset_named
from kdm.training.execution import BFloat16Autocast, ChannelsLast, Compiled, Eager, RowMajor, brought, networks_of
from kdm.training.loop import TrainingConfig, TrainingState, train
from kdm.training.optimisation import AdamConfig
from kdm.trajectories import Pairs

TINY = ResidualMLPConfig(width=16, blocks=1)
SCALING = Scaling(noise=1.0, data_mean=0.0, data=1.0)


def model_of(operator=DenseConfig(), *, seed: int = 0, shape: tuple[int, ...] = (2,)):  # noqa: B008
    architecture = Architecture(
        latent=4, noise_encoder=TINY, data_encoder=TINY, decoder=TINY, operator=operator,
        control=ConstantControlConfig(),
    )  # fmt: skip
    config = ModelConfig(architecture=architecture, shape=shape, scaling=SCALING)
    return built_model(config, generator=torch.Generator().manual_seed(seed))


def pairs_of(count: int) -> Pairs:
    noise = torch.randn(count, 2, generator=torch.Generator().manual_seed(0))
    return Pairs(noise=noise, data=torch.tanh(noise @ torch.tensor([[1.0, 0.5], [-0.5, 1.0]])))


def losses_of(config: TrainingConfig, *, operator=DenseConfig()) -> list[float]:  # noqa: B008
    state = TrainingState(model_of(operator), config, pairs=64)
    steps = train(state, KoopmanObjective(spectral_weight=0.1), pairs_of(64), pairs_of(64)[:10])
    return [step.losses.total.item() for step in steps]


def test_the_networks_of_a_model_are_its_encoders_and_its_decoder():
    model = model_of()
    assert networks_of(model) == [model.noise_encoder, model.data_encoder, model.decoder]
    shared = replace(preset_named("checkerboard-trajectory").distillation.architecture, noise_encoder=TINY)
    config = ModelConfig(architecture=shared, shape=(2,), scaling=SCALING, sigmas=(2.0, 1.0, 0.1))
    both = built_model(config, generator=torch.Generator())
    assert networks_of(both) == [both.noise_encoder, both.decoder]
    direct = DirectRegression(TINY.built((2,), (2,)), shape=(2,), scaling=SCALING)
    assert networks_of(direct) == [direct.network]


@pytest.mark.parametrize(
    "operator",
    [DenseConfig(), IsometricConfig(), LowRankConfig(rank=2), SpectralConfig(basis=FreeBasisConfig())],
    ids=["dense", "isometric", "low-rank", "free"],
)
def test_in_bfloat16_a_model_trains_alike_whatever_its_operator(operator):
    config = TrainingConfig(steps=20, batch=64, optimiser=AdamConfig(learning_rate=1e-2), warmup=2)
    whole = losses_of(config, operator=operator)
    half = losses_of(replace(config, precision=BFloat16Autocast()), operator=operator)
    assert half != whole, "something was computed otherwise"
    assert half[0] == pytest.approx(whole[0], rel=0.05)  # 8 bits, and what is left of them behind a few layers
    assert half[-1] == pytest.approx(whole[-1], rel=0.3)
    assert whole[-1] < 0.6 * whole[0]


def test_in_bfloat16_weights_gradients_latents_and_the_averaged_model_stay_in_single_precision():
    model, plain = model_of(), model_of()
    state = TrainingState(model, TrainingConfig(steps=2, batch=8, precision=BFloat16Autocast()), pairs=8)
    latents = model.encode_noise(pairs_of(8).noise)
    assert latents.dtype == torch.float32
    exact = plain.encode_noise(pairs_of(8).noise)
    assert 1e-4 < (latents - exact).abs().max() < 0.1
    assert torch.equal(state.average.module.encode_noise(pairs_of(8).noise), exact), "it is measured as it is used"
    latents.square().sum().backward()
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    assert {p.grad.dtype for p in model.noise_encoder.parameters()} == {torch.float32}
    assert model.state_dict().keys() == plain.state_dict().keys()


def test_networks_alone_are_compiled(monkeypatch):
    compiled = []
    monkeypatch.setattr(nn.Module, "compile", lambda module, dynamic: compiled.append(module))
    model = model_of()
    TrainingState(model, TrainingConfig(steps=1, batch=4, compilation=Eager()), pairs=8)
    assert compiled == []
    TrainingState(model, TrainingConfig(steps=1, batch=4, compilation=Compiled()), pairs=8)
    assert compiled == networks_of(model)


def test_weights_of_convolutions_have_their_channels_last_and_so_have_the_pictures_behind_them():
    network = nn.Sequential(nn.Conv2d(3, 6, 3), nn.GroupNorm(2, 6), nn.Conv2d(6, 6, 1))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    planes = torch.randn(2, 3, 5, 5)
    expected = network(planes)
    RowMajor().prepare(network)
    assert network[0].weight.is_contiguous()
    ChannelsLast().prepare(network)
    assert network[0].weight.is_contiguous(memory_format=torch.channels_last)
    assert not network[0].weight.is_contiguous()
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    found = network(planes)
    assert found.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(found, expected)


def test_the_layout_in_memory_does_not_change_a_model_of_vectors(config, data, tmp_path):
    arranged = replace(config, training=replace(config.training, layout=ChannelsLast()))
    assert same(trained(config, data, tmp_path / "plain"), trained(arranged, data, tmp_path / "arranged"))


def test_pairs_that_are_there_are_not_copied():
    pairs = pairs_of(3)
    there = brought(pairs, CPU)
    assert there.noise is pairs.noise
    assert there.labels is None


@pytest.mark.slow
def test_compiled_networks_train_alike():
    """Without the hook that checks shapes, in a process of its own."""
    program = """
        import torch
        from test_execution import losses_of
        from kdm.training.execution import BFloat16Autocast, Compiled, Eager, SinglePrecision
        from kdm.training.loop import TrainingConfig
        from kdm.training.optimisation import AdamConfig
        for precision in (SinglePrecision(), BFloat16Autocast()):
            eager, compiled = (
                torch.tensor(losses_of(TrainingConfig(
                    steps=8, batch=32, micro_batch=20, optimiser=AdamConfig(), precision=precision,
                    compilation=compilation)))
                for compilation in (Eager(), Compiled())
            )
            tolerance = 1e-4 if precision == SinglePrecision() else 2e-2
            torch.testing.assert_close(compiled, eager, rtol=tolerance, atol=0.0)
            assert not torch.equal(compiled, eager) or precision == SinglePrecision()
        print("alike")
    """
    roots = (str(Path(kdm.__file__).parents[1]), str(Path(__file__).parent), str(Path(__file__).parents[1]))
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(roots)},
    )  # fmt: skip
    assert done.stdout == "alike\n", done.stderr


@pytest.mark.gpu
@pytest.mark.parametrize("precision", [BFloat16Autocast(), None], ids=["bfloat16", "single"])
def test_a_device_trains_as_the_cpu_does(precision):
    config = TrainingConfig(
        steps=10, batch=32, optimiser=AdamConfig(), micro_batch=20, clipping=1.0, layout=ChannelsLast()
    )
    config = config if precision is None else replace(config, precision=precision)
    found = []
    for device in ("cpu", "cuda"):
        state = TrainingState(model_of().to(device), config, pairs=64)
        steps = train(state, KoopmanObjective(latent_noise=0.4), pairs_of(64).to(device), pairs_of(64)[:10].to(device))
        found.append(torch.tensor([step.losses.total.item() for step in steps]))
    torch.testing.assert_close(*found, rtol=1e-3 if precision is None else 0.05, atol=0.0)
