import numpy as np
import pytest

from koopman_analysis.retrieval import first_of_each_class, nearest_objects
from koopman_analysis.similarity import euclidean_distances, neighbour_agreement


def objects(n=120, seed=0):
    """Points about three centres, the centre being the label, and a space that knows nothing of it."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(3, size=n)
    return (
        rng,
        labels,
        {"near": rng.standard_normal((n, 2)) + 6.0 * labels[:, None], "blind": rng.standard_normal((n, 5))},
    )


def test_what_is_found_is_what_all_distances_say():
    rng, labels, spaces = objects()
    found = nearest_objects(spaces, labels, neighbours=4, queries=np.array([5, 7]), resamples=19, rng=rng)
    for name, points in spaces.items():
        distances = euclidean_distances(points)
        np.fill_diagonal(distances, np.inf)
        np.testing.assert_array_equal(found.nearest[name], np.argsort(distances, axis=1)[[5, 7], :4])
        expected = neighbour_agreement(euclidean_distances(points), labels, neighbours=4).mean()
        assert found.agreements()[name].estimate == pytest.approx(expected, abs=1e-12)
        np.testing.assert_array_equal(found.alike(name), labels[found.nearest[name]] == labels[[5, 7], None])
    assert found.spaces == ("near", "blind")


def test_a_space_that_knows_the_label_leads_one_that_agrees_by_chance():
    rng, labels, spaces = objects(400)
    found = nearest_objects(spaces, labels, resamples=199, rng=rng)
    assert found.chance in found.agreements()["blind"]
    assert found.agreements()["near"].low > 0.95
    assert found.leads("near")["blind"].low > 0.5
    assert set(found.leads("near")) == {"blind"}


def test_chance_is_the_share_of_pairs_that_are_alike():
    rng, labels, spaces = objects(30)
    found = nearest_objects(spaces, labels, resamples=19, rng=rng)
    first, second = np.triu_indices(30, 1)
    assert found.chance == pytest.approx(np.mean(labels[first] == labels[second]), abs=1e-12)


def test_the_queries_are_the_first_of_each_class_unless_others_are_asked_for():
    labels = np.array([4, 4, 1, 9, 1])
    np.testing.assert_array_equal(first_of_each_class(labels), [2, 0, 3])
    rng, labels, spaces = objects()
    found = nearest_objects(spaces, labels, resamples=19, rng=rng)
    np.testing.assert_array_equal(labels[found.queries], [0, 1, 2])


def test_an_object_is_no_neighbour_of_its_own_and_its_copy_is():
    points = np.array([[0.0], [0.0], [5.0], [5.0], [9.0]])
    found = nearest_objects(
        {"line": points}, np.array([0, 0, 1, 1, 2]), neighbours=1, queries=np.arange(4), resamples=9,
        rng=np.random.default_rng(0),
    )  # fmt: skip
    np.testing.assert_array_equal(found.nearest["line"][:, 0], [1, 0, 3, 2])


@pytest.mark.parametrize("query", [-1, 120])
def test_queries_that_are_no_objects_are_refused(query):
    rng, labels, spaces = objects()
    with pytest.raises(ValueError, match=rf"expected queries from 0 to 119, got \[{query}\]"):
        nearest_objects(spaces, labels, queries=np.array([0, query]), resamples=9, rng=rng)


def test_a_space_leads_others_that_there_are():
    rng, labels, spaces = objects()
    both = nearest_objects(spaces, labels, resamples=9, rng=rng)
    with pytest.raises(ValueError, match=r"expected one of the spaces \['near', 'blind'\], got 'typo'"):
        both.leads("typo")
    alone = nearest_objects({"near": spaces["near"]}, labels, resamples=9, rng=rng)
    with pytest.raises(ValueError, match="expected another space for 'near' to lead, got it alone"):
        alone.leads("near")


def test_spaces_that_do_not_fit_are_refused():
    rng, labels, spaces = objects(10)
    with pytest.raises(ValueError, match="at least one space to look for neighbours in, got none"):
        nearest_objects({}, labels, rng=rng)
    with pytest.raises(ValueError, match="expected 9 objects in 'near', one for each label, got 10"):
        nearest_objects(spaces, labels[:9], rng=rng)
    with pytest.raises(ValueError, match="more objects than neighbours, got 10 objects and 10 neighbours"):
        nearest_objects(spaces, labels, neighbours=10, rng=rng)
