"""Figures: `draw_*(ax, result) -> ax`, a file for each family; the only place that imports matplotlib."""

from koopman_analysis.figures.autonomy import draw_autonomy
from koopman_analysis.figures.boundaries import draw_exponents, draw_neighbourhoods
from koopman_analysis.figures.closure import (
    draw_closure_spectra,
    draw_closure_spectrum,
    draw_weighted_spectrum,
)
from koopman_analysis.figures.dimension import draw_hermite_curve, draw_rank_sweep, draw_sweep
from koopman_analysis.figures.eigenfunctions import draw_function
from koopman_analysis.figures.gauge import draw_gauge
from koopman_analysis.figures.images import draw_image_rows, draw_images
from koopman_analysis.figures.interpolation import (
    draw_departures,
    draw_interpolations,
    draw_path_measures,
    draw_paths,
)
from koopman_analysis.figures.intervals import (
    draw_claims,
    draw_differences,
    draw_discrepancies,
    draw_errors,
    draw_ratios,
)
from koopman_analysis.figures.neighbours import draw_gallery
from koopman_analysis.figures.outliers import draw_outliers, draw_regions
from koopman_analysis.figures.predictors import draw_error_against_cost, draw_error_against_dimension
from koopman_analysis.figures.quality import draw_quality_against_cost
from koopman_analysis.figures.samples import draw_by_class, draw_marked, draw_samples
from koopman_analysis.figures.semantics import draw_midway, draw_semantic_values, semantic_figure
from koopman_analysis.figures.spectrum import draw_eigenvalues, draw_pseudospectrum, draw_residuals
from koopman_analysis.figures.style import Figure, figure_of, save_figure, styled
from koopman_analysis.figures.training import draw_training

__all__ = [
    "Figure",
    "draw_autonomy",
    "draw_by_class",
    "draw_claims",
    "draw_closure_spectra",
    "draw_closure_spectrum",
    "draw_weighted_spectrum",
    "draw_departures",
    "draw_differences",
    "draw_discrepancies",
    "draw_eigenvalues",
    "draw_error_against_cost",
    "draw_error_against_dimension",
    "draw_errors",
    "draw_function",
    "draw_gallery",
    "draw_exponents",
    "draw_gauge",
    "draw_hermite_curve",
    "draw_image_rows",
    "draw_images",
    "draw_interpolations",
    "draw_marked",
    "draw_midway",
    "draw_neighbourhoods",
    "draw_outliers",
    "draw_path_measures",
    "draw_paths",
    "draw_quality_against_cost",
    "draw_ratios",
    "draw_rank_sweep",
    "draw_regions",
    "draw_pseudospectrum",
    "draw_residuals",
    "draw_samples",
    "draw_semantic_values",
    "draw_sweep",
    "draw_training",
    "figure_of",
    "save_figure",
    "semantic_figure",
    "styled",
]
