"""The claims about a fitted model, measured on held-out pairs and gathered in a report.

For a model with encoders E_noise and E_data, matrix K, control c and decoder D, on pairs (x, y) it was not fitted to:

    closed         E‖D(E_data(y)) − D(E_noise(x) K + c)‖² / tr Cov(y) is small                             (1)
    isometric      moments over ŷ = D(E_noise(x) K + c) agree with those over *independent* data           (2)
    not_expanding  K carries no more variance to a direction than E_data(y) has there                       (3)
    semantic       distance of E_noise(x) tells classes apart better than every control; so do its
                   neighbours, and its agreement with a classifier's features                              (4)
    outliers       outliers of y come from outliers of x, of E_noise(x), and from the edges of regions      (5)
    autonomous     one semigroup carries E(x) through all times: only where one encoder serves them all    (6)
    eigenvalues    of K, how many, its growth and normality: only where one encoder serves both ends, for
                   two fix K only up to a gauge                                                            (7)
    rank           few latent directions, those that the decoder reads most, do the work of all            (8)
    bounded        ‖y − y'‖ ≤ L ‖(E_noise(x) − E_noise(x')) K‖ + both errors, and is informative            (9)
    boundaries     (9) fails where the flow tears apart what is near, and near stays near elsewhere        (10)

For two encoders, tables say what of K belongs to this checkpoint's latent coordinates, and what to the model.

Each is one of `checks`, with the control that must fail. A file for each family adds its claims and pictures to a
report, and `verify` is the list of these files, in the order in which they draw from `rng`. Nothing here knows who
trained the model, or how: whoever does adds claims to the report (`Report.including`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from koopman_analysis.adapters import require_latent_model
from koopman_analysis.estimators.latent import LatentModel
from koopman_analysis.report import Report, current_environment
from koopman_analysis.semantics import StatesOnTheWay
from koopman_analysis.sensitivity import KnownFlow
from koopman_analysis.shapes import Labels
from koopman_analysis.snapshots import SnapshotPairs, SnapshotTrajectories
from koopman_analysis.verification.autonomy import with_autonomy
from koopman_analysis.verification.boundaries import with_boundaries
from koopman_analysis.verification.closure import with_closure
from koopman_analysis.verification.expansion import with_expansion
from koopman_analysis.verification.gauge import with_gauge
from koopman_analysis.verification.isometry import with_isometry
from koopman_analysis.verification.material import Material
from koopman_analysis.verification.outliers import with_outliers
from koopman_analysis.verification.rank import with_rank
from koopman_analysis.verification.representations import Encoder, Representation, SemanticControls
from koopman_analysis.verification.semantics import with_semantics
from koopman_analysis.verification.sensitivity import with_sensitivity
from koopman_analysis.verification.spectrum import with_spectrum

__all__ = ["Material", "VerificationConfig", "verify"]


@dataclass(frozen=True, kw_only=True)
class VerificationConfig:
    """The tolerances of the claims, and how much is looked at.

    Attributes:
        closure_tolerance: Largest share of the data's variance in equation (1).
        isometry_bound: Largest |log ratio| of second moments in equation (2).
        expansion_bound: Largest logarithm of a singular value in equation (3).
        semantic_margin: Least lead over every control in equation (4).
        semantic_objects: Objects whose distances are compared, all with all.
        semantic_resamples: Resamples of these objects.
        outlier_bound: Least AUROC in equation (5).
        autonomy_bound: Largest relative error at any time in equation (6).
        eigenvalue_bound: Largest residual of an eigenpair in equation (7).
        stability_bound: Largest modulus of an eigenvalue of K.
        normality_bound: Largest departure of K from normality, as a share of its norm.
        trusted_share: Least share of eigenpairs with a residual of at most `eigenvalue_bound`.
        rank_margin: Largest share by which the error may exceed the whole model's in equation (8).
        violation_bound: Largest share of pairs that violate equation (9).
        informative_share: Least share of pairs for which the right side of (9) is below the data's diameter.
        location_bound: Least AUROC of the Lyapunov exponent for violations of (9), in equation (10).
        near_share: Least share of near neighbours that land in one class, away from boundaries.
    """

    closure_tolerance: float = 0.01
    isometry_bound: float = 0.25
    expansion_bound: float = 0.1
    semantic_margin: float = 0.01
    semantic_objects: int = 300
    semantic_resamples: int = 199
    outlier_bound: float = 0.6
    autonomy_bound: float = 0.05
    eigenvalue_bound: float = 0.05
    stability_bound: float = 1.01
    normality_bound: float = 0.1
    trusted_share: float = 0.5
    rank_margin: float = 0.1
    violation_bound: float = 0.05
    informative_share: float = 0.5
    location_bound: float = 0.6
    near_share: float = 0.9


def verify(
    model: LatentModel,
    pairs: SnapshotPairs,
    *,
    labels: Labels | None = None,
    classes: Labels | None = None,
    random_encoders: Sequence[Encoder] = (),
    semantic_controls: Mapping[str, Representation] | None = None,
    states_on_the_way: StatesOnTheWay | None = None,
    latent_trajectories: SnapshotTrajectories | None = None,
    flow: KnownFlow | None = None,
    config: VerificationConfig | None = None,
    rng: np.random.Generator,
) -> Report:
    """Runs the claims on a fitted model.

    Args:
        model: The model, as arrays.
        pairs: Pairs that it was not fitted to; where trajectories are named, one pair of each is looked at wherever
            objects must be independent.
        labels: What the model is conditioned on, one for each pair; None for an unconditional model.
        classes: What each pair is, known from outside the model; without them nothing is said of semantics, and
            clusters are looked for.
        random_encoders: At least 19 re-initialisations of the noise encoder, for the semantic claim.
        semantic_controls: Further representations of the noise that the latent distance must exceed, by name: each a
            function of its rows, or an array with a row for each pair.
        states_on_the_way: States of the flow between its ends, whose middle the latent distance must exceed.
        latent_trajectories: Latents of trajectories that the model was not fitted to, at all of their times, where
            one encoder serves them all.
        flow: The flow that the pairs come from, where somebody can differentiate it; without it nothing is said of the
            boundaries of basins.
        config: Tolerances and sizes.
        rng: Draws every resample and shuffle.

    Returns:
        A report whose claims are "closed", "isometric", "not_expanding", "semantic", "semantic_neighbours",
        "semantic_features", "semantic_gauge_free", "outliers", "outliers_latent", "outliers_at_edges",
        "autonomous", "eigenvalues", "stable", "nearly_normal", "eigenvalues_trusted", "rank", "bounded",
        "bounded_informative", "violations_at_boundaries" and "near_stays_near", these two also with the ending
        "_latent".

    Raises:
        ValueError: If labels or classes are not one for each pair.
        UnfitModel: If the model's parts do not fit the pairs or each other, or are not functions of a row.
        TypeError: If they do not return arrays of floating numbers.
    """
    _require_one_each(pairs, labels=labels, classes=classes)
    require_latent_model(model, pairs, labels=labels)
    chosen = config or VerificationConfig()
    material = Material(
        model=model, pairs=pairs.on_host(), labels=labels, classes=classes, latent_trajectories=latent_trajectories
    )  # fmt: skip
    report = Report(
        title="Koopman verification",
        introduction=f"A model with latent dimension {model.matrix.shape[0]}, on {pairs.n} held-out pairs.",
        inputs={"pairs": pairs.n, "latent dimension": model.matrix.shape[0], "tolerances": _tolerances(chosen)},
        environment=current_environment(),
    )
    report = with_closure(report, material, tolerance=chosen.closure_tolerance, rng=rng)
    report = with_isometry(report, material, bound=chosen.isometry_bound, rng=rng)
    report = with_expansion(report, material, bound=chosen.expansion_bound, rng=rng)
    semantic = SemanticControls(
        random_encoders=random_encoders, further=semantic_controls or {}, path=states_on_the_way
    )  # fmt: skip
    report = with_semantics(
        report, material, controls=semantic, objects=chosen.semantic_objects, resamples=chosen.semantic_resamples,
        margin=chosen.semantic_margin, rng=rng,
    )  # fmt: skip
    report = with_outliers(report, material, bound=chosen.outlier_bound, rng=rng)
    report = with_autonomy(report, material, bound=chosen.autonomy_bound, rng=rng)
    report = with_spectrum(
        report, material, bound=chosen.eigenvalue_bound, share=chosen.trusted_share, radius=chosen.stability_bound,
        departure=chosen.normality_bound, rng=rng,
    )  # fmt: skip
    report = with_rank(report, material, margin=chosen.rank_margin, rng=rng)
    report = with_sensitivity(
        report, material, violations=chosen.violation_bound, informative=chosen.informative_share, rng=rng
    )  # fmt: skip
    report = with_gauge(report, material, rng=rng)
    return with_boundaries(
        report, material, flow=flow, located=chosen.location_bound, near=chosen.near_share, rng=rng
    )  # fmt: skip


def _require_one_each(pairs: SnapshotPairs, **given: Labels | None) -> None:
    for name, some in given.items():
        if some is not None and len(some) != pairs.n:
            raise ValueError(
                f"expected {name} for each of {pairs.n} pairs, got {len(some)}: one for each row of before"
            )


def _tolerances(config: VerificationConfig) -> dict[str, float]:
    return {
        "closure": config.closure_tolerance,
        "isometry": config.isometry_bound,
        "log singular value": config.expansion_bound,
        "semantic lead": config.semantic_margin,
        "outlier AUROC": config.outlier_bound,
        "autonomy": config.autonomy_bound,
        "residual of an eigenpair": config.eigenvalue_bound,
        "error of few directions": config.rank_margin,
        "violations of the bound": config.violation_bound,
        "informative bounds": config.informative_share,
        "exponent of violations": config.location_bound,
        "neighbours of one class": config.near_share,
    }
