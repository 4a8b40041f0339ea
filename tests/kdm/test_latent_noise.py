import pytest
import torch

from kdm.configuration import Architecture, ModelConfig, built_model
from kdm.draws import Draws
from kdm.model import KoopmanDistillationModel, Scaling
from kdm.networks import ResidualMLPConfig
from kdm.objectives import DATA_END, NOISE_END, KoopmanObjective, forward_pass
from kdm.trajectories import Pairs

SCALE = 0.4


@pytest.fixture
def model(generator) -> KoopmanDistillationModel:
    tiny = ResidualMLPConfig(width=8, blocks=1)
    architecture = Architecture(latent=3, noise_encoder=tiny, data_encoder=tiny, decoder=tiny)
    scaling = Scaling(noise=2.0, data_mean=0.1, data=1.5)
    return built_model(ModelConfig(architecture=architecture, shape=(2,), scaling=scaling), generator=generator)


@pytest.fixture
def pairs(generator) -> Pairs:
    noise, data = torch.randn(2, 20, 2, generator=generator)
    return Pairs(noise=noise, data=data)


def test_noise_is_added_to_what_the_operator_and_the_decoder_read(model, pairs):
    """Equation (4), term by term."""
    draws = Draws(seed=0, step=7)
    forward = forward_pass(model, pairs, latent_noise=SCALE, draws=draws)
    start, end = model.encode_noise(pairs.noise), model.encode_data(pairs.data)
    advanced = (start + SCALE * draws.normal_like(start, stream=NOISE_END)) @ model.operator.matrix
    torch.testing.assert_close(forward.latent_advanced, advanced)
    torch.testing.assert_close(forward.predicted, model.standardised(model.decode(advanced)))
    decoded = model.decode(end + SCALE * draws.normal_like(end, stream=DATA_END))
    torch.testing.assert_close(forward.reconstructed, model.standardised(decoded))
    assert torch.equal(forward.latent_data, end), "the target of latent linearity is without noise"


def test_without_draws_there_is_none_and_at_scale_zero_draws_change_nothing(model, pairs):
    plain, noisy = KoopmanObjective(), KoopmanObjective(latent_noise=SCALE)
    draws = Draws(seed=0, step=0)
    expected = plain(model, pairs).total
    assert torch.equal(noisy(model, pairs).total, expected)
    assert torch.equal(plain(model, pairs, draws=draws).total, expected)
    assert noisy(model, pairs, draws=draws).total > 1.01 * expected


def test_noise_is_a_function_of_seed_and_step(model, pairs):
    noisy = KoopmanObjective(latent_noise=SCALE)
    draws = [Draws(seed=seed, step=step) for seed, step in ((0, 0), (0, 1), (1, 0), (0, 0))]
    totals = [noisy(model, pairs, draws=each).total.item() for each in draws]
    assert totals[0] == totals[3]
    assert len(set(totals)) == 3
