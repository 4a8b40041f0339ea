"""Training: losses and held-out errors against optimiser steps."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes


def draw_training(
    ax: Axes, steps: Sequence[int], curves: Mapping[str, Sequence[float]], *, label: str = "loss"
) -> Axes:
    """Curves against steps on a logarithmic axis, each named at its right end instead of in a legend."""
    for name, values in curves.items():
        (line,) = ax.plot(steps, values)
        ax.annotate(
            name, (steps[-1], values[-1]), xytext=(5, 0), textcoords="offset points", va="center",
            color=line.get_color(), fontsize=8, annotation_clip=False,
        )  # fmt: skip
    ax.set_yscale("log")
    ax.set(xlabel="optimiser step", ylabel=label)
    ax.grid(axis="y")
    return ax
