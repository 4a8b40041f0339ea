"""How good one-step samples are: against the teacher on the same noise, and as a distribution.

Paired, over held-out pairs (x, y) and ŷ the model's sample from x:

    paired error     √( mean ‖ŷ − y‖² / Σ_features var(y) ),        median error     median ‖ŷ − y‖.          (1)

The mean of the data has paired error 1. Where the support S of the data is known, with dist(·, S) the distance to it,

    support-distance excess     mean ( dist(ŷ, S) − dist(y, S) ),                                            (2)

is paired too: the teacher itself leaks. Where data have labels, the label agreement is the share of pairs in which ŷ
and y have the same; of a model that is told classes, in which ŷ has the class that was asked for. It is judged by the
teacher and, where the teacher is a set of labelled points, by a classifier trained on these, too.

As a distribution, one-step samples from fresh noise stand beside a *reference* sample of the data: energy distance,
sliced Wasserstein distance, accuracy of a classifier that tells them apart. Of images there are, on features φ of any
extractor, Fréchet distance, kernel distance, precision and recall (`koopman_analysis.twosample`); samples of more
numbers than an extractor has by default are compared by its features in everything. Where the teacher is a set of
points, the sharpness is

    mean over samples of min_i ‖ŷ − p_i‖.                                                                    (3)

Each of these has its *floor*, the same number for a second, disjoint sample of the data. Every number has an interval
by resampling objects.
"""

from kdm.evaluation.classes import PointClassifier, labels_of
from kdm.evaluation.features import FeatureExtractor, OfRange, Pixels, PrincipalComponents, features_of
from kdm.evaluation.inception import Inception
from kdm.evaluation.measurement import Evaluation, evaluate
from kdm.evaluation.paired import PairedError, paired_error
from kdm.evaluation.reference import ReferenceStatistics
from kdm.evaluation.samples import (
    FreshSamples,
    OneStepGenerator,
    fresh_samples,
    generated,
    is_of_images,
    pairs_in_rows,
    rows,
)

__all__ = [
    "Evaluation",
    "FeatureExtractor",
    "FreshSamples",
    "Inception",
    "OfRange",
    "OneStepGenerator",
    "PairedError",
    "Pixels",
    "PointClassifier",
    "PrincipalComponents",
    "ReferenceStatistics",
    "evaluate",
    "features_of",
    "fresh_samples",
    "generated",
    "is_of_images",
    "labels_of",
    "paired_error",
    "pairs_in_rows",
    "rows",
]
