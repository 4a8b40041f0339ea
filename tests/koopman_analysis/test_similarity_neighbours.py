import hypothesis
import numpy as np
import pytest
import sklearn.manifold
from hypothesis import strategies as st

from koopman_analysis.resampling import object_bootstrap
from koopman_analysis.similarity import (
    Continuity,
    NeighbourAgreement,
    NeighbourOverlap,
    Trustworthiness,
    euclidean_distances,
    neighbour_agreement,
    trustworthiness,
)
from koopman_analysis.similarity.neighbours import nearest_others, trust


@hypothesis.given(seed=st.integers(0, 2**31), n=st.integers(7, 60), k=st.integers(1, 6))
def test_trustworthiness_is_that_of_scikit_learn(seed, n, k):
    hypothesis.assume(k < n / 2)
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, 4))
    embedded = x[:, :2] + 0.3 * rng.standard_normal((n, 2))
    oracle = sklearn.manifold.trustworthiness(x, embedded, n_neighbors=k)
    space, embedding = euclidean_distances(x), euclidean_distances(embedded)
    assert trustworthiness(embedding, space, neighbours=k) == pytest.approx(oracle, rel=1e-12)
    once = np.ones(n, dtype=np.int64)
    assert Continuity(neighbours=k).weighted(space, embedding)(once) == pytest.approx(oracle, rel=1e-12)


def test_neighbours_kept_are_all_trusted_and_neighbours_drawn_at_random_half():
    rng = np.random.default_rng(0)
    x = euclidean_distances(rng.standard_normal((400, 3)))
    assert trustworthiness(x, x) == 1.0
    assert NeighbourOverlap().weighted(x, x)(np.ones(400, dtype=int)) == 1.0
    other = euclidean_distances(rng.standard_normal((400, 3)))
    assert trustworthiness(x, other) == pytest.approx(0.5, abs=0.02)
    assert NeighbourOverlap().weighted(x, other)(np.ones(400, dtype=int)) == pytest.approx(10 / 399, abs=0.01)


@hypothesis.given(seed=st.integers(0, 2**31))
def test_a_weight_is_a_number_of_copies_none_of_which_is_a_neighbour_of_another(seed):
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((2, 15, 2))
    labels, copies = np.arange(15) % 2, rng.integers(0, 3, 15)
    a, b = euclidean_distances(x), euclidean_distances(y)
    nearest = nearest_others(a, neighbours=3)
    theirs = nearest_others(b, neighbours=3)
    written = {
        NeighbourAgreement(neighbours=3).weighted(a, labels): lambda i, j: labels[i] == labels[j],
        NeighbourOverlap(neighbours=3).weighted(a, b): lambda i, j: j in theirs[i],
        Trustworthiness(neighbours=3).weighted(a, b): lambda i, j: 1 - 2 * max(0, rank(b, i, j) - 3) / (30 - 9 - 1),
    }
    for statistic, value in written.items():
        means = []
        for i in np.repeat(np.arange(15), copies):
            drawn = [value(i, j) for j in nearest[i] for _ in range(copies[j])]
            means += [np.mean(drawn)] if drawn else []
        assert means
        assert statistic(copies) == pytest.approx(np.mean(means), rel=1e-12)


def rank(distances, i, j):
    return int(np.sum(np.delete(distances[i], i) < distances[i, j])) + 1


def test_the_resampled_agreement_varies_as_that_of_new_objects_does():
    rng = np.random.default_rng(1)

    def sample():
        labels = rng.integers(3, size=150)
        return euclidean_distances(2 * np.eye(3)[labels] + rng.standard_normal((150, 3))), labels

    new = [neighbour_agreement(*sample()).mean() for _ in range(300)]
    spreads, shares = [], []
    for _ in range(10):
        distances, labels = sample()
        statistic = NeighbourAgreement().weighted(distances, labels)
        spreads.append(object_bootstrap(statistic, 150, resamples=100, rng=rng).replicates.std())
        shares.append(neighbour_agreement(distances, labels).std() / np.sqrt(150))
    # The shares as if independent would vary much less than the statistic does.
    assert np.mean(shares) < 0.75 * np.std(new)
    assert np.mean(spreads) == pytest.approx(np.std(new), rel=0.2)


def test_where_no_neighbour_was_drawn_there_is_no_agreement():
    distances = euclidean_distances(np.array([[0.0], [1.0], [10.0], [11.0]]))
    statistic = NeighbourAgreement(neighbours=1).weighted(distances, np.array([0, 0, 1, 1]))
    assert np.isnan(statistic(np.array([2, 0, 2, 0])))
    assert statistic(np.array([1, 2, 1, 0])) == 1.0


def test_names_say_how_many_neighbours():
    names = [kind(neighbours=7).name for kind in (NeighbourAgreement, NeighbourOverlap, Trustworthiness, Continuity)]
    assert len(set(names)) == 4
    assert all("7 nearest" in name for name in names)


def test_ranks_need_more_than_twice_as_many_objects_as_neighbours():
    with pytest.raises(ValueError, match="more than 6 objects for ranks of 3 neighbours, got 6"):
        trust(np.ones((6, 3), dtype=np.int64))
    with pytest.raises(ValueError, match="more objects than neighbours, got 3 objects and 10 neighbours"):
        nearest_others(np.zeros((3, 3)), neighbours=10)
