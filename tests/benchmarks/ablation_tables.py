"""Ablations beside the plain model, as rows of a table: seed by seed, over data sets, and in a sentence.

Intervals are over seeds, paired with the plain model's (`koopman_analysis.studies`, equation 2): t intervals of
logarithms for ratios, of differences for the energy distance, which may be negative.
"""

from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean, median

import numpy as np

from kdm.ablations import PLAIN
from kdm.ablations.study import Measurement
from koopman_analysis.resampling import Interval
from koopman_analysis.studies import paired_difference, paired_ratio

from .page import Row, Table

LEVEL = 0.95

DATA, ABLATION = "data", "changed"
ERROR, MEDIAN, ENERGY = "paired error", "median error", "energy distance"
RATIO, MEDIAN_RATIO, ENERGY_DIFFERENCE = "paired error, × plain", "median error, × plain", "energy distance, − plain"
LEVELS = {DATA: "", ABLATION: "", ERROR: ".2%", MEDIAN: ".4f", ENERGY: ".1e", "CPU s": ".1f"}
RATIOS = {RATIO: ".2f", MEDIAN_RATIO: ".2f"}
FLOOR = "(a second sample of the data)"
Groups = Mapping[tuple[str, str], Sequence[Measurement]]
"""The measurements of each problem and ablation, by seed."""


def grouped(made: Iterable[Measurement]) -> Groups:
    """The measurements by problem and ablation, each group in the order of its seeds."""
    groups: dict[tuple[str, str], list[Measurement]] = {}
    for measurement in made:
        groups.setdefault((measurement.problem, measurement.ablation), []).append(measurement)
    return {key: sorted(group, key=lambda one: one.seed) for key, group in groups.items()}


def shared_seeds(groups: Groups) -> int:
    """How many seeds there are, the same in every group."""
    first = next(iter(groups.values()))
    for (data, ablation), group in groups.items():
        seeds = [one.seed for one in group]
        if seeds != [one.seed for one in first]:
            raise ValueError(f"expected the same seeds everywhere, got {seeds} of {ablation} on {data}")
    return len(first)


def values(group: Sequence[Measurement], quantity: str) -> list[float]:
    """One quantity of each seed."""
    return [float(getattr(one.quality, quantity)) for one in group]


def ratio_to_plain(groups: Groups, data: str, ablation: str, quantity: str, *, level: float = LEVEL) -> Interval:
    """A quantity with this change over that of the plain model."""
    treated, control = (values(groups[data, name], quantity) for name in (ablation, PLAIN))
    return paired_ratio(treated, control, level=level)


def compared(groups: Groups, names: Sequence[str], ablations: Sequence[str]) -> list[Row]:
    """Each change on each data set, against the plain model."""
    return [
        {
            DATA: data,
            ABLATION: ablation,
            RATIO: ratio_to_plain(groups, data, ablation, "paired_error"),
            MEDIAN_RATIO: ratio_to_plain(groups, data, ablation, "median"),
            ENERGY_DIFFERENCE: paired_difference(
                *(values(groups[data, name], "energy_distance") for name in (ablation, PLAIN)), level=LEVEL
            ),
        }
        for data in names
        for ablation in ablations
    ]


def compared_and_levels(
    groups: Groups, floors: Mapping[str, float], every: Sequence[str], changed: Sequence[str]
) -> list[Table]:
    """On each data set what every change is to the plain training, then what every training reaches."""
    columns = {DATA: "", ABLATION: "", **RATIOS, ENERGY_DIFFERENCE: "+.1e"}
    return [
        Table(columns=columns, rows=compared(groups, list(floors), changed)),
        Table(columns=LEVELS, rows=levels(groups, floors, every)),
    ]


def pooled(groups: Groups, names: Sequence[str], ablation: str) -> Row:
    """The ratios of the geometric means over data sets, seed by seed."""

    def means(quantity: str, name: str) -> list[float]:
        return np.exp(np.mean([np.log(values(groups[data, name], quantity)) for data in names], axis=0)).tolist()

    def ratio(quantity: str) -> Interval:
        return paired_ratio(means(quantity, ablation), means(quantity, PLAIN), level=LEVEL)

    return {RATIO: ratio("paired_error"), MEDIAN_RATIO: ratio("median")}


def levels(groups: Groups, floors: Mapping[str, float], ablations: Sequence[str]) -> list[Row]:
    """Means over seeds, and under each data set the floor of the energy distance."""
    rows: list[Row] = []
    for data, floor in floors.items():
        rows += [
            {
                DATA: data,
                ABLATION: ablation,
                ERROR: fmean(values(groups[data, ablation], "paired_error")),
                MEDIAN: fmean(values(groups[data, ablation], "median")),
                ENERGY: fmean(values(groups[data, ablation], "energy_distance")),
                "CPU s": median(one.cpu_seconds for one in groups[data, ablation]),
            }
            for ablation in ablations
        ]
        rows.append({DATA: data, ABLATION: FLOOR, ENERGY: floor})
    return rows


def simultaneous(cells: int) -> float:
    """The level at which so many intervals hold together at `LEVEL` (Bonferroni)."""
    return 1 - (1 - LEVEL) / cells


def sentence(groups: Groups, names: Sequence[str], together: Row, *, cells: int) -> str:
    """The error over all data sets together, and on which it is larger, smaller, or neither can be said."""
    ablation, ratio = str(together[ABLATION]), together[RATIO]
    assert isinstance(ratio, Interval)
    larger, smaller, open_ = [], [], []
    for data in names:
        each = ratio_to_plain(groups, data, ablation, "paired_error", level=simultaneous(cells))
        told = f"{data} (× {each.estimate:.2f})"
        (larger if each.low > 1 else smaller if each.high < 1 else open_).append(told)
    parts = {"larger on": larger, "smaller on": smaller, "no difference shown on": open_}
    listed = "; ".join(f"{what} {', '.join(data)}" for what, data in parts.items() if data)
    return (
        f"**{ablation}**: paired error × {ratio.estimate:.2f} [{ratio.low:.2f}, {ratio.high:.2f}] of the plain model's "
        f"over all data sets; {listed}."
    )
