"""One step against the teacher: where each noise goes, the teacher's samples, the model's."""

import numpy as np
import torch
from matplotlib.figure import Figure

from kdm.training.distillation import load
from kdm.trajectories import collect
from kdm.verification import train_with_bar
from koopman_analysis.figures import draw_by_class, figure_of
from paper_figures.profile import Profile


def drawn(profile: Profile) -> Figure:
    """Held-out noise coloured by the cell of its data; the data; one step of the model from the same noise."""
    preset = profile.preset("checkerboard")
    data = collect(
        preset.teacher_object(), preset.pairs, generator=torch.Generator().manual_seed(profile.seed),
        steps=preset.solver_steps, out=profile.work / "checkerboard" / "data", progress=True,
    )  # fmt: skip
    run = profile.work / "checkerboard" / "run"
    config = preset.seeded(profile.seed).distillation
    train_with_bar(config, data, run, device=torch.device("cpu"), preset=preset.name, progress=True)
    heldout = data.heldout()
    with torch.no_grad():
        step = load(run).generate(heldout.noise).numpy()
    cells = np.unique(heldout.labels.numpy(), return_inverse=True)[1]
    return figure_of(
        lambda ax: draw_by_class(ax, heldout.noise.numpy(), cells, title="noise, by the cell it goes to", extent=240),
        lambda ax: draw_by_class(ax, heldout.data.numpy(), cells, title="teacher, 64 steps", extent=4.6),
        lambda ax: draw_by_class(ax, step, cells, title="one step", extent=4.6),
        size=profile.size(6.75, 0.37),
    )
