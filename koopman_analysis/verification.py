"""The claims about a fitted model, measured on held-out pairs and gathered in a report.

For a model with encoders E_noise and E_data, matrix K, control c and decoder D, on pairs (x, y) it was not fitted to:

    closed         E‖D(E_data(y)) − D(E_noise(x) K + c)‖² / tr Cov(y) is small                             (1)
    isometric      moments over ŷ = D(E_noise(x) K + c) agree with those over *independent* data           (2)
    not_expanding  K carries no more variance to a direction than E_data(y) has there                       (3)
    semantic       distance of E_noise(x) agrees with classes better than every control                    (4)
    outliers       outliers of y come from outliers of x, and of E_noise(x)                                 (5)
    autonomous     one semigroup carries E(x) through all times: only where one encoder serves them all    (6)
    eigenvalues    of K: only where one encoder serves both ends, for two fix K only up to a gauge         (7)

Each is one of `checks`, with the control that must fail. Nothing here knows who trained the model, or how: whoever does
adds claims to the report (`Report.including`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from koopman_analysis import checks
from koopman_analysis.checks import OutlierCorrespondence
from koopman_analysis.claims import Claim, Side
from koopman_analysis.closure import closure_report
from koopman_analysis.dictionaries import Coordinates, Monomials
from koopman_analysis.estimators.decoding import UndefinedDecoder
from koopman_analysis.estimators.latent import LatentModel
from koopman_analysis.figures import draw_closure_spectrum, draw_differences, draw_outliers, draw_samples, figure_of
from koopman_analysis.regression import ConstantData
from koopman_analysis.report import Entry, Report, current_environment, explanation_of
from koopman_analysis.shapes import Labels, States
from koopman_analysis.shared_encoder import with_autonomy, with_eigenvalues
from koopman_analysis.snapshots import SnapshotPairs, SnapshotTrajectories


@dataclass(frozen=True, kw_only=True)
class VerificationConfig:
    """The tolerances of the claims, and how much is looked at.

    Attributes:
        closure_tolerance: Largest share of the data's variance in equation (1).
        isometry_bound: Largest |log ratio| of second moments in equation (2).
        expansion_bound: Largest logarithm of a singular value in equation (3).
        semantic_margin: Least lead over every control in equation (4).
        semantic_objects: Objects whose distances are compared, all with all.
        outlier_bound: Least AUROC in equation (5).
        autonomy_bound: Largest relative error at any time in equation (6).
        eigenvalue_bound: Largest residual of an eigenpair in equation (7).
    """

    closure_tolerance: float = 0.01
    isometry_bound: float = 0.25
    expansion_bound: float = 0.1
    semantic_margin: float = 0.01
    semantic_objects: int = 300
    outlier_bound: float = 0.6
    autonomy_bound: float = 0.05
    eigenvalue_bound: float = 0.05


def verify(
    model: LatentModel,
    pairs: SnapshotPairs,
    *,
    labels: Labels | None = None,
    classes: Labels | None = None,
    random_encoders: Sequence[Callable[[np.ndarray], np.ndarray]] = (),
    semantic_controls: Mapping[str, Callable[[np.ndarray], np.ndarray]] | None = None,
    latent_trajectories: SnapshotTrajectories | None = None,
    config: VerificationConfig | None = None,
    rng: np.random.Generator,
) -> Report:
    """Runs the claims on a fitted model.

    Args:
        model: The model, as arrays.
        pairs: Pairs that it was not fitted to; where trajectories are named, one pair of each is looked at wherever
            objects must be independent.
        labels: What the model is conditioned on, one for each pair; None for an unconditional model.
        classes: What each pair is, known from outside the model; without them nothing is said of semantics.
        random_encoders: At least 19 re-initialisations of the noise encoder, for the semantic claim.
        semantic_controls: Further representations of the noise that the latent distance must exceed, by name.
        latent_trajectories: Latents of trajectories that the model was not fitted to, at all of their times, where
            one encoder serves them all.
        config: Tolerances and sizes.
        rng: Draws every resample and shuffle.

    Returns:
        A report whose claims are "closed", "isometric", "not_expanding", "semantic", "outliers", "outliers_latent",
        "autonomous" and "eigenvalues".

    Raises:
        ValueError: If labels or classes are not one for each pair.
    """
    for name, given in (("labels", labels), ("classes", classes)):
        if given is not None and len(given) != pairs.n:
            raise ValueError(
                f"expected {name} for each of {pairs.n} pairs, got {len(given)}: one for each row of before"
            )
    chosen = config or VerificationConfig()
    looked_at = _Material(model=model, pairs=pairs.on_host(), labels=labels)
    report = Report(
        title="Koopman verification",
        introduction=f"A model with latent dimension {model.matrix.shape[0]}, on {pairs.n} held-out pairs.",
        inputs={"pairs": pairs.n, "latent dimension": model.matrix.shape[0], "tolerances": _tolerances(chosen)},
        environment=current_environment(),
    )
    report = _with_closure(report, looked_at, chosen, rng)
    report = _with_isometry(report, looked_at, chosen, rng)
    report = _with_expansion(report, looked_at, chosen, rng)
    report = _with_semantics(report, looked_at, classes, random_encoders, semantic_controls or {}, chosen, rng)
    report = _with_outliers(report, looked_at, chosen, rng)
    report = with_autonomy(report, model, latent_trajectories, bound=chosen.autonomy_bound, rng=rng)
    return with_eigenvalues(
        report, model, looked_at.latent_pairs(), labels=labels, bound=chosen.eigenvalue_bound, rng=rng
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True, eq=False)
class _Material:
    """A model and the pairs to look at it with."""

    model: LatentModel
    pairs: SnapshotPairs
    labels: Labels | None

    def latents(self) -> np.ndarray:
        return self.model.encode_noise(self.pairs.before, self.labels)

    def latent_pairs(self) -> SnapshotPairs:
        after = self.model.encode_data(self.pairs.after, self.labels)
        return replace(self.pairs, before=self.latents(), after=after).on_host()

    def predictions(self) -> States:
        latents = self.latents() @ self.model.matrix + self.model.offset(self.labels)
        return np.asarray(self.model.decode(latents, self.labels), dtype=np.float64)

    def independent(self) -> "_Material":
        """One pair of each independent unit."""
        return self.rows(np.unique(self.pairs.unit, return_index=True)[1])

    def rows(self, index: np.ndarray) -> "_Material":
        labels = None if self.labels is None else self.labels[index]
        return replace(self, pairs=self.pairs.subset(index), labels=labels)


def _with_closure(report: Report, material: _Material, config: VerificationConfig, rng: np.random.Generator) -> Report:
    model, pairs = material.model, material.pairs
    claim = checks.decoder_weighted_closed(
        model, pairs, labels=material.labels, tolerance=config.closure_tolerance, rng=rng
    )
    explained = Entry(claim=replace(claim, id="closed"), explanation=explanation_of(claim))
    try:
        spectrum = closure_report(material.latent_pairs(), inputs=Coordinates(), rng=rng).spectrum
    except ConstantData:
        # A collapsed encoder has no directions to correlate; the claim says so.
        return report.including(explained)
    picture = partial(figure_of, partial(draw_closure_spectrum, spectrum=spectrum))
    return report.including(replace(explained, figure="closure_spectrum"), figures={"closure_spectrum": picture})


def _with_isometry(report: Report, material: _Material, config: VerificationConfig, rng: np.random.Generator) -> Report:
    independent = material.independent()
    order = rng.permutation(independent.pairs.n)
    here, there = order[: len(order) // 2], order[len(order) // 2 :]
    if len(here) < 10 * (independent.pairs.after.shape[1] + 1):
        return report.including(Entry(claim=_isometry_not_applicable(len(order), config.isometry_bound)))
    outputs, data = independent.rows(here).predictions(), independent.rows(there).pairs.after
    # Means and covariances: products of coordinates would need ten times the pairs for the same interval.
    claim = checks.isometric(outputs, data, dictionary=Monomials(degree=1), bound=config.isometry_bound, rng=rng)
    if data.shape[1] != 2:
        return report.including(Entry(claim=claim))
    extent = 1.1 * float(np.abs(data).max())
    panels = [
        partial(draw_samples, states=states, title=title, extent=extent)
        for states, title in ((data, "data"), (outputs, "one step"))
    ]
    return report.including(
        Entry(claim=claim, figure="samples"), figures={"samples": partial(figure_of, *panels, size=(6.4, 3.3))}
    )


def _with_expansion(
    report: Report, material: _Material, config: VerificationConfig, rng: np.random.Generator
) -> Report:
    try:
        claim = checks.not_expanding(
            material.model, material.pairs, labels=material.labels, bound=config.expansion_bound, rng=rng
        )
    except (ConstantData, UndefinedDecoder, checks.TooFewPairs) as error:
        claim = Claim.not_applicable(
            id="not_expanding",
            hypothesis="The operator carries no more variance to any direction than the data have there.",
            quantity="log of the largest whitened singular value of K",
            side=Side.AT_MOST, bound=config.expansion_bound, reason=str(error),
        )  # fmt: skip
    return report.including(Entry(claim=claim))


def _with_semantics(
    report: Report,
    material: _Material,
    classes: Labels | None,
    random_encoders: Sequence[Callable[[np.ndarray], np.ndarray]],
    further: Mapping[str, Callable[[np.ndarray], np.ndarray]],
    config: VerificationConfig,
    rng: np.random.Generator,
) -> Report:
    if classes is None or not random_encoders:
        missing = "classes from outside the model" if classes is None else "random encoders to compare with"
        return report.including(Entry(claim=_semantic_not_applicable(missing, config.semantic_margin)))
    index = rng.permutation(np.unique(material.pairs.unit, return_index=True)[1])[: config.semantic_objects]
    some = material.rows(index)
    noise = some.pairs.before
    agreement = checks.semantic_agreement(
        some.latents(), noise, classes[index], random_latents=[encode(noise) for encode in random_encoders],
        others={name: encode(noise) for name, encode in further.items()}, rng=rng,
    )  # fmt: skip
    claim = checks.semantic_beyond_controls(agreement, margin=config.semantic_margin)
    label = f"lead over each control, {agreement.statistic}"
    draw = partial(draw_differences, differences=agreement.differences(), bound=config.semantic_margin, label=label)
    picture = partial(figure_of, draw, size=(6.4, 1.3 + 0.5 * len(agreement.controls)))
    return report.including(Entry(claim=claim, figure="semantic"), figures={"semantic": picture})


def _with_outliers(report: Report, material: _Material, config: VerificationConfig, rng: np.random.Generator) -> Report:
    independent = material.independent()
    data = independent.pairs.after
    for id, name, source in (
        ("outliers", "noise", independent.pairs.before),
        ("outliers_latent", "latent", independent.latents()),
    ):
        hypothesis = f"Outliers of the data come from outliers of the {name}."
        if len(data) <= max(source.shape[1], data.shape[1]) + 1:
            report = report.including(Entry(claim=_outliers_not_applicable(id, hypothesis, config.outlier_bound)))
            continue
        found = checks.outlier_correspondence(source, data, rng=rng)
        claim = checks.outliers_correspond(found, id=id, hypothesis=hypothesis, bound=config.outlier_bound)
        report = report.including(Entry(claim=claim, figure=id), figures={id: _outlier_picture(found, name)})
    return report


def _outlier_picture(found: OutlierCorrespondence, source: str) -> partial:
    return partial(figure_of, partial(draw_outliers, correspondence=found, source=source), size=(5.4, 3.8))


def _isometry_not_applicable(objects: int, bound: float) -> Claim:
    return Claim.not_applicable(
        id="isometric", hypothesis="The model pushes the noise onto the data: second moments of the dictionary agree.",
        quantity="largest |log ratio| of a second moment", side=Side.AT_MOST, bound=bound,
        reason=f"{objects} independent pairs are too few for the second moments of every direction",
    )  # fmt: skip


def _semantic_not_applicable(missing: str, margin: float) -> Claim:
    return Claim.not_applicable(
        id="semantic", hypothesis="Distance in the latent space is more semantic than every control.",
        quantity="smallest difference to a control", side=Side.AT_LEAST, bound=margin, reason=f"there are no {missing}",
    )  # fmt: skip


def _outliers_not_applicable(id: str, hypothesis: str, bound: float) -> Claim:
    return Claim.not_applicable(
        id=id, hypothesis=hypothesis, quantity="AUROC", side=Side.AT_LEAST, bound=bound,
        reason="there are fewer objects than directions, so that all are equally far out",
    )  # fmt: skip


def _tolerances(config: VerificationConfig) -> dict[str, float]:
    return {
        "closure": config.closure_tolerance,
        "isometry": config.isometry_bound,
        "log singular value": config.expansion_bound,
        "semantic lead": config.semantic_margin,
        "outlier AUROC": config.outlier_bound,
        "autonomy": config.autonomy_bound,
        "residual of an eigenpair": config.eigenvalue_bound,
    }
