"""What of the published checkerboard model's operator belongs to its checkpoint, and what to the model."""

import numpy as np
import pytest

from kdm.importing.checkpoints import published_checkerboard
from kdm.latent_model import KDMLatentModel
from koopman_analysis.closure import decoder_weighted_defect
from koopman_analysis.gauge import GaugeDependent, ThisGauge, gauge_experiment, nonnormality_in_gauge, spectrum_in_gauge
from koopman_analysis.nonnormality import eigenvector_conditioning
from koopman_analysis.snapshots import SnapshotPairs

pytestmark = pytest.mark.reference


@pytest.fixture(scope="module")
def model(reference_data) -> KDMLatentModel:
    return KDMLatentModel(published_checkerboard(reference_data / "published_checkerboard_model.pt"))


@pytest.fixture(scope="module")
def pairs(reference_data) -> SnapshotPairs:
    states = np.load(reference_data / "checkerboard_flow_matching.npy", mmap_mode="r")
    return SnapshotPairs(before=states[0, :20_000].astype(float), after=states[-1, :20_000].astype(float))


def test_its_spectrum_is_not_given_out_but_in_this_gauge(model):
    with pytest.raises(GaugeDependent, match="two encoders fix K only up to a gauge"):
        spectrum_in_gauge(model)
    numbers = nonnormality_in_gauge(model, gauge=ThisGauge())
    assert numbers["spectral radius"] == pytest.approx(0.166, abs=1e-3)
    assert numbers["norm"] == pytest.approx(0.34, abs=5e-3)
    assert numbers["stable rank"] == pytest.approx(3.8, abs=0.05)
    assert numbers["Henrici's departure / Frobenius norm"] == pytest.approx(0.96, abs=5e-3)
    # Eigenvectors of length one are other ones for C = Kᵀ, in the convention of its code.
    assert eigenvector_conditioning(model.matrix.T) == pytest.approx(460, abs=1)


def test_numbers_of_its_operator_change_with_the_gauge_and_no_prediction_does(model, pairs):
    found = gauge_experiment(model, pairs.subset(np.arange(2000)), gauges=2, rng=np.random.default_rng(0))
    assert found.largest_change < 1e-6, "single precision"
    changes = {number.name: number.change for number in (*found.dependent, *found.invariant)}
    assert changes["spectral radius"] > 1
    assert changes["norm"] > 5
    assert changes["eigenvector conditioning"] > 0.25
    assert all(number.change < 1e-3 for number in found.invariant)


def test_its_latents_are_as_far_off_as_was_measured(model, pairs):
    carried, encoded = model.encode_noise(pairs.before) @ model.matrix + model.offset(), model.encode_data(pairs.after)
    residual = np.square(carried - encoded).sum() / np.square(encoded - encoded.mean(axis=0)).sum()
    assert residual == pytest.approx(8.6e-5, rel=0.05)
    found = decoder_weighted_defect(model, pairs, resamples=19, rng=np.random.default_rng(0))
    assert np.sqrt(found.defect.estimate) == pytest.approx(0.0088, abs=7e-4)
