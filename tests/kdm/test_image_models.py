"""The published image models as ours. What they answer was recorded from the published code, once."""

import numpy as np
import published_images as published
import pytest
import torch

from kdm.control import LabelControl
from kdm.importing.checkpoints import CheckpointError, PublishedModel, published_model
from kdm.importing.runs import import_model
from kdm.latent_model import KDMLatentModel
from kdm.networks import PublishedUNetConfig
from kdm.networks.published_unet import positional
from kdm.training.distillation import load

ANSWERS = {
    "plain": ({}, [0.613149, 0.562693, 0.167151, 0.221662], [0.39233, -0.624445, 0.721376, -0.042727]),
    "labels": (
        {"labels": True}, [0.433958, 0.739305, -0.536939, 0.769879], [-0.386672, -1.221603, -0.711692, -1.348217],
    ),
    "projected": ({"latent": 20}, [-0.399924, -1.127199, 1.324602, 0.411692], [1.214556, 0.630744]),
    "factorised": (
        {"latent": 20, "factorised": True}, [0.02449, 0.244491, 0.900339, 0.125207], [0.014008, 0.111369],
    ),
}  # fmt: skip
"""Kind, entries 0, 48, … of the sample from the noise below (class 2 where there are some), entries 0, 19, … of the
latent of the noise taken for data in units of 80."""


def imported(path, kind: dict) -> PublishedModel:
    torch.save(published.state(published.shapes(**kind)), path)
    return published_model(path)


def noise() -> torch.Tensor:
    return 80 * (50 * torch.linspace(-1, 1, 192).sin()).cos().reshape(1, 3, 8, 8)


@pytest.mark.parametrize("name", ANSWERS)
def test_an_imported_model_answers_as_the_published_code_did(name, tmp_path):
    kind, samples, latents = ANSWERS[name]
    model, label = imported(tmp_path / "state.pt", kind).model, torch.tensor([2])
    with torch.no_grad():
        sample, latent = model.generate(noise(), label), model.encode_data(noise() / 80, label)
    np.testing.assert_allclose(sample.flatten()[::48], samples, atol=2e-6)
    np.testing.assert_allclose(latent.flatten()[::19], latents, atol=2e-6)


def test_the_embedding_of_time_is_its_equation():
    omega = np.array([1.0, 1e-4 ** (1 / 3), 1e-4 ** (2 / 3), 1e-4])
    expected = np.concatenate([np.sin(0.7 * omega), np.cos(0.7 * omega)])
    np.testing.assert_allclose(positional(0.7, 8), expected, rtol=1e-6)


def test_the_control_of_a_conditional_model_is_the_bias_and_a_column_for_each_class(tmp_path):
    kind = {"labels": True, "control": True}
    state = published.state(published.shapes(**kind))
    model = imported(tmp_path / "state.pt", kind).model
    assert isinstance(model.control, LabelControl)
    onehot = torch.eye(published.CLASSES)
    expected = (
        onehot @ state["koopman_control.weight"].T + state["koopman_control.bias"] + state["koopman_operator.bias"]
    )  # fmt: skip
    torch.testing.assert_close(model.control(torch.arange(3)), expected)


def test_a_factorised_operator_becomes_the_map_that_it_is_not_the_spectrum_that_it_declares(tmp_path):
    kind = {"latent": 20, "factorised": True}
    factors = {n.split(".")[1]: v.double() for n, v in published.state(published.shapes(**kind)).items() if "koop" in n}
    K = imported(tmp_path / "state.pt", kind).model.operator.matrix.double()
    P = torch.complex(*(factors[n] / factors[n].norm(dim=1, keepdim=True) for n in ("P_re", "P_im")))
    Q = torch.complex(factors["P_inv_re"], factors["P_inv_im"])
    declared = torch.exp(torch.complex(-factors["nu_log"].exp(), factors["theta_log"].exp()))
    torch.testing.assert_close(K.T, (P @ torch.diag(declared) @ Q).real, atol=1e-6, rtol=1e-6)
    found, said = (torch.sort(values.abs()).values for values in (torch.linalg.eigvals(K), declared))
    assert (found - said).abs().max() > 0.1


def test_a_run_of_an_imported_image_model_is_loaded_and_analysed(tmp_path):
    torch.save(published.state(published.shapes(latent=20)), tmp_path / "state.pt")
    import_model(tmp_path / "state.pt", tmp_path / "run", noise_scale=1.0)
    model = load(tmp_path / "run")
    assert (model.scaling.noise, model.shape) == (1.0, (3, 8, 8))
    with torch.no_grad():
        expected = published_model(tmp_path / "state.pt").model.generate(noise())
        torch.testing.assert_close(model.generate(noise() / 80), model.generate(noise() / 80))
        torch.testing.assert_close(model.generate(noise()), expected, atol=1e-5, rtol=1e-5)
    assert KDMLatentModel(model).encode_noise(noise().reshape(1, -1).double().numpy()).shape == (1, 20)


def test_what_is_missing_or_does_not_fit_is_named(tmp_path):
    state = published.state(published.shapes())
    name = "x0_observables_decoder.dec.8x8_block0.conv0.weight"
    torch.save({key: each for key, each in state.items() if key != name}, tmp_path / "missing.pt")
    with pytest.raises(CheckpointError, match="1 that do not, the first of them decoder.core.upward.*none for"):
        published_model(tmp_path / "missing.pt")
    torch.save(state | {name: torch.zeros(2, 3)}, tmp_path / "shape.pt")
    with pytest.raises(CheckpointError, match=r"fit together.*\(2, 3\) for \(16, "):
        published_model(tmp_path / "shape.pt")
    torch.save({key: each for key, each in state.items() if "koopman" not in key}, tmp_path / "operator.pt")
    with pytest.raises(CheckpointError, match="expected the published image model in .* without 'koopman_operator"):
        published_model(tmp_path / "operator.pt")
    torch.save({key: each for key, each in state.items() if "x0_observables_encoder" not in key}, tmp_path / "end.pt")
    with pytest.raises(CheckpointError, match="expected the published image model"):
        published_model(tmp_path / "end.pt")
    torch.save({key: each for key, each in state.items() if "xT_" not in key}, tmp_path / "noise.pt")
    with pytest.raises(CheckpointError, match="got one without 'xT_observables_encoder.enc'"):
        published_model(tmp_path / "noise.pt")
    bias = next(key for key in state if key.startswith("x0_observables_decoder.enc.") and key.endswith("_conv.bias"))
    torch.save(state | {bias: torch.zeros(())}, tmp_path / "flat.pt")
    with pytest.raises(CheckpointError, match="got tensors of other names or shapes .*: is the file damaged"):
        published_model(tmp_path / "flat.pt")
    torch.save(state | {name: torch.full_like(state[name], float("nan"))}, tmp_path / "nan.pt")
    with pytest.raises(CheckpointError, match="expected finite weights"):
        published_model(tmp_path / "nan.pt")
    torch.save(state, tmp_path / "state.pt")
    with pytest.raises(CheckpointError, match="expected a positive standard deviation of the noise, got 0"):
        published_model(tmp_path / "state.pt", noise_scale=0)


def test_weights_of_a_perceptual_loss_are_left_out(tmp_path):
    state = published.state(published.shapes()) | {"lpips.model.0.weight": torch.ones(3)}
    torch.save(state, tmp_path / "state.pt")
    assert not any("lpips" in name for name in published_model(tmp_path / "state.pt").model.state_dict())


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"channels": 6}, "channels in multiples of 4"),
        ({"multipliers": (0,)}, "multipliers >= 1"),
        ({"blocks": 0}, "blocks >= 1"),
        ({"dropout": 1.0}, "dropout share"),
    ],
)
def test_sizes_that_mean_nothing_are_refused(sizes, message):
    good = {"channels": 8, "multipliers": (1,), "blocks": 1, "attention_at": (), "time": 0.0}
    with pytest.raises(ValueError, match=message):
        PublishedUNetConfig(**(good | sizes))


def test_a_wider_network_is_wider_and_without_dropout_it_has_none():
    config = PublishedUNetConfig(channels=8, multipliers=(1,), blocks=1, attention_at=(), time=0.0)
    assert config.wider().channels == 12
    assert config.without_dropout().dropout == 0.0
    assert config.for_regression() == config
