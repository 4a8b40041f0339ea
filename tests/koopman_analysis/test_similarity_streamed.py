import numpy as np
import pytest

from koopman_analysis.resampling import jackknife_intervals, object_bootstrap
from koopman_analysis.shapes import require_several
from koopman_analysis.similarity import (
    Continuity,
    DistanceCorrelation,
    NeighbourAgreement,
    NeighbourOverlap,
    SameClassAuroc,
    Trustworthiness,
    euclidean_distances,
    linear_cka,
    plain_linear_cka,
    plain_squared_distance_correlation,
    squared_distance_correlation,
    streamed_auroc,
    streamed_cka,
    streamed_distance_correlation,
)

CHUNKS = [1, 7, 64, 1000]


@pytest.fixture(scope="module")
def spaces():
    """Two representations of the same objects, what they are compared with, and labels."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((90, 3)) * [3.0, 1.0, 0.5]
    y = np.tanh(x @ rng.standard_normal((3, 5)) / 3) + 0.5 * rng.standard_normal((90, 5))
    return [x + 20.0, x[:, :1] ** 2 + x[:, 1:2]], y, (y[:, 0] > 0).astype(int) + (y[:, 1] > 0)


@pytest.mark.parametrize("chunk", CHUNKS)
def test_a_stream_of_strips_ends_at_the_distance_correlation_of_matrices(spaces, chunk):
    representations, semantic, _ = spaces
    found = streamed_distance_correlation(representations, semantic, chunk=chunk)
    matrices = [(euclidean_distances(points), euclidean_distances(semantic)) for points in representations]
    expected = [squared_distance_correlation(*both) for both in matrices]
    plain = [plain_squared_distance_correlation(*both) for both in matrices]
    assert 0.02 < min(expected) < max(expected) < 0.9
    np.testing.assert_allclose(found.unbiased.estimate, expected, rtol=1e-10)
    np.testing.assert_allclose(found.plain.estimate, plain, rtol=1e-10)


@pytest.mark.parametrize("chunk", CHUNKS)
def test_a_stream_of_rows_ends_at_the_cka_of_gram_matrices(spaces, chunk):
    representations, semantic, _ = spaces
    found = streamed_cka(representations, semantic, chunk=chunk)
    np.testing.assert_allclose(
        found.unbiased.estimate, [linear_cka(points, semantic) for points in representations], rtol=1e-9
    )
    np.testing.assert_allclose(
        found.plain.estimate, [plain_linear_cka(points, semantic) for points in representations], rtol=1e-10
    )


@pytest.mark.parametrize("chunk", CHUNKS)
def test_a_stream_of_strips_ends_at_the_auroc_up_to_its_bins(spaces, chunk):
    representations, _, labels = spaces
    found = streamed_auroc(representations, labels, chunk=chunk)
    exact = [
        SameClassAuroc().weighted(euclidean_distances(points), labels)(np.ones(90, dtype=int))
        for points in representations
    ]
    assert np.all(np.abs(np.subtract(exact, 0.5)) > 0.005)
    assert np.all(np.abs(found.auroc.estimate - exact) <= found.resolution + 1e-12)
    assert found.resolution.max() < 1e-3
    coarse = streamed_auroc(representations, labels, bins=16, chunk=chunk)
    assert np.all(np.abs(coarse.auroc.estimate - exact) <= coarse.resolution)
    assert coarse.resolution.min() > 10 * found.resolution.max()


@pytest.mark.parametrize("chunk", CHUNKS)
def test_neighbours_of_points_are_those_of_matrices_of_distances(spaces, chunk):
    (points, _), semantic, labels = spaces
    a, b = euclidean_distances(points), euclidean_distances(semantic)
    copies = np.random.default_rng(1).integers(0, 3, 90)
    for kind in (NeighbourOverlap, Trustworthiness, Continuity):
        statistic = kind(neighbours=5)
        expected = statistic.weighted(a, b)(copies)
        assert statistic.of_points(points, semantic, chunk=chunk)(copies) == pytest.approx(expected, rel=1e-12)
    agreement = NeighbourAgreement(neighbours=5)
    expected = agreement.weighted(a, labels)(copies)
    assert agreement.of_points(points, labels, chunk=chunk)(copies) == pytest.approx(expected, rel=1e-12)


def without_each(statistic, *arrays):
    """The statistic when one object after another is left out."""
    return np.array([statistic(*(np.delete(each, i, axis=0) for each in arrays)) for i in range(len(arrays[0]))])


def distance_correlation_of_points(x, y):
    return squared_distance_correlation(euclidean_distances(x), euclidean_distances(y))


def auroc_of_points(x, labels):
    return SameClassAuroc().weighted(euclidean_distances(x), labels)(np.ones(len(x), dtype=int))


def test_the_streamed_jackknife_is_nearly_that_of_leaving_objects_out(spaces):
    (points, _), semantic, labels = spaces
    cases = {
        "distance correlation": (streamed_distance_correlation([points], semantic).unbiased,
                                 without_each(distance_correlation_of_points, points, semantic)),
        "CKA": (streamed_cka([points], semantic).unbiased, without_each(linear_cka, points, semantic)),
        "plain CKA": (streamed_cka([points], semantic).plain, without_each(plain_linear_cka, points, semantic)),
        "AUROC": (streamed_auroc([points], labels).auroc, without_each(auroc_of_points, points, labels)),
    }  # fmt: skip
    for name, (found, left_out) in cases.items():
        mine, theirs = found.replicates[:, 0] - found.estimate[0], left_out - left_out.mean()
        assert np.corrcoef(mine, theirs)[0, 1] > 0.99, name
        # They agree to O(1/n), times what a heavy row weighs in squares.
        assert mine.std() == pytest.approx(theirs.std(), rel=0.15), name
        assert abs(mine.mean()) < 1e-12, name


def test_the_interval_of_a_stream_is_about_that_of_resampled_objects(spaces):
    representations, semantic, _ = spaces
    found = streamed_distance_correlation(representations, semantic).unbiased
    rng = np.random.default_rng(2)
    statistic = DistanceCorrelation().weighted(euclidean_distances(representations[0]), euclidean_distances(semantic))
    resampled = object_bootstrap(statistic, 90, resamples=400, rng=rng)
    interval = jackknife_intervals(found.estimate, found.replicates, n=found.units)[0]
    assert interval.high - interval.low == pytest.approx(4 * resampled.replicates.std(), rel=0.15)
    joint = found.bootstrap(resamples=400, rng=rng).contrasts(np.array([[1.0, -1.0]])).simultaneous()[0]
    assert joint.estimate == pytest.approx(found.estimate[0] - found.estimate[1])


def test_a_representation_that_does_not_vary_has_no_correlation(spaces):
    (points, _), semantic, labels = spaces
    still = np.ones((90, 2))
    for found in (streamed_distance_correlation([still, points], semantic), streamed_cka([still, points], semantic)):
        assert np.isnan(found.unbiased.estimate[0])
        assert np.isnan(found.unbiased.replicates[:, 0]).all()
        assert np.isfinite(found.unbiased.replicates[:, 1]).all()
    # All distances tie.
    assert streamed_auroc([still], labels).auroc.estimate[0] == 0.5


def test_streams_need_the_same_objects_and_two_kinds_of_pairs(spaces):
    (points, _), semantic, _ = spaces
    with pytest.raises(ValueError, match=r"same four or more objects, got 1 with numbers of objects \[80, 90\]"):
        streamed_cka([points[:80]], semantic)
    with pytest.raises(ValueError, match=r"got 0 with numbers of objects \[90\]"):
        streamed_distance_correlation([], semantic)
    with pytest.raises(ValueError, match=r"pairs of one class and pairs of two, got 4005 of 4005 of one"):
        streamed_auroc([points], np.zeros(90, dtype=int))


@pytest.mark.parametrize("scale", [1.0, 1e-8, 0.3e8 + 0.7])
def test_a_constant_that_rounding_moves_has_no_correlation_either(spaces, scale):
    semantic = spaces[1]
    still = np.full((90, 3), 0.1 * scale)
    assert not (still - still.mean(axis=0) == 0.0).all()  # the premise: its mean is not it
    found = streamed_cka([still], semantic)
    for value in (*found.unbiased.estimate, *found.plain.estimate, linear_cka(still, semantic),
                  plain_linear_cka(still, semantic)):  # fmt: skip
        assert np.isnan(value)
    nearly = still * (1.0 + 1e-7 * semantic[:, :3])
    assert linear_cka(nearly, semantic) == pytest.approx(linear_cka(semantic[:, :3], semantic), abs=1e-4)
    assert streamed_cka([nearly], semantic).unbiased.estimate[0] == pytest.approx(
        linear_cka(nearly, semantic), rel=1e-6
    )


@pytest.mark.parametrize("distance", [1e3, 1e6, 1e12])
def test_one_far_object_does_not_leave_all_pairs_in_one_bin(spaces, distance):
    (points, _), _, labels = spaces
    far = points.copy()
    far[17] += distance
    exact = auroc_of_points(far, labels)
    found = streamed_auroc([far], labels)
    assert abs(exact - 0.5) > 0.005
    assert found.resolution[0] < 1e-3
    assert abs(found.auroc.estimate[0] - exact) <= found.resolution[0] + 1e-12


def test_tight_clusters_far_apart_are_told_apart_from_within(spaces):
    (points, _), _, labels = spaces
    clusters = 1e-6 * points + (np.arange(90) % 3)[:, None]
    found, exact = streamed_auroc([clusters], labels), auroc_of_points(clusters, labels)
    assert found.resolution[0] < 1e-3
    assert abs(found.auroc.estimate[0] - exact) <= found.resolution[0] + 1e-12


def test_rows_bins_and_representations_that_are_none_are_refused(spaces):
    (points, _), semantic, labels = spaces
    with pytest.raises(ValueError, match="expected a list of representations, got one array: write"):
        require_several(points)
    with pytest.raises(ValueError, match=r"expected points, one a row, got shape \(90,\): reshape to"):
        streamed_cka([points[:, 0]], semantic)
    with pytest.raises(ValueError, match="expected one row or more at a time, got 0: choose a larger chunk"):
        streamed_cka([points], semantic, chunk=0)
    with pytest.raises(ValueError, match="expected one row or more at a time, got -1"):
        streamed_distance_correlation([points], semantic, chunk=-1)
    with pytest.raises(ValueError, match="expected one bin of distances or more, got 0"):
        streamed_auroc([points], labels, bins=0)
    holed = points.copy()
    holed[3, 1] = np.nan
    with pytest.raises(ValueError, match="expected finite points, got NaN or infinity: leave out"):
        streamed_distance_correlation([holed], semantic)
