"""Gauge: latent coordinates that no prediction depends on, and what of K depends on them."""

from koopman_analysis.gauge.coordinates import (
    GaugeDependent,
    LatentCoordinates,
    ThisGauge,
    WhiteAtNoise,
    nonnormality_in_gauge,
    operator_in,
    random_gauge,
    random_rotation,
    spectrum_in_gauge,
    transformed,
)
from koopman_analysis.gauge.experiment import GaugeExperiment, InGauges, gauge_experiment

__all__ = [
    "GaugeDependent",
    "GaugeExperiment",
    "InGauges",
    "LatentCoordinates",
    "ThisGauge",
    "WhiteAtNoise",
    "gauge_experiment",
    "nonnormality_in_gauge",
    "operator_in",
    "random_gauge",
    "random_rotation",
    "spectrum_in_gauge",
    "transformed",
]
