import itertools

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from koopman_analysis.resampling import object_bootstrap
from koopman_analysis.similarity import (
    NeighbourAgreement,
    Ranking,
    SameClassAuroc,
    euclidean_distances,
    linear_cka,
    neighbour_agreement,
    squared_distance_correlation,
)


@hypothesis.given(seed=st.integers(0, 2**31), levels=st.integers(2, 50), n=st.integers(4, 60))
def test_the_weighted_auroc_is_that_of_an_independent_implementation(seed, levels, n):
    rng = np.random.default_rng(seed)
    scores = rng.integers(levels, size=n).astype(float)
    positive = np.arange(n) < rng.integers(1, n)
    weights = rng.integers(0, 4, size=n) + (np.arange(n) % (n - 1) == 0)
    hypothesis.assume(weights[positive].sum() > 0 and weights[~positive].sum() > 0)
    oracle = roc_auc_score(positive, scores, sample_weight=weights)
    assert Ranking.of(scores, positive).auroc(weights) == pytest.approx(oracle, abs=1e-12)


def test_a_resample_without_positives_has_no_auroc():
    ranking = Ranking.of(np.array([0.0, 1.0, 2.0]), np.array([False, True, False]))
    assert ranking.auroc(np.array([1, 1, 1])) == 0.5
    assert np.isnan(ranking.auroc(np.array([2, 0, 1])))


def test_scores_of_one_kind_cannot_be_ranked():
    with pytest.raises(ValueError, match="both positive and negative cases to rank, got 3 positive of 3"):
        Ranking.of(np.arange(3.0), np.ones(3, bool))


def test_the_auroc_of_same_class_ranks_pairs_by_distance():
    rng = np.random.default_rng(0)
    labels = rng.integers(3, size=40)
    points = rng.standard_normal((40, 2)) + labels[:, None]
    distances = euclidean_distances(points)
    first, second = np.triu_indices(40, 1)
    oracle = roc_auc_score(labels[first] == labels[second], -distances[first, second])
    statistic = SameClassAuroc().weighted(distances, labels)
    assert 0.6 < oracle < 0.95
    assert statistic(np.ones(40, dtype=np.int64)) == pytest.approx(oracle, abs=1e-12)


def test_copies_of_one_object_are_never_paired():
    labels = np.array([0, 0, 1, 1])
    distances = euclidean_distances(np.array([[0.0], [3.0], [1.0], [2.0]]))
    statistic = SameClassAuroc().weighted(distances, labels)
    # With objects 0 and 2 doubled, 1 and 3 once, the four copies at distance zero must not enter.
    first, second = np.array([0, 0, 0, 1, 1, 2]), np.array([1, 2, 3, 2, 3, 3])
    weights = np.array([2, 1, 2, 1])
    oracle = roc_auc_score(
        labels[first] == labels[second], -distances[first, second], sample_weight=weights[first] * weights[second]
    )
    assert statistic(weights) == pytest.approx(oracle)


def test_random_labels_agree_with_neighbours_by_chance_also_in_resamples():
    rng = np.random.default_rng(0)
    labels = rng.integers(10, size=400)
    distances = euclidean_distances(rng.standard_normal((400, 5)))
    statistic = NeighbourAgreement(neighbours=1).weighted(distances, labels)
    bootstrap = object_bootstrap(statistic, 400, resamples=200, rng=rng)
    naive = rng.integers(400, size=400)
    copies = neighbour_agreement(distances[np.ix_(naive, naive)], labels[naive], neighbours=1).mean()
    assert copies > 0.5  # the premise: the naive bootstrap is fooled
    assert abs(bootstrap.replicates.mean() - 0.1) < 0.04
    assert bootstrap.intervals()[0].high < 0.2


def test_neighbour_agreement_counts_the_nearest_others():
    distances = euclidean_distances(np.array([[0.0], [1.0], [2.1], [9.0]]))
    shares = neighbour_agreement(distances, np.array([0, 0, 1, 1]), neighbours=2)
    np.testing.assert_array_equal(shares, [0.5, 0.5, 0.0, 0.5])
    assert np.all(np.diag(distances) == 0)
    assert NeighbourAgreement(neighbours=2).name.startswith("share of the 2 nearest")


def test_neighbour_agreement_needs_enough_objects():
    with pytest.raises(ValueError, match="more objects than neighbours, got 3 objects and 10 neighbours"):
        neighbour_agreement(np.zeros((3, 3)), np.zeros(3, dtype=int))


def test_unbiased_cka_of_independent_data_is_near_zero_where_the_plain_one_is_not():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, 200, 256))
    centred = [z - z.mean(axis=0) for z in (x, y)]
    cross = np.linalg.norm(centred[0].T @ centred[1]) ** 2
    plain = cross / np.prod([np.linalg.norm(z.T @ z) for z in centred])
    assert plain > 0.5
    assert abs(linear_cka(x, y)) < 0.02


@hypothesis.given(seed=st.integers(0, 2**31), scale=st.floats(0.01, 100))
def test_cka_knows_no_rotation_no_scale_and_no_shift(seed, scale):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((30, 3))
    rotation = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    assert linear_cka(x, scale * x @ rotation + 5.0) == pytest.approx(1.0, abs=1e-8)
    y = rng.standard_normal((30, 4))
    assert linear_cka(x, y) == pytest.approx(linear_cka(y, x), abs=1e-12)


def squared_distance_covariance(a, b):
    """Distance covariance of distinct quadruples (Székely & Rizzo 2009, eq. 2.6, its expectations made averages)."""
    quadruples = itertools.permutations(range(len(a)), 4)
    return np.mean([a[i, j] * (b[i, j] + b[k, l] - 2 * b[i, k]) for i, j, k, l in quadruples])


def test_the_distance_correlation_is_that_of_all_quadruples_of_objects():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((13, 2))
    y = x[:, :1] + 0.5 * rng.standard_normal((13, 1))
    a, b = euclidean_distances(x), euclidean_distances(y)
    both = squared_distance_covariance(a, b)
    oracle = both / np.sqrt(squared_distance_covariance(a, a) * squared_distance_covariance(b, b))
    assert oracle > 0.05
    assert squared_distance_correlation(a, b) == pytest.approx(oracle, rel=1e-10)


def test_representations_of_nothing_correlate_with_nothing():
    assert np.isnan(linear_cka(np.ones((5, 2)), np.eye(5)))
    with pytest.raises(ValueError, match="at least four objects for an unbiased product of Gram matrices, got 3"):
        linear_cka(np.eye(3), np.eye(3))
