"""What the layers of a decoder certify of its slope, and what they do not."""

import numpy as np
import pytest
import torch
from torch import nn

from kdm.control import ConstantControl
from kdm.importing.checkpoints import published_checkerboard
from kdm.latent_model import KDMLatentModel
from kdm.model import KoopmanDistillationModel, Scaling
from kdm.networks import PlainMLP, ResidualMLP, ResidualMLPConfig
from kdm.operators import DenseOperator
from koopman_analysis.checks import (
    bound_is_informative,
    bounded_by_latent_distance,
    few_directions_suffice,
    latent_bounds,
)
from koopman_analysis.claims import Verdict
from koopman_analysis.sensitivity import SWISH, largest_pair_ratio
from koopman_analysis.snapshots import SnapshotPairs


def with_decoder(decoder: nn.Module) -> KDMLatentModel:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        encoders = [PlainMLP([2, 4], linear_end=True) for _ in range(2)]
    return KDMLatentModel(
        KoopmanDistillationModel(
            shape=(2,), noise_encoder=encoders[0], data_encoder=encoders[1], operator=DenseOperator(4),
            control=ConstantControl(4), decoder=decoder, normalisation=nn.Identity(),
            scaling=Scaling(noise=1.0, data_mean=0.0, data=3.0),
        )
    )  # fmt: skip


@pytest.mark.parametrize("linear_end", [True, False])
def test_a_plain_decoder_has_the_product_of_its_layers_in_the_units_of_the_data(linear_end):
    decoder = PlainMLP([4, 8, 2], linear_end=linear_end)
    model = with_decoder(decoder)
    norms = [np.linalg.norm(layer.weight.detach().numpy().astype(float), 2) for layer in decoder.layers]
    slopes = SWISH.slope ** (1 if linear_end else 2)
    assert model.decoder_lipschitz.constant == pytest.approx(3 * np.prod(norms) * slopes, rel=1e-6)
    z = np.random.default_rng(0).standard_normal((300, 4))
    assert 0 < largest_pair_ratio(z, model.decode(z)) <= model.decoder_lipschitz.constant


def test_other_decoders_have_no_certificate_and_a_reason():
    residual = with_decoder(ResidualMLP(4, 2, ResidualMLPConfig(width=8, blocks=1)))
    assert residual.decoder_lipschitz.constant is None
    assert "no certificate through RMS normalisation" in residual.decoder_lipschitz.because
    unknown = with_decoder(nn.Linear(4, 2))
    assert unknown.decoder_lipschitz.constant is None
    assert "no certificate is known for a Linear" in unknown.decoder_lipschitz.because


@pytest.fixture(scope="module")
def published(reference_data) -> tuple[KDMLatentModel, SnapshotPairs]:
    states = np.load(reference_data / "checkerboard_flow_matching.npy", mmap_mode="r")
    pairs = SnapshotPairs(before=states[0, :20_000].astype(float), after=states[-1, :20_000].astype(float))
    return KDMLatentModel(published_checkerboard(reference_data / "published_checkerboard_model.pt")), pairs


@pytest.mark.reference
def test_the_published_decoder_is_certified_and_the_bound_that_follows_is_of_no_use(published):
    model, pairs = published
    assert model.decoder_lipschitz.constant == pytest.approx(13.2, abs=0.05)
    latents = model.encode_noise(pairs.before[:1000]) @ model.matrix + model.offset()
    assert 0.1 < largest_pair_ratio(latents, model.decode(latents)) < 0.4
    measured = latent_bounds(model, pairs, rng=np.random.default_rng(0))
    assert measured.model.violations.high == 0
    assert bounded_by_latent_distance(measured).verdict is Verdict.SUPPORTED
    assert measured.model.informative.estimate < 1e-3
    assert bound_is_informative(measured).verdict is Verdict.REFUTED


@pytest.mark.reference
def test_five_directions_of_the_published_model_are_chosen_and_suffice(published):
    model, pairs = published
    claim = few_directions_suffice(model, pairs, rng=np.random.default_rng(0))
    assert claim.verdict is Verdict.SUPPORTED
    assert "; with 5 of " in claim.because
    assert all(control.behaves for control in claim.controls)
