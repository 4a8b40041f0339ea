"""Closure: does a flow map one dictionary into another, and how would one know?"""

from koopman_analysis.closure.decoder_weighted import DecoderWeightedClosure, decoder_weighted_defect
from koopman_analysis.closure.estimation import closure_report, closure_sweep
from koopman_analysis.closure.report import Closedness, ClosureReport, Measurement, Tolerances
from koopman_analysis.closure.stochastic import MeanClosureReport, mean_closure_report
from koopman_analysis.closure.weighted_spectrum import DecoderWeightedSpectrum, decoder_weighted_spectrum

__all__ = [
    "Closedness",
    "ClosureReport",
    "DecoderWeightedClosure",
    "MeanClosureReport",
    "DecoderWeightedSpectrum",
    "Measurement",
    "Tolerances",
    "closure_report",
    "closure_sweep",
    "decoder_weighted_defect",
    "mean_closure_report",
    "decoder_weighted_spectrum",
]
