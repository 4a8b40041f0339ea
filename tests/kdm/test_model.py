import pytest
import torch

from kdm.configuration import Architecture, ModelConfig, built_model
from kdm.distances import PseudoHuberDistance
from kdm.latent_model import KDMLatentModel
from kdm.model import KoopmanDistillationModel, RMSNormalisation, Scaling
from kdm.networks import ResidualMLPConfig
from kdm.objectives import (
    KoopmanObjective,
    forward_pass,
    latent_linearity,
    prediction,
    reconstruction,
)
from kdm.sampling import sample
from kdm.trajectories import Pairs
from koopman_analysis.estimators.latent import LatentModel


@pytest.fixture
def model() -> KoopmanDistillationModel:
    """A model of 2 × 3 samples, with weights that are no special case."""
    network = ResidualMLPConfig(width=8, blocks=1)
    config = ModelConfig(
        architecture=Architecture(latent=5, noise_encoder=network, data_encoder=network, decoder=network),
        shape=(2, 3),
        scaling=Scaling(noise=80.0, data_mean=0.3, data=2.0),
    )
    model = built_model(config, generator=torch.Generator().manual_seed(0)).double()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.3 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
    return model


@pytest.fixture
def pairs() -> Pairs:
    generator = torch.Generator().manual_seed(2)
    noise = 80 * torch.randn(7, 2, 3, generator=generator, dtype=torch.float64)
    return Pairs(noise=noise, data=0.3 + 2 * torch.randn(7, 2, 3, generator=generator, dtype=torch.float64))


def test_one_step_is_the_equation(model, pairs):
    latent = model.noise_encoder(pairs.noise.reshape(7, 6) / 80.0)
    latent = latent / latent.square().mean(1, keepdim=True).sqrt()
    decoded = model.decoder(latent @ model.operator.weight.T)
    torch.testing.assert_close(model.generate(pairs.noise), 0.3 + 2.0 * decoded.reshape(7, 2, 3), atol=1e-6, rtol=1e-6)


def test_latents_of_both_ends_have_root_mean_square_one_whatever_the_batch(model, pairs):
    for latents in (model.encode_noise(pairs.noise), model.encode_data(pairs.data)):
        torch.testing.assert_close(latents.square().mean(1), torch.ones(7, dtype=torch.float64), atol=1e-6, rtol=0)
    torch.testing.assert_close(model.encode_noise(pairs.noise)[3:4], model.encode_noise(pairs.noise[3:4]))


def test_a_zero_latent_stays_finite():
    assert torch.equal(RMSNormalisation()(torch.zeros(2, 3)), torch.zeros(2, 3))


def test_the_objectives_are_their_equations(model, pairs):
    forward = forward_pass(model, pairs)
    z_data, z_noise = model.encode_data(pairs.data), model.encode_noise(pairs.noise) @ model.operator.matrix
    y = (pairs.data - 0.3) / 2.0

    def distance(samples: torch.Tensor) -> torch.Tensor:
        return ((samples - 0.3) / 2.0 - y).square().sum() / (7 * 6)

    expected = {
        "latent_linearity": (z_data - z_noise).square().sum() / (7 * 5),
        "reconstruction": distance(model.decode(z_data)),
        "prediction": distance(model.generate(pairs.noise)),
    }
    objective = KoopmanObjective(latent_weight=2.0, reconstruction_weight=3.0, prediction_weight=5.0)
    losses = objective(model, pairs)
    for name, value in expected.items():
        torch.testing.assert_close(losses.parts[name], value)
    weighted = sum(weight * value for weight, value in zip((2.0, 3.0, 5.0), expected.values(), strict=True))
    torch.testing.assert_close(losses.total, weighted)
    torch.testing.assert_close(latent_linearity(forward).mean(), expected["latent_linearity"])
    huber = PseudoHuberDistance(c=0.1).to(forward.data, scaling=model.scaling)
    residual = forward.predicted - y
    torch.testing.assert_close(prediction(forward, huber).mean(), ((residual**2 + 0.01).sqrt() - 0.1).mean())
    assert (reconstruction(forward, huber) >= 0).all()


def test_weights_and_errors_belong_to_the_pairs_of_the_batch(model, pairs):
    weights = torch.tensor([0.0, 2.0, 0.5, 1.0, 0.0, 3.0, 1.0], dtype=torch.float64)
    weighted = KoopmanObjective()(model, pairs, weights)
    by_hand = sum(
        weight * KoopmanObjective()(model, pairs[row : row + 1]).total for row, weight in enumerate(weights)
    ) / len(weights)  # fmt: skip
    torch.testing.assert_close(weighted.total, by_hand)
    assert not torch.allclose(weighted.total, KoopmanObjective()(model, pairs).total)
    distance = ((model.generate(pairs.noise) - pairs.data) / 2.0).flatten(1).square().mean(1).sqrt()
    torch.testing.assert_close(weighted.errors, distance)


def test_losses_without_their_graph_are_the_same_numbers(model, pairs):
    losses = KoopmanObjective()(model, pairs)
    assert losses.total.requires_grad
    assert not losses.detached().total.requires_grad
    assert torch.equal(losses.detached().total, losses.total)


def test_every_objective_reaches_the_operator_and_only_prediction_all_parts_of_the_step(model, pairs):
    def reached(**weights: float) -> set[str]:
        model.zero_grad()
        zero = {"latent_weight": 0.0, "reconstruction_weight": 0.0, "prediction_weight": 0.0}
        KoopmanObjective(**(zero | weights))(model, pairs).total.backward()
        return {
            name.split(".")[0]
            for name, parameter in model.named_parameters()
            if parameter.grad is not None and parameter.grad.abs().max() > 0
        }

    assert reached(prediction_weight=1.0) == {"noise_encoder", "operator", "decoder"}
    assert reached(latent_weight=1.0) == {"noise_encoder", "operator", "data_encoder"}
    assert reached(reconstruction_weight=1.0) == {"data_encoder", "decoder"}


def test_the_latent_model_is_the_model_in_flat_rows(model, pairs):
    latent = KDMLatentModel(model, batch=3)
    assert isinstance(latent, LatentModel)
    assert not latent.shared_encoder
    noise, data = pairs.noise.numpy().reshape(7, 6), pairs.data.numpy().reshape(7, 6)
    with torch.no_grad():
        step = model.generate(pairs.noise).numpy().reshape(7, 6)
        encoded = model.encode_data(pairs.data).numpy()
    advanced = latent.encode_noise(noise) @ latent.matrix + latent.offset()
    assert abs(latent.decode(advanced) - step).max() < 1e-12
    assert abs(latent.encode_data(data) - encoded).max() < 1e-12
    assert advanced.dtype == noise.dtype == "float64"


def test_samples_come_from_gaussian_noise_of_the_models_scale_and_the_generator_alone(model):
    first, again = (sample(model.float(), 20, generator=torch.Generator().manual_seed(3)) for _ in range(2))
    other = sample(model, 20, generator=torch.Generator().manual_seed(4))
    assert first.shape == (20, 2, 3)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    noise = 80.0 * torch.randn(20, 2, 3, generator=torch.Generator().manual_seed(3))
    torch.testing.assert_close(first, model.generate(noise).detach())
    with pytest.raises(ValueError, match="positive number of samples"):
        sample(model, 0, generator=torch.Generator())
