"""What linearity buys: the paired error of each ablation relative to the plain model's, on each data set.

    a / b, the geometric mean over seeds, with its paired t interval at 95 %  (`koopman_analysis.studies`, equation 2)

The numbers are those of the committed benchmark; `python -m tests.benchmarks ablations` measures them anew. To the
right of 1 the change costs, to the left it buys.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from koopman_analysis import Interval
from koopman_analysis.figures import draw_ratios
from paper_figures.printing import styled_for_print
from paper_figures.profile import Profile

MEASURED = Path(__file__).parents[1] / "tests" / "benchmarks" / "results" / "ablations.json"
EACH = 1
"""Which of the benchmark's tables compares on each data set."""
DATA, ABLATION, RATIO = "data", "changed", "paired error, × plain"
"""Columns of that table."""
LARGEST = 2.0
"""Where the axis ends: the ratio of random encoders would leave no room to tell the others apart."""
TICKS = (0.5, 0.7, 1.0, 1.4, LARGEST)
ROOMY = 4.5
"""Inches from which three panels fit side by side."""


def ratios(path: Path = MEASURED) -> dict[str, dict[str, Interval]]:
    """The ratio of each ablation, by the name of the data set."""
    rows = json.loads(path.read_text())["tables"][EACH]
    found: dict[str, dict[str, Interval]] = {}
    for row in rows:
        found.setdefault(row[DATA], {})[row[ABLATION]] = Interval(**row[RATIO])
    return found


def drawn(profile: Profile) -> Figure:
    """A panel for each data set, a row for each ablation."""
    found = ratios()
    width = profile.width_or(6.75)
    columns = 3 if width > ROOMY else 2
    lines = -(-len(found) // columns)
    with styled_for_print():
        figure = Figure(figsize=(width, 1.15 * lines + 0.2), layout="constrained")
        panels = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False)
        _draw(panels.ravel().tolist(), found)
        figure.supxlabel("paired error, relative to the plain model (logarithmic)", fontsize="medium")
    return figure


def _draw(panels: list[Axes], found: Mapping[str, Mapping[str, Interval]]) -> None:
    """The panels on one axis, with the markers of print."""
    for ax in panels[len(found) :]:
        ax.set_visible(False)
    shown = panels[: len(found)]
    for ax, (data, of) in zip(shown, found.items(), strict=True):
        draw_ratios(ax, of, label="", largest=LARGEST)
        ax.set_title(data)
        for line in ax.lines:
            line.set_markersize(rcParams["lines.markersize"])
    lowest = min(interval.low for of in found.values() for interval in of.values())
    shown[0].set(xlim=(min(0.9, lowest / 1.05), 1.08 * LARGEST), xticks=TICKS)
    shown[0].xaxis.set_minor_locator(NullLocator())
