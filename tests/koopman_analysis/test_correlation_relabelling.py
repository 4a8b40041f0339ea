import itertools

import numpy as np
import pytest

from koopman_analysis.correlation import mantel, mantel_family, relabelling
from koopman_analysis.correlation.relabelling import Relabellings, over_relabellings
from koopman_analysis.similarity import euclidean_distances


def distances(n, count, seed=0):
    rng = np.random.default_rng(seed)
    return [euclidean_distances(rng.standard_normal((n, 3))) for _ in range(count)]


def written_out(relabelled, fixed, order):
    upper = np.triu_indices(len(order), 1)
    return np.corrcoef(relabelled[np.ix_(order, order)][upper], fixed[upper])[0, 1]


@pytest.mark.parametrize("n", [3, 63, 64, 65, 127, 128, 129, 200])
def test_every_relabelling_has_the_correlation_of_the_relabelled_matrix(n):
    relabelled, *fixed = distances(n, 3)
    pairs, rng = Relabellings(relabelled=relabelled, fixed=fixed), np.random.default_rng(1)
    orders = np.stack([rng.permutation(n) for _ in range(5)])
    expected = np.array([[written_out(relabelled, each, order) for each in fixed] for order in orders])
    assert np.ptp(expected) > 0.01
    np.testing.assert_allclose(pairs.exact(orders), expected, atol=1e-13)
    np.testing.assert_allclose(pairs.coarse(orders), expected, atol=pairs.error)
    np.testing.assert_allclose(pairs.correlations, [written_out(relabelled, each, np.arange(n)) for each in fixed])


def test_single_precision_errs_by_less_than_its_bound_and_not_by_nothing():
    # Large correlations of one sign, whose rounding errors are the largest.
    one = distances(150, 1)[0]
    pairs = Relabellings(relabelled=one, fixed=[one + 1e-4 * distances(150, 1, seed=1)[0]])
    identity = np.arange(150)[None]
    error = abs(float((pairs.coarse(identity) - pairs.exact(identity))[0, 0]))
    assert 1e-11 < error < pairs.error < 1e-5


def test_distances_in_single_precision_are_correlated_in_double():
    single = [matrix.astype(np.float32) for matrix in distances(30, 2)]
    double = [matrix.astype(np.float64) for matrix in single]
    orders = np.stack([np.random.default_rng(0).permutation(30)])
    values, expected = (Relabellings(relabelled=one, fixed=[other]).exact(orders) for one, other in (single, double))
    np.testing.assert_array_equal(values, expected)


def test_what_single_precision_leaves_undecided_is_decided_in_double(monkeypatch):
    # So wide a bound leaves everything undecided, and the p-value is still the same.
    first, second = distances(25, 2)
    expected = mantel(first, second, 199, rng=np.random.default_rng(2))
    looked_at = []
    exact = Relabellings.exact
    monkeypatch.setattr(Relabellings, "error", property(lambda self: 2.0))
    monkeypatch.setattr(
        Relabellings, "exact", lambda self, orders: looked_at.append(len(orders)) or exact(self, orders)
    )
    assert mantel(first, second, 199, rng=np.random.default_rng(2)) == expected
    assert sum(looked_at) == 199


def test_the_p_value_over_all_relabellings_is_the_count_of_those_at_least_as_far_from_zero():
    first, second = distances(5, 2, seed=4)
    orders = np.array(list(itertools.permutations(range(5))))
    sizes = np.abs([written_out(first, second, order) for order in orders])
    rng = np.random.default_rng(0)
    drawn = np.array([np.abs(written_out(first, second, rng.permutation(5))) for _ in range(499)])
    measured = mantel(first, second, 499, rng=np.random.default_rng(0))
    assert measured.p_value == (1 + np.count_nonzero(drawn >= sizes[0] - 1e-12)) / 500
    assert measured.p_value == pytest.approx(np.mean(sizes >= sizes[0] - 1e-12), abs=0.1)


def test_relabellings_are_drawn_one_by_one_and_never_all_kept(monkeypatch):
    monkeypatch.setattr(relabelling, "DRAWN", 10)
    seen = np.concatenate(list(over_relabellings(lambda orders: orders, 6, 27, rng=np.random.default_rng(5))))
    rng = np.random.default_rng(5)
    np.testing.assert_array_equal(seen, [rng.permutation(6) for _ in range(27)])


def test_a_family_of_one_is_a_mantel_test_and_copies_of_one_candidate_cost_nothing():
    # Relabelling one matrix by π is relabelling the other by its inverse: equal candidates have equal statistics.
    candidate, against = distances(20, 2)
    alone = mantel(against, candidate, 199, rng=np.random.default_rng(0))
    family = mantel_family([candidate] * 4, against, 199, rng=np.random.default_rng(0))
    assert alone.p_value > 1 / 200
    np.testing.assert_allclose(family.statistics, alone.statistic)
    np.testing.assert_array_equal(family.p_values, alone.p_value)
    np.testing.assert_array_equal(family.adjusted_p_values, alone.p_value)


def test_a_family_finds_the_related_candidate_and_is_seldom_wrong_about_any_other():
    rng = np.random.default_rng(0)
    found = wrong = wrong_singly = 0
    for _ in range(100):
        against = rng.standard_normal((14, 2))
        points = [against + 0.3 * rng.standard_normal((14, 2)), *rng.standard_normal((6, 14, 2))]
        family = mantel_family(
            [euclidean_distances(each) for each in points], euclidean_distances(against), 39, rng=rng
        )
        found += family.adjusted_p_values[0] <= 0.05
        wrong += (family.adjusted_p_values[1:] <= 0.05).any()
        wrong_singly += (family.p_values[1:] <= 0.05).any()
        assert (family.adjusted_p_values >= family.p_values).all()
    assert found >= 95
    assert wrong <= 12  # 5 expected; more than 12 in .1 % of cases
    assert wrong_singly >= 15  # 26 expected


def test_a_family_without_candidates_is_refused():
    with pytest.raises(ValueError, match="expected at least one candidate"):
        mantel_family([], distances(5, 1)[0], rng=np.random.default_rng(0))
