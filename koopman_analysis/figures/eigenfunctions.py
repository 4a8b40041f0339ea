"""Functions of states in the plane: their level sets."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import hsv_to_rgb

from koopman_analysis.figures.style import INK
from koopman_analysis.shapes import Complex, Float

LEVELS = 13


def draw_function(
    ax: Axes, values: Complex[np.ndarray, "rows columns"], *, x: Float[np.ndarray, " columns"],
    y: Float[np.ndarray, " rows"],
) -> Axes:  # fmt: skip
    """A complex function of the plane: its phase as colour, level sets of its modulus as lines.

    A function that is real, up to a factor, is drawn as filled level sets of its values, zero in the middle.
    """
    turned = values * np.exp(-1j * np.angle((values**2).sum()) / 2)
    if np.linalg.norm(turned.imag) <= 1e-6 * np.linalg.norm(turned):
        most = float(np.abs(turned.real).max()) or 1.0
        levels = np.linspace(-most, most, LEVELS)
        ax.contourf(x, y, turned.real, levels=levels, cmap="RdBu_r")
        ax.contour(x, y, turned.real, levels=levels, colors=INK, linewidths=0.3)
    else:
        hue = np.mod(np.angle(values) / (2 * np.pi), 1.0)
        colours = hsv_to_rgb(np.stack([hue, np.full(hue.shape, 0.45), np.full(hue.shape, 0.95)], axis=-1))
        ax.imshow(colours, extent=(x[0], x[-1], y[0], y[-1]), origin="lower", aspect="auto", interpolation="bilinear")
        ax.contour(x, y, np.abs(values), levels=LEVELS // 2, colors=INK, linewidths=0.5)
    ax.set(aspect="equal", xlabel="x₁", ylabel="x₂")
    return ax
