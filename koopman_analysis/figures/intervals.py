"""Quantities by name with their intervals: errors of baselines, distances, differences to controls, claims."""

import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from koopman_analysis.claims import Claim, Side, Verdict, verdict_on
from koopman_analysis.figures.style import BLUE, GREEN, GREY, INK, PALE, VERDICT_COLOURS, quiet_rows
from koopman_analysis.resampling import Interval


def draw_errors(ax: Axes, errors: Mapping[str, Interval], *, highlight: str = "model") -> Axes:
    """Relative paired errors on a logarithmic axis, the smallest at the top; predicting the mean has error 100 %."""
    ordered = sorted(errors, key=lambda name: errors[name].estimate)
    quiet_rows(ax, ordered)
    ax.set_xscale("log")
    for row, name in enumerate(ordered):
        _draw_interval(ax, row, errors[name], BLUE if name == highlight else GREY)
        text = f"{100 * errors[name].estimate:.3g} %"
        ax.annotate(text, (errors[name].high, row), xytext=(7, 0), textcoords="offset points", va="center", fontsize=8)
    low = min(interval.low for interval in errors.values())
    high = max(interval.high for interval in errors.values())
    ax.set_xlim(low / 1.6, high * (high / low) ** 0.12 * 1.6)
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g} %"))
    ax.set_xlabel("paired error, relative to the spread of the data (logarithmic)")
    return ax


def draw_discrepancies(
    ax: Axes, coefficients: Mapping[str, Interval], *, tolerance: float, highlight: str = "model",
    label: str = "energy coefficient H (grey: within the tolerance)",
) -> Axes:  # fmt: skip
    """Energy coefficients, linear up to the tolerance (the grey band counts as equal) and logarithmic beyond."""
    ordered = sorted(coefficients, key=lambda name: coefficients[name].estimate)
    quiet_rows(ax, ordered)
    ax.set_xscale("symlog", linthresh=tolerance, linscale=1.0)
    reach = max(2.0 * tolerance, *(interval.high for interval in coefficients.values()))
    lowest = min(-0.3 * tolerance, *(interval.low for interval in coefficients.values()))
    ax.axvspan(2.0 * lowest, tolerance, color=PALE, alpha=0.6, lw=0, zorder=0)
    for row, name in enumerate(ordered):
        _draw_interval(ax, row, coefficients[name], BLUE if name == highlight else GREY)
    ax.set_xlim(1.3 * lowest, 1.6 * reach)
    ax.set_xlabel(label)
    decades = np.arange(np.ceil(np.log10(4.0 * tolerance)), np.floor(np.log10(reach)) + 1)
    ax.set_xticks([0.0, tolerance, *10.0**decades])
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g}"))
    ax.minorticks_off()
    return ax


def draw_differences(
    ax: Axes, differences: Mapping[str, Interval], *, bound: float, label: str, side: Side = Side.AT_LEAST
) -> Axes:
    """Differences to each control with simultaneous intervals, coloured by the side of the bound they lie on."""
    names = list(differences)
    quiet_rows(ax, names)
    ax.axvline(bound, color=INK, lw=1.0)
    ax.annotate(
        f"bound {bound:g}", (bound, -0.55), xytext=(4, 0), textcoords="offset points", va="top", fontsize=8, color=INK
    )
    for row, name in enumerate(names):
        verdict = verdict_on(differences[name], side=side, bound=bound)
        _draw_interval(ax, row, differences[name], VERDICT_COLOURS[verdict])
    ax.margins(x=0.12)
    ax.set_xlabel(label)
    return ax


def draw_ratios(ax: Axes, ratios: Mapping[str, Interval], *, label: str, largest: float = np.inf) -> Axes:
    """Ratios to a common reference with their intervals, on a logarithmic axis with the reference at 1.

    What is above 1 with its whole interval has one colour, what is below another, what holds 1 is grey. Beyond the
    largest value shown a ratio is an arrow at the edge with its number.

    Args:
        ax: Where to draw.
        ratios: By name, in the order of the rows.
        label: What the ratio is of.
        largest: Where the axis ends at the latest.
    """
    names = list(ratios)
    quiet_rows(ax, names)
    ax.set_xscale("log")
    ax.axvline(1.0, color=INK, lw=1.0, zorder=1)
    for row, name in enumerate(names):
        interval = ratios[name]
        colour = VERDICT_COLOURS[verdict_on(interval, side=Side.AT_MOST, bound=1.0)]
        if interval.estimate <= largest:
            _draw_interval(ax, row, interval, colour)
            continue
        ax.annotate(
            f"{interval.estimate:.2g} ", (largest, row), xytext=(-9, 0), textcoords="offset points", ha="right",
            va="center", color=colour, fontsize="small",
        )  # fmt: skip
        ax.plot(largest, row, ">", color=colour, ms=6, mec="none", zorder=3)
    shown = [end for r in ratios.values() if r.estimate <= largest for end in (r.low, r.high)]
    beyond = [largest] if any(interval.estimate > largest for interval in ratios.values()) else []
    low, high = min([1.0, *shown]), min(max([1.0, *shown, *beyond]), largest)
    room = (high / low) ** 0.06 * 1.02
    ax.set_xlim(low / room, high * room)
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.set_xlabel(label)
    return ax


def draw_claims(ax: Axes, claims: Sequence[Claim]) -> Axes:
    """Every measured claim against its bound, each on its own scale: to the right lies the side that is claimed."""
    shown = [claim for claim in claims if np.isfinite([claim.interval.low, claim.interval.high]).all()]
    quiet_rows(ax, [textwrap.fill(claim.hypothesis.rstrip("."), 48) for claim in shown])
    ax.axvspan(0.0, 1.25, color=GREEN, alpha=0.07, lw=0, zorder=0)
    ax.axvline(0.0, color=INK, lw=1.0)
    for row, claim in enumerate(shown):
        sign = 1.0 if claim.side is Side.AT_LEAST else -1.0
        ends = [claim.interval.estimate, claim.interval.low, claim.interval.high]
        away = sign * (np.array(ends) - claim.bound)
        scaled = away / (np.abs(away).max() or 1.0)
        interval = Interval(estimate=scaled[0], low=min(scaled[1:]), high=max(scaled[1:]))
        _draw_interval(ax, row, interval, VERDICT_COLOURS[claim.verdict])
        ax.annotate(
            claim.verdict.value, (1.3, row), va="center", fontsize=8, color=VERDICT_COLOURS[claim.verdict],
            annotation_clip=False, fontweight="normal" if claim.verdict is Verdict.INCONCLUSIVE else "bold",
        )  # fmt: skip
    ax.set_xlim(-1.25, 1.25)
    ax.set_xticks([0.0], ["the bound"])
    ax.grid(visible=False)
    ax.set_xlabel("← not as claimed        as claimed →", color=GREY)
    return ax


def _draw_interval(ax: Axes, row: int, interval: Interval, colour: str) -> None:
    ax.plot([interval.low, interval.high], [row, row], color=colour, lw=2.2, solid_capstyle="round", zorder=2)
    ax.plot(interval.estimate, row, "o", color=colour, ms=6, mec="white", mew=0.9, zorder=3)
