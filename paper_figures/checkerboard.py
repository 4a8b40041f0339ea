"""One step against the teacher: where each noise goes, the teacher's samples, the model's.

The same held-out pairs in all three panels, coloured by the cell of the teacher's sample. A point of the last panel
outside the cells, or of another colour than its cell, is an error of the model.
"""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from kdm.teachers import Checkerboard
from koopman_analysis.figures import draw_by_class
from koopman_analysis.figures.style import PALE
from paper_figures.experiments import distilled
from paper_figures.printing import styled_for_print
from paper_figures.profile import Profile

SHOWN = 3000
"""Points in each panel: enough to fill the cells, few enough to be told apart."""
POINT = 0.06
"""Area of a point in square points (1/72 inch), in a figure of one inch; it grows with the area of the figure."""
ROOMY = 4.5
"""Inches from which a panel is wide enough for a long title."""


def drawn(profile: Profile) -> Figure:
    """Held-out noise coloured by the cell of its data; the data; one step of the model from the same noise."""
    preset, board = profile.preset("checkerboard"), Checkerboard()
    found = distilled("checkerboard", profile)
    noise, data, cells = found.heldout.before[:SHOWN], found.heldout.after[:SHOWN], found.classes[:SHOWN]
    step = found.subject.one_step(noise)
    width = profile.width_or(6.75)
    titles = (
        ("noise, by the cell it goes to", f"teacher, {preset.solver_steps} solver steps", "distilled model, one step")
        if width > ROOMY
        else ("noise", "teacher", "one step")
    )
    with styled_for_print():
        figure = Figure(figsize=(width, 0.36 * width), layout="constrained")
        panels = figure.subplots(1, 3)
        draw_by_class(panels[0], noise, cells, title=titles[0], extent=3.2 * board.sigma_noise)
        panels[0].set(xticks=(-200, 0, 200), yticks=(-200, 0, 200))
        for ax, states, title in zip(panels[1:], (data, step), titles[1:], strict=True):
            _draw_cells(ax, board)
            draw_by_class(ax, states, cells, title=title, extent=1.15 * board.half_width)
            ax.set(xticks=board.support.edges[::2], yticks=board.support.edges[::2])
        for ax in panels:
            ax.collections[0].set_sizes([POINT * width**2])
    return figure


def _draw_cells(ax: Axes, board: Checkerboard) -> None:
    for corner in board.support.corners.tolist():
        ax.add_patch(Rectangle(corner, board.cell, board.cell, fc=PALE, ec="none", zorder=0))
