import numpy as np
import pytest

from koopman_analysis.dictionaries import Coordinates
from koopman_analysis.estimators import EDMD
from koopman_analysis.regression import EnergyRank, RankRule, ThresholdRank, kept_rank, least_squares
from koopman_analysis.snapshots import SnapshotPairs

VALUES = np.array([10.0, 3.0, 1.0, 0.1])


@pytest.mark.parametrize(
    ("rule", "kept"),
    [
        (EnergyRank(0.5), 1),
        (EnergyRank(100 / 110.01), 1),
        (EnergyRank(0.95), 2),
        (EnergyRank(0.9999), 3),
        (EnergyRank(1.0), 4),
        (ThresholdRank(0.5), 1),
        (ThresholdRank(0.05), 3),
        (ThresholdRank(0.001), 4),
        (2, 2),
        (None, 4),
    ],
)
def test_a_rank_is_a_number_or_follows_from_the_singular_values(rule, kept):
    assert kept_rank(rule, VALUES) == kept


def test_no_singular_value_has_no_rank():
    assert EnergyRank(0.9).kept(np.array([])) == ThresholdRank(0.1).kept(np.array([])) == 0


def test_rules_are_told_from_numbers_and_refuse_shares_that_are_none():
    assert isinstance(EnergyRank(0.9), RankRule)
    assert not isinstance(3, RankRule)
    with pytest.raises(ValueError, match="share of the energy in"):
        EnergyRank(0.0)
    with pytest.raises(ValueError, match="threshold in"):
        ThresholdRank(1.0)


def test_the_rank_of_an_operator_follows_the_rule():
    x = np.random.default_rng(0).standard_normal((200, 4)) * VALUES
    pairs = SnapshotPairs(before=x, after=x)
    for rule, rank in ((EnergyRank(0.95), 2), (ThresholdRank(0.05), 3)):
        assert np.linalg.matrix_rank(EDMD(Coordinates(), rank=rule).fit(pairs).matrix_) == rank


def test_a_rule_on_the_singular_values_does_not_depend_on_units_or_the_number_of_pairs():
    x = np.random.default_rng(0).standard_normal((200, 4)) * VALUES
    once, scaled, twice = (
        EDMD(Coordinates(), rank=EnergyRank(0.99)).fit(SnapshotPairs(before=s, after=s)).matrix_
        for s in (x, 1e3 * x, np.concatenate([x, x]))
    )
    np.testing.assert_allclose(scaled, once, atol=1e-12)
    np.testing.assert_allclose(twice, once, atol=1e-12)


def test_least_squares_of_full_rank_is_numpys():
    draw = np.random.default_rng(1)
    A, B = draw.standard_normal((20, 4)), draw.standard_normal((20, 3))
    X = least_squares(A, B, penalty=0.0, rank=None, resolution=1e-12)
    np.testing.assert_allclose(X, np.linalg.lstsq(A, B, rcond=None)[0], atol=1e-12)
