"""Figures show what they are given: the numbers are read back from what was drawn."""

from functools import partial

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from koopman_analysis.autonomy import autonomy_report
from koopman_analysis.checks import outlier_correspondence
from koopman_analysis.claims import Claim, Side
from koopman_analysis.closure import Tolerances, closure_report
from koopman_analysis.dictionaries import Coordinates
from koopman_analysis.figures import (
    draw_autonomy,
    draw_by_class,
    draw_claims,
    draw_closure_spectra,
    draw_closure_spectrum,
    draw_differences,
    draw_discrepancies,
    draw_errors,
    draw_gauge,
    draw_image_rows,
    draw_images,
    draw_marked,
    draw_outliers,
    draw_quality_against_cost,
    draw_ratios,
    draw_regions,
    draw_residuals,
    draw_samples,
    draw_training,
    figure_of,
    save_figure,
)
from koopman_analysis.figures.style import GREEN, GREY, ORANGE
from koopman_analysis.gauge import GaugeExperiment
from koopman_analysis.resampling import Interval
from koopman_analysis.snapshots import SnapshotPairs
from koopman_analysis.spectrum import Eigenpairs
from koopman_analysis.systems import GaussianFlow


def interval(estimate, low, high):
    return Interval(estimate=estimate, low=low, high=high, n=10, method="given")


@pytest.fixture
def ax():
    return Figure(layout="constrained").subplots()


def row_names(ax):
    return [label.get_text() for label in ax.get_yticklabels()]


def drawn_intervals(ax):
    """The ends of every horizontal bar, by row."""
    bars = [line for line in ax.lines if len(set(line.get_ydata())) == 1 and len(line.get_xdata()) == 2]
    return {int(bar.get_ydata()[0]): tuple(bar.get_xdata()) for bar in bars if bar.get_linewidth() > 2}


def test_errors_are_drawn_in_rising_order_with_their_intervals(ax):
    errors = {"mean": interval(1.0, 0.99, 1.01), "model": interval(0.02, 0.018, 0.022)}
    draw_errors(ax, errors)
    assert row_names(ax) == ["model", "mean"]
    assert drawn_intervals(ax) == {0: (0.018, 0.022), 1: (0.99, 1.01)}
    assert ax.get_xscale() == "log"
    assert "2 %" in [text.get_text() for text in ax.texts]


def test_discrepancies_show_the_tolerance_and_what_is_below_zero(ax):
    draw_discrepancies(ax, {"model": interval(-1e-4, -3e-4, 1e-4), "far": interval(0.2, 0.19, 0.21)}, tolerance=5e-4)
    assert drawn_intervals(ax)[0] == (-3e-4, 1e-4)
    low, high = ax.get_xlim()
    assert low < -3e-4
    assert high > 0.21
    assert {0.0, 5e-4} <= set(ax.get_xticks())


def test_differences_are_coloured_by_their_side_of_the_bound(ax):
    differences = {
        "beaten": interval(0.1, 0.05, 0.15), "open": interval(0.02, -0.01, 0.05), "better": interval(-0.1, -0.2, -0.05)
    }  # fmt: skip
    draw_differences(ax, differences, bound=0.01, label="lead")
    colours = [to_hex(line.get_color()) for line in ax.lines if line.get_marker() == "o"]
    assert colours == [GREEN, GREY, ORANGE]


def test_ratios_are_coloured_by_their_side_of_one_and_keep_their_order(ax):
    ratios = {"costs": interval(1.5, 1.2, 1.9), "either": interval(1.02, 0.9, 1.1), "buys": interval(0.5, 0.4, 0.7)}
    draw_ratios(ax, ratios, label="error")
    assert row_names(ax) == ["costs", "either", "buys"]
    assert drawn_intervals(ax) == {0: (1.2, 1.9), 1: (0.9, 1.1), 2: (0.4, 0.7)}
    assert [to_hex(line.get_color()) for line in ax.lines if line.get_marker() == "o"] == [ORANGE, GREY, GREEN]
    low, high = ax.get_xlim()
    assert ax.get_xscale() == "log"
    assert low < 0.4
    assert high > 1.9


def test_a_ratio_beyond_the_end_of_the_axis_is_an_arrow_with_its_number(ax):
    draw_ratios(ax, {"near": interval(1.1, 1.0, 1.2), "far": interval(80.0, 70.0, 90.0)}, label="error", largest=4.0)
    assert drawn_intervals(ax) == {0: (1.0, 1.2)}
    assert [line.get_xdata()[0] for line in ax.lines if line.get_marker() == ">"] == [4.0]
    assert "80" in [text.get_text().strip() for text in ax.texts]
    assert 4.0 < ax.get_xlim()[1] < 5.0


def test_claims_lie_to_the_right_of_their_bound_when_they_are_as_claimed(ax):
    def claim(id, ends, side):
        return Claim.decided(
            id=id, hypothesis=f"{id}.", quantity="q", interval=interval(*ends), side=side, bound=1.0
        )  # fmt: skip

    claims = [
        claim("small enough", (0.5, 0.4, 0.6), Side.AT_MOST),
        claim("too small", (0.5, 0.4, 0.6), Side.AT_LEAST),
        Claim.not_applicable(id="n", hypothesis="n", quantity="q", side=Side.AT_MOST, bound=0.0, reason="none"),
    ]
    draw_claims(ax, claims)
    assert row_names(ax) == ["small enough", "too small"]
    drawn = drawn_intervals(ax)
    assert min(drawn[0]) > 0
    assert max(drawn[1]) < 0
    assert [text.get_text() for text in ax.texts] == ["supported", "refuted"]


def test_the_spectrum_is_drawn_within_its_intervals(ax):
    draw_closure_spectrum(ax, [interval(0.99, 0.98, 1.0), interval(0.5, 0.4, 0.6)])
    np.testing.assert_array_equal(ax.lines[-1].get_xydata(), [[1, 0.99], [2, 0.5]])
    assert ax.collections[0].get_datalim(ax.transData).y0 == pytest.approx(0.4)


def test_the_errors_of_four_contenders_are_drawn_at_each_later_time(ax):
    flow = GaussianFlow(mean=np.zeros(2), covariance=np.diag([9.0, 0.09]))
    trajectories = flow.trajectories(60, scales=np.array([80.0, 2.0, 0.1, 0.002]), rng=np.random.default_rng(0))
    report = autonomy_report(trajectories, rng=np.random.default_rng(0))
    draw_autonomy(ax, report, bound=0.05)
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert sorted(names) == sorted(report.contenders)
    for name, line in zip(names, ax.lines, strict=False):
        drawn = [interval.estimate for interval in report.by_contender[name]]
        np.testing.assert_allclose(line.get_ydata(), np.maximum(drawn, 1e-16))
    assert [label.get_text() for label in ax.get_xticklabels()] == ["2", "0.1", "0.002"]
    assert "bound 0.05" in [text.get_text() for text in ax.texts]


def test_residuals_stand_in_their_order_and_below_the_bound_are_those_to_believe(ax):
    eigenpairs = Eigenpairs(
        eigenvalues=np.array([0.9 + 0j, 0.5, 0.1]), coefficients=np.eye(3, dtype=complex),
        residuals=np.array([0.0, 1e-3, 0.4]), floor=None, held_out=True, rounding=np.full(3, 1e-15), remark="",
    )  # fmt: skip
    draw_residuals(ax, eigenpairs, bound=0.05)
    np.testing.assert_array_equal(ax.lines[0].get_xydata(), [[1, 1e-16], [2, 1e-3], [3, 0.4]])
    assert "bound 0.05" in [text.get_text() for text in ax.texts]


def test_the_spectra_of_systems_stand_beside_their_exact_ones_with_the_verdict_above():
    rng, lenient = np.random.default_rng(0), Tolerances(defect=0.9, state=0.9, worst=0.99)
    states = rng.standard_normal((400, 2))
    half = SnapshotPairs(before=states, after=np.stack([states[:, 0], rng.standard_normal(400)], axis=1))
    blurred = SnapshotPairs(before=states, after=states + 0.3 * rng.standard_normal((400, 2)))
    pairs = {"half": half, "whole": SnapshotPairs(before=states, after=states), "lenient": blurred}
    reports = {name: closure_report(some, inputs=Coordinates(), rng=rng) for name, some in pairs.items()}
    axes = list(Figure().subplots(2, 2).flat)
    drawn = draw_closure_spectra(
        axes,
        reports,
        exact={"half": np.array([1.0, 0.0])},
        tolerances={"lenient": lenient},
    )
    titles = [panel.get_title(loc="left") + panel.get_title() for panel in drawn]
    assert titles == ["half\nnot closed", "whole\nexactly closed", "lenient\nclosed within tolerance"]
    assert [to_hex(panel.title.get_color()) for panel in drawn] == [ORANGE, GREEN, GREEN]
    rings = [line for line in drawn[0].lines if line.get_label() == "exact"]
    np.testing.assert_array_equal(rings[0].get_xydata(), [[1, 1.0], [2, 0.0]])
    assert [panel.get_ylabel() for panel in drawn[:2]] == ["canonical correlation σ", ""]
    assert len(drawn) == len(axes[0].figure.axes) == 3
    with pytest.raises(ValueError, match="a panel for each of 3 reports, got 2"):
        draw_closure_spectra(list(Figure().subplots(1, 2)), reports, exact={})
    with pytest.raises(ValueError, match="each of the 2 directions of 'half', got 3"):
        draw_closure_spectra(axes, reports, exact={"half": np.array([1.0, 1.0, 0.0])})


def test_outliers_are_marked_and_counted(ax):
    rng = np.random.default_rng(0)
    points = rng.standard_normal((200, 2))
    found = outlier_correspondence(points, points**3, resamples=19, rng=rng)
    draw_outliers(ax, found)
    assert [len(collection.get_offsets()) for collection in ax.collections] == [180, 20]
    assert f"{found.auroc.estimate:.3f}" in ax.get_title(loc="left") + ax.get_title()


def test_regions_show_every_outlier_as_a_cross_and_thin_out_the_rest(ax):
    rng = np.random.default_rng(0)
    states, clusters = rng.standard_normal((4500, 3)), np.arange(4500) % 2
    outlier = np.arange(4500) < 450
    draw_regions(ax, states, clusters, outlier, title="noise")
    points, crosses = ax.collections
    np.testing.assert_allclose(crosses.get_offsets(), states[:450, :2])
    assert 1000 < len(points.get_offsets()) <= 2000
    assert len(np.unique(points.get_facecolors(), axis=0)) == 2
    draw_regions(Figure().subplots(), states[:, :1], clusters, outlier)


def test_samples_are_points_in_a_square(ax):
    states = np.random.default_rng(0).standard_normal((50, 3))
    draw_samples(ax, states, extent=4.0, title="one step")
    np.testing.assert_allclose(ax.collections[0].get_offsets(), states[:, :2])
    assert ax.get_xlim() == ax.get_ylim() == (-4.0, 4.0)
    draw_marked(ax, states, states[:, 0] > 0)
    assert len(ax.collections[2].get_offsets()) == np.sum(states[:, 0] > 0)


def test_points_of_two_classes_have_two_colours(ax):
    states = np.random.default_rng(0).standard_normal((6, 2))
    draw_by_class(ax, states, np.array([0, 0, 1, 1, 8, 8]))
    colours = ax.collections[0].get_facecolors()
    assert not np.allclose(colours[0], colours[2])
    np.testing.assert_allclose(colours[0], colours[4])  # eight colours, then again from the first


def test_the_eigenvalues_of_every_gauge_are_drawn_with_those_of_this_one_in_front(ax):
    spectra = [np.array([0.5, 0.2 + 0.1j]), np.array([1.5j, -0.3])]
    found = GaugeExperiment(
        condition=10.0, largest_change=0.0, eigenvalues=np.array([0.9, -0.1j]), other_eigenvalues=tuple(spectra),
        dependent=(), invariant=(),
    )  # fmt: skip
    draw_gauge(ax, found)
    for line, values in zip(ax.lines[1:], [*spectra, found.eigenvalues], strict=True):
        np.testing.assert_array_equal(line.get_xdata() + 1j * line.get_ydata(), values)
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert names == ["random gauge 1", "random gauge 2", "this checkpoint's gauge"]


def test_training_curves_are_named_at_their_ends(ax):
    draw_training(ax, [1, 10], {"held-out error": [1.0, 0.1]})
    assert [text.get_text() for text in ax.texts] == ["held-out error"]
    assert ax.get_yscale() == "log"


def test_a_figure_saves_to_the_same_bytes_twice_with_embedded_fonts(tmp_path):
    draw = partial(draw_errors, errors={"model": interval(0.1, 0.09, 0.11), "mean": interval(1.0, 0.9, 1.1)})
    before = dict(mpl.rcParams)
    paths = [save_figure(figure_of(draw), tmp_path / name) for name in ("first", "second")]
    assert dict(mpl.rcParams) == before
    for first, second in zip(*paths, strict=True):
        assert first.read_bytes() == second.read_bytes()
    pdf = paths[0][0].read_bytes()
    assert b"/FontFile2" in pdf  # TrueType, embedded
    assert b"CreationDate" not in pdf


def test_a_figure_has_a_panel_for_each_drawing():
    states = np.zeros((2, 2))
    figure = figure_of(partial(draw_samples, states=states), partial(draw_samples, states=states))
    assert len(figure.axes) == 2


def test_images_stand_in_a_square_with_a_white_line_between_them():
    images = np.stack([np.full((2, 3), level) for level in (-1.0, 0.0, 1.0, 5.0, -1.0)])
    ax = Figure().subplots()
    sheet = np.asarray(draw_images(ax, images).images[0].get_array())
    assert sheet.shape == (2 * 2 + 1, 3 * 3 + 2), "five images: two rows of three columns"
    assert sheet[0, 0] == 0.0
    assert sheet[0, 4] == 0.5
    assert sheet[0, 3] == 1.0, "the line between the first and the second"
    assert sheet[3, 0] == 1.0, "clipped"


def test_what_is_not_an_image_is_refused():
    with pytest.raises(ValueError, match="expected images"):
        draw_images(Figure().subplots(), np.zeros((4, 2, 8, 8)))


def test_rows_of_images_stand_under_their_names():
    rows = {name: np.full((3, 2, 4), level) for name, level in (("teacher", 1.0), ("model", -1.0))}
    ax = draw_image_rows(Figure().subplots(), rows, title="the same noise")
    sheet = np.asarray(ax.images[0].get_array())
    assert sheet.shape == (2 * 2 + 1, 3 * 4 + 2), "two rows of three"
    assert (sheet[0, 0], sheet[3, 0]) == (1.0, 0.0)
    named = {text.get_text(): text.xy[1] for text in ax.texts}
    assert named == {"teacher": 0.5, "model": 3.5}, "in the middle of each row"


@pytest.mark.parametrize("rows", [{}, {"a": np.zeros((2, 8, 8)), "b": np.zeros((3, 8, 8))}])
def test_rows_of_images_are_equally_long(rows):
    with pytest.raises(ValueError, match="rows of equally many images"):
        draw_image_rows(Figure().subplots(), rows)


def test_quality_is_drawn_against_the_cost_of_each_training_over_what_is_not_trained(ax):
    curves = {
        "model": {20.0: interval(0.9, 0.8, 0.95), 2.0: interval(0.5, 0.4, 0.6)},
        "rival": {5.0: interval(1, 1, 1)},
    }
    draw_quality_against_cost(ax, curves, {"data": interval(0.99, 0.98, 1.0)}, label="agreement")
    model, rival, data = ax.lines
    assert [line.get_label() for line in ax.lines] == ["model", "rival", "data"]
    np.testing.assert_array_equal(model.get_xydata(), [[2.0, 0.5], [20.0, 0.9]], err_msg="by rising cost")
    np.testing.assert_array_equal(rival.get_xydata(), [[5.0, 1.0]])
    assert set(data.get_ydata()) == {0.99}
    bars, _ = ax.collections
    np.testing.assert_array_equal([bar[:, 1] for bar in bars.get_segments()], [[0.4, 0.6], [0.8, 0.95]])
    assert len({line.get_color() for line in ax.lines}) == 3
    assert (ax.get_xscale(), ax.get_ylabel()) == ("log", "agreement")


def test_a_way_to_train_that_reached_nothing_is_refused(ax):
    with pytest.raises(ValueError, match="got nothing of model"):
        draw_quality_against_cost(ax, {"model": {}}, {}, label="agreement")
