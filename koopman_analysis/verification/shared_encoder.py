"""The claims that only a model with one encoder for all times can make, and why another cannot.

    autonomous     E(x_k) ≈ E(x_T) exp(s_k A) at all times t_k, with one A and one clock                        (1)
    eigenvalues    of K: ‖φ(y) − λ φ(x)‖ / ‖φ(x)‖ is small for all K v = λ v, φ = E v                           (2)

With two encoders latents may be changed at one end alone, (E_T B, B⁻¹ K A, E_0 A): K has then no eigenvalues of its
own, and any path of operators leads from one end to the other. Where a control c moves the latents, too, the constant
is one more function, and [1 c; 0 K] the matrix.
"""

from dataclasses import replace
from functools import partial

import numpy as np

from koopman_analysis import checks
from koopman_analysis.autonomy import autonomy_report
from koopman_analysis.autonomy.paths import MOST_FUNCTIONS
from koopman_analysis.claims import Claim, Side
from koopman_analysis.figures import draw_autonomy, draw_residuals, figure_of
from koopman_analysis.report import Entry, Report
from koopman_analysis.shapes import Float, Operator
from koopman_analysis.snapshots import SnapshotPairs
from koopman_analysis.verification.material import Material

ENDPOINTS = "two encoders fix only the endpoints"
RECTANGULAR = "K leads to a space of another dimension, and has no eigenvalues"
GAUGE = "two encoders fix the eigenvalues of K only up to a gauge, in which every prediction stays the same"


def with_autonomy(report: Report, material: Material, *, bound: float, rng: np.random.Generator) -> Report:
    """The report with the claim of equation (1), on latents of held-out trajectories at all of their times."""
    shared, latents = material.model.shared_encoder, material.latent_trajectories
    if latents is None or not shared:
        reason = "there are no latents at times between the ends" if shared else ENDPOINTS
        return report.including(Entry(claim=_autonomy_not_applicable(bound, reason)))
    if (m := latents.states.shape[2]) > MOST_FUNCTIONS:
        reason = f"the search for a semigroup is for at most {MOST_FUNCTIONS} latents, and there are {m}"
        return report.including(Entry(claim=_autonomy_not_applicable(bound, reason)))
    measured = autonomy_report(latents, rng=rng)
    controls = checks.autonomy_controls(latents, measured, rng=rng)
    claim = checks.autonomous(measured, bound=bound, controls=controls)
    picture = partial(figure_of, partial(draw_autonomy, report=measured, bound=bound))
    return report.including(Entry(claim=claim, figure="autonomy"), figures={"autonomy": picture})


def with_eigenvalues(report: Report, material: Material, *, bound: float, rng: np.random.Generator) -> Report:
    """The report with the claim of equation (2), on latents of both ends of held-out pairs."""
    model = material.model
    if not model.shared_encoder:
        square = model.matrix.shape[0] == model.matrix.shape[1]
        return report.including(Entry(claim=_eigenvalues_not_applicable(bound, GAUGE if square else RECTANGULAR)))
    offset = np.asarray(model.offset(material.labels))
    if offset.ndim != 1:
        reason = "the control depends on labels, so that no one matrix acts on all pairs"
        return report.including(Entry(claim=_eigenvalues_not_applicable(bound, reason)))
    if not np.ptp(material.latents(), axis=0).any():
        reason = "the latents do not vary: the encoder has collapsed"
        return report.including(Entry(claim=_eigenvalues_not_applicable(bound, reason)))
    K, functions = _with_constant(model.matrix, offset, material.latent_pairs())
    measured, unrelated = (
        checks.eigenvalue_residuals(K, some, rng=rng) for some in (functions, functions.shuffled(rng=rng))
    )
    claim = checks.eigenvalues_of_the_flow(measured, bound=bound, shuffled=unrelated)
    picture = partial(figure_of, partial(draw_residuals, eigenpairs=measured.eigenpairs, bound=bound))
    return report.including(Entry(claim=claim, figure="eigenvalues"), figures={"eigenvalues": picture})


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


def _autonomy_not_applicable(bound: float, reason: str) -> Claim:
    return Claim.not_applicable(
        id="autonomous", hypothesis="One semigroup on one clock carries the dictionary through all times of the flow.",
        quantity="largest error of the semigroup over the times, in units of the spread", side=Side.AT_MOST,
        bound=bound, reason=reason,
    )  # fmt: skip


def _eigenvalues_not_applicable(bound: float, reason: str) -> Claim:
    return Claim.not_applicable(
        id="eigenvalues", hypothesis="The eigenvalues of K are those of the flow.",
        quantity="largest residual of an eigenpair", side=Side.AT_MOST, bound=bound, reason=reason,
    )  # fmt: skip
