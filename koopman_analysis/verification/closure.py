"""Does what the decoder reads evolve linearly? Its picture is the closure spectrum of the latents.

    closed         E‖D(E_data(y)) − D(E_noise(x) K + c)‖² / tr Cov(y) is small                             (1)

The control is the same model on shuffled pairs.
"""

from dataclasses import replace
from functools import partial

import numpy as np

from koopman_analysis import checks
from koopman_analysis.closure import closure_report
from koopman_analysis.dictionaries import Coordinates
from koopman_analysis.figures import draw_closure_spectrum, figure_of
from koopman_analysis.regression import ConstantData
from koopman_analysis.report import Entry, Report, explanation_of
from koopman_analysis.verification.material import Material


def with_closure(report: Report, material: Material, *, tolerance: float, rng: np.random.Generator) -> Report:
    """The report with the claim of equation (1) at this share of the data's variance."""
    claim = checks.decoder_weighted_closed(
        material.model, material.pairs, labels=material.labels, tolerance=tolerance, rng=rng
    )
    explained = Entry(claim=replace(claim, id="closed"), explanation=explanation_of(claim))
    try:
        spectrum = closure_report(material.latent_pairs(), inputs=Coordinates(), rng=rng).spectrum
    except ConstantData:
        # A collapsed encoder has no directions to correlate; the claim says so.
        return report.including(explained)
    picture = partial(figure_of, partial(draw_closure_spectrum, spectrum=spectrum))
    return report.including(replace(explained, figure="closure_spectrum"), figures={"closure_spectrum": picture})
