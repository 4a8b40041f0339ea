"""Checks: measurements that end in a Claim, a file for each family of claims."""

from koopman_analysis.checks.autonomy import autonomous, autonomy_controls
from koopman_analysis.checks.boundaries import (
    LocatedViolations,
    Neighbourhoods,
    exponents_are_the_same,
    located_violations,
    near_hypothesis,
    near_pair_bounds,
    near_stays_near,
    neighbourhoods,
    violations_at_boundaries,
    violations_hypothesis,
)
from koopman_analysis.checks.closure import closed, closed_in_the_mean, decoder_weighted_closed
from koopman_analysis.checks.comparison import PairedErrors, better_than_baselines, paired_errors
from koopman_analysis.checks.distillation import (
    DistillationRatios,
    better_than_distillation,
    distillation_not_applicable,
    distillation_ratios,
)
from koopman_analysis.checks.eigenvalues import (
    DependentLatents,
    EigenvalueResiduals,
    eigenvalue_residuals,
    eigenvalues_of_the_flow,
)
from koopman_analysis.checks.expansion import TooFewPairs, UnreadLatents, not_expanding
from koopman_analysis.checks.fidelity import Fidelity, faithful, one_step_fidelity
from koopman_analysis.checks.interpolation import ExcessShare, excess_share, interpolates_near_the_data
from koopman_analysis.checks.isometry import isometric
from koopman_analysis.checks.outliers import (
    EdgeCorrespondence,
    OutlierCorrespondence,
    edge_correspondence,
    outlier_correspondence,
    outliers_at_edges,
    outliers_correspond,
)
from koopman_analysis.checks.rank import OneDirection, few_directions_suffice
from koopman_analysis.checks.semantic import CLASS, ROTATED, known_answers, semantic_beyond_controls
from koopman_analysis.checks.sensitivity import (
    LatentBounds,
    MeasuredBounds,
    bound_is_informative,
    bounded_by_latent_distance,
    latent_bounds,
)
from koopman_analysis.checks.spectral import (
    NormalityOfK,
    eigenvalues_trusted,
    nearly_normal,
    normality,
    spectral_not_applicable,
    stable,
)

__all__ = [
    "CLASS",
    "DependentLatents",
    "DistillationRatios",
    "EdgeCorrespondence",
    "EigenvalueResiduals",
    "ExcessShare",
    "Fidelity",
    "LatentBounds",
    "LocatedViolations",
    "MeasuredBounds",
    "Neighbourhoods",
    "NormalityOfK",
    "OneDirection",
    "OutlierCorrespondence",
    "PairedErrors",
    "ROTATED",
    "TooFewPairs",
    "UnreadLatents",
    "autonomous",
    "autonomy_controls",
    "better_than_baselines",
    "better_than_distillation",
    "bound_is_informative",
    "bounded_by_latent_distance",
    "closed",
    "closed_in_the_mean",
    "decoder_weighted_closed",
    "distillation_not_applicable",
    "distillation_ratios",
    "edge_correspondence",
    "eigenvalue_residuals",
    "eigenvalues_of_the_flow",
    "eigenvalues_trusted",
    "excess_share",
    "exponents_are_the_same",
    "faithful",
    "few_directions_suffice",
    "interpolates_near_the_data",
    "isometric",
    "known_answers",
    "latent_bounds",
    "located_violations",
    "near_hypothesis",
    "near_pair_bounds",
    "near_stays_near",
    "nearly_normal",
    "neighbourhoods",
    "normality",
    "not_expanding",
    "one_step_fidelity",
    "outlier_correspondence",
    "outliers_at_edges",
    "outliers_correspond",
    "paired_errors",
    "violations_at_boundaries",
    "violations_hypothesis",
    "semantic_beyond_controls",
    "spectral_not_applicable",
    "stable",
]
