"""Does K leave variance as it is, in latent directions that the decoder reads?

    not_expanding  K carries no more variance to a direction than E_data(y) has there                       (1)

The control is K twice as large (`koopman_analysis.checks.expansion`).
"""

import numpy as np

from koopman_analysis import checks
from koopman_analysis.claims import Claim, Side
from koopman_analysis.estimators.decoding import UndefinedDecoder
from koopman_analysis.regression import ConstantData
from koopman_analysis.report import Entry, Report
from koopman_analysis.verification.material import Material


def with_expansion(report: Report, material: Material, *, bound: float, rng: np.random.Generator) -> Report:
    """The report with the claim of equation (1) at this largest logarithm of a singular value."""
    try:
        claim = checks.not_expanding(material.model, material.pairs, labels=material.labels, bound=bound, rng=rng)
    except (ConstantData, UndefinedDecoder, checks.TooFewPairs, checks.UnreadLatents) as error:
        claim = Claim.not_applicable(
            id="not_expanding",
            hypothesis="The operator carries no more variance to any direction than the data have there.",
            quantity="log of the largest whitened singular value of K",
            side=Side.AT_MOST, bound=bound, reason=str(error),
        )  # fmt: skip
    return report.including(Entry(claim=claim))
