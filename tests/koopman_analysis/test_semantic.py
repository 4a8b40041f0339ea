import numpy as np
import pytest

from koopman_analysis.checks import semantic_agreement, semantic_beyond_controls
from koopman_analysis.claims import Verdict
from koopman_analysis.similarity import NeighbourAgreement

N = 150


def objects(seed=0):
    """Noise whose class is the sign of its first coordinate, among nine that say nothing."""
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((N, 10))
    labels = (noise[:, 0] > 0).astype(np.int64)
    random_latents = [np.tanh(noise @ rng.standard_normal((10, 5))) for _ in range(19)]
    return rng, noise, labels, random_latents


def test_a_latent_space_that_knows_the_class_is_semantic_beyond_its_controls():
    rng, noise, labels, random_latents = objects()
    latents = noise * np.array([10.0, *[1.0] * 9])
    agreement = semantic_agreement(latents, noise, labels, random_latents=random_latents, rng=rng)
    claim = semantic_beyond_controls(agreement)
    assert claim.verdict is Verdict.SUPPORTED
    assert [(control.name, control.behaves) for control in claim.controls] == [("rotated noise", True)]
    assert set(agreement.controls) == {"noise", "best of the random encoders"}
    assert agreement.values()["latent"].low > agreement.values()["noise"].high


def test_one_more_random_encoder_is_not_semantic():
    rng, noise, labels, random_latents = objects(1)
    latents = np.tanh(noise @ rng.standard_normal((10, 5)))
    claim = semantic_beyond_controls(
        semantic_agreement(latents, noise, labels, random_latents=random_latents, rng=rng)
    )  # fmt: skip
    assert claim.verdict is not Verdict.SUPPORTED


def test_the_noise_in_other_coordinates_is_refuted():
    rng, noise, labels, random_latents = objects(2)
    agreement = semantic_agreement(noise + 7.0, noise, labels, random_latents=random_latents, rng=rng)
    claim = semantic_beyond_controls(agreement)
    assert claim.verdict is Verdict.REFUTED
    assert agreement.differences()["noise"].high == pytest.approx(0.0, abs=1e-12)


def test_every_control_that_the_caller_adds_must_be_exceeded():
    rng, noise, labels, random_latents = objects()
    latents = noise * np.array([10.0, *[1.0] * 9])
    better = {"the class itself": labels[:, None] + 0.01 * noise[:, :1]}
    agreement = semantic_agreement(
        latents,
        noise,
        labels,
        random_latents=random_latents,
        others=better,
        statistic=NeighbourAgreement(neighbours=5),
        rng=rng,
    )
    assert "5 nearest" in agreement.statistic
    assert semantic_beyond_controls(agreement).verdict is not Verdict.SUPPORTED


def test_too_few_random_encoders_are_refused():
    rng, noise, labels, random_latents = objects()
    with pytest.raises(ValueError, match="expected at least 19 random encoders, got 18"):
        semantic_agreement(noise, noise, labels, random_latents=random_latents[:18], rng=rng)


def test_representations_that_do_not_fit_are_refused():
    rng, noise, labels, random_latents = objects()
    with pytest.raises(ValueError, match=r"other names for the controls than \['noise'\]"):
        semantic_agreement(noise, noise, labels, random_latents=random_latents, others={"noise": noise}, rng=rng)
    with pytest.raises(ValueError, match="expected 150 objects, one for each label, got 149"):
        semantic_agreement(noise[:149], noise, labels, random_latents=random_latents, rng=rng)


def test_noise_of_one_coordinate_is_rotated_too():
    rng, noise, labels, _ = objects()
    one = noise[:, :1]
    agreement = semantic_agreement(one, one, labels, random_latents=[one] * 19, resamples=19, rng=rng)
    assert agreement.differences("rotated noise")["noise"].estimate == 0.0
