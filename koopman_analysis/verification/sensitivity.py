"""Does nearness of latents bound nearness of data, and is the bound of any use?

    bounded                  ‖y_i − y_j‖ ≤ L ‖z_i − z_j‖ + ε_i + ε_j for all but few pairs                          (1)
    bounded_informative      the right side is below the diameter of the data for most pairs                     (2)

The controls are no latent distance, and a constant far too large (`koopman_analysis.checks.sensitivity`).
"""

import numpy as np

from koopman_analysis import checks
from koopman_analysis.claims import Claim, Side
from koopman_analysis.report import Entry, Report, Table, measured
from koopman_analysis.verification.material import Material


def with_sensitivity(
    report: Report, material: Material, *, violations: float, informative: float, rng: np.random.Generator
) -> Report:
    """The report with both claims, at this largest share of violations and this least share of informative pairs."""
    try:
        found = checks.latent_bounds(material.model, material.pairs, labels=material.labels, rng=rng)
    except ValueError as error:
        claims = _not_applicable(violations, informative, str(error))
    else:
        claims = (
            checks.bounded_by_latent_distance(found, bound=violations),
            checks.bound_is_informative(found, share=informative),
        )
        report = report.including(tables=[_constants(found)])
    return report.including(*(Entry(claim=claim) for claim in claims))


def _constants(found: checks.MeasuredBounds) -> Table:
    """The certified and the empirical constant, side by side."""
    bounds = {"certified": found.model} if found.model.certified else {}
    bounds["largest ratio over other objects"] = found.empirical
    return Table(
        title="The bound by latent distance",
        columns=("constant", "L", "violations [95 %]", "tightness [95 %]", "informative [95 %]"),
        rows=[
            (name, f"{some.constant:.3g}", measured(some.violations), measured(some.tightness),
             measured(some.informative))
            for name, some in bounds.items()
        ],
        note="" if found.model.certified else f"None is certified: {found.model.because.partition('; ')[2]}.",
    )  # fmt: skip


def _not_applicable(violations: float, informative: float, reason: str) -> tuple[Claim, Claim]:
    return (
        Claim.not_applicable(
            id="bounded",
            hypothesis="Distance in the latent space bounds distance of the data, up to the one-step errors.",
            quantity="share of pairs farther apart than the bound", side=Side.AT_MOST, bound=violations, reason=reason,
        ),
        Claim.not_applicable(
            id="bounded_informative",
            hypothesis="The bound by latent distance says more of most pairs than that they are data.",
            quantity="share of pairs whose bound is below the diameter of the data", side=Side.AT_LEAST,
            bound=informative, reason=reason,
        ),
    )  # fmt: skip
