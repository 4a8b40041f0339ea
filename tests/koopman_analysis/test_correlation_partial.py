import inspect

import numpy as np
import pytest

from koopman_analysis.correlation import (
    PairPartial,
    mantel,
    partial_mantel,
    partial_mantel_uncorrected_p_value,
)
from koopman_analysis.correlation.partial import partial_correlation
from koopman_analysis.similarity import euclidean_distances


def three_related(n=30, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, 3))
    return [euclidean_distances(x + scale * rng.standard_normal((n, 3))) for scale in (0.9, 0.6, 0.3)]


def test_one_given_matrix_leaves_the_closed_form():
    matrices = three_related()
    upper = np.triu_indices(30, 1)
    r = np.corrcoef([matrix[upper] for matrix in matrices])
    expected = (r[0, 1] - r[0, 2] * r[1, 2]) / np.sqrt((1 - r[0, 2] ** 2) * (1 - r[1, 2] ** 2))
    assert abs(expected - r[0, 1]) > 0.05
    interval = partial_mantel(*matrices[:2], matrices[2:], rng=np.random.default_rng(0))
    assert interval.estimate == pytest.approx(expected, abs=1e-12)
    assert interval.low < expected < interval.high
    assert interval.n == 30
    assert "object bootstrap" in interval.method


def test_several_given_matrices_leave_the_correlation_of_what_least_squares_leaves():
    matrices = three_related() + three_related(seed=1)
    values = np.array([matrix[np.triu_indices(30, 1)] for matrix in matrices]).T
    design = np.column_stack([np.ones(len(values)), values[:, 2:]])
    left = values[:, :2] - design @ np.linalg.lstsq(design, values[:, :2], rcond=None)[0]
    expected = np.corrcoef(left.T)[0, 1]
    value = PairPartial(given=matrices[2:]).weighted(*matrices[:2])(np.ones(30, dtype=int))
    assert value == pytest.approx(expected, abs=1e-10)
    twice = PairPartial(given=[matrices[2], matrices[2]]).weighted(*matrices[:2])(np.ones(30, dtype=int))
    once = PairPartial(given=[matrices[2]]).weighted(*matrices[:2])(np.ones(30, dtype=int))
    assert twice == pytest.approx(once, abs=1e-10)


def test_copies_of_an_object_weigh_as_if_they_were_written_out():
    matrices = three_related(n=12)
    multiplicities = np.random.default_rng(2).multinomial(12, np.full(12, 1 / 12))
    drawn = np.repeat(np.arange(12), multiplicities)
    a, b = np.triu_indices(12, 1)
    kept = drawn[a] != drawn[b]
    assert not kept.all()
    r = np.corrcoef([matrix[drawn[a[kept]], drawn[b[kept]]] for matrix in matrices])
    value = PairPartial(given=matrices[2:]).weighted(*matrices[:2])(multiplicities)
    assert value == pytest.approx(partial_correlation(r), abs=1e-12)


def test_the_uncorrected_p_value_counts_partial_correlations_of_relabelled_matrices():
    first, second, given = three_related(n=10, seed=5)
    upper, rng = np.triu_indices(10, 1), np.random.default_rng(3)

    def partial(order):
        matrices = (first[np.ix_(order, order)], second, given)
        return abs(partial_correlation(np.corrcoef([matrix[upper] for matrix in matrices])))

    observed = partial(np.arange(10))
    count = sum(partial(rng.permutation(10)) >= observed - 1e-12 for _ in range(99))
    measured = partial_mantel_uncorrected_p_value(first, second, [given], 99, rng=np.random.default_rng(3))
    assert 0 < count < 99
    assert measured == (1 + count) / 100


def test_the_uncorrected_p_value_is_far_too_small_where_only_the_given_noise_is_shared():
    # Two independent random encoders of the same noise have nothing in common beyond it.
    rng = np.random.default_rng(0)
    rejected = valid = 0
    for _ in range(40):
        noise = rng.standard_normal((25, 2))
        codes = [np.tanh(noise @ rng.standard_normal((2, 8)) * 2) @ rng.standard_normal((8, 2)) for _ in range(2)]
        D1, D2, given = (euclidean_distances(points) for points in (*codes, noise))
        rejected += partial_mantel_uncorrected_p_value(D1, D2, [given], 39, rng=rng) <= 0.05
        unrelated = euclidean_distances(rng.standard_normal((25, 2)))
        valid += mantel(unrelated, D2, 39, rng=rng).p_value <= 0.05
    assert rejected >= 20  # 2 expected of a valid test, of which more than 7 in .1 % of cases
    assert valid <= 7


def test_what_has_no_valid_p_value_says_so_and_returns_no_test():
    assert "never for a verdict" in inspect.getdoc(partial_mantel_uncorrected_p_value)
    assert "p_value" not in partial_mantel.__annotations__
    first, second, given = three_related(n=8)
    p = partial_mantel_uncorrected_p_value(first, second, [given], 19, rng=np.random.default_rng(0))
    assert type(p) is float


def test_something_must_be_given_and_must_leave_something():
    first, second, _ = three_related(n=8)
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="expected at least one given matrix to take out, got none"):
        partial_mantel(first, second, [], rng=rng)
    with pytest.raises(ValueError, match="that the given ones do not determine, got nothing left over"):
        partial_mantel_uncorrected_p_value(first, second, [2 * first + 1 - np.eye(8)], rng=rng)
