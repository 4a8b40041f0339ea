"""Does what the decoder reads evolve linearly?

    closed         E‖D(E_data(y)) − D(E_noise(x) K + c)‖² / tr Cov(y) is small                                  (1)

The control is the same model on shuffled pairs. The picture says which latent directions are open: the defect against
output rank in the order in which the decoder reads (`koopman_analysis.closure.weighted_spectrum`). Where the decoder
has no values around the latents there is no such order, and the closure spectrum stands in its place, in which all
directions weigh alike.
"""

from dataclasses import replace
from functools import partial

import numpy as np

from koopman_analysis import checks
from koopman_analysis.closure import closure_report, decoder_weighted_spectrum
from koopman_analysis.dictionaries import Coordinates
from koopman_analysis.estimators.decoding import UndefinedDecoder
from koopman_analysis.figures import draw_closure_spectrum, draw_weighted_spectrum, figure_of
from koopman_analysis.regression import ConstantData
from koopman_analysis.report import Entry, FigureBuilder, Report, explanation_of
from koopman_analysis.verification.material import Material

UNWEIGHTED = "all directions weigh alike: the decoder has no values around the latents"


def with_closure(report: Report, material: Material, *, tolerance: float, rng: np.random.Generator) -> Report:
    """The report with the claim of equation (1) at this share of the data's variance."""
    claim = checks.decoder_weighted_closed(
        material.model, material.pairs, labels=material.labels, tolerance=tolerance, rng=rng
    )
    explained = Entry(claim=replace(claim, id="closed"), explanation=explanation_of(claim))
    if (picture := _picture(material, tolerance, rng)) is None:
        return report.including(explained)
    return report.including(replace(explained, figure="closure_spectrum"), figures={"closure_spectrum": picture})


def _picture(material: Material, tolerance: float, rng: np.random.Generator) -> FigureBuilder | None:
    """The picture; None of a collapsed encoder, which has no directions."""
    try:
        curve = decoder_weighted_spectrum(material.model, material.pairs, labels=material.labels, rng=rng)
    except ConstantData:
        return None
    except UndefinedDecoder:
        spectrum = closure_report(material.latent_pairs(), inputs=Coordinates(), rng=rng).spectrum
        return partial(figure_of, partial(draw_closure_spectrum, spectrum=spectrum, title=UNWEIGHTED))
    if curve.dimension == 0:
        return None
    return partial(figure_of, partial(draw_weighted_spectrum, spectrum=curve, tolerance=tolerance))
