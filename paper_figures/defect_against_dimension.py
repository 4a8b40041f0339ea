"""How much of the data's quadratic functions is linear in a dictionary of the noise, against its dimension.

Always the same five output directions, the polynomials of degree 1 and 2 in the data; the input dictionary grows in
nested families. Two answers are known beforehand, and bracket the third:

    Gaussian data       the flow is affine, so polynomials of degree 2 are closed: defect 0 from dimension 6 on     (1)
    unrelated pairs     no function of the noise says anything of the data: defect 1 at every dimension             (2)
    checkerboard        a flow from one mode to eight cells is not polynomial: the defect falls slowly              (3)

Heun's method carries an affine flow into an affine map, so what remains in (1) is not the error of the solver but the
rounding of the stored numbers to single precision. The families end where half the pairs still determine their least
squares: polynomials of degree 7 and more are fitted to the few largest noises, and their held-out defect rises with the
dimension, which that of the population never does. The bands hold at all dimensions of a family at once
(`koopman_analysis.dimension.sweep`).
"""

from collections.abc import Mapping
from functools import partial

import numpy as np
import torch
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kdm.teachers import named
from kdm.trajectories import collect
from koopman_analysis import Constant, Coordinates, Dictionary, Hermite, RandomFourier, SnapshotPairs
from koopman_analysis.dimension import Curve, NestedFamily, dimension_sweep, polynomial_family
from koopman_analysis.figures import draw_sweep
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


AFFINE, UNRELATED = "Gaussian data", "unrelated pairs"
POLYNOMIALS, FOURIER = "checkerboard,\nHermite", "checkerboard,\nFourier"
"""What stands beside the curves."""


def curves(profile: Profile) -> dict[str, Curve]:
    """The defect of Gaussian data, unrelated pairs and the checkerboard in polynomials, and of the latter in waves."""
    n = 2000 if profile.fast else 20_000
    rng = np.random.default_rng(profile.seed)
    board, gaussian = (_pairs_of(name, n, profile) for name in ("checkerboard", "gaussian"))
    polynomials = polynomial_family(partial(Hermite, scale=NOISE), DEGREES)
    asked = {
        AFFINE: (gaussian, polynomials),
        UNRELATED: (board.shuffled(rng=rng), polynomials),
        POLYNOMIALS: (board, polynomials),
        FOURIER: (board, _waves(rng)),
    }
    return {
        name: dimension_sweep(
            pairs, family=family, outputs=Hermite(2).fitted(pairs.after), rng=np.random.default_rng(profile.seed)
        ).defect
        for name, (pairs, family) in asked.items()
    }


def drawn(profile: Profile) -> Figure:
    """The four curves in their bands with the tolerance, above; what rounding leaves of the first, below."""
    found = curves(profile)
    width = profile.width_or(4.5)
    with styled_for_print():
        figure = Figure(figsize=(width, 0.25 * width + 1.6), layout="constrained")
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        _draw(below, {AFFINE: found[AFFINE]})
        _draw(above, found, tolerance=TOLERANCE)  # the last one decides the axis that both share
        above.texts[0].set(text=f"closed below {TOLERANCE:g}", fontsize="medium")
        above.texts[0].xy = (0.66, TOLERANCE)
        _name(above, UNRELATED, found, beside=-1, offset=(5, 0))
        _name(above, POLYNOMIALS, found, beside=3, offset=(-3, -11), ha="right")
        _name(above, FOURIER, found, beside=4, offset=(6, 5))
        _name(below, AFFINE, found, beside=-1, offset=(5, 0))
        above.set(ylim=(0.6 * TOLERANCE, 1.6), xlabel="", ylabel="")
        below.set(ylim=(1e-16, 1e-12), xlabel="dimension of the dictionary", ylabel="", yticks=(1e-16, 1e-14, 1e-12))
        _break_between(above, below)
        figure.supylabel("defect (share of variance)", fontsize="medium")
    return figure


def _waves(rng: np.random.Generator) -> NestedFamily:
    """Affine functions, and more and more waves, each member with all those of the one before it."""
    members: list[Dictionary] = [Constant() + Coordinates()]
    for count in WAVES:
        members.append(members[-1] + RandomFourier(count, NOISE / 4, rng=rng))
    return NestedFamily(name="waves, by number", members=tuple(members))


def _pairs_of(name: str, n: int, profile: Profile) -> SnapshotPairs:
    data = collect(
        named(name), n, generator=torch.Generator().manual_seed(profile.seed), steps=128,
        out=profile.work / f"{name}-{n}", progress=True,
    )  # fmt: skip
    return SnapshotPairs(before=data.noise.astype(np.float64), after=data.data.astype(np.float64))


def _draw(ax: Axes, found: Mapping[str, Curve], *, tolerance: float | None = None) -> None:
    """The curves without a legend: their names stand beside them."""
    ax.set_prop_cycle(color=COLOURS)
    draw_sweep(ax, found, tolerance=tolerance)
    if legend := ax.get_legend():
        legend.remove()
    ax.minorticks_off()
    for line in ax.lines:
        line.set_markersize(rcParams["lines.markersize"])


def _name(
    ax: Axes, name: str, found: Mapping[str, Curve], *, beside: int, offset: tuple[float, float], ha: str = "left"
) -> None:
    """The curve's name in its colour, `offset` points from one of its members."""
    (line,) = (line for line in ax.lines if line.get_label() == name)
    member = (found[name].dimensions[beside], found[name].estimates[beside])
    ax.annotate(
        name, member, xytext=offset, textcoords="offset points", ha=ha, va="center", color=line.get_color(),
        bbox={"fc": "white", "ec": "none", "pad": 0.8}, zorder=1.5,
    )  # fmt: skip


def _break_between(above: Axes, below: Axes) -> None:
    """Marks that the decades between the panels are left out."""
    above.spines["bottom"].set_visible(False)
    above.tick_params(axis="x", length=0)
    stroke = {"marker": [(-1, -0.5), (1, 0.5)], "color": GREY, "ls": "none", "ms": 6, "mew": 0.8, "clip_on": False}
    above.plot([0], [0], transform=above.transAxes, **stroke)
    below.plot([0], [1], transform=below.transAxes, **stroke)
