"""Clusters of data, by DBSCAN with a radius that is given or found."""

import numpy as np
import pytest

from koopman_analysis.outliers import (
    Clustering,
    Clusters,
    FixedRadius,
    LongestPlateau,
    NotMeasurable,
    leading_coordinates,
)

CELLS = np.array([(i, j) for i in range(4) for j in range(4) if (i + j) % 2 == 0])


def checkerboard(n, rng):
    """Uniform points of the eight cells, which touch at their corners, and the cell of each."""
    cell = rng.integers(8, size=n)
    return 2.0 * CELLS[cell] - 4.0 + rng.uniform(0, 2, (n, 2)), cell


def agreement(found, known):
    """Share of the objects in the majority class of their cluster."""
    return sum(np.bincount(known[found == k]).max() for k in np.unique(found)) / len(found)


def test_the_eight_cells_of_the_checkerboard_are_eight_clusters_in_most_samples():
    eight = 0
    for seed in range(5):
        points, cell = checkerboard(10_000, np.random.default_rng(seed))
        found = LongestPlateau().clusters(points)
        if found.count == 8:
            eight += 1
            assert agreement(found.labels, cell) > 0.98
            assert 0 < found.apart.mean() < 0.05
    assert eight >= 3


def test_at_the_published_radius_the_cells_are_one_cluster_and_nothing_is_apart():
    points, _ = checkerboard(10_000, np.random.default_rng(0))
    found = FixedRadius(radius=0.15, neighbours=4).clusters(points)
    assert found.count == 1
    assert not found.apart.any()


def test_one_cloud_is_one_cluster():
    for seed in range(20):
        assert LongestPlateau().clusters(np.random.default_rng(seed).standard_normal((1000, 2))).count == 1


def test_points_far_from_all_others_are_apart_and_bear_the_nearest_cluster():
    rng = np.random.default_rng(0)
    points = np.concatenate([rng.standard_normal((300, 2)), rng.standard_normal((300, 2)) + 20, [[14.0, 14.0]]])
    found = LongestPlateau().clusters(points)
    assert found.count == 2
    assert found.apart[-1]
    assert found.labels[-1] == found.labels[400]
    assert len(np.unique(found.labels[:300])) == 1


def test_pieces_too_small_to_count_are_apart():
    rng = np.random.default_rng(0)
    points = np.concatenate([rng.uniform(0, 1, (2000, 2)), 5 + 0.01 * rng.standard_normal((25, 2))])
    assert FixedRadius(radius=0.2, neighbours=20).clusters(points).count == 2
    found = LongestPlateau().clusters(points)
    assert found.count == 1
    assert found.apart[2000:].all()


def test_named_clusters_are_numbered_from_zero_and_leave_nothing_apart():
    found = Clusters.named(np.array([7, 3, 7, -1]))
    assert found.labels.tolist() == [2, 1, 2, 0]
    assert not found.apart.any()
    assert found.count == 3
    assert found.subset(np.array([0, 3])).labels.tolist() == [2, 0]


def test_the_first_principal_coordinates_keep_the_units_and_the_spread():
    rng = np.random.default_rng(0)
    points = rng.standard_normal((200, 64)) * np.geomspace(10, 0.01, 64)
    leading = leading_coordinates(points)
    assert leading.shape == (200, 2)
    inner = points - points.mean(axis=0)
    assert np.all(np.linalg.norm(leading, axis=1) <= np.linalg.norm(inner, axis=1) + 1e-9)
    top = np.sort(np.linalg.eigvalsh(np.cov(points.T)))[::-1][:2]
    np.testing.assert_allclose(leading.var(axis=0, ddof=1), top, rtol=1e-9)
    plane = rng.standard_normal((10, 2))
    np.testing.assert_array_equal(leading_coordinates(plane), plane)


def test_both_are_clusterings():
    assert isinstance(LongestPlateau(), Clustering)
    assert isinstance(FixedRadius(radius=1.0, neighbours=1), Clustering)


def test_points_that_have_no_clusters_are_refused_with_the_reason():
    points = np.random.default_rng(0).standard_normal((60, 2))
    with pytest.raises(NotMeasurable, match="more points than 10 neighbours, got 10: add points"):
        LongestPlateau().clusters(points[:10])
    with pytest.raises(NotMeasurable, match="got most of 60 with 10 copies: name the clusters"):
        LongestPlateau().clusters(np.repeat(points[:2], 30, axis=0))
    with pytest.raises(NotMeasurable, match="with 5 neighbours within 1e-06, got no cluster of 1 points"):
        FixedRadius(radius=1e-6, neighbours=5).clusters(points)
    points[3, 1] = np.nan
    for clustering in (LongestPlateau(), FixedRadius(radius=1.0, neighbours=5)):
        with pytest.raises(ValueError, match="expected finite points, got 1 of 60 that are not: leave them out"):
            clustering.clusters(points)
    with pytest.raises(ValueError, match="got 1 of 60 that are not"):
        leading_coordinates(points)


@pytest.mark.parametrize(("density", "clusters"), [(1, 2), (100, 1)])
def test_a_sparse_cluster_is_joined_to_one_a_hundred_times_as_dense(density, clusters):
    rng = np.random.default_rng(0)
    dense = rng.uniform(-1, 1, (1900, 2))
    half = np.sqrt(density * 100 / 1900)
    sparse = half * rng.uniform(-1, 1, (100, 2)) + [1.2 * (1 + half), 0.0]
    found = LongestPlateau().clusters(np.concatenate([dense, sparse]))
    assert found.count == clusters
    assert not found.apart[:1900].any()
    assert found.apart[1900:].all() == (clusters == 1)
