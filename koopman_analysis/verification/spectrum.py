"""The claims about the spectrum of K, which only a model with one encoder for both ends has.

    eigenvalues            ‖φ(y) − λ φ(x)‖ / ‖φ(x)‖ is small for all K v = λ v, φ = E v                          (1)
    eigenvalues_trusted    … for most of them                                                                  (2)
    stable                 no eigenvalue lies outside the unit circle                                          (3)
    nearly_normal          in coordinates that are white over the noise, eigenvalues alone say how far
                           latents move                                                                        (4)

Where the latents of the noise do not span their dimensions, (1), (2) and (4) cannot be asked.

With two encoders latents may be changed at one end alone, (E_T B, B⁻¹ K A, E_0 A), and K has no eigenvalues of its own.
Where a control c moves the latents, too, the constant is one more function, and [1 c; 0 K] the matrix. The picture
shows eigenvalues over the residual pseudospectrum (`koopman_analysis.pseudospectrum`): where in the plane any function
of the latents comes near an eigenfunction, whether or not K has an eigenvalue there.
"""

from dataclasses import replace
from functools import partial

import numpy as np

from koopman_analysis import checks
from koopman_analysis.checks import EigenvalueResiduals
from koopman_analysis.claims import Claim, Side
from koopman_analysis.dictionaries import Coordinates
from koopman_analysis.figures import Figure, draw_pseudospectrum, draw_residuals, figure_of
from koopman_analysis.moments import FactorMoments
from koopman_analysis.pseudospectrum import residual_pseudospectrum, window
from koopman_analysis.report import Entry, FigureBuilder, Report
from koopman_analysis.shapes import Float, Operator
from koopman_analysis.snapshots import SnapshotPairs
from koopman_analysis.verification.material import Material

RECTANGULAR = "K leads to a space of another dimension, and has no eigenvalues"
GAUGE = "two encoders fix the eigenvalues of K only up to a gauge, in which every prediction stays the same"
RESOLUTION, MOST = 60, 100
"""Points along a side of the picture, and functions up to which it is drawn: more take minutes."""


def with_spectrum(
    report: Report, material: Material, *, bound: float, share: float, radius: float, departure: float,
    rng: np.random.Generator,
) -> Report:  # fmt: skip
    """The report with the claims of equations (1) to (4), on latents of both ends of held-out pairs.

    Args:
        report: The report so far.
        material: Model and pairs.
        bound: Largest residual of an eigenpair.
        share: Least share of eigenpairs within it.
        radius: Largest modulus of an eigenvalue.
        departure: Largest departure from normality, as a share of the norm.
        rng: Draws the resamples.
    """
    model = material.model
    offset = np.asarray(model.offset(material.labels))
    if (reason := _missing(material, offset)) is not None:
        others = checks.spectral_not_applicable(reason, bounds=(radius, departure, share))
        claims = (_not_applicable(bound, reason), *others)
        return report.including(*(Entry(claim=claim) for claim in claims))
    K, functions = _with_constant(model.matrix, offset, material.latent_pairs())
    trusted, figures = _borne_out(K, functions, bound=bound, share=share, rng=rng)
    # A stream of its own: the claims that follow draw what they drew without this one.
    normal = _normality(K, functions, departure, rng.spawn(1)[0])
    claims = (trusted[0], checks.stable(K, bound=radius), normal, trusted[1])
    return report.including(
        *(Entry(claim=claim, figure=claim.id if claim.id in figures else None) for claim in claims), figures=figures
    )


def _borne_out(
    K: Operator, functions: SnapshotPairs, *, bound: float, share: float, rng: np.random.Generator
) -> tuple[tuple[Claim, Claim], dict[str, FigureBuilder]]:
    """The claims of equations (1) and (2), and their pictures by the claim's name."""
    try:
        measured, unrelated = (
            checks.eigenvalue_residuals(K, some, rng=rng) for some in (functions, functions.shuffled(rng=rng))
        )
    except checks.DependentLatents as reason:
        *_, trusted = checks.spectral_not_applicable(str(reason), bounds=(1.0, 0.0, share))
        return (_not_applicable(bound, str(reason)), trusted), {}
    figures: dict[str, FigureBuilder] = {
        "eigenvalues": partial(figure_of, partial(draw_residuals, eigenpairs=measured.eigenpairs, bound=bound))
    }
    if len(K) <= MOST and functions.n >= 10 * len(K):
        figures["eigenvalues_trusted"] = partial(_picture, measured, functions, bound)
    claims = (
        checks.eigenvalues_of_the_flow(measured, bound=bound, shuffled=unrelated),
        checks.eigenvalues_trusted(measured, tolerance=bound, bound=share, shuffled=unrelated),
    )
    return claims, figures


def _missing(material: Material, offset: np.ndarray) -> str | None:
    """Why K has no spectrum of its own; None where it has."""
    model = material.model
    if not model.shared_encoder:
        square = model.matrix.shape[0] == model.matrix.shape[1]
        return GAUGE if square else RECTANGULAR
    if offset.ndim != 1:
        return "the control depends on labels, so that no one matrix acts on all pairs"
    if not np.ptp(material.latents(), axis=0).any():
        return "the latents do not vary: the encoder has collapsed"
    return None


def _normality(K: Operator, functions: SnapshotPairs, bound: float, rng: np.random.Generator) -> Claim:
    try:
        return checks.nearly_normal(checks.normality(K, functions, rng=rng), bound=bound)
    except checks.DependentLatents as reason:
        return checks.spectral_not_applicable(str(reason), bounds=(0.0, bound, 0.0))[1]


def _picture(measured: EigenvalueResiduals, functions: SnapshotPairs, bound: float) -> Figure:
    moments, found = FactorMoments.of(functions, Coordinates()), measured.eigenpairs
    assert found.residuals is not None  # they were taken on these pairs
    points = window(found.eigenvalues, resolution=RESOLUTION)
    draw = partial(
        draw_pseudospectrum, pseudospectrum=residual_pseudospectrum(moments, points),
        eigenvalues=found.eigenvalues, trusted=found.residuals <= bound,
    )  # fmt: skip
    return figure_of(draw, size=(5.4, 4.4))


def _with_constant(
    K: Operator, offset: np.ndarray, latents: SnapshotPairs
) -> tuple[Float[np.ndarray, "m1 m1"], SnapshotPairs]:  # fmt: skip
    """K and the latents, with the constant adjoined where there is an offset."""
    if not offset.any():
        return K, latents
    augmented = np.zeros((len(K) + 1, len(K) + 1))
    augmented[0, 0], augmented[0, 1:], augmented[1:, 1:] = 1.0, offset, K
    before, after = (np.column_stack([np.ones(len(z)), z]) for z in (latents.before, latents.after))
    return augmented, replace(latents, before=before, after=after)


def _not_applicable(bound: float, reason: str) -> Claim:
    return Claim.not_applicable(
        id="eigenvalues", hypothesis="The eigenvalues of K are those of the flow.",
        quantity="largest residual of an eigenpair", side=Side.AT_MOST, bound=bound, reason=reason,
    )  # fmt: skip
