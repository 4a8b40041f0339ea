"""Does the model push the noise onto the data? Moments of one-step samples beside those of independent data.

    isometric      moments over ŷ = D(E_noise(x) K + c) agree with those over *independent* data           (1)

Half of the independent pairs give ŷ, the other half the data: paired, both would share their errors of sampling. The
control is outputs twice as large.
"""

from functools import partial

import numpy as np

from koopman_analysis import checks
from koopman_analysis.claims import Claim, Side
from koopman_analysis.dictionaries import Monomials
from koopman_analysis.figures import draw_samples, figure_of
from koopman_analysis.report import Entry, Report
from koopman_analysis.verification.material import Material


def with_isometry(report: Report, material: Material, *, bound: float, rng: np.random.Generator) -> Report:
    """The report with the claim of equation (1) at this largest |log ratio|; of the plane, with both clouds."""
    independent = material.independent()
    order = rng.permutation(independent.pairs.n)
    here, there = order[: len(order) // 2], order[len(order) // 2 :]
    if len(here) < 10 * (independent.pairs.after.shape[1] + 1):
        return report.including(Entry(claim=_not_applicable(len(order), bound)))
    outputs, data = independent.rows(here).predictions(), independent.rows(there).pairs.after
    # Means and covariances: products of coordinates would need ten times the pairs for the same interval.
    claim = checks.isometric(outputs, data, dictionary=Monomials(degree=1), bound=bound, rng=rng)
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


def _not_applicable(objects: int, bound: float) -> Claim:
    return Claim.not_applicable(
        id="isometric", hypothesis="The model pushes the noise onto the data: second moments of the dictionary agree.",
        quantity="largest |log ratio| of a second moment", side=Side.AT_MOST, bound=bound,
        reason=f"{objects} independent pairs are too few for the second moments of every direction",
    )  # fmt: skip
