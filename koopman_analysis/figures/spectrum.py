"""Eigenvalues in the complex plane, and the residuals that say which of them the data bear out."""

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.ticker import MaxNLocator

from koopman_analysis.figures.style import BLUE, GREY, INK, ORANGE, PALE, mark_bound
from koopman_analysis.pseudospectrum import Pseudospectrum
from koopman_analysis.spectrum import Eigenpairs

SMALLEST = 1e-16
"""Residuals below this are drawn at it: a logarithmic axis has no zero."""


def draw_eigenvalues(ax: Axes, eigenpairs: Eigenpairs, *, exact: np.ndarray | None = None) -> Axes:
    """Eigenvalues with the unit circle, dark where the residual is small; crosses mark those known to be exact.

    Raises:
        ValueError: If there are no residuals.
    """
    residuals = _residuals(eigenpairs)
    circle = np.exp(1j * np.linspace(0.0, 2.0 * np.pi, 361))
    ax.plot(circle.real, circle.imag, color=PALE, lw=1.0, zorder=0)
    order = np.argsort(-residuals)
    dots = ax.scatter(
        eigenpairs.eigenvalues.real[order], eigenpairs.eigenvalues.imag[order], c=residuals[order],
        cmap="cividis", norm=LogNorm(max(residuals.min(), SMALLEST), max(residuals.max(), 10 * SMALLEST)), s=28, lw=0,
    )  # fmt: skip
    if exact is not None:
        ax.plot(np.real(exact), np.imag(exact), "x", color=ORANGE, ms=5, mew=0.9, label="exact")
        ax.legend(loc="upper left")
    ax.figure.colorbar(dots, ax=ax, label="residual", shrink=0.8)
    ax.set(xlabel="Re λ", ylabel="Im λ", aspect="equal")
    ax.grid(color=PALE)
    return ax


def draw_pseudospectrum(
    ax: Axes, pseudospectrum: Pseudospectrum, *, eigenvalues: np.ndarray, trusted: np.ndarray | None = None,
    label: str = "least residual",
) -> Axes:  # fmt: skip
    """Contours of the least residual, or of the distance to singularity, with eigenvalues and the unit circle.

    Args:
        ax: Where to draw.
        pseudospectrum: Over a grid.
        eigenvalues: Dots.
        trusted: Which of them are filled; all where None.
        label: What the values are.
    """
    points, values = pseudospectrum.points, np.maximum(pseudospectrum.values, SMALLEST)
    levels = _round_levels(max(float(np.quantile(values, 0.01)), 1e-8 * float(values.max())), float(values.max()))
    drawn = ax.contourf(
        points.real, points.imag, values, levels=levels, cmap="cividis", norm=LogNorm(levels[0], levels[-1]),
        extend="both",
    )  # fmt: skip
    circle = np.exp(1j * np.linspace(0.0, 2.0 * np.pi, 361))
    ax.plot(circle.real, circle.imag, color="white", lw=0.9, ls=(0, (4, 3)))
    filled = np.ones(len(eigenvalues), dtype=bool) if trusted is None else trusted
    for mask, face in ((filled, ORANGE), (~filled, "none")):
        ax.plot(eigenvalues.real[mask], eigenvalues.imag[mask], "o", mfc=face, mec=ORANGE, ms=5, mew=1.2, ls="none")
    bar = ax.figure.colorbar(drawn, ax=ax, label=label, shrink=0.85, ticks=levels, format="%g")
    bar.ax.minorticks_off()
    ax.set(xlabel="Re z", ylabel="Im z", aspect="equal")
    return ax


def _round_levels(low: float, high: float) -> np.ndarray:
    """At most ten levels between these values, round ones: as close as that allows, powers of ten where many fit."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for factors in ((1, 1.5, 2, 3, 4, 6, 8), (1, 2, 5), (1, 3), (1,)):
        levels = np.array([factor * 10.0**decade for decade in decades for factor in factors])
        inside = levels[(levels >= low) & (levels <= high)]
        if len(inside) <= 10:
            break
    return inside if len(inside) > 1 else np.array([low, max(high, 2.0 * low)])


def draw_residuals(
    ax: Axes, eigenpairs: Eigenpairs, *, true: np.ndarray | None = None, bound: float | None = None
) -> Axes:
    """Residuals in the order of the eigenpairs, above their rounding floor; those known to be true are filled.

    Where a bound is given, it is the largest residual of an eigenvalue that is believed, drawn as a line.

    Raises:
        ValueError: If there are no residuals.
    """
    residuals, position = _residuals(eigenpairs), np.arange(1, len(eigenpairs) + 1)
    filled = np.ones(len(eigenpairs), dtype=bool) if true is None else true
    for mask, face, name in ((filled, BLUE, "true"), (~filled, "white", "spurious")):
        label = None if true is None else name
        ax.plot(position[mask], residuals[mask], "o", mfc=face, mec=BLUE, ls="none", label=label)
    if eigenpairs.floor is not None:
        ax.plot(position, np.maximum(eigenpairs.floor, SMALLEST), color=GREY, lw=1.0, label="rounding")
    if bound is not None:
        mark_bound(ax, bound)
    ax.set_yscale("log")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set(xlabel="position in the list", ylabel="residual" + (", held out" if eigenpairs.held_out else ", in sample"))
    if ax.get_legend_handles_labels()[0]:
        ax.legend(labelcolor=INK)
    ax.grid(axis="y")
    return ax


def _residuals(eigenpairs: Eigenpairs) -> np.ndarray:
    if eigenpairs.residuals is None:
        raise ValueError(f"expected eigenpairs with residuals, got none: {eigenpairs.remark}")
    return np.maximum(eigenpairs.residuals, SMALLEST)
