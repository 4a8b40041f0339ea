"""What is prepared once answers as what is asked anew."""

import numpy as np
import pytest

from koopman_analysis.correlation import PairKendall, PairPearson, PairSpearman
from koopman_analysis.correlation.ranks import RankedPairs, weighted_pearson
from koopman_analysis.similarity import DebiasedCKA, NeighbourAgreement, SameClassAuroc, euclidean_distances
from koopman_analysis.similarity.preparation import Unprepared, prepared

N = 30


def drawn(seed=0):
    rng = np.random.default_rng(seed)
    points, others = rng.integers(4, size=(N, 2)) / 1.0, rng.standard_normal((N, 3))  # the first with ties
    counts = np.bincount(rng.integers(N, size=N), minlength=N)
    return euclidean_distances(points), euclidean_distances(others), rng.integers(3, size=N), counts


@pytest.mark.parametrize("statistic", [SameClassAuroc(), NeighbourAgreement(neighbours=4)])
def test_labels_are_held_against_distances_seen_once(statistic):
    distances, _, labels, counts = drawn()
    seen = prepared(statistic, distances)
    for given in (labels, labels[::-1].copy(), np.roll(labels, 3)):
        assert seen.against(given)(counts) == statistic.weighted(distances, given)(counts)
    with pytest.raises(ValueError, match=r"expected 30 labels, one for each object"):
        seen.against(labels[1:])


@pytest.mark.parametrize("statistic", [PairSpearman(), PairPearson(), PairKendall(), DebiasedCKA()])
def test_two_distances_are_held_against_each_other(statistic):
    distances, others, _, counts = drawn()
    seen, known = (prepared(statistic, matrix) for matrix in (distances, others))
    assert seen.against(known)(counts) == statistic.weighted(distances, others)(counts)
    assert known.against(seen)(counts) == pytest.approx(seen.against(known)(counts), abs=1e-14)


def test_a_statistic_that_prepares_nothing_is_asked_anew():
    distances, others, _, _ = drawn()
    assert isinstance(prepared(PairPearson(), distances), Unprepared)
    assert not isinstance(prepared(PairSpearman(), others), Unprepared)


def test_ranks_of_other_objects_are_refused():
    distances, *_ = drawn()
    few, many = (RankedPairs.of(matrix) for matrix in (distances[:9, :9], distances))
    with pytest.raises(ValueError, match="expected pairs of the same objects, got 30 and 9"):
        many.against(few)


@pytest.mark.parametrize("spread", [1.0, 1e-4, 1e-8, 1e-12])
def test_pearson_is_right_where_the_objects_drawn_hardly_differ(spread):
    """Half of the objects have distances that vary by a spread; the resample draws them alone."""
    rng = np.random.default_rng(1)
    distances, others, _, _ = drawn()
    half = 1.0 + spread * rng.random((15, 15))
    distances[:15, :15] = np.triu(half, 1) + np.triu(half, 1).T
    counts = np.concatenate([rng.integers(3, size=15), np.zeros(15, dtype=np.int64)])
    first, second = np.triu_indices(N, 1)
    weights = (counts[first] * counts[second]).astype(np.float64)
    exact = weighted_pearson(distances[first, second], others[first, second], weights)
    assert PairPearson().weighted(distances, others)(counts) == pytest.approx(exact, abs=1e-9, nan_ok=True)
