import math

import numpy as np
import pytest
import scipy.stats

from koopman_analysis.correlation import DistanceAgreement, PairKendall, PairPartial, PairPearson, PairSpearman
from koopman_analysis.correlation.kendall import ConcordantPairs
from koopman_analysis.similarity import euclidean_distances

ORACLES = {
    PairPearson: scipy.stats.pearsonr,
    PairSpearman: scipy.stats.spearmanr,
    PairKendall: scipy.stats.kendalltau,
}


def with_ties(n=18, seed=0):
    rng = np.random.default_rng(seed)
    points = rng.integers(4, size=(n, 2)).astype(float)
    return euclidean_distances(points), np.round(euclidean_distances(points + rng.standard_normal((n, 2))), 1)


@pytest.mark.parametrize("kind", ORACLES)
def test_an_agreement_is_scipys_correlation_of_the_upper_triangles(kind):
    first, second = with_ties()
    upper = np.triu_indices(18, 1)
    assert len(np.unique(first[upper])) < len(upper[0]) / 2
    agreement = kind()
    assert isinstance(agreement, DistanceAgreement)
    value = agreement.weighted(first, second)(np.ones(18, dtype=int))
    assert value == pytest.approx(ORACLES[kind](first[upper], second[upper]).statistic, abs=1e-12)


@pytest.mark.parametrize("kind", ORACLES)
def test_a_weight_is_a_number_of_copies_of_which_no_two_are_paired(kind):
    first, second = with_ties(seed=1)
    multiplicities = np.random.default_rng(2).multinomial(18, np.full(18, 1 / 18))
    drawn = np.repeat(np.arange(18), multiplicities)
    a, b = np.triu_indices(18, 1)
    kept = drawn[a] != drawn[b]
    assert not kept.all()
    index = drawn[a[kept]], drawn[b[kept]]
    value = kind().weighted(first, second)(multiplicities)
    assert value == pytest.approx(ORACLES[kind](first[index], second[index]).statistic, abs=1e-12)


@pytest.mark.parametrize("kind", [*ORACLES, lambda: PairPartial(given=[with_ties(seed=3)[0]])])
def test_a_resample_of_one_object_alone_has_no_agreement(kind):
    first, second = with_ties()
    alone = np.zeros(18, dtype=int)
    alone[3] = 18
    assert math.isnan(kind().weighted(first, second)(alone))


@pytest.mark.parametrize("kind", [*ORACLES, lambda: PairPartial(given=[np.ones((4, 4))])])
def test_an_agreement_takes_symmetric_distances_of_three_or_more_objects(kind):
    first = with_ties(n=4)[0]
    with pytest.raises(ValueError, match="expected symmetric distance matrices"):
        kind().weighted(first, np.triu(first))
    with pytest.raises(ValueError, match="the same three or more objects"):
        kind().weighted(first[:2, :2], first[:2, :2])


@pytest.mark.parametrize("levels", [1, 2, 3, 50, 10**6])
@pytest.mark.parametrize("count", [2, 3, 64, 65, 500])
def test_kendalls_correlation_is_that_of_values_written_out_as_often_as_they_weigh(count, levels):
    rng = np.random.default_rng(count + levels)
    x, y, weights = rng.integers(levels, size=count), rng.integers(levels, size=count), rng.integers(4, size=count)
    y = np.where(rng.random(count) < 0.4, x, y)
    pairs = ConcordantPairs(x, y)
    for w in (np.ones(count, dtype=int), weights):
        repeated = np.repeat(x, w), np.repeat(y, w)
        expected = scipy.stats.kendalltau(*repeated).statistic if len(repeated[0]) > 1 else math.nan
        np.testing.assert_allclose(pairs.tau(w), expected, atol=1e-12)


def test_kendalls_correlation_of_few_values_is_that_of_its_definition():
    rng = np.random.default_rng(0)
    x, y, w = rng.integers(5, size=12), rng.integers(5, size=12), rng.random(12)
    a, b = np.triu_indices(12, 1)
    weights, signs_x, signs_y = w[a] * w[b], np.sign(x[a] - x[b]), np.sign(y[a] - y[b])
    between = weights @ (signs_x * signs_y)
    expected = between / math.sqrt((weights @ np.abs(signs_x)) * (weights @ np.abs(signs_y)))
    assert ConcordantPairs(x, y).tau(w) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("scale", [1e-9, 0.1, 1e9])
def test_distances_that_only_rounding_tells_apart_correlate_with_nothing(scale):
    rng = np.random.default_rng(0)
    second = euclidean_distances(rng.standard_normal((18, 2)))
    shaken = np.triu(rng.standard_normal((18, 18)), 1)
    still, nearly = (scale * (1.0 - np.eye(18) + size * (shaken + shaken.T)) for size in (2e-16, 1e-6))
    assert np.ptp(still[np.triu_indices(18, 1)]) > 0.0  # the premise: they are not all equal
    once = np.ones(18, dtype=np.int64)
    assert np.isnan(PairPearson().weighted(still, second)(once))
    assert np.isnan(PairPearson().weighted(second, still)(once))
    upper = np.triu_indices(18, 1)
    expected = np.corrcoef(shaken[upper], second[upper])[0, 1]
    assert PairPearson().weighted(nearly, second)(once) == pytest.approx(expected, abs=1e-6)
