import re

import numpy as np
import pytest

from koopman_analysis.checks import excess_share, interpolates_near_the_data
from koopman_analysis.claims import Verdict
from koopman_analysis.estimators import ArrayLatentModel
from koopman_analysis.interpolation import (
    LINEAR,
    SPHERICAL,
    Blend,
    cross_fades,
    disjoint_pairs,
    interpolation_study,
    latent_paths,
    noise_paths,
)

SHARES = np.linspace(0.0, 1.0, 9)


def on_a_circle(n, rng):
    """Points of the unit circle, which is the law of the data here."""
    angle = rng.uniform(-1.2, 1.2, n)
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def polar():
    """A model whose latent is the angle: what lies between two latents lies on the circle."""
    return ArrayLatentModel(
        encode_noise=lambda x: np.arctan2(x[:, 1:], x[:, :1]), encode_data=lambda y: np.arctan2(y[:, 1:], y[:, :1]),
        matrix=np.array([[2.0]]), offset=np.array([0.1]),
        decode=lambda z: np.concatenate([np.cos((z - 0.1) / 2), np.sin((z - 0.1) / 2)], axis=1),
    )  # fmt: skip


def circle_study(seed=0, pairs=60, **further):
    """Three ways between points of the circle: along it, through a table, and straight."""
    rng = np.random.default_rng(seed)
    points, real, fresh = on_a_circle(2 * pairs, rng), on_a_circle(3000, rng), on_a_circle(500, rng)
    start, end = (points[index] for index in disjoint_pairs(2 * pairs, pairs, rng=rng))
    keys = real[:40]
    nearest = lambda rows: keys[np.argmin(((rows[:, None] - keys) ** 2).sum(axis=2), axis=1)]  # noqa: E731
    ways = {
        "latent": latent_paths(polar(), start, end, shares=SHARES),
        "table": noise_paths(nearest, start, end, shares=SHARES),
        "cross-fade": cross_fades(start, end, shares=SHARES),
    }
    return rng, ways, interpolation_study(ways, shares=SHARES, real=real, fresh=fresh, rng=rng, **further)


def test_a_chord_is_straight_and_an_arc_keeps_the_norm():
    u, v = np.array([[3.0, 0.0]]), np.array([[0.0, 3.0]])
    half = np.array([0.0, 0.5, 1.0])
    np.testing.assert_allclose(LINEAR.between(u, v, half)[0], [[3, 0], [1.5, 1.5], [0, 3]])
    np.testing.assert_allclose(SPHERICAL.between(u, v, half)[0], [[3, 0], [3 / 2**0.5, 3 / 2**0.5], [0, 3]], atol=1e-15)
    assert isinstance(LINEAR, Blend)
    assert isinstance(SPHERICAL, Blend)


def test_an_arc_turns_steadily_and_its_norm_goes_from_one_to_the_other():
    u, v = np.array([[2.0, 0.0, 0.0]]), np.array([[0.0, 0.0, 6.0]])
    arc = SPHERICAL.between(u, v, SHARES)[0]
    np.testing.assert_allclose(np.linalg.norm(arc, axis=1), np.linspace(2.0, 6.0, 9))
    np.testing.assert_allclose(np.arctan2(arc[:, 2], arc[:, 0]), np.linspace(0.0, np.pi / 2, 9), atol=1e-12)


def test_an_arc_between_parallel_vectors_is_their_chord():
    u = np.array([[1.0, 2.0], [1.0, 2.0]])
    v = np.array([[2.0, 4.0], [1.0, 2.0 + 1e-9]])
    np.testing.assert_allclose(SPHERICAL.between(u, v, SHARES), LINEAR.between(u, v, SHARES), atol=1e-12)


def test_vectors_without_an_arc_are_refused():
    with pytest.raises(ValueError, match="vectors other than zero to turn into each other"):
        SPHERICAL.between(np.zeros((1, 2)), np.ones((1, 2)), SHARES)
    with pytest.raises(ValueError, match="no opposite vectors, between which there is no one arc"):
        SPHERICAL.between(np.ones((1, 2)), -2.0 * np.ones((1, 2)), SHARES)


def test_no_object_is_in_two_pairs():
    pairs = disjoint_pairs(21, 10, rng=np.random.default_rng(0))
    assert pairs.shape == (2, 10)
    assert len(np.unique(pairs)) == 20
    for wrong in (0, 11):
        with pytest.raises(ValueError, match=f"1 to 10 pairs of 21 objects, each in one pair only, got {wrong}"):
            disjoint_pairs(21, wrong, rng=np.random.default_rng(0))


def test_the_operator_and_its_offset_carry_what_lies_between_latents():
    start, end = (on_a_circle(3, np.random.default_rng(seed)) for seed in (1, 2))
    angles = [np.arctan2(points[:, 1], points[:, 0]) for points in (start, end)]
    between = angles[0][:, None] + SHARES * (angles[1] - angles[0])[:, None]
    paths = latent_paths(polar(), start, end, shares=SHARES)
    np.testing.assert_allclose(paths, np.stack([np.cos(between), np.sin(between)], axis=2), atol=1e-12)


def test_lengths_jumps_and_departures_are_those_of_the_formulas():
    rng, ways, study = circle_study()
    real = np.random.default_rng(5).standard_normal((50, 2))
    study = interpolation_study(ways, shares=SHARES, real=real, fresh=real + 0.1, resamples=9, rng=rng)
    for column, paths in enumerate(ways.values()):
        steps = np.linalg.norm(np.diff(paths, axis=1), axis=2)
        apart = np.linalg.norm(paths[:, -1] - paths[:, 0], axis=1).sum()
        assert study.length.estimate[column] == pytest.approx(steps.sum() / apart)
        assert study.jump.estimate[column] == pytest.approx(steps.max(axis=1).sum() / apart)
        unit = np.linalg.norm(real[:, None] + 0.1 - real, axis=2).min(axis=1).mean()
        distance = np.linalg.norm(paths[:, :, None] - real, axis=3).min(axis=2) / unit
        assert study.departure.estimate[column] == pytest.approx(distance[:, 1:-1].mean())
        along = [interval.estimate for interval in study.along[study.ways[column]]]
        np.testing.assert_allclose(along, distance.mean(axis=0))
        excess = distance[:, 1:-1].mean(axis=1) - distance[:, [0, -1]].mean(axis=1)
        np.testing.assert_allclose(study.excess[:, column], excess)
    assert study.detour is None


def test_a_cross_fade_leaves_the_data_the_latent_path_does_not_and_a_table_jumps():
    _, _, study = circle_study()
    departures, jumps = study.by_way(study.departure), study.by_way(study.jump)
    assert study.by_way(study.length)["cross-fade"].estimate == pytest.approx(1.0)
    assert jumps["cross-fade"].estimate == pytest.approx(1 / 8)
    assert departures["cross-fade"].low > 20.0
    assert departures["latent"].high < 2.0
    assert departures["table"].estimate == 0.0
    assert jumps["table"].low > 1.5 * jumps["latent"].high
    differences = study.differences(study.departure, to="cross-fade")
    assert set(differences) == {"latent", "table"}
    assert differences["latent"].high < 0.0


def test_a_detour_is_where_the_nearest_point_is_of_neither_end():
    paths = np.linspace([[0.0], [0.0]], [[4.0], [4.0]], 5).transpose(1, 0, 2)
    study = interpolation_study(
        {"line": paths}, shares=np.linspace(0, 1, 5), real=np.arange(5.0)[:, None], fresh=np.array([[0.2]]),
        real_labels=np.array([7, 7, 3, 3, 1]), end_labels=(np.array([7, 3]), np.array([1, 1])), resamples=9,
        rng=np.random.default_rng(0),
    )  # fmt: skip
    # Between the ends lie 7, 3, 3: the first pair is of 7 and 1, the second of 3 and 1.
    assert study.detour.estimate[0] == pytest.approx((2 / 3 + 1 / 3) / 2)
    assert study.by_way(study.detour)["line"].n == 2


def test_a_path_on_the_data_is_supported_and_that_of_an_affine_model_refuted():
    rng, ways, study = circle_study()
    claim = interpolates_near_the_data(excess_share(study, "latent", rng=rng))
    assert claim.verdict is Verdict.SUPPORTED
    assert [(control.name, control.verdict) for control in claim.controls] == [
        ("cross-fades of other pairs", Verdict.REFUTED)
    ]
    affine = ArrayLatentModel(
        encode_noise=lambda x: x @ np.array([[1.0, 2.0], [0.5, -1.0]]), encode_data=np.copy,
        matrix=np.linalg.inv(np.array([[1.0, 2.0], [0.5, -1.0]])), decode=np.copy,
    )  # fmt: skip
    fades = ways["cross-fade"]
    straight = latent_paths(affine, fades[:, 0], fades[:, -1], shares=SHARES)
    np.testing.assert_allclose(straight, fades, atol=1e-12)
    points = on_a_circle(3000, rng)
    both = interpolation_study(
        {"latent": straight, "cross-fade": fades}, shares=SHARES, real=points, fresh=points + 0.01, rng=rng
    )
    share = excess_share(both, "latent", rng=rng)
    assert share.share.estimate == pytest.approx(1.0)
    assert interpolates_near_the_data(share).verdict is Verdict.REFUTED


def test_where_cross_fades_stay_with_the_data_nothing_is_claimed():
    rng = np.random.default_rng(0)
    points, real, fresh = (rng.standard_normal((n, 2)) for n in (100, 500, 500))
    fades = cross_fades(points[:50], points[50:], shares=SHARES)
    study = interpolation_study({"latent": fades, "cross-fade": fades}, shares=SHARES, real=real, fresh=fresh, rng=rng)
    claim = interpolates_near_the_data(excess_share(study, "latent", rng=rng))
    assert not claim.applicable
    assert "not seen to leave the data" in claim.because


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        (lambda y, real: y - np.array([50.0, 0.0]), "are not seen to be data: they lie .* above 2"),
        (lambda y, real: 2.0 * y, "are not seen to be data"),
        (lambda y, real: real[:1] + 1e-6 * y, "between ends that coincide nothing lies"),
    ],
    ids=["all of it far off", "twice the data", "one mode"],
)
def test_a_model_whose_ends_are_no_data_is_not_supported(changed, reason):
    rng, ways, _ = circle_study()
    points, fresh = on_a_circle(3000, rng), on_a_circle(500, rng)
    given = {"latent": changed(ways["latent"], points), "cross-fade": ways["cross-fade"]}
    study = interpolation_study(given, shares=SHARES, real=points, fresh=fresh, rng=rng)
    measured = excess_share(study, "latent", rng=rng)
    assert measured.share.high < 0.5, "the premise: the excess alone would support it"
    claim = interpolates_near_the_data(measured)
    assert not claim.applicable
    assert re.search(reason, claim.because)


def test_the_ends_and_the_span_are_those_of_the_formulas():
    rng, ways, study = circle_study()
    measured = excess_share(study, "latent", rng=rng)
    assert measured.void is None
    assert measured.ends.estimate == pytest.approx(
        np.mean([study.along["latent"][place].estimate for place in (0, -1)])
    )
    spans = [np.linalg.norm(ways[name][:, -1] - ways[name][:, 0], axis=1).sum() for name in ("latent", "cross-fade")]
    assert measured.span.estimate == pytest.approx(spans[0] / spans[1])


def test_a_way_needs_an_end_for_each_start():
    for blend in (LINEAR, SPHERICAL):
        with pytest.raises(ValueError, match="an end for each start"):
            blend.between(np.ones((3, 2)), np.ones((1, 2)), SHARES)


def test_a_way_that_was_not_studied_is_refused():
    rng, _, study = circle_study(pairs=4)
    with pytest.raises(ValueError, match=r"ways among \['latent', 'table', 'cross-fade'\], got \['arc'\]"):
        excess_share(study, "arc", rng=rng)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ways": {}}, "paths of one shape .* got none"),
        ({"ways": {"a": np.zeros((2, 3, 1)), "b": np.zeros((2, 4, 1))}}, "paths of one shape"),
        ({"ways": {"a": np.zeros((1, 3, 1))}}, "two or more pairs, .* got 1 pairs and 3 states"),
        ({"shares": np.array([0.0, 1.0])}, "at each of 2 shares, three or more, got 2 pairs and 3 states"),
        ({"shares": np.array([0.0, 0.5, 0.9])}, "rising shares from 0 to 1"),
        ({"real_labels": np.array([0])}, "labels of the real data points and of the ends together, or neither"),
        ({"ways": {"a": np.zeros((2, 3))}}, r"shape \(pairs, shares, features\), got \(2, 3\)"),
        ({"shares": np.array([0.0, np.nan, 1.0])}, "rising shares from 0 to 1"),
        ({"ways": {"a": np.full((2, 3, 1), np.nan)}}, "NaN or ∞ in 'a'"),
        ({"fresh": np.array([[np.inf]])}, "NaN or ∞ in 'fresh'"),
        ({"fresh": np.zeros((1, 2))}, "data points of 1 features, at least one, got 'fresh'"),
        ({"fresh": np.ones((1, 1))}, "got no fresh point apart from them"),
        (
            {"real_labels": np.array([0, 1]), "end_labels": (np.zeros(2, int), np.zeros(2, int))},
            r"a label for each real data point, start and end, \[1, 2, 2\] of them, got \[2, 2, 2\]",
        ),
        ({}, "ends that lie apart, got a way whose ends are all the same point"),
    ],
)
def test_paths_that_cannot_be_measured_are_refused(change, message):
    arguments = {
        "ways": {"a": np.zeros((2, 3, 1))}, "shares": np.array([0.0, 0.5, 1.0]), "real": np.ones((1, 1)),
        "fresh": np.zeros((1, 1)),
    } | change  # fmt: skip
    with pytest.raises(ValueError, match=message):
        interpolation_study(**arguments, rng=np.random.default_rng(0))
