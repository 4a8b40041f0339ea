import hypothesis
import jaxtyping
import numpy as np
import pytest
import sklearn.manifold
from hypothesis import strategies as st

from koopman_analysis.resampling import object_bootstrap
from koopman_analysis.similarity import (
    Continuity,
    DebiasedCKA,
    DistanceCorrelation,
    NeighbourAgreement,
    NeighbourOverlap,
    SameClassAuroc,
    Trustworthiness,
    euclidean_distances,
    neighbour_agreement,
    neighbours,
    streamed_auroc,
    trustworthiness,
)
from koopman_analysis.similarity.labels import require_labels
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
    nearest, theirs = (np.argsort(each + 9.0 * np.eye(15), axis=1)[:, :3] for each in (a, b))
    for found, each in ((nearest, a), (theirs, b)):
        entries = nearest_others(each, neighbours=3).toarray()
        np.testing.assert_array_equal(np.nonzero(entries == 1.0)[1].reshape(15, 3), np.sort(found, axis=1))
        assert np.count_nonzero(entries) == 45
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
        trust(np.ones(18), n=6, k=3)
    with pytest.raises(ValueError, match="more objects than neighbours, got 3 objects and 10 neighbours"):
        nearest_others(np.zeros((3, 3)), neighbours=10)


def once(n):
    return np.ones(n, dtype=np.int64)


@pytest.mark.parametrize("order", [slice(None), np.random.default_rng(0).permutation(120)], ids=["sorted", "mixed"])
def test_a_latent_that_is_constant_agrees_with_labels_by_chance_however_objects_are_stored(order):
    labels, still = np.repeat(np.arange(6), 20)[order], np.zeros((120, 2))
    # The premise: the nearest by place in the array are of one class where objects are stored by class.
    by_place = np.argsort(euclidean_distances(np.arange(120.0)[:, None]), axis=1)[:, 1:11]
    assert np.mean(np.sort(labels)[by_place] == np.sort(labels)[:, None]) > 0.8
    statistic, chance = NeighbourAgreement(), 19 / 119
    assert statistic.weighted(euclidean_distances(still), labels)(once(120)) == pytest.approx(chance, rel=1e-12)
    assert statistic.of_points(still, labels)(once(120)) == pytest.approx(chance, rel=1e-12)
    np.testing.assert_allclose(neighbour_agreement(euclidean_distances(still), labels), chance, rtol=1e-12)


def test_neighbours_in_a_constant_embedding_are_trusted_as_neighbours_drawn_at_random_are():
    rng = np.random.default_rng(0)
    space, still = euclidean_distances(rng.standard_normal((60, 3))), np.zeros((60, 60))
    scale = 2 / (2 * 60 - 3 * 5 - 1)
    by_chance = 1 - scale * np.mean([max(rank - 5, 0) for rank in range(1, 60)])
    assert 0.45 < by_chance < 0.6
    for statistic in (Trustworthiness(neighbours=5), Continuity(neighbours=5)):
        assert statistic.weighted(still, space)(once(60)) == pytest.approx(by_chance, rel=1e-12)
        assert statistic.weighted(space, still)(once(60)) == pytest.approx(by_chance, rel=1e-12)
    overlap = NeighbourOverlap(neighbours=5)
    assert overlap.weighted(space, still)(once(60)) == pytest.approx(5 / 59, rel=1e-12)
    assert overlap.weighted(still, still)(once(60)) == pytest.approx(5 / 59, rel=1e-12)


def test_ties_of_a_grid_are_broken_in_all_ways_at_once_in_whatever_order_its_points_are():
    rng = np.random.default_rng(3)
    grid = np.stack(np.meshgrid(np.arange(8.0), np.arange(8.0)), axis=-1).reshape(64, 2)
    other, labels = grid @ np.array([[1.0, 2.0], [2.0, -1.0]]) % 5.0, rng.integers(3, size=64)
    order = rng.permutation(64)
    for kind in (NeighbourOverlap, Trustworthiness, Continuity):
        found = [
            kind(neighbours=3).weighted(euclidean_distances(x), euclidean_distances(y))(once(64))
            for x, y in ((grid, other), (grid[order], other[order]))
        ]
        assert found[0] == pytest.approx(found[1], rel=1e-12)
    shares = neighbour_agreement(euclidean_distances(grid), labels, neighbours=3)
    permuted = neighbour_agreement(euclidean_distances(grid[order]), labels[order], neighbours=3)
    np.testing.assert_allclose(permuted, shares[order], rtol=1e-12)
    # A little noise breaks ties in one way at random: in the mean over many it is what was found.
    jittered = [
        neighbour_agreement(euclidean_distances(grid + 1e-6 * rng.standard_normal((64, 2))), labels, neighbours=3)
        for _ in range(600)
    ]
    assert np.std(jittered, axis=0).max() > 0.1
    np.testing.assert_allclose(np.mean(jittered, axis=0), shares, atol=0.06)


def test_where_very_many_tie_a_draw_stands_for_them(monkeypatch):
    monkeypatch.setattr(neighbours, "TIED", 16)
    labels, still = np.repeat(np.arange(4), 50), np.zeros((200, 1))
    nearest = nearest_others(euclidean_distances(still), neighbours=10)
    assert nearest.nnz == 200 * 16
    np.testing.assert_allclose(nearest.sum(axis=1), 10.0)
    assert NeighbourAgreement().of_points(still, labels)(once(200)) == pytest.approx(49 / 199, abs=0.03)
    assert NeighbourOverlap().of_points(still, still)(once(200)) == pytest.approx(10 / 199, abs=0.01)


@pytest.mark.parametrize(
    ("statistic", "other"),
    [
        (NeighbourAgreement(neighbours=2), np.arange(6) % 2),
        (SameClassAuroc(), np.arange(6) % 2),
        (NeighbourOverlap(neighbours=2), np.ones((6, 6)) - np.eye(6)),
        (Trustworthiness(neighbours=2), np.ones((6, 6)) - np.eye(6)),
        (Continuity(neighbours=2), np.ones((6, 6)) - np.eye(6)),
        (DebiasedCKA(), np.ones((6, 6)) - np.eye(6)),
        (DistanceCorrelation(), np.ones((6, 6)) - np.eye(6)),
    ],
    ids=lambda each: type(each).__name__,
)
def test_what_is_no_matrix_of_distances_is_refused(statistic, other):
    distances = euclidean_distances(np.random.default_rng(0).standard_normal((6, 2)))
    statistic.weighted(distances, other)
    holed, askew = distances.copy(), distances.copy()
    holed[1, 2] = holed[2, 1] = np.nan
    askew[1, 2] += 1.0
    with pytest.raises(ValueError, match="expected finite distances, got NaN or infinity: leave out the objects"):
        statistic.weighted(holed, other)
    with pytest.raises(ValueError, match="expected symmetric distance matrices"):
        statistic.weighted(askew, other)


def test_labels_and_numbers_of_neighbours_that_do_not_fit_are_refused():
    points = np.random.default_rng(0).standard_normal((6, 2))
    distances = euclidean_distances(points)
    labels = np.zeros(5, dtype=np.int64)
    for refused in (
        lambda: NeighbourAgreement(neighbours=2).of_points(points, labels),
        lambda: streamed_auroc([points], np.zeros((6, 1), dtype=np.int64)),
    ):
        with pytest.raises((ValueError, jaxtyping.TypeCheckError)):
            refused()
    with pytest.raises(ValueError, match=r"expected 6 labels, one for each object, got shape \(5,\): give them in the"):
        require_labels(labels, 6)
    with pytest.raises(ValueError, match="expected one neighbour or more, got 0: choose how many"):
        nearest_others(distances, neighbours=0)
