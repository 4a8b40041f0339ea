"""How many latent directions does the model use?

    rank      truncated to few directions that its decoder reads most, the model is as good as the whole          (1)

The control that must be refuted is a smaller rank (`koopman_analysis.checks.rank`).
"""

import numpy as np

from koopman_analysis import checks
from koopman_analysis.claims import Claim, Side
from koopman_analysis.estimators.decoding import UndefinedDecoder
from koopman_analysis.regression import ConstantData
from koopman_analysis.report import Entry, Report
from koopman_analysis.verification.material import Material

FEWEST = 8
"""Independent units below which nothing is parted in three."""


def with_rank(report: Report, material: Material, *, margin: float, rng: np.random.Generator) -> Report:
    """The report with the claim of equation (1), up to this share of the error."""
    if (units := material.pairs.units) < FEWEST or not np.ptp(material.pairs.after, axis=0).any():
        reason = f"{units} independent pairs of data that vary are too few to part in three"
        return report.including(Entry(claim=_not_applicable(margin, reason)))
    try:
        claim = checks.few_directions_suffice(
            material.model, material.pairs, labels=material.labels, margin=margin, rng=rng
        )
    except (ConstantData, UndefinedDecoder, checks.OneDirection) as error:
        claim = _not_applicable(margin, str(error))
    return report.including(Entry(claim=claim))


def _not_applicable(margin: float, reason: str) -> Claim:
    return Claim.not_applicable(
        id="rank", hypothesis="Few latent directions, those that the decoder reads most, do the work of all.",
        quantity="paired error with few directions over that of the whole model", side=Side.AT_MOST, bound=1 + margin,
        reason=reason,
    )  # fmt: skip
