"""Does a distance mean anything? A study of representations against what objects are, for any latent model.

    Objects(states, labels)                              what is known of n independent objects
    SameClass, LabelDistance, FeatureDistance, …         what "alike" means (`measures`)
    crossed(measures, classes=…, distances=…)            statistics held against measures (`questions`)
    semantic_study(latents, objects, questions, …)       all of it, beside controls, on the same resamples (`study`)
    canonical_coordinates(pairs, …)                      DMD and EDMD as representations of the noise (`coordinates`)

Everything here takes arrays, one row an object; who made them, and with what library, it does not ask.
"""

from koopman_analysis.semantics.admission import LATENT, LEAST_RANDOM_ENCODERS, RANDOM
from koopman_analysis.semantics.coordinates import CanonicalCoordinates, canonical_coordinates
from koopman_analysis.semantics.features import ClassifierFeatures, PrincipalComponents
from koopman_analysis.semantics.measures import (
    ClassMeasure,
    ClusterMembership,
    CosineDistance,
    EuclideanDistance,
    FeatureDistance,
    LabelDistance,
    Objects,
    SameClass,
    SemanticMeasure,
)
from koopman_analysis.semantics.path import StatesOnTheWay
from koopman_analysis.semantics.questions import ClassQuestion, DistanceQuestion, Question, crossed
from koopman_analysis.semantics.study import SemanticStudy, semantic_study

__all__ = [
    "LATENT",
    "LEAST_RANDOM_ENCODERS",
    "RANDOM",
    "CanonicalCoordinates",
    "ClassMeasure",
    "ClassQuestion",
    "ClassifierFeatures",
    "ClusterMembership",
    "CosineDistance",
    "DistanceQuestion",
    "EuclideanDistance",
    "FeatureDistance",
    "LabelDistance",
    "Objects",
    "PrincipalComponents",
    "Question",
    "SameClass",
    "SemanticMeasure",
    "SemanticStudy",
    "StatesOnTheWay",
    "canonical_coordinates",
    "crossed",
    "semantic_study",
]
