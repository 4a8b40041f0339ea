"""The published picture of outliers, measured: data by cluster with their outliers; the noise they come from; latents.

Crosses are the outermost tenth of each cluster's data, rings the data that DBSCAN of the published radius leaves in no
cluster. Below the sources stands how well the edge of a source region, and the distance from the centre of all, tell
the crosses from the rest (`koopman_analysis.outliers`, (3)).
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kdm.importing.checkpoints import published_checkerboard
from kdm.latent_model import KDMLatentModel
from kdm.trajectories import collect
from koopman_analysis import Interval, SnapshotPairs
from koopman_analysis.figures import draw_regions
from koopman_analysis.figures.style import INK
from koopman_analysis.outliers import (
    Clusters,
    Edge,
    FixedRadius,
    LongestPlateau,
    Outermost,
    Overall,
    Predictions,
    Unclustered,
    predicted_outliers,
    read_latents,
)
from paper_figures.printing import styled_for_print
from paper_figures.profile import Profile

COUNT = 10_000
"""As many as the published analysis looks at."""
RULE = FixedRadius(radius=0.15, neighbours=4)
"""DBSCAN as the published analysis calls it: five points, the point itself among them."""
MARK, STRAYS = Outermost(), Unclustered()
DOT, CROSS, RING = 1.5, 3.0, 18.0
"""Areas in square points."""
ROOMY = 4.5
"""Inches from which panels fit side by side."""


@dataclass(frozen=True, kw_only=True)
class Traced:
    """Data, their clusters and their outliers, and the sources that they are traced back to.

    Attributes:
        data: States at the data end.
        sources: The same objects at each source, by name.
        seed: Of the resamples.
        resamples: Their number.
    """

    data: np.ndarray
    sources: Mapping[str, np.ndarray]
    seed: int
    resamples: int

    @cached_property
    def clusters(self) -> Clusters:
        """By DBSCAN with the radius of the longest plateau; apart are those of the published radius."""
        apart = RULE.clusters(self.data).apart if len(self.data) == COUNT else np.zeros(len(self.data), dtype=bool)
        return replace(LongestPlateau().clusters(self.data), apart=apart)

    @cached_property
    def outlier(self) -> np.ndarray:
        """The outermost tenth of each cluster."""
        return MARK.marked(MARK.measure.of(self.data, self.clusters.labels), self.clusters)

    @cached_property
    def predictions(self) -> Predictions:
        """How well each source tells the outermost, and the strays where there are any."""
        return predicted_outliers(
            self.sources, self.data, self.clusters, marks=(MARK, STRAYS), measures=(Edge(), Overall()),
            resamples=self.resamples, exchanges=19, rng=np.random.default_rng(self.seed),
        )  # fmt: skip


def traced(profile: Profile) -> Traced:
    """The published trajectories and model where they are at hand, otherwise pairs of the exact checkerboard."""
    resamples = 39 if profile.fast else 499
    count = 4000 if profile.fast else COUNT
    folder = os.environ.get("KDM_REFERENCE_DATA")
    source = None if folder is None else Path(folder) / "checkerboard_flow_matching.npy"
    if source is None or not source.is_file():
        preset = profile.preset("checkerboard")
        data = collect(
            preset.teacher_object(), count, generator=torch.Generator().manual_seed(profile.seed),
            steps=preset.solver_steps, out=profile.work / "outliers" / "data",
        )  # fmt: skip
        noise, end = (np.asarray(states, dtype=np.float64) for states in (data.noise, data.data))
        return Traced(data=end, sources={"noise": noise}, seed=profile.seed, resamples=resamples)
    states = np.load(source, mmap_mode="r")[:, -count:].astype(np.float64)
    model = KDMLatentModel(published_checkerboard(source.with_name("published_checkerboard_model.pt")))
    pairs = SnapshotPairs(before=states[0], after=states[-1])
    latents = read_latents(model, pairs, rng=np.random.default_rng(profile.seed))
    return Traced(
        data=pairs.after, sources={"noise": pairs.before, "latent": latents}, seed=profile.seed, resamples=resamples
    )


def drawn(profile: Profile) -> Figure:
    """Data, noise and, where there is a model, its latents."""
    found = traced(profile)
    width = profile.width_or(6.75)
    panels = 1 + len(found.sources)
    with styled_for_print():
        shape = (1, panels) if width > ROOMY else (panels, 1)
        height = 1.28 * width / panels if width > ROOMY else 1.15 * width * panels
        figure = Figure(figsize=(width, height), layout="constrained")
        axes = figure.subplots(*shape, squeeze=False).ravel()
        _draw(axes[0], found, found.data, "data, by cluster")
        strays = int(found.clusters.apart.sum())
        axes[0].set_xlabel(
            f"× {found.outlier.sum():,} outermost of {len(found.data):,}\n○ {strays} in no cluster, published radius"
        )
        for ax, (name, states) in zip(axes[1:], found.sources.items(), strict=True):
            _draw(ax, found, states, name)
            edge, overall = (
                found.predictions.find(mark=MARK.name, source=name, measure=measure.name).auroc
                for measure in (Edge(), Overall())
            )
            ax.set_xlabel(f"× at an edge: AUROC {_told(edge)}\n× far from the centre: {_told(overall)}")
    return figure


def _draw(ax: Axes, found: Traced, states: np.ndarray, title: str) -> None:
    draw_regions(ax, states, found.clusters.labels, found.outlier, title=title)
    for points, area in zip(ax.collections, (DOT, CROSS), strict=True):
        points.set_sizes([area])
    apart = states[found.clusters.apart]
    ax.scatter(apart[:, 0], apart[:, 1], s=RING, facecolor="none", edgecolor=INK, lw=0.5, rasterized=True)


def _told(interval: Interval) -> str:
    return f"{interval.estimate:.3f} [{interval.low:.3f}, {interval.high:.3f}]"
