"""One model, many spectra: the eigenvalues of K in this checkpoint's gauge and in others, of the same predictions."""

import numpy as np
from matplotlib.axes import Axes

from koopman_analysis.figures.style import BLUE, GREEN, GREY, INK, ORANGE, PALE, PINK, SKY, YELLOW
from koopman_analysis.gauge import GaugeExperiment

OTHERS = (ORANGE, GREEN, PINK, YELLOW, SKY)


def draw_gauge(ax: Axes, experiment: GaugeExperiment) -> Axes:
    """Eigenvalues in the complex plane with the unit circle, those of this checkpoint's gauge in front.

    Args:
        ax: Where to draw.
        experiment: What was measured.
    """
    circle = np.exp(1j * np.linspace(0.0, 2.0 * np.pi, 361))
    ax.plot(circle.real, circle.imag, color=GREY, lw=0.8, zorder=0)
    for number, values in enumerate(experiment.other_eigenvalues):
        colour = OTHERS[number % len(OTHERS)]
        ax.plot(values.real, values.imag, "o", color=colour, ms=3, alpha=0.7, mew=0, label=f"random gauge {number + 1}")
    here = experiment.eigenvalues
    ax.plot(here.real, here.imag, "o", color=BLUE, mec="white", mew=0.4, ms=4.5, label="this checkpoint's gauge")
    ax.set(xlabel="Re λ", ylabel="Im λ", aspect="equal", title="one model, the same predictions")
    ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), labelcolor=INK)
    ax.grid(color=PALE)
    return ax
