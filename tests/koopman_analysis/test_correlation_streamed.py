import resource

import numpy as np
import pytest
from scipy.spatial.distance import cdist, pdist

from koopman_analysis.correlation import streamed_pearson
from koopman_analysis.correlation.streamed import _require_points
from koopman_analysis.resampling import jackknife_intervals


def points(n=60, seed=0):
    rng = np.random.default_rng(seed)
    semantic = rng.standard_normal((n, 3))
    return semantic + 0.5 * rng.standard_normal((n, 3)), rng.standard_normal((n, 2)), semantic


def dense(x, y):
    return np.corrcoef(pdist(x), pdist(y))[0, 1]


@pytest.mark.parametrize("block", [1, 7, 20, 59, 60, 1000])
def test_the_streamed_correlation_is_the_dense_one_with_every_object_and_without_each(block):
    near, unrelated, semantic = points()
    streamed = streamed_pearson([near, unrelated], semantic, block=block)
    assert streamed.units == 60
    np.testing.assert_allclose(streamed.estimate, [dense(near, semantic), dense(unrelated, semantic)], atol=1e-13)
    without = [[dense(np.delete(x, i, 0), np.delete(semantic, i, 0)) for x in (near, unrelated)] for i in range(60)]
    np.testing.assert_allclose(streamed.replicates, without, atol=1e-12)


def test_the_interval_covers_the_correlation_of_the_population():
    rng = np.random.default_rng(1)

    def draw(n):
        x = rng.standard_normal((n, 2))
        return x + 0.7 * rng.standard_normal((n, 2)), x

    x, y = draw(3000)
    truth = streamed_pearson([x], y).estimate[0]
    covered = 0
    for _ in range(200):
        x, y = draw(50)
        streamed = streamed_pearson([x], y)
        covered += truth in jackknife_intervals(streamed.estimate, streamed.replicates, n=50)[0]
    # Binomial with p = .95: 182 or fewer has probability .01; the error of the truth is a tenth of a half width.
    assert covered >= 182


def test_differences_of_representations_have_joint_intervals():
    near, unrelated, semantic = points(n=100)
    bootstrap = streamed_pearson([near, unrelated], semantic).bootstrap(resamples=499, rng=np.random.default_rng(0))
    difference = bootstrap.contrasts(np.array([[1.0, -1.0]])).intervals()[0]
    assert difference.low > 0.2


def test_a_large_common_distance_costs_no_digits():
    near, _, semantic = points()
    expected = streamed_pearson([near], semantic)
    far = streamed_pearson([near], semantic, distances=lambda a, b: cdist(a, b) + 1e6)
    np.testing.assert_allclose(far.estimate, expected.estimate, atol=1e-9)


def test_distances_of_another_kind_are_those_given():
    near, _, semantic = points()
    measured = streamed_pearson([near], semantic, semantic_distances=lambda a, b: cdist(a, b, "cityblock"), block=16)
    expected = np.corrcoef(pdist(near), pdist(semantic, "cityblock"))[0, 1]
    assert measured.estimate[0] == pytest.approx(expected, abs=1e-13)


def test_a_matrix_of_distances_is_never_made(monkeypatch):
    n, block, largest = 3000, 256, [0]

    def distances(a, b):
        between = cdist(a, b)
        largest[0] = max(largest[0], between.size)
        return between

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    x = np.random.default_rng(0).standard_normal((n, 2))
    streamed_pearson([x], x[:, :1], distances=distances, semantic_distances=distances, block=block)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert largest[0] == block**2
    assert grown < n**2 * 8 / 2


def test_too_few_objects_other_objects_and_equal_distances_are_refused():
    near, _, semantic = points(n=5)
    with pytest.raises(ValueError, match="representations of the same four or more objects, got 1 representations and"):
        streamed_pearson([near[:4]], semantic)
    with pytest.raises(ValueError, match="the same four or more objects, got 0 representations"):
        streamed_pearson([], semantic)
    with pytest.raises(ValueError, match="distances that vary, got all equal"):
        streamed_pearson([np.eye(5)], semantic, block=2)


def test_arrays_and_blocks_that_are_none_are_refused():
    near, _, semantic = points()
    with pytest.raises(ValueError, match=r"expected points, one a row, got shape \(60,\): reshape to"):
        _require_points([near[:, 0]], semantic, 7)
    with pytest.raises(ValueError, match="expected a list of representations, got one array: write"):
        _require_points(near, semantic, 7)
    with pytest.raises(ValueError, match="expected blocks of one object or more, got 0: choose a larger block"):
        streamed_pearson([near], semantic, block=0)
