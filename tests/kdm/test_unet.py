"""U-Nets between pictures and latent vectors, and models made of them."""

import sys
from dataclasses import replace

import pytest
import torch

from kdm.configuration import Architecture, ModelConfig, built_model, from_json, to_json
from kdm.control import LabelControlConfig
from kdm.model import KoopmanDistillationModel, Scaling
from kdm.networks import ResidualMLPConfig, UNetConfig
from kdm.objectives import KoopmanObjective
from kdm.trajectories import Pairs

TINY = UNetConfig(channels=8, multipliers=(1, 2), blocks=1, attention_at=(4,), dropout=0.0)
SHAPE = (3, 8, 12)


def built(inputs: tuple[int, ...], outputs: tuple[int, ...], *, classes: int = 0, config: UNetConfig = TINY):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return config.built(inputs, outputs, classes=classes).eval()


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def conditional(classes: int = 3) -> KoopmanDistillationModel:
    """A model of pictures that is told classes, with offsets that are no special case."""
    config = ModelConfig(
        architecture=Architecture(
            latent=20, noise_encoder=TINY, data_encoder=TINY, decoder=TINY, control=LabelControlConfig(),
            classes=classes,
        ),
        shape=SHAPE,
        scaling=Scaling(noise=80.0, data_mean=0.1, data=0.5),
    )  # fmt: skip
    assert from_json(ModelConfig, to_json(config)) == config
    model = built_model(config, generator=torch.Generator().manual_seed(0)).eval()
    with torch.no_grad():
        model.control.offsets.copy_(normal(classes, 20, seed=5))
    return model


@pytest.mark.parametrize(
    ("inputs", "outputs", "ends"),
    [
        (SHAPE, (96,), ("Identity", "Identity")),
        (SHAPE, (192,), ("Identity", "Identity")),
        (SHAPE, (20,), ("Identity", "Linear")),
        ((20,), SHAPE, ("Linear", "Identity")),
        ((96,), SHAPE, ("Identity", "Identity")),
        (SHAPE, SHAPE, ("Identity", "Identity")),
        ((8, 12), (20,), ("Identity", "Linear")),
    ],
)
def test_latents_of_any_size_are_planes_where_they_can_be_and_projected_where_not(inputs, outputs, ends):
    network = built(inputs, outputs)
    assert (type(network.inward).__name__, type(network.outward).__name__) == ends
    features = normal(2, torch.Size(inputs).numel())
    found = network(features)
    assert found.shape == (2, torch.Size(outputs).numel())
    torch.testing.assert_close(network(features[1:]), found[1:])  # nothing is shared within a batch


def test_what_the_last_convolution_reads_gives_the_output():
    network, features = built(SHAPE, (96,)), normal(2, 288)
    hidden = network.last_hidden(features).unflatten(1, (8, 8, 12))
    torch.testing.assert_close(network.core.conv_out(hidden).flatten(1), network(features))
    assert not network.core.conv_out._forward_pre_hooks


def test_published_sizes_have_published_numbers_of_parameters():
    with torch.device("meta"):
        plane = UNetConfig().built((3, 32, 32), (1024,))
    count = sum(parameter.numel() for parameter in plane.parameters())
    assert abs(count / 15.5e6 - 1) < 0.06
    assert len(plane.core.unet.down_blocks) == 4
    attentive = [hasattr(block, "attentions") for block in plane.core.unet.down_blocks]
    assert attentive == [False, True, False, False]


def test_a_model_is_told_the_class_at_every_place_of_the_equation():
    model, noise, latents = conditional(), 80 * normal(2, *SHAPE), normal(2, 20)
    first, second = torch.tensor([0, 1]), torch.tensor([0, 2])
    for part, given in (
        (model.encode_noise, noise), (model.encode_data, noise), (model.advance, latents), (model.decode, latents),
    ):  # fmt: skip
        torch.testing.assert_close(part(given, first)[0], part(given, second)[0])
        assert (part(given, first)[1] - part(given, second)[1]).abs().max() > 1e-3
    with pytest.raises(ValueError, match="expected a label below 3 for each sample, got none"):
        model.generate(noise)


def test_one_step_of_a_conditional_model_is_the_equation():
    model, noise, labels = conditional(), 80 * normal(2, *SHAPE), torch.tensor([2, 1])
    latents = model.noise_encoder(noise.flatten(1) / 80.0, labels)
    latents = latents / latents.square().mean(1, keepdim=True).add(1e-8).sqrt()
    advanced = latents @ model.operator.matrix + model.control.offsets[labels]
    expected = 0.1 + 0.5 * model.decoder(advanced, labels).reshape(2, *SHAPE)
    torch.testing.assert_close(model.generate(noise, labels), expected)


def test_every_class_learns_its_own_offset():
    model = conditional().train()
    pairs = Pairs(noise=80 * normal(4, *SHAPE), data=normal(4, *SHAPE), labels=torch.tensor([0, 2, 0, 2]))
    KoopmanObjective()(model, pairs).total.backward()
    moved = model.control.offsets.grad.abs().amax(1) > 0
    assert moved.tolist() == [True, False, True]


def test_labels_are_not_looked_at_by_a_model_that_is_told_no_classes():
    config = Architecture(latent=20, noise_encoder=TINY, data_encoder=TINY, decoder=TINY)
    model = built_model(
        ModelConfig(architecture=config, shape=SHAPE, scaling=Scaling(noise=1.0, data_mean=0.0, data=1.0)),
        generator=torch.Generator().manual_seed(0),
    ).eval()
    noise = normal(2, *SHAPE)
    assert torch.equal(model.generate(noise), model.generate(noise, torch.tensor([0, 7])))


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"channels": 6}, "channels in multiples of 4, got 6"),
        ({"multipliers": ()}, "at least one level"),
        ({"multipliers": (1, 0)}, "multipliers >= 1"),
        ({"blocks": 0}, "blocks >= 1"),
        ({"dropout": 1.0}, "dropout share"),
    ],
)
def test_sizes_that_mean_nothing_are_refused(sizes, message):
    with pytest.raises(ValueError, match=message):
        UNetConfig(**sizes)


def test_pictures_that_cannot_be_halved_so_often_and_flat_samples_are_refused():
    with pytest.raises(ValueError, match="2 levels can halve 1 times, multiples of 2, got 8 x 7 pixels"):
        built((1, 8, 7), (20,))
    with pytest.raises(ValueError, match=r"expected pictures \(channels, height, width\) or .*got \(2,\) and \(8,\)"):
        built((2,), (8,))


def test_classes_and_their_control_are_asked_for_together():
    network = ResidualMLPConfig(width=4, blocks=0)
    parts = {"latent": 4, "noise_encoder": network, "decoder": network}
    with pytest.raises(ValueError, match="for a control by label >= 1, got 0"):
        Architecture(**parts, data_encoder=network, control=LabelControlConfig())
    with pytest.raises(ValueError, match="expected no classes beside one encoder for all times, got 2"):
        Architecture(**parts, data_encoder=None, classes=2)


@pytest.mark.parametrize(
    ("inputs", "outputs", "rank", "numbers"),
    [
        (SHAPE, (20,), 20, 288 * 20),
        ((20,), SHAPE, 300, 288 * 20),
        (SHAPE, SHAPE, 7, 2 * 288 * 7),
        (SHAPE, (20,), 7, 288 * 7 + 20 * 7),
    ],
)
def test_a_bypass_adds_a_linear_map_of_its_rank_and_nothing_else(inputs, outputs, rank, numbers):
    plain, beside = built(inputs, outputs), built(inputs, outputs, config=replace(TINY, bypass=rank))
    added = sum(p.numel() for p in beside.parameters()) - sum(p.numel() for p in plain.parameters())
    assert added == numbers
    plain.load_state_dict(beside.state_dict(), strict=False)
    x, y = (normal(2, torch.Size(inputs).numel(), seed=seed) for seed in (1, 2))
    linear = [beside(some) - plain(some) for some in (x, y, 2 * x - 3 * y)]
    torch.testing.assert_close(linear[2], 2 * linear[0] - 3 * linear[1], rtol=1e-4, atol=1e-5)
    many = normal(60, torch.Size(inputs).numel(), seed=3)
    with torch.no_grad():
        values = torch.linalg.svdvals((beside(many) - plain(many)).double())
    assert int((values > 1e-4 * values[0]).sum()) == min(rank, 20, 60)


def test_a_bypass_is_recorded_only_where_there_is_one():
    assert "bypass" not in to_json(TINY)
    assert to_json(replace(TINY, bypass=3))["bypass"] == 3
    with pytest.raises(ValueError, match="expected a bypass of rank >= 0, got -1"):
        UNetConfig(bypass=-1)


def test_a_linear_map_of_noise_is_learned_at_once_by_a_bypass_and_not_without_one():
    """Each number a mean over the picture of what is independent between pixels."""
    weights = normal(288, 4, seed=1) / 288**0.5
    errors = []
    for config in (TINY, replace(TINY, bypass=4)):
        network = built(SHAPE, (4,), config=config).train()
        optimiser = torch.optim.Adam(network.parameters(), lr=1e-2)
        for step in range(60):
            noise = normal(64, 288, seed=step)
            optimiser.zero_grad()
            (network(noise) - noise @ weights).square().mean().backward()
            optimiser.step()
        with torch.no_grad():
            fresh = normal(256, 288, seed=100)
            errors.append(float((network(fresh) - fresh @ weights).square().mean()))
    assert errors[1] < 0.3 < 0.6 < errors[0]


def test_without_diffusers_it_is_said_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "diffusers", None)
    with pytest.raises(ImportError, match=r"expected diffusers.*pip install 'kdm\[images\]'"):
        built(SHAPE, (20,))


def test_a_wider_network_is_wider_and_without_dropout_it_has_none():
    assert UNetConfig(channels=8).wider().channels == 12
    assert UNetConfig().without_dropout().dropout == 0.0
    assert UNetConfig().for_regression() == UNetConfig()
