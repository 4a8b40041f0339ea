"""The semantic claim that no choice of latent coordinates changes."""

from dataclasses import replace

import numpy as np
import pytest

from koopman_analysis.claims import Verdict
from koopman_analysis.estimators.latent import ArrayLatentModel
from koopman_analysis.gauge import random_gauge, transformed
from koopman_analysis.report import Report
from koopman_analysis.similarity import SameClassAuroc, euclidean_distances
from koopman_analysis.snapshots import SnapshotPairs
from koopman_analysis.verification.canonical import CanonicalTwin, with_canonical
from koopman_analysis.verification.material import Material
from koopman_analysis.verification.representations import SemanticControls

N, OBJECTS = 700, 100


def quadrants(noise):
    """Four classes of points in the plane; opposite quadrants are one another's images."""
    return (noise[:, 0] * noise[:, 1] > 0).astype(np.int64)


def flow(noise):
    """Towards one of two places, as the sign of the product says; both coordinates are kept."""
    return np.stack([np.sign(noise[:, 0] * noise[:, 1]) + 0.05 * noise[:, 0], noise[:, 1]], axis=1)


def model(encode_noise, matrix, encode_data=lambda data: data, decode=None):
    decoded = decode or (lambda latents: latents[:, :2])
    return ArrayLatentModel(encode_noise=encode_noise, encode_data=encode_data, matrix=matrix, decode=decoded)


def learned():
    """An encoder that knows the sign of the product, which no linear map of the noise does."""
    return model(lambda x: np.concatenate([np.tanh(9 * x[:, :1] * x[:, 1:]), x], axis=1), np.eye(3)[:, [0, 2]])


def rescaled():
    """The noise with its second coordinate, that of the classes, made large."""
    return model(lambda x: x * np.array([0.02, 50.0]), np.diag([50.0, 0.02]))


def random_encoders():
    weights = [np.random.default_rng(seed).standard_normal((2, 6)) for seed in range(19)]
    return [lambda noise, weight=weight: np.tanh(noise @ weight) for weight in weights]


def material(model, classes=quadrants, flow=flow):
    noise = np.random.default_rng(1).standard_normal((N, 2))
    return Material(model=model, pairs=SnapshotPairs(before=noise, after=flow(noise)), classes=classes(noise))


def judged(material):
    index, others = np.split(np.arange(N), [OBJECTS])
    return with_canonical(
        Report(title="Classes", entries=()), material, controls=SemanticControls(random_encoders=random_encoders()),
        index=index, others=others, resamples=199, margin=0.01, rng=np.random.default_rng(2),
    )  # fmt: skip


def distance_alone(material):
    """The AUROC of the latents as they are."""
    agreement = SameClassAuroc().weighted(euclidean_distances(material.latents()), material.classes)
    return agreement(np.ones(N, dtype=np.int64))


@pytest.fixture(scope="module")
def report():
    return judged(material(learned()))


def test_an_encoder_that_knows_what_no_linear_map_does_is_supported_with_controls_that_behave(report):
    claim = report.claims["semantic_gauge_free"]
    assert claim.verdict is Verdict.SUPPORTED
    assert {control.name: control.expected for control in claim.controls} == {
        "rotated noise": Verdict.REFUTED, "class and noise": Verdict.SUPPORTED, "shuffled objects": Verdict.REFUTED,
    }  # fmt: skip
    assert all(control.behaves or not control.decided for control in claim.controls)


def test_rotated_noise_is_the_noise(report):
    (table,) = [table for table in report.tables if table.title.startswith("What distances say in canonical")]
    cells = {row[0]: row[2] for row in table.rows}
    assert cells["rotated noise"] == cells["noise"]


def test_no_gauge_changes_it_though_distances_between_latents_change(report):
    rng = np.random.default_rng(3)
    B, A = (random_gauge(size, condition=30.0, rng=rng) for size in (3, 2))
    there = material(transformed(learned(), B, A))
    one, same = (r.claims["semantic_gauge_free"].interval for r in (report, judged(there)))
    assert (same.estimate, same.low, same.high) == pytest.approx((one.estimate, one.low, one.high), abs=1e-9)
    assert abs(distance_alone(material(learned())) - distance_alone(there)) > 0.01


def test_noise_in_other_units_is_no_discovery():
    halves = material(rescaled(), classes=lambda noise: (noise[:, 1] > 0).astype(np.int64), flow=lambda noise: noise)
    claim = judged(halves).claims["semantic_gauge_free"]
    assert claim.verdict is Verdict.REFUTED
    assert claim.interval.estimate <= 0.0


def test_latents_of_the_data_that_nothing_predicts_make_nothing_semantic():
    """The encoder of the noise knows the class; no linear operator leads from it to these latents."""
    junk = replace(learned(), encode_data=lambda data, labels: np.modf(1e7 * np.sin(1e5 * data))[0])
    claim = judged(material(junk)).claims["semantic_gauge_free"]
    assert claim.verdict is Verdict.REFUTED
    assert claim.interval.estimate == 0.0


def test_shuffled_pairs_make_nothing_semantic():
    known = material(learned())
    order = np.random.default_rng(5).permutation(N)
    shuffled = replace(known, pairs=replace(known.pairs, after=known.pairs.after[order]))
    assert judged(shuffled).claims["semantic_gauge_free"].verdict is Verdict.REFUTED


def test_directions_take_twenty_other_pairs_each():
    wide = model(lambda x: np.tanh(x @ np.random.default_rng(0).standard_normal((2, 31))), np.eye(31)[:, :2])
    because = judged(material(wide)).claims["semantic_gauge_free"].because
    assert because == "not applicable: directions of 31 latent coordinates take 620 other held-out pairs, not 600"


def test_latents_that_do_not_vary_have_no_directions():
    constant = model(lambda x: np.ones((len(x), 2)), np.eye(2))
    assert judged(material(constant)).claims["semantic_gauge_free"].because.endswith("the latents do not vary")


def test_the_twin_of_a_constant_is_at_one_place():
    twin = CanonicalTwin(targets=np.random.default_rng(0).standard_normal((50, 2)), widest=5)
    np.testing.assert_array_equal(twin(np.ones((50, 3)), np.ones((7, 3))), np.zeros((7, 1)))


def test_a_control_with_more_coordinates_than_pairs_allow_gives_its_leading_components():
    rng = np.random.default_rng(0)
    fit, some = (rng.standard_normal((n, 8)) * np.array([9, 8, 7, 6, 1e-3, 1e-3, 1e-3, 1e-3]) for n in (200, 30))
    twin = CanonicalTwin(targets=fit[:, :2] + fit[:, 2:4], widest=4)
    whole = CanonicalTwin(targets=twin.targets, widest=20)
    assert twin(fit, some).shape == whole(fit, some).shape == (30, 2)
    distances = [euclidean_distances(each(fit, some)) for each in (twin, whole)]
    np.testing.assert_allclose(*distances, atol=0.05)
