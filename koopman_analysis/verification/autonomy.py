"""The claim that only a model with one encoder for all times can make about its path, and why another cannot.

    autonomous     E(x_k) ≈ E(x_T) exp(s_k A) at all times t_k, with one A and one clock                        (1)

With two encoders latents may be changed at one end alone, so that any path of operators leads from one end to the
other.
"""

from functools import partial

import numpy as np

from koopman_analysis import checks
from koopman_analysis.autonomy import autonomy_report
from koopman_analysis.autonomy.paths import MOST_FUNCTIONS
from koopman_analysis.claims import Claim, Side
from koopman_analysis.figures import draw_autonomy, figure_of
from koopman_analysis.report import Entry, Report
from koopman_analysis.verification.material import Material

ENDPOINTS = "two encoders fix only the endpoints"


def with_autonomy(report: Report, material: Material, *, bound: float, rng: np.random.Generator) -> Report:
    """The report with the claim of equation (1), on latents of held-out trajectories at all of their times."""
    shared, latents = material.model.shared_encoder, material.latent_trajectories
    if latents is None or not shared:
        reason = "there are no latents at times between the ends" if shared else ENDPOINTS
        return report.including(Entry(claim=_not_applicable(bound, reason)))
    if (m := latents.states.shape[2]) > MOST_FUNCTIONS:
        reason = f"the search for a semigroup is for at most {MOST_FUNCTIONS} latents, and there are {m}"
        return report.including(Entry(claim=_not_applicable(bound, reason)))
    measured = autonomy_report(latents, rng=rng)
    controls = checks.autonomy_controls(latents, measured, rng=rng)
    claim = checks.autonomous(measured, bound=bound, controls=controls)
    picture = partial(figure_of, partial(draw_autonomy, report=measured, bound=bound))
    return report.including(Entry(claim=claim, figure="autonomy"), figures={"autonomy": picture})


def _not_applicable(bound: float, reason: str) -> Claim:
    return Claim.not_applicable(
        id="autonomous", hypothesis="One semigroup on one clock carries the dictionary through all times of the flow.",
        quantity="largest error of the semigroup over the times, in units of the spread", side=Side.AT_MOST,
        bound=bound, reason=reason,
    )  # fmt: skip
