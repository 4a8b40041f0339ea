"""Measures of outlyingness and the rules that mark outliers, each against its definition."""

import math

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from koopman_analysis.outliers import (
    Beyond,
    Clusters,
    Edge,
    LargestDeviation,
    Margin,
    Mark,
    NotMeasurable,
    Outermost,
    Outlyingness,
    Overall,
    Sparseness,
    Unclustered,
    WithinCluster,
    mahalanobis_distances,
)

MEASURES = (Overall(), WithinCluster(), LargestDeviation(), Sparseness(), Edge(), Margin())


@pytest.fixture
def objects():
    rng = np.random.default_rng(0)
    clusters = np.repeat([0, 1, 2], [60, 90, 120])
    points = rng.standard_normal((270, 3)) @ rng.standard_normal((3, 3)) + 2.0 * clusters[:, None]
    return points, clusters


def white(points):
    centred = points - points.mean(axis=0)
    return centred @ np.linalg.inv(np.linalg.cholesky(np.cov(points.T))).T


def test_within_a_cluster_it_is_the_mahalanobis_distance_of_the_cluster(objects):
    points, clusters = objects
    far = WithinCluster().of(points, clusters)
    for k in range(3):
        np.testing.assert_allclose(far[clusters == k], mahalanobis_distances(points[clusters == k]))
    np.testing.assert_allclose(Overall().of(points, clusters), mahalanobis_distances(points))


def test_the_largest_deviation_is_the_largest_z_score_within_the_cluster(objects):
    points, clusters = objects
    far = LargestDeviation().of(points, clusters)
    some = points[clusters == 1]
    np.testing.assert_allclose(far[clusters == 1], np.abs((some - some.mean(axis=0)) / some.std(axis=0)).max(axis=1))


def test_sparseness_and_margin_are_distances_in_white_coordinates(objects):
    points, clusters = objects
    distances = cdist(white(points), white(points))
    sparse, margin = Sparseness(neighbours=4).of(points, clusters), Margin(neighbours=4).of(points, clusters)
    for i in range(0, 270, 20):
        own = np.sort(distances[i, clusters == clusters[i]])[4]
        other = distances[i, clusters != clusters[i]].min()
        assert sparse[i] == pytest.approx(own)
        assert margin[i] == pytest.approx(own / (own + other))


def test_the_edge_is_the_length_of_the_mean_direction_to_neighbours_of_the_same_cluster(objects):
    points, clusters = objects
    far, some = Edge(neighbours=7).of(points, clusters), white(points)
    for i in range(0, 270, 20):
        own = some[clusters == clusters[i]]
        steps = own[np.argsort(np.linalg.norm(own - some[i], axis=1))[1:8]] - some[i]
        assert far[i] == pytest.approx(np.linalg.norm((steps / np.linalg.norm(steps, axis=1)[:, None]).mean(axis=0)))


@pytest.mark.parametrize("d", [1, 2, 3])
def test_at_a_flat_edge_it_is_the_mean_direction_of_a_half_space(d):
    """Γ(d/2) / (√π Γ((d+1)/2)) at the face of a cube, and about 1/√m in its middle."""
    rng = np.random.default_rng(0)
    cube = rng.uniform(-1, 1, (8000, d))
    at_face, middle = np.zeros((1, d)), np.zeros((1, d))
    at_face[0, 0] = -1.0
    far = Edge(neighbours=150).of(np.concatenate([cube, at_face, middle]), np.zeros(8002, dtype=int))
    expected = math.gamma(d / 2) / (math.sqrt(math.pi) * math.gamma((d + 1) / 2))
    assert far[-2] == pytest.approx(expected, abs=3 / math.sqrt(150))
    assert far[-1] < 3 / math.sqrt(150)


def test_a_single_outlier_is_far_out_by_every_measure_but_the_margin():
    rng = np.random.default_rng(0)
    points = np.concatenate([rng.standard_normal((200, 2)), rng.standard_normal((200, 2)) + 8.0, [[-9.0, 9.0]]])
    clusters = np.repeat([0, 1, 0], [200, 200, 1])
    for measure in (Overall(), WithinCluster(), LargestDeviation(), Sparseness()):
        assert np.argmax(measure.of(points, clusters)) == 400, measure.name
    assert Edge().of(points, clusters)[400] > 0.9, "all others lie on one side"
    assert Margin().of(points, clusters)[400] < 0.6, "it lies far from the border"


def test_copies_of_one_object_are_as_far_out_as_each_other_and_nothing_is_undefined(objects):
    points, clusters = objects
    points[:40] = points[0]
    points[60:63] = points[0]
    for measure in MEASURES:
        far = measure.of(points, clusters)
        assert np.isfinite(far).all(), measure.name
        np.testing.assert_allclose(far[:40], far[0], rtol=1e-6, err_msg=measure.name)
    assert Edge().of(points, clusters)[0] == 0.0, "copies lie on all sides"
    assert Margin().of(points, clusters)[0] == 0.5


def test_a_coordinate_that_does_not_vary_sets_nobody_apart(objects):
    points, clusters = objects
    dull = np.column_stack([points, np.full(270, 0.1), np.where(clusters == 0, 1e6 + 1 / 3, points[:, 0])])
    for measure in (WithinCluster(), LargestDeviation()):
        np.testing.assert_allclose(
            measure.of(dull, clusters)[:60], measure.of(points, clusters)[:60], rtol=1e-6, err_msg=measure.name
        )


def test_every_measure_takes_one_cluster_but_the_margin(objects):
    points, _ = objects
    one = np.zeros(270, dtype=int)
    for measure in MEASURES[:-1]:
        assert np.isfinite(measure.of(points, one)).all()
    with pytest.raises(NotMeasurable, match="at least two clusters to have a border between them, got one"):
        Margin().of(points, one)


def test_measures_refuse_what_has_no_place_or_no_neighbours(objects):
    points, clusters = objects
    broken = points.copy()
    broken[5, 0] = np.inf
    for measure in MEASURES:
        with pytest.raises(ValueError, match="expected finite points, got 1 of 270"):
            measure.of(broken, clusters)
        with pytest.raises(ValueError, match="a cluster for each of 270 points, got 269"):
            measure.of(points, clusters[1:])
    lonely = clusters.copy()
    lonely[:2] = 9
    for measure in (Sparseness(), Edge(), Margin()):
        with pytest.raises(NotMeasurable, match="at least 3 objects in each cluster to have neighbours, got 2"):
            measure.of(points, lonely)
    with pytest.raises(NotMeasurable, match="more points than directions, got 2 points in 1 directions"):
        WithinCluster().of(points, lonely)


@pytest.mark.parametrize("measure", [Sparseness(), Edge(), Margin()], ids=lambda measure: measure.name)
def test_copies_of_one_point_have_no_neighbours_nearer_than_others(measure):
    with pytest.raises(NotMeasurable, match="expected points that vary, got 60 copies of one"):
        measure.of(np.full((60, 2), 0.1), np.arange(60) % 2)


def test_integers_are_as_far_out_as_the_numbers_they_are():
    counts = np.random.default_rng(0).integers(-9, 9, (50, 3))
    np.testing.assert_array_equal(mahalanobis_distances(counts), mahalanobis_distances(counts.astype(float)))


def test_what_is_no_table_of_finite_real_numbers_has_no_distances():
    points = np.random.default_rng(0).standard_normal((50, 3))
    with pytest.raises(ValueError, match=r"expected points one a row, got shape \(50,\): reshape"):
        mahalanobis_distances(points[:, 0])
    with pytest.raises(ValueError, match="expected real coordinates, got complex128"):
        mahalanobis_distances(points + 1j)
    points[3, 1] = np.nan
    with pytest.raises(ValueError, match="expected finite points, got 1 of 50 that are not"):
        mahalanobis_distances(points)


def test_marks_follow_their_rule(objects):
    points, clusters = objects
    apart = np.arange(270) < 3
    found = Clusters(labels=clusters, apart=apart)
    far = LargestDeviation().of(points, clusters)
    beyond, outermost = Beyond(measure=LargestDeviation(), threshold=2.0), Outermost(share=0.2)
    np.testing.assert_array_equal(beyond.marked(far, found), far > 2.0)
    assert outermost.marked(far, found).sum() == 54
    np.testing.assert_array_equal(Unclustered().marked(far, found), apart)
    assert [mark.name for mark in (beyond, outermost, Unclustered())] == [
        "z-score above 2", "outermost 20 %, within cluster", "in no cluster (DBSCAN)",
    ]  # fmt: skip
    for mark in (beyond, outermost, Unclustered()):
        assert isinstance(mark, Mark)
    for measure in MEASURES:
        assert isinstance(measure, Outlyingness)


@pytest.mark.parametrize("share", [0.0, 1.0, float("nan")])
def test_a_share_of_none_or_all_marks_nothing(share):
    with pytest.raises(ValueError, match="expected a share between 0 and 1"):
        Outermost(share=share)
