"""How much of the data's quadratic functions is linear in a dictionary of the noise, against its dimension.

Always the same five output directions, the polynomials of degree 1 and 2 in the data; the input dictionary grows in
nested families. Two answers are known beforehand, and bracket the third:

    Gaussian data       the flow is affine, so polynomials of degree 2 are closed: defect 0 from dimension 6 on     (1)
    unrelated pairs     no function of the noise says anything of the data: defect 1 at every dimension             (2)
    checkerboard        a flow from one mode to eight cells is not polynomial: the defect falls slowly              (3)

Heun's method carries an affine flow into an affine map, so what remains in (1) is not the error of the solver but the
rounding of the stored numbers to single precision. The families end where half the pairs still determine their least
squares: polynomials of degree 7 and more are fitted to the few largest noises, and their held-out defect rises with the
dimension, which that of the population never does.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kdm.teachers import named
from kdm.trajectories import collect
from koopman_analysis import (
    Constant,
    Coordinates,
    Dictionary,
    Hermite,
    Interval,
    RandomFourier,
    SnapshotPairs,
    closure_sweep,
)
from koopman_analysis.figures import draw_defect_against_dimension
from koopman_analysis.figures.style import BLUE, GREEN, GREY, PINK
from paper_figures.printing import styled_for_print
from paper_figures.profile import Profile

DEGREES = range(1, 7)
WAVES = (4, 4, 8, 16, 32, 64)
"""Fourier features that each member of the family has beyond those of the one before it."""
NOISE = 80.0
"""Standard deviation of the noise."""
TOLERANCE = 0.01
COLOURS = (BLUE, GREY, GREEN, PINK)
"""Of the curves, in their order; grey is for the control."""


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """The defect of a nested family of dictionaries on one set of pairs.

    Attributes:
        label: What stands beside the curve.
        dimensions: Number of functions of each member, the constant included.
        defects: The defect of each member.
    """

    label: str
    dimensions: Sequence[int]
    defects: Sequence[Interval]


def sweeps(profile: Profile) -> tuple[Sweep, Sweep, Sweep, Sweep]:
    """Gaussian data, unrelated pairs and the checkerboard in polynomials, and the checkerboard in Fourier features."""
    n = 2000 if profile.fast else 20_000
    rng = np.random.default_rng(profile.seed)
    board, gaussian = (_pairs_of(name, n, profile) for name in ("checkerboard", "gaussian"))
    hermite = [Hermite(degree, scale=NOISE) for degree in DEGREES]
    return (
        _swept("Gaussian data", gaussian, hermite, seed=profile.seed),
        _swept("unrelated pairs", board.shuffled(rng=rng), hermite, seed=profile.seed),
        _swept("checkerboard,\nHermite", board, hermite, seed=profile.seed),
        _swept("checkerboard,\nFourier", board, _fourier_family(rng), seed=profile.seed),
    )


def drawn(profile: Profile) -> Figure:
    """The four curves with their intervals and the tolerance, above; what rounding leaves of the first, below."""
    gaussian, unrelated, hermite, fourier = sweeps(profile)
    width = profile.width_or(4.5)
    with styled_for_print():
        figure = Figure(figsize=(width, 0.25 * width + 1.6), layout="constrained")
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        _draw(above, gaussian, unrelated, hermite, fourier)
        _draw(below, gaussian)
        _name(above, unrelated, beside=-1, offset=(5, 0))
        _name(above, hermite, beside=3, offset=(-3, -11), ha="right")
        _name(above, fourier, beside=4, offset=(6, 5))
        _name(below, gaussian, beside=-1, offset=(5, 0))
        above.texts[0].xy = (0.66, TOLERANCE)
        below.texts[0].remove()
        above.set(ylim=(0.6 * TOLERANCE, 1.6), xlabel="", ylabel="")
        below.set(ylim=(1e-16, 1e-12), ylabel="", yticks=(1e-16, 1e-14, 1e-12))
        _break_between(above, below)
        figure.supylabel("defect (share of variance)", fontsize="medium")
    return figure


def _swept(label: str, pairs: SnapshotPairs, family: Sequence[Dictionary], *, seed: int) -> Sweep:
    outputs = Hermite(2).fitted(pairs.after)
    reports = closure_sweep(pairs, family=family, outputs=outputs, rng=np.random.default_rng(seed))
    return Sweep(
        label=label, dimensions=[member.size for member in family], defects=[report.defect for report in reports]
    )


def _fourier_family(rng: np.random.Generator) -> list[Dictionary]:
    """Affine functions, and more and more waves, each member with all those of the one before it."""
    family: list[Dictionary] = [Constant() + Coordinates()]
    for count in WAVES:
        family.append(family[-1] + RandomFourier(count, NOISE / 4, rng=rng))
    return family


def _pairs_of(name: str, n: int, profile: Profile) -> SnapshotPairs:
    data = collect(
        named(name), n, generator=torch.Generator().manual_seed(profile.seed), steps=128,
        out=profile.work / f"{name}-{n}", progress=True,
    )  # fmt: skip
    return SnapshotPairs(before=data.noise.astype(np.float64), after=data.data.astype(np.float64))


def _draw(ax: Axes, *curves: Sweep) -> None:
    """The curves without a legend: their names stand beside them."""
    ax.set_prop_cycle(color=COLOURS)
    for curve in curves:
        draw_defect_against_dimension(ax, curve.dimensions, curve.defects, tolerance=TOLERANCE, label=curve.label)
    ax.get_legend().remove()
    ax.minorticks_off()
    for line in ax.lines:
        line.set_markersize(rcParams["lines.markersize"])
    ax.texts[0].set_fontsize("medium")


def _name(ax: Axes, curve: Sweep, *, beside: int, offset: tuple[float, float], ha: str = "left") -> None:
    """The curve's name in its colour, `offset` points from one of its members."""
    (line,) = (line for line in ax.lines if line.get_label() == curve.label)
    member = (curve.dimensions[beside], curve.defects[beside].estimate)
    ax.annotate(
        curve.label, member, xytext=offset, textcoords="offset points", ha=ha, va="center", color=line.get_color(),
        bbox={"fc": "white", "ec": "none", "pad": 0.8}, zorder=1.5,
    )  # fmt: skip


def _break_between(above: Axes, below: Axes) -> None:
    """Marks that the decades between the panels are left out."""
    above.spines["bottom"].set_visible(False)
    above.tick_params(axis="x", length=0)
    stroke = {"marker": [(-1, -0.5), (1, 0.5)], "color": GREY, "ls": "none", "ms": 6, "mew": 0.8, "clip_on": False}
    above.plot([0], [0], transform=above.transAxes, **stroke)
    below.plot([0], [1], transform=below.transAxes, **stroke)
