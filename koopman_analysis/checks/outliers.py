"""Do outliers of the data come from outliers of the noise?

The outlyingness of a point within its sample is its Mahalanobis distance

    o(x) = √( (x − x̄) S⁺ (x − x̄)ᵀ ),                                                                       (1)

which no invertible affine change of coordinates alters: it means the same in every gauge of a latent space. Directions
whose share of the variance is below rounding are left out of S⁺. With the outermost tenth of the data named outliers,

    AUROC = P( o(source of an outlier) > o(source of another) ) ≥ .6,                                      (2)

the interval by resampling objects, whose outlyingness is computed once. It takes ten outliers, of about a hundred
objects: with fewer, what is independent is supported too often (`koopman_analysis.outliers.marks`, its (4)). The
control that must be refuted: sources handed to the wrong data, AUROC ½; its interval is that of the AUROC over many
such shuffles.

A point may lie far out of its own cluster in the middle of the sample. With clusters of the data, carried back to the
source, the outermost tenth of the data *within their clusters* are the outliers, and they should come from the edges of
the source regions (`koopman_analysis.outliers`, its (2) and measures (2) and (5)):

    AUROC = P( edge(source of an outlier) > edge(source of another) ) ≥ .6.                                (3)

It has two controls. Sources exchanged at random within each cluster must be refuted; data that are their own source, as
under an affine flow, which neither measure can tell from it, must be supported.
"""

from dataclasses import dataclass

import numpy as np

from koopman_analysis.claims import Claim, Side, Verdict
from koopman_analysis.outliers import (
    Clusters,
    Edge,
    Mark,
    Outermost,
    Outlyingness,
    mahalanobis_distances,
    predicted_outliers,
    require_both,
)
from koopman_analysis.resampling import Interval, central_interval, object_bootstrap
from koopman_analysis.shapes import Array, Bool, Float
from koopman_analysis.similarity import Ranking
from koopman_analysis.twosample import Sample


@dataclass(frozen=True, kw_only=True, eq=False)
class OutlierCorrespondence:
    """Whether outlyingness at the source tells the outliers of the data.

    Attributes:
        source: Outlyingness of each object at the source.
        data: Outlyingness of each object at the data end.
        outlier: Which objects are the outliers of the data.
        auroc: Equation (2).
        shuffled: The same over shuffles that hand sources to the wrong data: mean and central 95 %.
    """

    source: Float[np.ndarray, " n"]
    data: Float[np.ndarray, " n"]
    outlier: np.ndarray
    auroc: Interval
    shuffled: Interval


@dataclass(frozen=True, kw_only=True, eq=False)
class EdgeCorrespondence:
    """Whether outliers of the data, within their clusters, come from the edges of the source regions.

    Attributes:
        clusters: The clusters of the data, at both ends.
        outlier: Which objects are the outliers of the data.
        mark: The rule that says so.
        auroc: Equation (3).
        exchanged: The same when sources are exchanged within their cluster: mean and central 95 %.
        affine: The same of data that are their own source.
    """

    clusters: Clusters
    outlier: Bool[np.ndarray, " n"]
    mark: str
    auroc: Interval
    exchanged: Interval
    affine: Interval


def outlier_correspondence(
    source: Array,
    data: Array,
    *,
    share: float = 0.1,
    resamples: int = 999,
    shuffles: int = 199,
    rng: np.random.Generator,
) -> OutlierCorrespondence:
    """Measures whether outliers of the source become outliers of the data.

    Args:
        source: Each object at the source: its noise, or the latent of its noise.
        data: The same objects at the data end.
        share: Share of the data called outliers.
        resamples: Resamples of the object bootstrap.
        shuffles: Shuffles of the control.
        rng: Draws the resamples and the shuffles.

    Raises:
        NotMeasurable: If the share leaves too few outliers, or too few others, to resample.
        ValueError: If the numbers of objects differ, or the points are no table of real numbers, or one is not finite.
    """
    if len(source) != len(data):
        raise ValueError(f"expected the same objects at both ends, got {len(source)} at the source and {len(data)}")
    at_source, at_data = mahalanobis_distances(source), mahalanobis_distances(data)
    outlier = at_data > np.quantile(at_data, 1.0 - share)
    require_both(outlier, f"outermost {100 * share:g} %")
    auroc = object_bootstrap(Ranking.of(at_source, outlier).auroc, len(data), resamples=resamples, rng=rng)
    return OutlierCorrespondence(
        source=at_source,
        data=at_data,
        outlier=outlier,
        auroc=auroc.intervals()[0],
        shuffled=_shuffled(at_source, outlier, shuffles, rng),
    )


def _shuffled(scores: np.ndarray, outlier: np.ndarray, shuffles: int, rng: np.random.Generator) -> Interval:
    once = np.ones(len(scores), dtype=np.int64)
    values = [Ranking.of(rng.permutation(scores), outlier).auroc(once) for _ in range(shuffles)]
    return central_interval(np.array(values), n=len(scores), method=f"{shuffles} shuffles")


def edge_correspondence(
    source: Sample,
    data: Sample,
    clusters: Clusters,
    *,
    mark: Mark | None = None,
    measure: Outlyingness | None = None,
    resamples: int = 499,
    exchanges: int = 199,
    rng: np.random.Generator,
) -> EdgeCorrespondence:
    """Measures whether outliers of the data within their clusters come from the edges of the source regions.

    Args:
        source: Each object at the source.
        data: The same objects at the data end.
        clusters: The clusters of the data.
        mark: Which data are outliers; the outermost tenth within their clusters where None.
        measure: What tells the edge of a source region; the side on which neighbours lie where None.
        resamples: Resamples of the object bootstrap.
        exchanges: Exchanges of the sources within each cluster.
        rng: Draws the resamples and the exchanges.

    Raises:
        NotMeasurable: If a cluster is too small, or there are too few outliers, or too few others.
        ValueError: If the numbers of objects differ, or a point is not finite.
    """
    by, at = mark or Outermost(), measure or Edge()
    found = predicted_outliers(
        {"source": source, "affine": data}, data, clusters, marks=[by], measures=[at], resamples=resamples,
        exchanges=exchanges, rng=rng,
    )  # fmt: skip
    at_source, in_place = (found.find(mark=by.name, source=name, measure=at.name) for name in ("source", "affine"))
    return EdgeCorrespondence(
        clusters=clusters,
        outlier=by.marked(by.measure.of(data, clusters.labels), clusters),
        mark=by.name,
        auroc=at_source.auroc,
        exchanged=at_source.exchanged,
        affine=in_place.auroc,
    )


def outliers_at_edges(correspondence: EdgeCorrespondence, *, bound: float = 0.6) -> Claim:
    """The claim that the AUROC of equation (3) is at least the bound."""
    claim, exchanged, affine = (
        Claim.decided(
            id="outliers_at_edges",
            hypothesis="Outliers of a cluster of the data come from the edge of its source region.",
            quantity="AUROC of the outermost data of each cluster by the edge of its source region",
            interval=interval,
            side=Side.AT_LEAST,
            bound=bound,
        )
        for interval in (correspondence.auroc, correspondence.exchanged, correspondence.affine)
    )
    return claim.with_controls(
        [
            exchanged.as_control(name="exchanged within clusters", expected=Verdict.REFUTED),
            affine.as_control(name="affine flow", expected=Verdict.SUPPORTED),
        ]
    )


def outliers_correspond(
    correspondence: OutlierCorrespondence,
    *,
    id: str = "outliers",
    hypothesis: str = "Outliers of the data come from outliers of the noise.",
    bound: float = 0.6,
) -> Claim:
    """The claim that the AUROC of equation (2) is at least the bound."""
    claims = [
        Claim.decided(
            id=id, hypothesis=hypothesis, quantity="AUROC of the outermost data by outlyingness at the source",
            interval=interval, side=Side.AT_LEAST, bound=bound,
        )
        for interval in (correspondence.auroc, correspondence.shuffled)
    ]  # fmt: skip
    return claims[0].with_controls([claims[1].as_control(name="shuffled", expected=Verdict.REFUTED)])
