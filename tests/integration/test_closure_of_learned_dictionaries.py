"""A flow with a known finite-dimensional representation is told from none by a model that was trained on it."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from kdm import load
from kdm.latent_model import KDMLatentModel
from kdm.presets import preset_named
from kdm.teachers import named
from kdm.trajectories import collect
from kdm.verification import train_with_bar
from koopman_analysis import Closedness, SnapshotPairs, Verdict, closure_report
from koopman_analysis.checks import closed, decoder_weighted_closed
from koopman_analysis.dictionaries import EncoderDictionary

pytestmark = pytest.mark.slow
STEPS = 500


def gaussian_pairs(seed: int, n: int):
    return collect(named("gaussian"), n, generator=torch.Generator().manual_seed(seed), steps=64)


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> KDMLatentModel:
    """The gaussian preset after a twelfth of its training."""
    config = preset_named("gaussian").distillation
    config = replace(config, training=replace(config.training, steps=STEPS, evaluate_every=STEPS))
    run = tmp_path_factory.mktemp("runs") / "gaussian"
    train_with_bar(
        config, gaussian_pairs(0, 20_000), run, device=torch.device("cpu"), preset="gaussian", progress=False
    )
    return KDMLatentModel(load(run))


@pytest.fixture(scope="module")
def pairs() -> SnapshotPairs:
    data = gaussian_pairs(1, 10_000)
    return SnapshotPairs(before=data.noise.astype(np.float64), after=data.data.astype(np.float64))


def report_on(model: KDMLatentModel, pairs: SnapshotPairs):
    encoders = {
        "inputs": EncoderDictionary(model.encode_noise),
        "outputs": EncoderDictionary(model.encode_data),
    }
    return closure_report(pairs, **encoders, rng=np.random.default_rng(0))


def test_the_latents_of_a_model_of_an_affine_flow_are_closed_and_those_of_shuffled_pairs_are_not(model, pairs):
    report, shuffled = report_on(model, pairs), report_on(model, pairs.shuffled(rng=np.random.default_rng(1)))
    assert report.dimension == 8, "no latent has collapsed"
    assert report.closedness is Closedness.APPROXIMATE, closed(report).because
    assert shuffled.closedness is Closedness.NOT_CLOSED
    claim = closed(report, shuffled=shuffled)
    assert claim.verdict is Verdict.SUPPORTED
    assert claim.controls[0].verdict is Verdict.REFUTED


def test_what_the_decoder_reads_of_that_model_is_closed_too(model, pairs):
    claim = decoder_weighted_closed(model, pairs, rng=np.random.default_rng(0))
    assert claim.verdict is Verdict.SUPPORTED
    assert claim.interval.high < 1e-4
    assert claim.controls[0].verdict is Verdict.REFUTED
