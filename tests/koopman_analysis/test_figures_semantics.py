"""Pictures of a study: the numbers are read back from what was drawn."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from koopman_analysis.figures import draw_midway, draw_semantic_values
from koopman_analysis.figures.style import BLUE, GREY, ORANGE
from koopman_analysis.semantics import ClassQuestion, Objects, SameClass, StatesOnTheWay, semantic_study
from koopman_analysis.similarity import SameClassAuroc

QUESTION = ClassQuestion(measure=SameClass(), statistic=SameClassAuroc())
WAY = StatesOnTheWay(positions=(8.0, 2.0, 0.5), middle=1, states=np.zeros((1, 3, 2)))


@pytest.fixture(scope="module")
def study():
    rng = np.random.default_rng(0)
    states = rng.standard_normal((40, 2))
    objects = Objects(states=states, labels=(states[:, 0] > 0).astype(np.int64))
    noise = rng.standard_normal((40, 2))
    way = {name: states + sigma * noise for name, sigma in zip(WAY.names, WAY.positions, strict=True)}
    middle = WAY.names[WAY.middle]
    return semantic_study(
        states * np.array([3.0, 1.0]), objects, [QUESTION],
        controls={"noise": noise, middle: way.pop(middle)}, references={**way, "the data": states},
        resamples=9, shuffles=0, rng=rng,
    )  # fmt: skip


@pytest.fixture
def ax():
    return Figure(layout="constrained").subplots()


def test_values_are_drawn_for_every_representation_and_hollow_where_they_need_not_be_exceeded(ax, study):
    draw_semantic_values(ax, study, QUESTION.name)
    values = study.values(QUESTION.name)
    dots = [line for line in ax.lines if line.get_marker() == "o"]
    assert [label.get_text() for label in ax.get_yticklabels()] == list(values)
    np.testing.assert_allclose(
        [dot.get_xdata()[0] for dot in dots], [interval.estimate for interval in values.values()]
    )  # fmt: skip
    assert [dot.get_color() for dot in dots] == [BLUE, ORANGE, ORANGE, GREY, GREY, GREY]
    assert [dot.get_markerfacecolor() == "white" for dot in dots] == [False] * 3 + [True] * 3


def test_the_way_runs_from_noise_to_data_with_the_latent_space_across(ax, study):
    draw_midway(ax, study, QUESTION.name, WAY)
    values = study.values(QUESTION.name)
    curve = next(line for line in ax.lines if len(line.get_xdata()) == 3)
    np.testing.assert_allclose(curve.get_ydata(), [values[name].estimate for name in WAY.names])
    assert ax.xaxis_inverted()
    assert ax.get_xscale() == "log"
    heights = [line.get_ydata()[0] for line in ax.lines if len(set(line.get_ydata())) == 1]
    assert values["latent"].estimate in heights
    assert values["the data"].estimate in heights
    assert {text.get_text() for text in ax.texts} == {"latent", "noise", "the data"}
