"""Galleries and interpolations show what they are given."""

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from koopman_analysis.figures import (
    draw_departures,
    draw_gallery,
    draw_interpolations,
    draw_path_measures,
    draw_paths,
)
from koopman_analysis.figures.style import ORANGE
from koopman_analysis.interpolation import cross_fades, interpolation_study
from koopman_analysis.retrieval import nearest_objects

SHARES = np.linspace(0.0, 1.0, 5)


@pytest.fixture
def ax():
    return Figure(layout="constrained").subplots()


@pytest.fixture
def study():
    rng = np.random.default_rng(0)
    start, end, real, fresh = (rng.standard_normal((n, 2)) for n in (9, 9, 100, 100))
    straight = cross_fades(start, end, shares=SHARES)
    bent = straight + np.sin(np.pi * SHARES)[None, :, None]
    return interpolation_study({"straight": straight, "bent": bent}, shares=SHARES, real=real, fresh=fresh, rng=rng)


def gallery(ax, **further):
    rng = np.random.default_rng(0)
    labels = rng.integers(2, size=40)
    spaces = {"near": labels[:, None] + 0.01 * rng.standard_normal((40, 1)), "blind": rng.standard_normal((40, 2))}
    found = nearest_objects(spaces, labels, neighbours=3, resamples=19, rng=rng)
    return found, draw_gallery(ax, found, rng.uniform(-1, 1, (40, 4, 4)), **further)


def test_a_gallery_shows_each_query_with_its_neighbours_and_marks_those_of_another_label(ax):
    found, _ = gallery(ax)
    assert len(ax.images) == 2 * (1 + 3 + 3)
    marked = [patch for patch in ax.patches if to_hex(patch.get_edgecolor()) == ORANGE]
    assert found.alike("near").all()
    assert 0 < len(marked) == np.sum(~found.alike("blind"))
    bold = [text for text in ax.texts if text.get_fontweight() == "bold"]
    assert len(bold) == len(marked)
    assert all(to_hex(text.get_color()) == ORANGE for text in bold)


def test_a_gallery_says_how_often_neighbours_are_alike_over_all_objects(ax):
    found, _ = gallery(ax, most=2)
    assert len(ax.images) == 2 * (1 + 2 + 2)
    written = " ".join(text.get_text() for text in ax.texts)
    for interval in found.agreements().values():
        assert f"{100 * interval.estimate:.0f} % alike" in written


def test_a_gallery_needs_the_image_of_every_object(ax):
    rng = np.random.default_rng(0)
    found = nearest_objects({"a": rng.standard_normal((9, 1))}, np.arange(9) % 2, neighbours=2, resamples=9, rng=rng)
    with pytest.raises(ValueError, match="an image for each of 9 objects, got 8"):
        draw_gallery(ax, found, np.zeros((8, 4, 4)))


def test_interpolations_stand_one_way_above_the_other_with_the_ends_named(ax):
    ways = {"latent": np.zeros((5, 3, 3)), "cross-fade": np.ones((5, 3, 3))}
    draw_interpolations(ax, ways, shares=SHARES, title="3 to 8")
    assert [label.get_text() for label in ax.get_yticklabels()] == list(ways)
    assert [label.get_text() for label in ax.get_xticklabels()] == ["s = 0", "s = 0.5", "s = 1"]
    assert [float(np.mean(image.get_array())) for image in ax.images] == [0.5] * 5 + [1.0] * 5
    with pytest.raises(ValueError, match="an image at each of 5 shares of 'short', got 4"):
        draw_interpolations(ax, {"short": np.zeros((4, 3, 3))}, shares=SHARES)


def test_paths_are_drawn_over_the_data_with_their_ends_marked(ax):
    rng = np.random.default_rng(0)
    paths = rng.standard_normal((2, 5, 2))
    draw_paths(ax, paths, behind=rng.standard_normal((30, 2)), title="latent", extent=4.0)
    lines = [line for line in ax.lines if line.get_marker() == "None"]
    for path, line in zip(paths, lines, strict=True):
        np.testing.assert_array_equal(line.get_xydata(), path)
    ends = [line for line in ax.lines if len(line.get_xdata()) == 2]
    np.testing.assert_array_equal(ends[1].get_xydata(), paths[1, [0, -1]])
    assert ax.get_xlim() == ax.get_ylim() == (-4.0, 4.0)
    assert len(ax.collections[0].get_offsets()) == 30


def test_departures_are_drawn_along_the_way_and_named_at_its_end(ax, study):
    draw_departures(ax, study)
    for way, line in zip(study.ways, ax.lines[1:], strict=True):
        np.testing.assert_array_equal(line.get_ydata(), [interval.estimate for interval in study.along[way]])
    assert [text.get_text() for text in ax.texts] == list(study.ways)
    heights = {text.get_text(): text.xy[1] for text in ax.texts}
    low, high = ax.get_ylim()
    assert abs(heights["bent"] - heights["straight"]) >= 0.06 * (high - low)
    draw_departures(other := Figure().subplots(), study, ways=("bent",))
    assert [text.get_text() for text in other.texts] == ["bent"]


def test_a_quantity_of_each_way_is_drawn_with_its_interval_and_number(ax, study):
    draw_path_measures(ax, study, study.length, label="length")
    assert [label.get_text() for label in ax.get_yticklabels()] == list(study.ways)
    bars = [line for line in ax.lines if len(line.get_xdata()) == 2 and line.get_linewidth() > 2]
    for bar, interval in zip(bars, study.length.intervals(), strict=True):
        assert tuple(bar.get_xdata()) == (interval.low, interval.high)
    assert [text.get_text() for text in ax.texts] == [f"{value:.2f}" for value in study.length.estimate]
    draw_path_measures(other := Figure().subplots(), study, study.jump, label="jump", names=False)
    assert {label.get_text() for label in other.get_yticklabels()} == {""}
