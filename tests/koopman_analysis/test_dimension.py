"""Sweeps over nested families: what they find, what their intervals promise, and what accident finds in their place."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from koopman_analysis.closure import Closedness, Tolerances, closure_report
from koopman_analysis.dictionaries import (
    Coordinates,
    FunctionDictionary,
    Hermite,
    Monomials,
    RadialBasis,
    RandomFourier,
)
from koopman_analysis.dimension import (
    DimensionSweep,
    NestedFamily,
    dimension_sweep,
    minimal_dimension,
    operator_truncations,
    polynomial_family,
    radial_family,
    wave_family,
)
from koopman_analysis.estimators import EDMD
from koopman_analysis.moments import FactorMoments, GramMoments
from koopman_analysis.snapshots import SnapshotPairs
from koopman_analysis.systems import GaussianFlow, OrnsteinUhlenbeck, SlowManifold


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def fronts(n: int = 2000, seed: int = 1) -> SnapshotPairs:
    """A flow into two cells through a smooth front, from states in a box: no finite family here is closed."""
    x = rng(seed).uniform(-2, 2, (n, 1))
    return SnapshotPairs(before=x, after=np.tanh(2 * x))


def leading(count: int):
    """The first coordinates."""
    return FunctionDictionary([lambda x, i=i: x[:, i] for i in range(count)])


FAMILIES = {
    "monomials": lambda pairs: polynomial_family(Monomials, (1, 3, 5)),
    "Hermite": lambda pairs: polynomial_family(partial(Hermite, scale=1.5), (1, 3, 5)),
    "waves": lambda pairs: wave_family(pairs.before, (0, 2, 6), rng=rng(2)),
    "radial": lambda pairs: radial_family(pairs.before, (2, 4, 8), rng=rng(2)),
    "truncations": lambda pairs: operator_truncations(
        EDMD(Monomials(7), outputs=Monomials(7)).fit(fronts(seed=9)), (1, 2, 4)
    ),
}


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_is_nested_and_more_functions_leave_less_of_the_state(name):
    pairs = fronts()
    family = FAMILIES[name](pairs)
    sweep = dimension_sweep(pairs, family=family, outputs=Coordinates(), rng=rng())
    assert sweep.family == family.name
    assert list(sweep.dimensions) == sorted(sweep.dimensions)
    first, *_, last = sweep.state_error.intervals
    assert last.high < first.low
    assert last.estimate > 1e-8, "the premise: a front is not a polynomial"


@pytest.mark.parametrize("moments", [GramMoments, FactorMoments])
def test_the_first_canonical_directions_are_the_best_of_their_number(moments):
    pairs, others = (
        SlowManifold(curvature=3.0).pairs(2000, rng=rng(3)),
        SlowManifold(curvature=3.0).pairs(2000, rng=rng(4)),
    )
    fitted = EDMD(Monomials(2), outputs=Coordinates(), moments=moments).fit(others)
    sweep = dimension_sweep(pairs, family=operator_truncations(fitted, (1, 2)), outputs=Coordinates(), rng=rng())
    assert sweep.dimensions == (2, 3)
    # Two output directions: one of them is lost by a rank of one, and nothing by a rank of two.
    assert sweep.defect.intervals[0].low > 0.4
    assert sweep.defect.intervals[0].high < 0.6
    assert sweep.operator_defect.intervals[1].high < 1e-10


def test_members_are_judged_on_the_same_halves_and_in_wider_intervals_than_alone():
    pairs = fronts()
    family = polynomial_family(Monomials, (1, 3, 5))
    sweep = dimension_sweep(pairs, family=family, outputs=Coordinates(), rng=rng(5))
    alone = closure_report(pairs, inputs=family.members[1], outputs=Coordinates(), rng=rng(int(rng(5).integers(2**63))))
    assert sweep.reports[1] == alone
    for curve, single in (
        (sweep.state_error, alone.state_error), (sweep.operator_defect, alone.operator_defect),
        (sweep.worst_direction, alone.worst_direction), (sweep.defect, alone.defect),
    ):  # fmt: skip
        together = curve.intervals[1]
        assert together.estimate == pytest.approx(single.estimate, rel=1e-12)
        assert single.high < together.high < 2 * single.high
        assert together.low < single.low
        assert "max-t" in together.method


def test_one_long_trajectory_is_cut_once_for_all_members_by_the_slowest_of_them():
    pairs = SnapshotPairs.from_trajectories(list(OrnsteinUhlenbeck().trajectories(1, 4000, rng=rng(1))))
    family = polynomial_family(Monomials, (1, 2, 4))
    alone = [closure_report(pairs, inputs=member, rng=rng()) for member in family.members]
    assert len({report.units for report in alone}) > 1
    together = dimension_sweep(pairs, family=family, rng=rng()).reports
    assert len({(report.units, report.autocorrelation_time) for report in together}) == 1
    # Provisional halves are drawn anew, so that times agree but for the error of a first estimate.
    slowest = max(report.autocorrelation_time for report in alone)
    assert together[0].autocorrelation_time == pytest.approx(slowest, rel=0.2)
    assert 20 <= together[0].units < pairs.n / (10 * together[0].autocorrelation_time)


@pytest.mark.parametrize("sweeps", [40, pytest.param(400, marks=pytest.mark.slow)])
def test_the_intervals_of_a_sweep_cover_all_dimensions_at_once(sweeps):
    share, covered, singly = 0.2, 0, 0
    for seed in range(sweeps):
        x, noise = rng(seed).standard_normal((2, 400, 6))
        pairs = SnapshotPairs(before=x, after=np.sqrt(1 - share) * x + np.sqrt(share) * noise)
        family = NestedFamily(name="first coordinates", members=tuple(leading(count) for count in (1, 2, 4, 6)))
        # Each member is its own output, so that each has this share of noise, and errors of its own.
        sweep = dimension_sweep(pairs, family=family, resamples=499, rng=rng(1000 + seed))
        # Lower ends allow for the fit, too: this is a test of the estimates and their errors.
        covered += all(share in interval for interval in sweep.defect.bootstrap.simultaneous())
        singly += all(share in interval for interval in sweep.defect.bootstrap.intervals())
    # Three standard errors of a share of 95 %; each at 95 % on its own are right together less often.
    assert covered >= 0.95 * sweeps - 3 * np.sqrt(0.0475 * sweeps)
    assert singly < covered


def test_the_gaussian_flow_is_closed_from_its_degree_on_and_a_front_never():
    pairs = GaussianFlow(degree=2).pairs(2000, rng=rng(1))
    family = polynomial_family(Monomials, (1, 2, 3))
    found = minimal_dimension(dimension_sweep(pairs, family=family, outputs=Monomials(2), rng=rng()))
    assert found.dimension == 6
    assert [tried.dimension for tried in found.tried] == [10, 6, 3]
    assert [tried.closedness for tried in found.tried] == [Closedness.EXACT, Closedness.EXACT, Closedness.NOT_CLOSED]
    assert "dimension 6 is closed" in found.because
    assert "of dimension 3 it is not known" in found.because
    all_closed = minimal_dimension(dimension_sweep(pairs, family=family, outputs=Coordinates(), rng=rng()))
    assert all_closed.dimension == 3
    assert "down to the smallest" in all_closed.because
    line = polynomial_family(Monomials, (1, 2, 3))
    front = minimal_dimension(dimension_sweep(fronts(), family=line, outputs=Coordinates(), rng=rng()))
    assert front.dimension is None
    assert len(front.tried) == 1
    assert "the largest member, of dimension 4, is not known to be closed" in front.because


def test_too_few_pairs_for_the_largest_member_decide_nothing_of_the_family():
    pairs = GaussianFlow(degree=2).pairs(60, rng=rng(1))
    family = polynomial_family(Monomials, (1, 3))
    found = minimal_dimension(dimension_sweep(pairs, family=family, outputs=Coordinates(), rng=rng()))
    assert found.dimension is None
    assert "too few pairs" in found.because


SHARE = 0.05
SIZES = range(1, 10)


def barely_open(seed: int, template: DimensionSweep) -> DimensionSweep:
    """A sweep over sizes that all miss the tolerance by nothing, each measured on pairs of its own."""
    reports = []
    for size in SIZES:
        x, noise = rng(100 * seed + size).standard_normal((2, 600, SIZES[-1]))
        after = np.sqrt(1 - SHARE) * x[:, :1] + np.sqrt(SHARE) * noise[:, :1]
        pairs = SnapshotPairs(before=x, after=after)
        reports.append(closure_report(pairs, inputs=leading(size), outputs=Coordinates(), rng=rng(seed)))
    dimensions = tuple(1 + size for size in SIZES)
    return replace(template, reports=tuple(reports), defect=replace(template.defect, dimensions=dimensions))


@pytest.mark.parametrize("sweeps", [40, pytest.param(300, marks=pytest.mark.slow)])
def test_trying_each_size_on_its_own_finds_by_accident_what_the_order_does_not(sweeps):
    template = dimension_sweep(fronts(100), family=polynomial_family(Monomials, (1,)), rng=rng())
    tolerances = Tolerances(defect=SHARE, state=SHARE, worst=SHARE)
    closed = (Closedness.EXACT, Closedness.APPROXIMATE)
    any_size = in_order = 0
    for seed in range(sweeps):
        sweep = barely_open(seed, template)
        any_size += any(report.closedness_at(tolerances) in closed for report in sweep.reports)
        in_order += minimal_dimension(sweep, tolerances).dimension is not None
    # The promise for a sweep, and three standard errors of a share of 5 %: the other way breaks it.
    promised = 0.05 * sweeps
    assert in_order <= promised
    assert any_size > promised + (3 * np.sqrt(promised) if sweeps > 200 else 0)


def test_an_empty_family_numbers_that_do_not_rise_and_ranks_that_are_not_there_are_refused():
    pairs = fronts(100)
    with pytest.raises(ValueError, match="at least one member in the family 'none', got none"):
        NestedFamily(name="none", members=())
    with pytest.raises(ValueError, match=r"degrees that rise from 0 or more, got \[2, 2\]"):
        polynomial_family(Monomials, (2, 2))
    with pytest.raises(ValueError, match=r"counts that rise from 1 or more, got \[0, 4\]"):
        radial_family(pairs.before, (0, 4), rng=rng())
    with pytest.raises(ValueError, match="ranks up to the 1 canonical directions, got 2"):
        operator_truncations(EDMD(Coordinates()).fit(pairs), (1, 2))


def test_a_family_drawn_anew_for_each_size_is_not_nested():
    pairs = GaussianFlow().pairs(500, rng=rng())
    anew = NestedFamily(name="drawn anew", members=tuple(RandomFourier(size, rng=rng(size)) for size in (4, 8)))
    with pytest.raises(ValueError, match="members of 'drawn anew' nested, got member 1 outside the span of the next"):
        dimension_sweep(pairs, family=anew, rng=rng())


def test_a_list_of_dictionaries_is_refused_with_what_to_do():
    with pytest.raises(TypeError, match="family|NestedFamily"):
        dimension_sweep(fronts(100), family=[Monomials(1), Monomials(2)], rng=rng())


def test_a_member_that_adds_nothing_is_refused():
    twice = NestedFamily(name="the same twice", members=(Coordinates(), Coordinates()))
    with pytest.raises(ValueError, match=r"'the same twice' to add a direction, got dimensions \[2, 2\]"):
        dimension_sweep(fronts(100), family=twice, rng=rng())


def test_radial_functions_are_added_farthest_first_at_one_scale():
    states = np.concatenate([rng().normal(at, 0.01, (50, 1)) for at in (-5.0, 0.0, 5.0, 6.0)])
    *_, last = radial_family(states, (2, 3, 4), rng=rng()).members
    radial = last.parts[-1]
    assert isinstance(radial, RadialBasis)
    # From the middle to the far ends, and the neighbour of an end last.
    np.testing.assert_allclose(radial.centres[:, 0], [0.0, 6.0, -5.0, 5.0], atol=0.1)
