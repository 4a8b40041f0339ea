"""Do outliers of the data come from outliers of the noise, and of the latents?

    outliers, outliers_latent      outliers of y come from outliers of x, and of E_noise(x)                 (1)

The control of each is shuffled pairs (`koopman_analysis.checks.outliers`).
"""

from functools import partial

import numpy as np

from koopman_analysis import checks
from koopman_analysis.claims import Claim, Side
from koopman_analysis.figures import draw_outliers, figure_of
from koopman_analysis.report import Entry, Report
from koopman_analysis.verification.material import Material


def with_outliers(report: Report, material: Material, *, bound: float, rng: np.random.Generator) -> Report:
    """The report with both claims of equation (1) at this least AUROC."""
    independent = material.independent()
    data = independent.pairs.after
    for id, name, source in (
        ("outliers", "noise", independent.pairs.before),
        ("outliers_latent", "latent", independent.latents()),
    ):
        hypothesis = f"Outliers of the data come from outliers of the {name}."
        if len(data) <= max(source.shape[1], data.shape[1]) + 1:
            report = report.including(Entry(claim=_not_applicable(id, hypothesis, bound)))
            continue
        found = checks.outlier_correspondence(source, data, rng=rng)
        claim = checks.outliers_correspond(found, id=id, hypothesis=hypothesis, bound=bound)
        picture = partial(figure_of, partial(draw_outliers, correspondence=found, source=name), size=(5.4, 3.8))
        report = report.including(Entry(claim=claim, figure=id), figures={id: picture})
    return report


def _not_applicable(id: str, hypothesis: str, bound: float) -> Claim:
    return Claim.not_applicable(
        id=id, hypothesis=hypothesis, quantity="AUROC", side=Side.AT_LEAST, bound=bound,
        reason="there are fewer objects than directions, so that all are equally far out",
    )  # fmt: skip
