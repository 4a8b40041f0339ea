import itertools

import numpy as np
import pytest
import scipy.stats

from koopman_analysis.correlation import adjusted_p_values, holm, max_t_p_values


def test_holms_p_values_reject_what_the_sequential_rule_rejects():
    rng = np.random.default_rng(0)
    for _ in range(50):
        p = rng.random(6) ** 3
        order, rejected = np.argsort(p), set()
        for rank, which in enumerate(order):
            if p[which] > 0.05 / (6 - rank):
                break
            rejected.add(which)
        assert set(np.flatnonzero(holm(p) <= 0.05)) == rejected


def test_holms_p_values_lie_between_the_plain_ones_and_bonferronis():
    p = np.array([0.04, 0.001, 0.03, 0.9, 0.001])
    adjusted = holm(p)
    np.testing.assert_allclose(adjusted, [0.09, 0.005, 0.09, 0.9, 0.005])
    assert (p <= adjusted).all()
    assert (adjusted <= np.minimum(1, 5 * p)).all()


def test_named_p_values_are_adjusted_by_holm_or_by_what_scipy_offers():
    p = {"auroc": 0.01, "spearman": 0.04, "kendall": 0.03}
    assert adjusted_p_values(p) == pytest.approx({"auroc": 0.03, "spearman": 0.06, "kendall": 0.06})
    fdr = adjusted_p_values(p, adjustment=scipy.stats.false_discovery_control)
    assert fdr == pytest.approx({"auroc": 0.03, "spearman": 0.04, "kendall": 0.04})


def test_a_p_value_outside_the_unit_interval_is_refused():
    with pytest.raises(ValueError, match="expected p-values between 0 and 1, got"):
        holm(np.array([0.5, 1.5]))
    with pytest.raises(ValueError, match="expected p-values between 0 and 1, got"):
        adjusted_p_values({"a": float("nan")})


def test_the_step_down_maximum_is_that_of_its_definition():
    rng = np.random.default_rng(0)
    observed, permuted = rng.standard_normal(4) + np.arange(4), rng.standard_normal((99, 4))
    adjusted = max_t_p_values(observed, permuted)
    order = np.argsort(-observed)
    expected, running = np.empty(4), 0.0
    for rank, which in enumerate(order):
        rest = permuted[:, order[rank:]].max(axis=1)
        running = max(running, (1 + np.count_nonzero(rest >= observed[which])) / 100)
        expected[which] = running
    assert len(set(expected)) > 2
    np.testing.assert_array_equal(adjusted, expected)


def test_the_maximum_of_independent_statistics_is_nearly_bonferroni_and_of_copies_nothing():
    permuted = np.random.default_rng(0).standard_normal((9999, 5))
    observed = np.full(5, 3.0)
    single = max_t_p_values(observed[:1], permuted[:, :1])[0]
    assert max_t_p_values(observed, permuted)[0] == pytest.approx(5 * single, rel=0.3)
    copies = max_t_p_values(observed, np.repeat(permuted[:, :1], 5, axis=1))
    np.testing.assert_array_equal(copies, single)


def test_the_order_of_the_statistics_does_not_matter():
    rng = np.random.default_rng(1)
    observed, permuted = rng.standard_normal(4), rng.standard_normal((49, 4))
    for order in map(list, itertools.permutations(range(4))):
        np.testing.assert_array_equal(
            max_t_p_values(observed[order], permuted[:, order]), max_t_p_values(observed, permuted)[order]
        )
