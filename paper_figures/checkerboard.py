"""One step against the teacher: where each noise goes, the teacher's samples, the model's.

The same held-out pairs in all three panels, coloured by the cell of the teacher's sample. A point of the last panel
outside the cells, or of another colour than its cell, is an error of the model.
"""

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from kdm.model import KoopmanDistillationModel
from kdm.presets import Preset
from kdm.teachers import Checkerboard
from kdm.training.distillation import load
from kdm.trajectories import Pairs, collect
from kdm.verification import train_with_bar
from koopman_analysis.figures import draw_by_class
from koopman_analysis.figures.style import PALE
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
    pairs, model = _distilled(preset, board, profile)
    pairs = pairs[:SHOWN]
    cells = board.labels(pairs.data).numpy()
    with torch.no_grad():
        step = model.generate(pairs.noise).numpy()
    width = profile.width_or(6.75)
    titles = (
        ("noise, by the cell it goes to", f"teacher, {preset.solver_steps} solver steps", "distilled model, one step")
        if width > ROOMY
        else ("noise", "teacher", "one step")
    )
    with styled_for_print():
        figure = Figure(figsize=(width, 0.36 * width), layout="constrained")
        panels = figure.subplots(1, 3)
        draw_by_class(panels[0], pairs.noise.numpy(), cells, title=titles[0], extent=3.2 * board.sigma_noise)
        panels[0].set(xticks=(-200, 0, 200), yticks=(-200, 0, 200))
        for ax, states, title in zip(panels[1:], (pairs.data.numpy(), step), titles[1:], strict=True):
            _draw_cells(ax, board)
            draw_by_class(ax, states, cells, title=title, extent=1.15 * board.half_width)
            ax.set(xticks=board.support.edges[::2], yticks=board.support.edges[::2])
        for ax in panels:
            ax.collections[0].set_sizes([POINT * width**2])
    return figure


def _distilled(preset: Preset, board: Checkerboard, profile: Profile) -> tuple[Pairs, KoopmanDistillationModel]:
    """The held-out pairs, and the model trained on the others."""
    folder = profile.work / "checkerboard"
    data = collect(
        board, preset.pairs, generator=torch.Generator().manual_seed(profile.seed), steps=preset.solver_steps,
        out=folder / "data", progress=True,
    )  # fmt: skip
    config = preset.seeded(profile.seed).distillation
    train_with_bar(config, data, folder / "run", device=torch.device("cpu"), preset=preset.name, progress=True)
    return data.heldout(), load(folder / "run")


def _draw_cells(ax: Axes, board: Checkerboard) -> None:
    for corner in board.support.corners.tolist():
        ax.add_patch(Rectangle(corner, board.cell, board.cell, fc=PALE, ec="none", zorder=0))
