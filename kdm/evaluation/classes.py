"""Of which class samples are: by the teacher, and by a classifier trained on real, labelled points.

The teacher's judgement is that of the nearest point, of which a blurred sample may be nearest to one of its class and
look like nothing. A support vector machine is a second judge; its accuracy on points that it was not trained on, by
cross-validation, says how far its word can be trusted, and stands where other quantities have their floor.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from kdm.evaluation.features import PrincipalComponents, features_of
from kdm.evaluation.paired import mean_interval
from kdm.shapes import Float, Labels, Samples, Tensor
from kdm.teachers import ClassConditional, Empirical, Teacher
from kdm.trajectories import Trajectories
from koopman_analysis.resampling import Interval

MOST_POINTS = 5000
"""Points that a classifier is trained on, at most."""
FOLDS = 5
BATCH = 1024
"""Samples whose distances to all points are held at once."""


def labels_of(data: Trajectories, points: Samples) -> Labels | None:
    """The semantic label of each point, from the teacher or the support of the data; None where neither has any."""
    if data.teacher is not None:
        return data.teacher.labels(points)
    return None if data.support is None else data.support.cells(points)


def empirical_of(teacher: Teacher | None) -> Empirical | None:
    """The set of points behind a teacher, with one flow for all or one for each class; None where it is not one."""
    law = teacher.of if isinstance(teacher, ClassConditional) else teacher
    return law if isinstance(law, Empirical) else None


@dataclass(frozen=True, kw_only=True, eq=False)
class PointClassifier:
    """A classifier of a teacher's labelled points.

    Attributes:
        classifier: The fitted one, of the scikit-learn contract, on principal components of the points.
        components: Those.
        accuracy: On points that it had not seen, by cross-validation.
    """

    classifier: Any
    components: PrincipalComponents
    accuracy: Interval

    @classmethod
    def of(cls, teacher: Empirical, *, rng: np.random.Generator) -> "PointClassifier":
        """A support vector machine with a Gaussian kernel, on at most `MOST_POINTS` of the points.

        Raises:
            ValueError: If the points have no classes.
        """
        # scikit-learn takes seconds to import and serves only where there are classes.
        from sklearn.model_selection import StratifiedKFold, cross_val_predict
        from sklearn.svm import SVC

        if teacher.classes is None:
            raise ValueError("expected points with classes to train a classifier on, got points without")
        some = rng.permutation(len(teacher.points))[:MOST_POINTS]
        components = PrincipalComponents.of(teacher.points)
        points, classes = features_of(components, teacher.points)[some], teacher.classes.numpy()[some]
        machine, dealt = SVC(C=10.0), StratifiedKFold(FOLDS, shuffle=True, random_state=int(rng.integers(2**31)))
        right = cross_val_predict(machine, points, classes, cv=dealt) == classes
        accuracy = mean_interval(right, rng=rng)
        return cls(classifier=machine.fit(points, classes), components=components, accuracy=accuracy)

    def labels(self, samples: Samples) -> np.ndarray:
        """The class of each sample."""
        return np.asarray(self.classifier.predict(features_of(self.components, samples)))


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """The shares of samples that are of the class that they must be, and of real ones, by name of the judge."""

    quantities: dict[str, Interval]
    floor: dict[str, Interval]


def class_agreement(
    data: Trajectories, truth: Samples, predicted: Samples, *, asked: Labels | None, rng: np.random.Generator
) -> Agreement:
    """How often held-out samples are of the class asked for, or of the class of the teacher's from the same noise.

    Args:
        data: The pairs, with their teacher or support.
        truth: The teacher's data.
        predicted: The model's, from the same noise.
        asked: The classes that the model was told, None where it is told none.
        rng: Resamples, and deals the points of the classifier.
    """
    own, found = labels_of(data, truth), labels_of(data, predicted)
    if own is None or found is None:
        return Agreement(quantities={}, floor={})
    wanted = own if asked is None else asked
    quantities = {"label_agreement": mean_interval((wanted == found).numpy(), rng=rng)}
    floor = {} if asked is None else {"label_agreement": mean_interval((asked == own).numpy(), rng=rng)}
    points = empirical_of(data.teacher)
    if points is not None and points.classes is not None:
        judge = PointClassifier.of(points, rng=rng)
        right = judge.labels(predicted) == wanted.numpy()
        quantities["classifier_agreement"] = mean_interval(right, rng=rng)
        floor["classifier_agreement"] = judge.accuracy
    return Agreement(quantities=quantities, floor=floor)


def distances_to_points(samples: Samples, points: Float[Tensor, " points *shape"]) -> np.ndarray:
    """The distance of each sample from the nearest of the points: equation (3) of the package before its mean."""
    centre = points.flatten(1).double().mean(0)
    x, p = (some.flatten(1).double() - centre for some in (samples, points))
    squares = p.square().sum(1)
    nearest = [
        (part.square().sum(1) + (squares - 2.0 * part @ p.T).min(1).values).clamp(min=0.0) for part in x.split(BATCH)
    ]
    return torch.cat(nearest).sqrt().numpy()
