"""Do outliers of the data come from outliers of the noise?

The outlyingness of a point within its sample is its Mahalanobis distance

    o(x) = √( (x − x̄) S⁺ (x − x̄)ᵀ ),                                                                       (1)

which no invertible affine change of coordinates alters: it means the same in every gauge of a latent space. Directions
whose share of the variance is below rounding are left out of S⁺. With the outermost tenth of the data named outliers,

    AUROC = P( o(source of an outlier) > o(source of another) ) ≥ .6,                                      (2)

the interval by resampling objects, whose outlyingness is computed once. The control that must be refuted: sources
handed to the wrong data, AUROC ½; its interval is that of the AUROC over many such shuffles.
"""

from dataclasses import dataclass

import numpy as np

from koopman_analysis.claims import Claim, Side, Verdict
from koopman_analysis.resampling import Interval, object_bootstrap
from koopman_analysis.shapes import Float, Latents
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


def outlyingness(points: Latents) -> Float[np.ndarray, " n"]:
    """The Mahalanobis distance of each point within its sample: equation (1).

    Raises:
        ValueError: If there are too few points for their directions: then all are equally far out.
    """
    centred = points.astype(np.float64) - points.mean(axis=0, dtype=np.float64)
    left, singular, _ = np.linalg.svd(centred, full_matrices=False)
    kept = singular > singular.max(initial=0.0) * max(centred.shape) * np.finfo(points.dtype).eps
    if kept.sum() >= len(points) - 1:
        raise ValueError(
            f"expected more points than directions, got {len(points)} points in {kept.sum()} directions: "
            "all would be equally outlying"
        )
    return np.linalg.norm(left[:, kept], axis=1) * np.sqrt(len(points) - 1)


def outlier_correspondence(
    source: Sample,
    data: Sample,
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
        ValueError: If the numbers of objects differ, or the share leaves no outliers or nothing else.
    """
    if len(source) != len(data):
        raise ValueError(f"expected the same objects at both ends, got {len(source)} at the source and {len(data)}")
    at_source, at_data = outlyingness(source), outlyingness(data)
    outlier = at_data > np.quantile(at_data, 1.0 - share)
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
    low, high = np.quantile(values, [0.025, 0.975])
    return Interval(
        estimate=float(np.mean(values)), low=float(low), high=float(high), n=len(scores), method=f"{shuffles} shuffles"
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
