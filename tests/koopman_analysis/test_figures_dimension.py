"""Figures of quality against dimension show what they are given."""

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from koopman_analysis.dimension import Curve, HermiteCurve, SampledHermiteCurve, fitted_rates
from koopman_analysis.figures import draw_hermite_curve, draw_rank_sweep, draw_sweep
from koopman_analysis.resampling import Bootstrap


@pytest.fixture
def ax() -> Axes:
    return Figure(layout="constrained").subplots()


def curve(values, dimensions) -> Curve:
    draws = 0.1 * np.random.default_rng(0).standard_normal((99, len(values)))
    estimate = np.array(values, dtype=float)
    return Curve.of_shares("share", dimensions, Bootstrap(estimate=estimate, replicates=estimate + draws, objects=9))


def test_curves_are_drawn_with_their_bands_and_one_that_reaches_zero_has_a_place_on_the_axis(ax):
    waves, radial = curve([0.9, 0.5, 0.2, 0.05], (2, 4, 8, 16)), curve([0.8, 0.3], (3, 9))
    assert waves.intervals[-1].low == 0.0
    law = fitted_rates(waves).power_law
    draw_sweep(ax, {"waves": waves, "radial": radial}, tolerance=0.01, laws={"waves": law})
    drawn = {line.get_label(): line.get_xydata() for line in ax.lines if line.get_marker() == "o"}
    np.testing.assert_allclose(drawn["waves"], [[2, 0.9], [4, 0.5], [8, 0.2], [16, 0.05]])
    np.testing.assert_allclose(drawn["radial"], [[3, 0.8], [9, 0.3]])
    (dashed,) = (line for line in ax.lines if len(line.get_xdata()) == 100)
    assert (dashed.get_xdata()[0], dashed.get_xdata()[-1]) == pytest.approx((2, 16)), "no further than it was fitted"
    assert dashed.get_ydata()[0] == pytest.approx(law.at(np.array([2.0]))[0])
    assert len(ax.collections) == 2
    assert ax.collections[0].get_datalim(ax.transData).y1 == pytest.approx(waves.intervals[0].high)
    assert ax.get_ylim()[0] > 0
    assert ax.get_ylabel() == "share"
    assert "0.01" in [text.get_text() for text in ax.texts]


def test_the_best_polynomial_stands_beside_what_samples_reach(ax):
    exact = HermiteCurve(degrees=(1, 3), dimensions=(2, 4), errors=np.array([0.2, 0.1]))
    sampled = SampledHermiteCurve(
        degrees=(1, 3), dimensions=(2, 4), errors=np.array([[0.3, 5.0], [0.4, 7.0], [0.2, 9.0]])
    )
    draw_hermite_curve(ax, exact, {"n = 200": sampled})
    lines = {line.get_label(): line.get_ydata() for line in ax.lines}
    np.testing.assert_array_equal(lines["best polynomial"], [0.2, 0.1])
    np.testing.assert_array_equal(lines["n = 200"], [0.3, 7.0])
    assert ax.get_yscale() == "log"


def test_ratios_of_truncated_models_are_drawn_from_just_below_one(ax):
    draw_rank_sweep(ax, {"ours": curve([5.0, 1.05, 1.0], (1, 2, 4))})
    assert ax.get_ylim()[0] == pytest.approx(0.8)
    assert ax.get_xlabel() == "rank of the truncated operator"


@pytest.mark.parametrize("largest", [1.3, 4.0, 9.0, 150.0, 1e5])
def test_an_axis_of_ratios_is_marked_by_several_plain_numbers_that_it_shows(ax, largest):
    draw_rank_sweep(ax, {"ours": curve([largest, 1.05, 1.0], (1, 2, 4))})
    ax.figure.draw_without_rendering()
    low, high = ax.get_ylim()
    marks = [(y, label.get_text()) for y, label in zip(ax.get_yticks(), ax.get_yticklabels(), strict=True)]
    shown = [(y, text) for y, text in marks if low <= y <= high]
    assert 3 <= len(shown) <= 9 or largest < 1.5
    assert (1.0, "1") in shown
    assert all(float(text) == pytest.approx(y) for y, text in shown)
    assert not len(ax.get_yticks(minor=True))
