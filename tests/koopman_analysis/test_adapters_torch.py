import numpy as np
import pytest
import torch
from latent_model_laws import affine_pairs, assert_predicts
from torch import nn

from koopman_analysis import as_latent_model
from koopman_analysis.adapters.conversion import NotAdaptable
from koopman_analysis.adapters.torch_modules import TorchLatentModel, evaluated, torch_features
from koopman_analysis.semantics import FeatureDistance, Objects

SINGLE = 1e-5


class Autoencoder(nn.Module):
    """One encoder, with the layers that depend on the mode."""

    def __init__(self, bias=True):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Dropout(0.5), nn.Linear(8, 4))
        self.operator = nn.Linear(4, 4, bias=bias)
        self.decoder = nn.Sequential(nn.Linear(4, 8), nn.ReLU(inplace=True), nn.Linear(8, 3))

    def forward(self, x):
        return self.decoder(self.operator(self.encoder(x)))


class TwoEnds(nn.Module):
    def __init__(self):
        super().__init__()
        self.noise_encoder, self.data_encoder = nn.Linear(3, 5), nn.Linear(3, 4)
        self.operator, self.decoder = nn.Linear(5, 4), nn.Linear(4, 3)

    def forward(self, x):
        return self.decoder(self.operator(self.noise_encoder(x)))


@pytest.fixture(autouse=True)
def one_initialisation():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


def own_prediction(module, states):
    module.eval()
    with torch.no_grad():
        predicted = module(torch.from_numpy(states).to(next(module.parameters()))).double().numpy()
    module.train()
    return predicted


@pytest.mark.parametrize("make", [Autoencoder, lambda: Autoencoder(bias=False), TwoEnds, lambda: TwoEnds().double()])
def test_a_module_in_training_predicts_as_a_latent_model_what_it_predicts_in_evaluation(make):
    module, states = make(), affine_pairs().before
    predicted = own_prediction(module, states)
    model = as_latent_model(module)
    assert module.training
    assert model.shared_encoder == isinstance(module, Autoencoder)
    assert_predicts(model, states, predicted, digits=SINGLE)
    assert model.matrix.dtype == model.encode_noise(states).dtype == np.float64


def test_double_precision_is_kept():
    module, states = Autoencoder().double(), affine_pairs().before
    assert_predicts(as_latent_model(module), states, own_prediction(module, states), digits=1e-12)


def test_every_part_is_left_in_its_mode_also_after_an_error():
    module = Autoencoder()
    module.encoder[1].eval()
    before = [part.training for part in module.modules()]
    assert len(set(before)) == 2
    means = module.encoder[1].running_mean.clone()
    model = as_latent_model(module)
    model.encode_noise(affine_pairs().before)
    with pytest.raises(RuntimeError, match="shapes"):
        model.encode_noise(np.ones((2, 7)))
    assert [part.training for part in module.modules()] == before
    assert torch.equal(module.encoder[1].running_mean, means)
    with evaluated(module):
        assert not any(part.training for part in module.modules())


def test_batches_and_threads_of_gradients_leave_no_trace():
    module, states = Autoencoder(), affine_pairs().before
    whole, parts = (
        TorchLatentModel(
            encode_noise=module.encoder, operator=module.operator, decode=module.decoder, batch=batch
        ).encode_noise(states)
        for batch in (8192, 7)
    )
    np.testing.assert_allclose(parts, whole, rtol=SINGLE, atol=SINGLE)
    assert all(parameter.grad is None for parameter in module.parameters())


def test_the_adapter_follows_a_module_that_goes_on_training():
    module, states = TwoEnds(), affine_pairs().before
    model = as_latent_model(module)
    with torch.no_grad():
        module.operator.weight *= 2
    assert_predicts(model, states, own_prediction(module, states), digits=SINGLE)


def test_matrix_and_offset_are_copies():
    module = TwoEnds().double()
    model = as_latent_model(module)
    kept = model.matrix
    kept[:], model.offset()[:] = 0.0, 0.0
    assert np.abs(model.matrix).max() > 0
    assert np.abs(model.offset()).max() > 0


def test_rows_are_reshaped_to_images_and_back():
    encoder = nn.Sequential(nn.Conv2d(1, 2, 2), nn.Flatten(), nn.Linear(2 * 3 * 3, 5))
    decoder = nn.Sequential(nn.Linear(5, 16), nn.Unflatten(1, (1, 4, 4)))
    operator = nn.Linear(5, 5)
    model = TorchLatentModel(encode_noise=encoder, operator=operator, decode=decoder, shape=(1, 4, 4))
    rows = np.random.default_rng(0).standard_normal((20, 16))
    with torch.no_grad():
        images = decoder(operator(encoder(torch.from_numpy(rows).float().reshape(20, 1, 4, 4))))
    assert_predicts(model, rows, images.flatten(1).double().numpy(), digits=SINGLE)


def test_parts_of_other_names_and_other_operators_are_refused():
    with pytest.raises(NotAdaptable, match=r"encoder \(or noise_encoder .*got Linear with none: name them by Torch"):
        as_latent_model(nn.Linear(2, 2))
    module = TwoEnds()
    del module.data_encoder
    with pytest.raises(NotAdaptable, match=r"got TwoEnds with \['decoder', 'noise_encoder', 'operator'\]"):
        as_latent_model(module)
    module = Autoencoder()
    module.operator = nn.Identity()
    with pytest.raises(TypeError, match=r"operator as a torch.nn.Linear, got Identity: of another, take ArrayLatentM"):
        as_latent_model(module)


class Residual(Autoencoder):
    """Other equations of the same parts."""

    def forward(self, x):
        latents = self.encoder(x)
        return self.decoder(latents + self.operator(latents))


class Returning(Autoencoder):
    def forward(self, x):
        return self.decoder(self.encoder(x))


class Training(Autoencoder):
    def forward(self, x, y):
        return ((self.decoder(self.operator(self.encoder(x))) - y) ** 2).mean()


def test_a_module_whose_forward_is_another_model_of_its_parts_is_refused():
    with pytest.raises(
        NotAdaptable, match=r"expected forward of Residual to be decoder\(operator\(encoder\(x\)\)\) or"
    ):
        as_latent_model(Residual())


@pytest.mark.parametrize("kind", [Returning, Training])
def test_a_forward_that_gives_the_states_back_or_a_loss_is_no_fault(kind):
    states = np.random.default_rng(0).standard_normal((5, 3))
    model = as_latent_model(kind())
    assert model.decode(model.encode_noise(states) @ model.matrix + model.offset()).shape == (5, 3)


class Trunk(nn.Module):
    """Two layers of features, as a perceptual distance compares them, with a dropout that must not act."""

    def __init__(self):
        super().__init__()
        self.first, self.second, self.dropped = nn.Linear(6, 4), nn.Linear(4, 3), nn.Dropout(0.5)

    def forward(self, images):
        hidden = self.first(images.flatten(1))
        return hidden, self.second(self.dropped(hidden))


def test_any_module_makes_features_of_rows_in_evaluation_mode():
    trunk = Trunk()
    rows = np.random.default_rng(0).standard_normal((10, 6))
    features = torch_features(trunk, shape=(2, 3), batch=4)
    with torch.no_grad():
        hidden = trunk.first(torch.from_numpy(rows).float())
        expected = torch.cat([hidden, trunk.second(hidden)], dim=1).double().numpy()
    np.testing.assert_allclose(features(rows), expected, atol=1e-6)
    assert trunk.training, "as it was"
    np.testing.assert_allclose(torch_features(nn.Flatten())(rows), rows)
    measure = FeatureDistance(features=features, name="trunk", external=True)
    D = measure.distances(Objects(states=rows))
    assert D[1, 2] == pytest.approx(np.linalg.norm(expected[1] - expected[2]), rel=1e-5)
