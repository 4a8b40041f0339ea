"""Closure of known systems: exact where it must be, refuted where it must be, never judged on fitted pairs."""

import numpy as np
import pytest
from zoo import closed_cases, flows

from koopman_analysis.closure import Closedness, Tolerances, closure_report, closure_sweep
from koopman_analysis.dictionaries import (
    Constant,
    Coordinates,
    EncoderDictionary,
    FunctionDictionary,
    Monomials,
    RandomFourier,
)
from koopman_analysis.estimators.edmd import EDMD
from koopman_analysis.regression import ConstantData
from koopman_analysis.snapshots import SnapshotPairs
from koopman_analysis.systems import DoubleWell, GaussianFlow, LogisticMap, OrnsteinUhlenbeck, SlowManifold, Unrelated


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def double_well(time: float, n: int = 2000) -> SnapshotPairs:
    return DoubleWell(lag=time).pairs(n, rng=rng(1))


def noisy(share: float, n: int = 4000) -> SnapshotPairs:
    """A linear map whose output has this share of its variance in noise."""
    x, noise = rng(2).standard_normal((2, n, 2))
    return SnapshotPairs(before=x, after=np.sqrt(1 - share) * x + np.sqrt(share) * noise)


@pytest.mark.parametrize("name", flows())
@pytest.mark.parametrize("n", [400, 4000])
def test_a_closed_dictionary_is_exact_and_its_shuffled_copy_is_not_closed(name, n):
    system = flows()[name]
    pairs = system.pairs(n, rng=rng(1))
    report = closure_report(pairs, inputs=system.dictionary, rng=rng())
    assert report.closedness_at(closed_cases()[name].tolerances) is Closedness.EXACT
    assert report.operator_defect.high < 1e-20
    assert len(report.spectrum) == report.dimension
    assert min(sigma.low for sigma in report.spectrum) > 1 - 1e-12
    shuffled = closure_report(pairs.shuffled(rng=rng(3)), inputs=system.dictionary, rng=rng())
    assert shuffled.closedness is Closedness.NOT_CLOSED


@pytest.mark.parametrize("degree", [1, 2, 3])
def test_the_slow_manifold_is_not_closed_in_the_wrong_dictionary(degree):
    pairs = SlowManifold().pairs(2000, rng=rng(1))
    report = closure_report(pairs, inputs=Monomials(degree), rng=rng())
    assert report.closedness is Closedness.NOT_CLOSED
    # Degree two reads the state exactly, and is not closed: readable and closed are two things.
    assert (report.state_error.high < 1e-20) == (degree >= 2)


@pytest.mark.parametrize(("time", "defect"), [(0.1, 0.05), (0.3, 0.19), (1.0, 0.42), (2.0, 0.61)])
def test_the_double_well_has_the_defect_that_is_known(time, defect):
    report = closure_report(double_well(time), inputs=Monomials(5), rng=rng())
    assert report.closedness is Closedness.NOT_CLOSED
    assert report.defect.estimate == pytest.approx(defect, abs=0.01)


def test_unrelated_pairs_are_not_closed_though_they_can_be_interpolated():
    pairs = Unrelated(dimension=3).pairs(150, rng=rng(1))
    psi = RandomFourier(200, 0.5, rng=rng(2))
    interpolated = EDMD(psi, Coordinates()).fit(pairs).predict(pairs.before)
    np.testing.assert_allclose(interpolated, pairs.after, atol=1e-6)
    report = closure_report(pairs, inputs=psi, outputs=Coordinates(), rng=rng())
    assert report.closedness is Closedness.INCONCLUSIVE
    assert "too few pairs: 75 fitted" in report.because(Tolerances())
    assert report.defect.low == 0.0
    fewer = closure_report(pairs, inputs=RandomFourier(20, 0.5, rng=rng(2)), outputs=Coordinates(), rng=rng())
    assert fewer.closedness is Closedness.NOT_CLOSED


def test_a_process_that_is_closed_in_the_mean_is_not_closed_from_one_draw_of_each_state():
    system = OrnsteinUhlenbeck()
    report = closure_report(system.pairs(40_000, rng=rng(4)), inputs=system.dictionary, rng=rng())
    for sigma, exact in zip(report.spectrum, system.closure_spectrum, strict=True):
        assert abs(sigma.estimate - exact) < sigma.high - sigma.low
    assert report.closedness is Closedness.NOT_CLOSED
    assert "draw two of each" in report.because(Tolerances())


def test_the_logistic_map_is_read_exactly_and_not_closed():
    system = LogisticMap()
    report = closure_report(system.pairs(4000, rng=rng(5)), inputs=system.dictionary, rng=rng())
    assert report.closedness is Closedness.NOT_CLOSED
    np.testing.assert_allclose([sigma.estimate for sigma in report.spectrum[:3]], 1, atol=1e-12)
    assert report.state_error.high < 1e-20


def test_a_complex_dictionary_counts_as_its_real_and_imaginary_parts():
    angle = rng(6).uniform(0, 2 * np.pi, 1000)
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    turned = np.stack([np.cos(angle + 0.7), np.sin(angle + 0.7)], axis=1)
    psi = FunctionDictionary([lambda s, k=k: (s[:, 0] + 1j * s[:, 1]) ** k for k in range(3)], names=["0", "1", "2"])
    report = closure_report(SnapshotPairs(before=circle, after=turned), inputs=psi, rng=rng())
    assert report.closedness is Closedness.EXACT
    assert report.dimension == 4


@pytest.mark.parametrize(
    ("share", "expected"),
    [(0.002, Closedness.APPROXIMATE), (0.01, Closedness.INCONCLUSIVE), (0.03, Closedness.NOT_CLOSED)],
)
def test_a_little_noise_is_approximate_and_more_is_not_closed(share, expected):
    report = closure_report(noisy(share), inputs=Coordinates(), rng=rng())
    assert report.closedness is expected
    assert share in report.measurements(Tolerances())[0].interval
    assert report.defect.estimate == pytest.approx(share, rel=0.1)


def test_the_intervals_cover_the_defect_at_their_level():
    share, covered = 0.2, 0
    for seed in range(100):
        x, noise = rng(seed).standard_normal((2, 300, 2))
        pairs = SnapshotPairs(before=x, after=np.sqrt(1 - share) * x + np.sqrt(share) * noise)
        report = closure_report(pairs, inputs=Coordinates(), rng=rng(1000 + seed))
        covered += share in report.measurements(Tolerances())[0].interval
    # At 95 % fewer than 88 of 100 has probability below .003; the bias that is allowed for makes it more.
    assert covered >= 88


def test_the_constant_is_adjoined_once_whatever_the_dictionary_says():
    pairs = GaussianFlow().pairs(500, rng=rng(1))
    plain, affine, twice = (
        closure_report(pairs, inputs=psi, rng=rng())
        for psi in (Coordinates(), Constant() + Coordinates(), Monomials(1) + Monomials(1))
    )
    for report in (plain, affine, twice):
        assert report.dimension == report.input_dimension == 2
        assert report.closedness is Closedness.EXACT
    assert twice.dropped_share < 1e-20


def test_more_outputs_than_inputs_leave_directions_without_a_partner():
    pairs = SlowManifold().pairs(2000, rng=rng(1))
    report = closure_report(pairs, inputs=FunctionDictionary([lambda x: x[:, 0]]), outputs=Coordinates(), rng=rng())
    assert report.dimension == 2
    assert report.spectrum[1].estimate == 0
    assert report.worst_direction.estimate == 1


@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_units_change_nothing(scale):
    pairs = double_well(0.3)
    scaled = SnapshotPairs(before=scale * pairs.before, after=scale * pairs.after)
    one, other = (closure_report(p, inputs=Monomials(5), rng=rng()) for p in (pairs, scaled))
    assert other.defect.estimate == pytest.approx(one.defect.estimate, rel=1e-9)
    assert other.condition == pytest.approx(one.condition, rel=1e-9)


def test_a_collapsed_dictionary_is_refuted_and_not_nought_over_nought():
    pairs = GaussianFlow().pairs(500, rng=rng(1))
    report = closure_report(pairs, inputs=EncoderDictionary(lambda x: 0 * x + 3.0), rng=rng())
    assert report.dimension == 0
    assert report.spectrum == ()
    assert report.closedness is Closedness.NOT_CLOSED
    assert "collapsed" in report.because(Tolerances())
    half = closure_report(pairs, inputs=Constant(), outputs=Coordinates(), rng=rng())
    assert half.closedness is Closedness.NOT_CLOSED
    assert half.defect.estimate == 1


def test_exactness_is_relative_to_the_floor_of_the_data():
    pairs = GaussianFlow(noise_scale=5.0, data_scale=0.5).pairs(2000, rng=rng(1))
    error = 1e-5 * pairs.after.std(axis=0).min()
    stored = SnapshotPairs(before=pairs.before, after=pairs.after + error * rng(2).standard_normal((2000, 2)))
    blind = closure_report(stored, inputs=Coordinates(), rng=rng())
    told = closure_report(stored, inputs=Coordinates(), floor=2 * blind.operator_defect.estimate, rng=rng())
    assert blind.closedness is Closedness.APPROXIMATE
    assert told.closedness is Closedness.EXACT
    assert told.exact_tolerance <= 1e-8
    hopeless = closure_report(stored, inputs=Coordinates(), floor=1e-7, rng=rng())
    assert hopeless.closedness is Closedness.APPROXIMATE


def test_dependent_pairs_count_as_their_trajectories():
    x = np.repeat(rng(1).standard_normal((12, 2)), 50, axis=0)
    pairs = SnapshotPairs(before=x + 0.01 * rng(2).standard_normal(x.shape), after=x, trajectory=np.arange(600) // 50)
    report = closure_report(pairs, inputs=Coordinates(), rng=rng())
    assert report.units == report.defect.n == 12
    assert report.closedness is Closedness.INCONCLUSIVE
    assert "too few independent units: 12" in report.because(Tolerances())


def test_zero_weights_remove_pairs_and_equal_ones_change_nothing():
    pairs = double_well(0.3)
    bad = SnapshotPairs(
        before=np.concatenate([pairs.before, pairs.before]),
        after=np.concatenate([pairs.after, pairs.after[::-1]]),
        weights=np.repeat([1.0, 0.0], pairs.n),
    )
    plain = closure_report(pairs, inputs=Monomials(3), rng=rng()).defect
    assert closure_report(bad, inputs=Monomials(3), rng=rng()).defect.estimate == pytest.approx(
        plain.estimate, abs=0.01
    )
    equal = SnapshotPairs(before=pairs.before, after=pairs.after, weights=np.full(pairs.n, 0.25))
    assert closure_report(equal, inputs=Monomials(3), rng=rng()).defect.low == pytest.approx(plain.low)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_pairs_of_no_weight_are_no_evidence(share):
    pairs = noisy(share, 400)
    for counted, message in ((1, "got 1: cut"), (3, "got 3: cut")):
        few = SnapshotPairs(before=pairs.before, after=pairs.after, weights=(np.arange(400) < counted).astype(float))
        with pytest.raises(ValueError, match=f"at least four independent units.*{message}"):
            closure_report(few, inputs=Coordinates(), rng=rng())
    weighted = SnapshotPairs(before=pairs.before, after=pairs.after, weights=(np.arange(400) < 12).astype(float))
    report = closure_report(weighted, inputs=Coordinates(), rng=rng())
    assert report.units == report.defect.n == 12
    assert report.closedness is Closedness.INCONCLUSIVE
    assert report == closure_report(pairs.subset(np.arange(12)), inputs=Coordinates(), rng=rng())


def test_a_sweep_judges_a_nested_family_on_the_same_halves():
    family = [Monomials(degree) for degree in (1, 3, 5)]
    reports = closure_sweep(double_well(0.3), family=family, outputs=Coordinates(), rng=rng())
    assert [report.input_dimension for report in reports] == [1, 3, 5]
    errors = [report.state_error.estimate for report in reports]
    assert errors == sorted(errors, reverse=True)
    again = closure_report(
        double_well(0.3), inputs=family[1], outputs=Coordinates(), rng=rng(int(rng().integers(2**63)))
    )
    assert again == reports[1]


def test_an_undecided_report_says_what_stands_in_the_way():
    x = rng(7).standard_normal((400, 1))
    y = x.copy()
    y[0] += 1.5
    tail = closure_report(SnapshotPairs(before=x, after=y), inputs=Coordinates(), rng=rng())
    assert tail.largest_share > 0.9
    assert "heavy tail" in tail.because(Tolerances.at(tail.defect.estimate + 1e-4))
    near = closure_report(noisy(0.01), inputs=Coordinates(), rng=rng())
    assert "more pairs would decide" in near.because(Tolerances())
    shifted = noisy(0.01)
    far = SnapshotPairs(before=shifted.before + 1e8, after=shifted.after)
    ill = closure_report(far, inputs=Coordinates(), rng=rng())
    assert ill.condition > 1e7
    assert "standardise the states" in ill.because(Tolerances())


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda: closure_report(noisy(0.1, 3), inputs=Coordinates(), rng=rng()),
            ValueError,
            "at least four independent",
        ),
        (
            lambda: closure_report(noisy(0.1), inputs=Coordinates(), floor=-1.0, rng=rng()),
            ValueError,
            "floor of at least",
        ),
        (
            lambda: closure_report(
                SnapshotPairs(before=np.ones((9, 1)), after=np.arange(9.0)[:, None]), inputs=Coordinates(), rng=rng()
            ),
            ConstantData,
            "states before that vary",
        ),
        (
            lambda: closure_report(
                SnapshotPairs(before=np.arange(9.0)[:, None], after=np.zeros((9, 1))), inputs=Coordinates(), rng=rng()
            ),
            ConstantData,
            "states after that vary",
        ),
        (
            lambda: closure_report(
                noisy(0.1), inputs=FunctionDictionary([lambda x: np.where(x[:, 0] > 0, 1.0, np.nan)]), rng=rng()
            ),
            ValueError,
            "finite features",
        ),
        (lambda: Tolerances(defect=0.0), ValueError, "strictly between 0 and 1"),
    ],
)
def test_what_has_no_closure_is_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()
