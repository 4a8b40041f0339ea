"""Distances between samples, the perceptual one among them."""

import json
import sys
from dataclasses import replace
from types import ModuleType

import pytest
import torch
from torch import nn
from vgg_files import WIDTHS, head_state, vgg_state, weight_files

from kdm.configuration import Architecture, ConfigurationError, ModelConfig, built_model, from_json, to_json
from kdm.distances import (
    PerceptualDistance,
    PseudoHuberDistance,
    SampleDistance,
    SquaredDistance,
    SumOfDistances,
    WeighedDistance,
)
from kdm.model import Scaling
from kdm.networks import ResidualMLPConfig
from kdm.networks.perceptual import STAGES, InstalledWeights, PerceptualNetwork, WeightFiles, WeightsError
from kdm.objectives import KoopmanObjective, forward_pass
from kdm.trajectories import Pairs

UNIT = Scaling(noise=80.0, data_mean=0.1, data=0.5)


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> WeightFiles:
    return weight_files(tmp_path_factory.mktemp("weights"))


@pytest.fixture
def perceptual(files) -> PerceptualDistance:
    return PerceptualDistance(weights=files)


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def by_hand(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """Equation (1) of LPIPS, on torch's own layers and place by place, of pictures with values in [−1, 1]."""
    state, heads = vgg_state(), head_state()
    layers: dict[int, nn.Module] = {}
    for number, stage in enumerate(STAGES):
        if number:
            layers[stage[0] - 1] = nn.MaxPool2d(2, 2)
        for place in stage:
            weight = state[f"features.{place}.weight"]
            layers[place] = nn.Conv2d(weight.shape[1], weight.shape[0], 3, padding=1)
            layers[place + 1] = nn.ReLU()
    features = nn.Sequential(*(layers[place] for place in sorted(layers)))
    assert sorted(layers) == list(range(30)), "the layers of torchvision's vgg16, without its last pooling"
    features.load_state_dict({k.removeprefix("features."): v for k, v in state.items() if k.startswith("features")})
    tapped = {stage[-1] + 1: number for number, stage in enumerate(STAGES)}
    assert list(tapped) == [3, 8, 15, 22, 29], "relu1_2, relu2_2, relu3_3, relu4_3, relu5_3"
    mean, deviation = (
        torch.tensor(values).view(1, 3, 1, 1) for values in ((-0.030, -0.088, -0.188), (0.458, 0.448, 0.450))
    )
    here, total = (torch.cat([left, right]) - mean) / deviation, torch.zeros(len(left))
    for place, layer in enumerate(features):
        here = layer(here)
        if place in tapped:
            ours, theirs = nn.functional.normalize(here, dim=1).chunk(2)
            weights = heads[f"lin{tapped[place]}.model.1.weight"]
            total += (weights * (ours - theirs) ** 2).sum(1).mean((1, 2))
    return total.detach()


def test_the_perceptual_distance_is_its_equation_in_the_units_of_pixels(perceptual):
    predicted, target = normal(3, 3, 32, 36), normal(3, 3, 32, 36, seed=1)
    expected = by_hand(predicted * 0.5 + 0.1, target * 0.5 + 0.1)
    assert expected.min() > 0.01, "the premise"
    measured = perceptual.to(target, scaling=UNIT)(predicted)
    torch.testing.assert_close(measured, expected, rtol=1e-3, atol=1e-5)
    bytes_of_it = replace(perceptual, low=0.0, high=255.0)
    in_bytes = Scaling(noise=80.0, data_mean=0.1 * 127.5 + 127.5, data=0.5 * 127.5)
    torch.testing.assert_close(bytes_of_it.to(target, scaling=in_bytes)(predicted), measured, rtol=1e-3, atol=1e-5)


def test_grey_pictures_are_repeated_and_small_ones_enlarged(perceptual):
    predicted, target = normal(2, 8, 12), normal(2, 8, 12, seed=1)
    measured = perceptual.to(target, scaling=UNIT)(predicted)
    assert torch.equal(perceptual.to(target[:, None], scaling=UNIT)(predicted[:, None]), measured)
    large = [
        nn.functional.interpolate(
            (samples * 0.5 + 0.1)[:, None].repeat(1, 3, 1, 1), size=(32, 48), mode="bilinear", align_corners=False
        )
        for samples in (predicted, target)
    ]
    torch.testing.assert_close(measured, by_hand(*large), rtol=1e-3, atol=1e-5)


def test_the_features_of_the_target_are_computed_once_for_reconstruction_and_prediction(perceptual, monkeypatch):
    network = ResidualMLPConfig(width=8, blocks=1)
    config = ModelConfig(
        architecture=Architecture(latent=5, noise_encoder=network, data_encoder=network, decoder=network),
        shape=(1, 8, 8),
        scaling=UNIT,
    )
    model = built_model(config, generator=torch.Generator().manual_seed(0))
    pairs = Pairs(noise=80 * normal(4, 1, 8, 8), data=normal(4, 1, 8, 8, seed=1))
    objective = KoopmanObjective(distance=perceptual, latent_weight=2.0)
    calls, plain = [], PerceptualNetwork.features
    monkeypatch.setattr(
        PerceptualNetwork, "features", lambda self, x, **of: calls.append(x) or plain(self, x, **of)
    )  # fmt: skip
    losses = objective(model, pairs)
    assert [call.requires_grad for call in calls] == [False, True, True]
    forward = forward_pass(model, pairs)
    distance = perceptual.to(forward.data, scaling=UNIT)
    parts = losses.parts
    torch.testing.assert_close(parts["reconstruction"], distance(forward.reconstructed).mean())
    torch.testing.assert_close(parts["prediction"], distance(forward.predicted).mean())
    torch.testing.assert_close(losses.errors, distance(forward.predicted).sqrt())
    losses.total.backward()
    assert model.noise_encoder(torch.zeros(1, 64), None).requires_grad
    assert all(parameter.grad is not None for parameter in model.decoder.parameters())
    assert not any("features" in name for name in model.state_dict()), "the network is no part of the model"


def test_the_perceptual_distance_has_a_derivative_by_the_prediction_alone_and_everywhere(perceptual):
    flat = torch.zeros(1, 3, 32, 32, requires_grad=True)
    target = normal(1, 3, 32, 32).requires_grad_()
    perceptual.to(target, scaling=UNIT)(flat).sum().backward()
    assert target.grad is None
    assert torch.isfinite(flat.grad).all()
    assert flat.grad.abs().max() > 0
    assert not list(perceptual.network.parameters()), "nothing in it is trained"


def test_the_weights_are_read_once_and_follow_the_samples(perceptual):
    target = normal(2, 32, 32)
    single = perceptual.to(target, scaling=UNIT)(normal(2, 32, 32, seed=1))
    network = perceptual.network
    double = perceptual.to(target.double(), scaling=UNIT)(normal(2, 32, 32, seed=1).double())
    assert perceptual.network is network
    assert double.dtype == torch.float64
    torch.testing.assert_close(double.float(), single, rtol=1e-3, atol=1e-5)


def test_a_sum_is_the_sum_of_its_terms(perceptual):
    predicted, target = normal(2, 32, 32), normal(2, 32, 32, seed=1)
    both = SumOfDistances(
        (WeighedDistance(distance=SquaredDistance(), weight=2.0), WeighedDistance(distance=perceptual))
    )
    expected = 2.0 * SquaredDistance()(predicted, target) + perceptual.to(target, scaling=UNIT)(predicted)
    torch.testing.assert_close(both.to(target, scaling=UNIT)(predicted), expected)
    assert isinstance(both, SampleDistance)


def test_every_distance_survives_json(perceptual):
    term = WeighedDistance(distance=perceptual, weight=0.3)
    for distance in (
        SquaredDistance(),
        PseudoHuberDistance(c=0.1),
        perceptual,
        SumOfDistances((WeighedDistance(distance=SquaredDistance()), term)),
        PerceptualDistance(weights=InstalledWeights(), shortest=224),
    ):
        original = KoopmanObjective(distance=distance)
        assert from_json(KoopmanObjective, json.loads(json.dumps(to_json(original)))) == original
    with pytest.raises(ConfigurationError, match="expected a 'kind' among SquaredDistance, PseudoHuberDistance, Perc"):
        from_json(KoopmanObjective, {"distance": {"kind": "Euclidean"}})


def test_an_exact_prediction_costs_nothing_and_has_no_error(perceptual):
    target = normal(3, 8, 8)
    for distance in (SquaredDistance(), PseudoHuberDistance(), perceptual):
        values = distance.to(target, scaling=UNIT)(target.clone())
        assert torch.equal(values, torch.zeros(3))


def test_the_weights_of_an_installed_lpips_are_those_of_the_files(files, monkeypatch, perceptual):
    package = ModuleType("lpips")

    class LPIPS(nn.Module):
        def __init__(self, *, net: str, verbose: bool) -> None:
            assert (net, verbose) == ("vgg", False)

        def state_dict(self) -> dict[str, torch.Tensor]:
            named = {}
            for number, stage in enumerate(STAGES):
                for place in stage:
                    for kind in ("weight", "bias"):
                        named[f"net.slice{number + 1}.{place}.{kind}"] = vgg_state()[f"features.{place}.{kind}"]
            return named | head_state() | {"scaling_layer.shift": torch.zeros(1, 3, 1, 1)}

    package.LPIPS = LPIPS
    monkeypatch.setitem(sys.modules, "lpips", package)
    predicted, target = normal(2, 32, 32), normal(2, 32, 32, seed=1)
    installed = PerceptualDistance(weights=InstalledWeights())
    assert torch.equal(
        installed.to(target, scaling=UNIT)(predicted), perceptual.to(target, scaling=UNIT)(predicted)
    )  # fmt: skip
    monkeypatch.setitem(sys.modules, "lpips", None)
    with pytest.raises(WeightsError, match=r"expected a working package lpips, got ModuleNotFoundError: .*name files"):
        InstalledWeights().tensors()


def test_files_that_are_no_weights_are_refused(files, tmp_path):
    text = tmp_path / "text.pth"
    text.write_text("not weights")
    number = tmp_path / "number.pth"
    torch.save(3, number)
    for path, message in (
        (tmp_path / "none.pth", "expected a file of weights at .*none.pth', got none: download it"),
        (text, "expected a state dictionary in .*text.pth', got something else"),
        (number, "expected a state dictionary in .*number.pth', got a int"),
    ):
        with pytest.raises(WeightsError, match=message):
            replace(files, heads=str(path)).tensors()
    with pytest.raises(WeightsError, match="got none named lin0.model.1.weight .and 4 others"):
        PerceptualNetwork(vgg_state())


@pytest.mark.parametrize(
    ("name", "changed", "message"),
    [
        (
            "features.5.weight",
            torch.zeros(5, 3, 3, 3),
            "expected a convolution of 4 channels with kernels of 3 x 3 in f",
        ),
        ("features.5.bias", torch.zeros(4), "expected a convolution of 4 channels"),
        ("features.5.weight", torch.zeros(()), r"expected a convolution of 4 channels .*, got weights \(\) and biases"),
        ("features.5.bias", torch.zeros(()), "expected a convolution of 4 channels"),
        ("features.5.bias", torch.full((5,), torch.nan), r"expected finite weights, got others in features\.5\.bias"),
        ("lin1.model.1.weight", torch.zeros(1, 4, 1, 1), "expected 5 weights >= 0 in lin1.model.1.weight, got shape"),
        ("lin1.model.1.weight", -torch.ones(1, 5, 1, 1), "the least being -1: name a file of the heads"),
    ],
)
def test_weights_that_do_not_fit_are_refused(name, changed, message):
    with pytest.raises(WeightsError, match=message):
        PerceptualNetwork(vgg_state() | head_state() | {name: changed})


def test_samples_and_settings_that_a_distance_cannot_take_are_refused(files, perceptual):
    with pytest.raises(ValueError, match=r"expected pictures .*, got samples of shape \(2,\)"):
        perceptual.to(normal(4, 2), scaling=UNIT)
    with pytest.raises(ValueError, match="expected pictures of 1 or 3 channels for LPIPS, got 2"):
        perceptual.to(normal(4, 2, 32, 32), scaling=UNIT)
    with pytest.raises(ValueError, match="expected low < high, got 1.0 and 1.0"):
        PerceptualDistance(weights=files, low=1.0)
    with pytest.raises(ValueError, match="expected a shortest side >= 16, which can be halved 4 times, got 8"):
        PerceptualDistance(weights=files, shortest=8)
    with pytest.raises(ValueError, match="expected a transition c > 0 of the pseudo-Huber distance, got 0.0"):
        PseudoHuberDistance(c=0.0)
    with pytest.raises(ValueError, match="expected a weight > 0 of a distance, got nan"):
        WeighedDistance(distance=SquaredDistance(), weight=float("nan"))
    with pytest.raises(ValueError, match="expected a distance at least in a sum of distances, got none"):
        SumOfDistances(())
    assert len(WIDTHS) == len(STAGES)
