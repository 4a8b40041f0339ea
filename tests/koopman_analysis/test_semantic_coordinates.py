"""Linear methods as representations: canonical coordinates against their definition."""

import jaxtyping
import numpy as np
import pytest

from koopman_analysis.dictionaries import Coordinates, Monomials, RandomFourier
from koopman_analysis.estimators.edmd import EDMD
from koopman_analysis.semantics import StatesOnTheWay, canonical_coordinates
from koopman_analysis.similarity import euclidean_distances
from koopman_analysis.snapshots import SnapshotPairs


@pytest.fixture
def unchecked(monkeypatch):
    """Arguments of wrong types arrive, as they do outside of tests."""
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)


def some(n=400, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, 3)) * np.array([1.0, 4.0, 0.5])
    y = x @ rng.standard_normal((3, 3)) + 0.5 * rng.standard_normal((n, 3))
    return SnapshotPairs(before=x, after=y)


def test_coordinates_are_uncorrelated_with_the_canonical_correlations_as_deviations():
    pairs = some()
    coordinates = canonical_coordinates(pairs, dimension=3)
    z = coordinates(pairs.before)
    np.testing.assert_allclose(np.cov(z.T, bias=True), np.diag(coordinates.correlations**2), atol=1e-12)
    joint = np.corrcoef(np.hstack([pairs.before, pairs.after]).T)
    cross = np.linalg.solve(joint[:3, :3], joint[:3, 3:]) @ np.linalg.solve(joint[3:, 3:], joint[3:, :3])
    expected = np.sort(np.sqrt(np.linalg.eigvals(cross).real))[::-1]
    np.testing.assert_allclose(coordinates.correlations, expected, rtol=1e-10)


def test_distances_are_those_of_edmds_predictions_in_white_coordinates_of_the_output():
    pairs = some()
    z = canonical_coordinates(pairs, inputs=Monomials(2), dimension=9)(pairs.before)
    predicted = EDMD(Monomials(2), outputs=Coordinates()).fit(pairs).predict(pairs.before)
    white = predicted @ np.linalg.cholesky(np.linalg.inv(np.cov(pairs.after.T, bias=True)))
    np.testing.assert_allclose(euclidean_distances(z), euclidean_distances(white), atol=1e-9)


def test_coordinates_do_not_depend_on_the_basis_of_the_input():
    pairs = some()
    turn = np.linalg.qr(np.random.default_rng(1).standard_normal((3, 3)))[0] * np.array([1.0, 100.0, 0.01])
    turned = SnapshotPairs(before=pairs.before @ turn, after=pairs.after)
    z, again = (canonical_coordinates(p, dimension=2)(p.before) for p in (pairs, turned))
    np.testing.assert_allclose(euclidean_distances(again), euclidean_distances(z), atol=1e-9)


def test_more_functions_than_pairs_are_white_in_as_many_directions_as_there_are():
    rng = np.random.default_rng(3)
    few = SnapshotPairs(before=rng.standard_normal((12, 30)), after=rng.standard_normal((12, 2)))
    found = canonical_coordinates(few, dimension=2)
    np.testing.assert_allclose(found.correlations, 1.0, atol=1e-9)  # eleven directions explain twelve pairs
    assert found(few.before).shape == (12, 2)


def test_a_ridge_keeps_nearly_dependent_functions_from_blowing_up_elsewhere():
    pairs = some()
    waves = RandomFourier(300, 8.0, rng=np.random.default_rng(0))
    far = 2.0 * pairs.before[:50]
    bare, damped = (
        canonical_coordinates(pairs, inputs=waves, dimension=3, ridge=ridge)(far).std() for ridge in (0.0, 1e-3)
    )
    assert bare > 10 * damped


def test_what_has_no_direction_is_refused():
    pairs = some()
    with pytest.raises(ValueError, match="expected at least one coordinate, got 0"):
        canonical_coordinates(pairs, dimension=0)
    with pytest.raises(ValueError, match="expected a ridge of at least 0, got -1"):
        canonical_coordinates(pairs, dimension=1, ridge=-1.0)
    still = SnapshotPairs(before=np.ones((10, 2)), after=pairs.after[:10])
    with pytest.raises(ValueError, match="expected functions that vary over the pairs, got none"):
        canonical_coordinates(still, dimension=1)


def test_states_on_the_way_are_named_by_their_clock():
    way = StatesOnTheWay(positions=(2.0, 0.5), middle=1, states=np.zeros((4, 2, 3)))
    assert way.names == ("teacher at σ = 2", "teacher at σ = 0.5")
    with pytest.raises(ValueError, match="expected the middle as one of 2 positions, got 2"):
        StatesOnTheWay(positions=(2.0, 0.5), middle=2, states=np.zeros((4, 2, 3)))


def test_states_on_the_way_have_as_many_digits_as_tell_them_apart():
    way = StatesOnTheWay(positions=(1.0001, 1.0, 0.9999), middle=1, states=np.zeros((4, 3, 2)))
    assert way.names == ("teacher at σ = 1.0001", "teacher at σ = 1", "teacher at σ = 0.9999")


@pytest.mark.usefixtures("unchecked")
def test_states_on_the_way_that_do_not_fit_their_positions_are_refused():
    def way(**given):
        return StatesOnTheWay(**{"positions": (2.0, 0.5), "middle": 1, "states": np.zeros((4, 2, 3))} | given)

    with pytest.raises(ValueError, match="expected finite positions, each once"):
        way(positions=(2.0, 2.0))
    with pytest.raises(ValueError, match="expected finite positions, each once"):
        way(positions=(2.0, np.inf))
    with pytest.raises(ValueError, match="expected a clock in words, got ''"):
        way(clock="")
    for states, said in ((np.zeros((4, 3, 3)), "shape"), (np.zeros((4, 2)), "shape"), ([[1.0, 2.0]], "a list")):
        with pytest.raises(ValueError, match=f"expected states on the way as an array .* 2 positions.* got {said}"):
            way(states=states)
    noise, rows = np.ones((4, 3)), np.arange(4)
    with pytest.raises(ValueError, match=r"expected states on the way as an array .* got shape \(4, 5, 3\)"):
        way(states=lambda noise: np.zeros((4, 5, 3))).of(noise, rows)
    with pytest.raises(ValueError, match="expected states on the way for each of 4 rows of noise, got 2"):
        way(states=lambda noise: np.zeros((2, 2, 3))).of(noise, rows)
