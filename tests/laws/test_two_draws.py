"""Closure in the mean by two draws: of no order of the draws, of no basis, and of one draw where nothing is random.

With residuals r and r' of the two draws, whitened,

    M = E⟨r, r'⟩,      one draw E‖r‖² ≥ M  (Cauchy–Schwarz),      with equality where y = y'.                       (1)
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import generators, well_conditioned_matrices

from koopman_analysis.closure import MeanClosureReport, mean_closure_report
from koopman_analysis.dictionaries import Coordinates, Monomials
from koopman_analysis.snapshots import DoublePairs
from koopman_analysis.systems import OrnsteinUhlenbeck

NAMES = ("share_missed", "missed", "predictable", "one_draw")


def double_pairs(rng: np.random.Generator) -> DoublePairs:
    rates = rng.uniform(0.1, 0.6, 2)
    return OrnsteinUhlenbeck(integrated_rates=rates).double_pairs(200, rng=rng)


def ends(report: MeanClosureReport) -> np.ndarray:
    intervals = [getattr(report, name) for name in NAMES]
    return np.array([[interval.estimate, interval.low, interval.high] for interval in intervals])


def report_of(pairs: DoublePairs, psi=None, outputs=None) -> MeanClosureReport:
    return mean_closure_report(pairs, inputs=psi or Monomials(2), outputs=outputs, rng=np.random.default_rng(0))


@given(rng=generators())
def test_the_order_of_the_draws_does_not_matter(rng):
    double = double_pairs(rng)
    exchanged = DoublePairs(first=double.second, second=double.first)
    np.testing.assert_allclose(ends(report_of(exchanged)), ends(report_of(double)), rtol=1e-9, atol=1e-11)


@given(rng=generators(), A=well_conditioned_matrices(2), B=well_conditioned_matrices(2), unit=st.floats(1e-3, 1e3))
def test_neither_a_basis_nor_a_unit_changes_what_is_missed_in_the_mean(rng, A, B, unit):
    double = double_pairs(rng)
    plain = report_of(double, Coordinates())
    turned = report_of(double, lambda x: unit * x @ A, lambda y: y @ B / unit + 3.0)
    np.testing.assert_allclose(ends(turned), ends(plain), rtol=1e-8, atol=1e-9)


@given(rng=generators())
def test_two_draws_miss_no_more_than_one_and_as_much_where_they_are_one(rng):
    double = double_pairs(rng)
    report = report_of(double)
    assert report.missed.estimate < report.one_draw.estimate
    single = report_of(DoublePairs(first=double.first, second=double.first))
    assert single.missed.estimate == pytest.approx(single.one_draw.estimate, rel=1e-12)
    assert single.one_draw.estimate > 0.05
