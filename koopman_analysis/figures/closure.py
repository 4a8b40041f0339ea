"""Closure: the canonical correlations of a pair of dictionaries, and the defect of a nested family."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from koopman_analysis.claims import Verdict
from koopman_analysis.closure import Closedness, ClosureReport, DecoderWeightedSpectrum, Tolerances
from koopman_analysis.figures.style import BLUE, GREY, ORANGE, PALE, VERDICT_COLOURS
from koopman_analysis.resampling import Interval

CLOSEDNESS = {
    Closedness.EXACT: ("exactly closed", Verdict.SUPPORTED),
    Closedness.APPROXIMATE: ("closed within tolerance", Verdict.SUPPORTED),
    Closedness.NOT_CLOSED: ("not closed", Verdict.REFUTED),
    Closedness.INCONCLUSIVE: ("inconclusive", Verdict.INCONCLUSIVE),
}
"""What a title says of a dictionary, and the verdict whose colour it has."""


def draw_closure_spectrum(
    ax: Axes, spectrum: Sequence[Interval], *, exact: np.ndarray | None = None, title: str = ""
) -> Axes:
    """The closure spectrum in falling order: at 1 a direction is predicted fully by a linear map, at 0 not at all.

    Rings are the exact correlations, where they are known.
    """
    index = np.arange(1, len(spectrum) + 1)
    low, estimate, high = (
        np.array([getattr(sigma, end) for sigma in spectrum]) for end in ("low", "estimate", "high")
    )  # fmt: skip
    ax.axhline(1.0, color=GREY, lw=0.8, ls=(0, (4, 3)))
    ax.fill_between(index, low, high, color=BLUE, alpha=0.18, lw=0, step=None)
    ax.plot(index, estimate, "o-", color=BLUE, ms=4, lw=1.0, label="estimate, with 95 % interval")
    if exact is not None:
        ax.plot(index, exact, "o", mfc="none", mec=ORANGE, ms=8, mew=1.2, label="exact", clip_on=False)
    ax.set(xlabel="output direction", ylabel="canonical correlation σ", ylim=(min(-0.02, low.min()), 1.06))
    ax.set_xlim(0.5, len(spectrum) + 0.5)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    ax.grid(axis="y")
    ax.set_title(title)
    return ax


def draw_closure_spectra(
    axes: Sequence[Axes],
    reports: Mapping[str, ClosureReport],
    *,
    exact: Mapping[str, np.ndarray],
    tolerances: Mapping[str, Tolerances] | None = None,
) -> Sequence[Axes]:
    """The closure spectra of several systems, one panel each, beside their exact ones; the title says the verdict.

    Args:
        axes: A panel for each report, or more; those left over are removed.
        reports: What was measured, by the name of the system.
        exact: The exact closure spectrum, where it is known.
        tolerances: Those that decide, where they are not the default ones.

    Raises:
        ValueError: If there are fewer panels than reports, or an exact spectrum has another number of directions.
    """
    if len(axes) < len(reports):
        raise ValueError(f"expected a panel for each of {len(reports)} reports, got {len(axes)}")
    for ax, (name, report) in zip(axes, reports.items(), strict=False):
        known = exact.get(name)
        if known is not None and len(known) != report.dimension:
            raise ValueError(
                f"expected an exact correlation for each of the {report.dimension} directions of {name!r}, "
                f"got {len(known)}: leave the constant's out"
            )
        draw_closure_spectrum(ax, report.spectrum, exact=known)
        words, verdict = CLOSEDNESS[report.closedness_at((tolerances or {}).get(name, Tolerances()))]
        place = ax.get_subplotspec()
        if place is not None and not place.is_first_col():
            ax.set_ylabel("")
        ax.set_title(f"{name}\n{words}", color=VERDICT_COLOURS[verdict])
    for ax in axes[len(reports) :]:
        ax.remove()
    # In a panel a falling spectrum would cross it. Outside needs the constrained layout of all figures here.
    axes[0].figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return axes[: len(reports)]


def draw_defect_against_dimension(
    ax: Axes, dimensions: Sequence[int], defects: Sequence[Interval], *, tolerance: float, label: str = ""
) -> Axes:
    """The defect of a nested family against its dimension, on logarithmic axes, with the tolerance.

    Several families may be drawn on the same axes, each with its label.
    """
    # An interval may reach down to zero, which a logarithmic axis does not have.
    smallest = min((defect.estimate for defect in defects if defect.estimate > 0.0), default=1e-16) / 10.0
    ends = np.array([[defect.low, defect.estimate, defect.high] for defect in defects]).clip(min=smallest)
    (line,) = ax.plot(dimensions, ends[:, 1], "o-", label=label or None, ms=4.5)
    ax.fill_between(dimensions, ends[:, 0], ends[:, 2], color=line.get_color(), alpha=0.18, lw=0)
    ax.set_xscale("log", base=2)
    ax.set_yscale("log")
    ax.xaxis.set_major_formatter("{x:g}")
    if not ax.get_legend():
        ax.axhline(tolerance, color=ORANGE, lw=1.0, ls=(0, (4, 3)))
        ax.annotate(
            f"closed below {tolerance:g}", (1.0, tolerance), xycoords=("axes fraction", "data"), xytext=(0, 3),
            textcoords="offset points", ha="right", color=ORANGE, fontsize=8,
        )  # fmt: skip
    ax.set(xlabel="dimension of the dictionary", ylabel="defect (share of variance)")
    ax.grid(axis="y", color=PALE)
    if label:
        ax.legend()
    return ax


def draw_weighted_spectrum(ax: Axes, spectrum: DecoderWeightedSpectrum, *, tolerance: float = 0.01) -> Axes:
    """The defect of a learned dictionary against output rank, beside what the decoder reads beyond that rank.

    Both span decades, so that the axis is logarithmic; what reaches zero leaves it below.
    """
    rank = np.arange(1, spectrum.dimension + 1)
    low, estimate, high = (
        np.array([getattr(defect, end) for defect in spectrum.defect]) for end in ("low", "estimate", "high")
    )
    ax.axhline(tolerance, color=GREY, lw=0.8, ls=(0, (4, 3)))
    ax.annotate(
        f"tolerance {tolerance:g}", (1.0, tolerance), xycoords=("axes fraction", "data"), xytext=(0, 2),
        textcoords="offset points", ha="right", color=GREY, fontsize="small",
    )  # fmt: skip
    ax.fill_between(rank, low, high, color=BLUE, alpha=0.18, lw=0)
    ax.plot(rank, estimate, "o-", color=BLUE, ms=4, lw=1.0, label="not predicted, of the first directions")
    ax.plot(rank, 1 - np.array(spectrum.readout_share), "s-", color=ORANGE, ms=3, lw=1.0, label="read beyond them")
    ax.set(xlabel="output rank, in the order of the decoder", ylabel="share of variance", yscale="log")
    smallest = min([tolerance, *estimate[estimate > 0]])
    ax.set_ylim(smallest / 10, 2.0)
    ax.set_xlim(0.5, max(spectrum.dimension, 1) + 0.5)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    ax.grid(axis="y")
    # Both curves may run anywhere in the panel. Outside needs the constrained layout of all figures here.
    ax.figure.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return ax
