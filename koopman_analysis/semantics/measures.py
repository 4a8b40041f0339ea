"""What "alike" means: distances between objects by what they are, from outside the model or from the states themselves.

For objects with states yᵢ and labels ℓᵢ,

    same class             s_ij = 1[ℓᵢ ≠ ℓⱼ]                                                                (1)
    label distance         s_ij = S[ℓᵢ, ℓⱼ],  S a metric on the labels, |ℓ − ℓ'| where they are ordered     (2)
    Euclidean, cosine      s_ij = ‖yᵢ − yⱼ‖,   1 − yᵢ·yⱼ / ‖yᵢ‖‖yⱼ‖                                         (3)
    feature distance       s_ij = ‖f(yᵢ) − f(yⱼ)‖                                                           (4)
    cluster membership     (1) with the cluster of yᵢ in the place of ℓᵢ                                    (5)

**External or not.** Where a model's error ε = ‖ŷ − y‖ is small and its decoder Lipschitz, near latents have near states
by the triangle inequality: that a latent distance agrees with (3), or with anything that is a function of the states
alone, (5) included, is a corollary of a small error and no discovery. Only a measure that knows something besides, from
labels or from other data, may decide a claim; it calls itself `external`. Features fitted to labels of *other* objects
are; principal components of the states are not.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np

from koopman_analysis.shapes import Distances, Labels, Latents, Real
from koopman_analysis.similarity import euclidean_distances
from koopman_analysis.twosample import Sample


@dataclass(frozen=True, kw_only=True, eq=False)
class Objects:
    """What is known of n independent objects.

    Attributes:
        states: Their states at the data end, one a row.
        labels: What each is, from outside the model; None where nobody says so.

    Raises:
        ValueError: If the labels are not an array of whole numbers, one for each object, or there are fewer than four
            objects.
    """

    states: Sample
    labels: Labels | None = None

    def __post_init__(self) -> None:
        if len(self.states) < 4:
            raise ValueError(f"expected at least four objects, got {len(self.states)}: fewer have no distances to rank")
        if self.labels is None:
            return
        if not isinstance(self.labels, np.ndarray) or self.labels.ndim != 1 or self.labels.dtype.kind not in "iu":
            raise ValueError(
                f"expected labels as an array of whole numbers with one axis, got {_kind(self.labels)}: number "
                "them, as np.unique(labels, return_inverse=True)[1] does, and flatten a column"
            )
        if len(self.labels) != len(self.states):
            raise ValueError(f"expected a label for each of {len(self.states)} objects, got {len(self.labels)}")

    def __len__(self) -> int:
        return len(self.states)

    def require_labels(self) -> Labels:
        """The labels.

        Raises:
            ValueError: If there are none.
        """
        if self.labels is None:
            raise ValueError("expected objects with labels, got none: pass labels=, or a measure that needs none")
        return self.labels


@runtime_checkable
class SemanticMeasure(Protocol):
    """A distance between objects by what they are."""

    @property
    def name(self) -> str:
        """The measure in words."""
        ...

    @property
    def external(self) -> bool:
        """Whether it knows something that neither the model nor the states do; only then may it decide a claim."""
        ...

    def distances(self, objects: Objects) -> Distances:
        """The semantic distance of every object to every other."""
        ...


@runtime_checkable
class ClassMeasure(SemanticMeasure, Protocol):
    """A measure by which objects are alike or not."""

    def classes(self, objects: Objects) -> Labels:
        """The class of each object."""
        ...


@dataclass(frozen=True, kw_only=True)
class SameClass:
    """Equation (1)."""

    name: str = "class"
    external: bool = True

    def classes(self, objects: Objects) -> Labels:
        """The labels themselves."""
        return objects.require_labels()

    def distances(self, objects: Objects) -> Distances:
        """0 between objects of one class, 1 between others."""
        return _unlike(self.classes(objects))


@dataclass(frozen=True, kw_only=True, eq=False)
class LabelDistance:
    """Equation (2).

    Attributes:
        between: S, the distance of label k to label l in row k and column l.

    Raises:
        ValueError: If S is not a symmetric square matrix with zeros on its diagonal and nothing negative.
    """

    between: Real[np.ndarray, "k k"]
    name: str = "label distance"
    external: bool = True

    def __post_init__(self) -> None:
        S = self.between
        if not isinstance(S, np.ndarray) or S.ndim != 2 or S.shape[0] != S.shape[1]:
            raise ValueError(f"expected distances of labels as a square array, got {_kind(S)}")
        if not (np.allclose(S, S.T) and (np.diag(S) == 0).all() and (S >= 0).all()):
            raise ValueError(
                "expected distances of labels, a symmetric matrix with zeros on its diagonal and nothing negative, got "
                f"one of shape {S.shape} that is not"
            )

    @classmethod
    def ordinal(cls, labels: int) -> "LabelDistance":
        """|ℓ − ℓ'| of so many ordered labels, numbered from 0."""
        places = np.arange(labels, dtype=np.float64)
        return cls(between=np.abs(places[:, None] - places), name="difference of ordered labels")

    def distances(self, objects: Objects) -> Distances:
        """S of the labels of each pair.

        Raises:
            ValueError: If a label is not one of S.
        """
        labels = objects.require_labels()
        if labels.min() < 0 or labels.max() >= len(self.between):
            raise ValueError(
                f"expected labels from 0 to {len(self.between) - 1}, got {labels.min()} to {labels.max()}: give the "
                "distances of all of them"
            )
        return self.between[np.ix_(labels, labels)].astype(np.float64)


@dataclass(frozen=True, kw_only=True)
class EuclideanDistance:
    """‖y − y'‖ of equation (3)."""

    name: str = "distance of the data"
    external: bool = False

    def distances(self, objects: Objects) -> Distances:
        """The distances of the states."""
        return euclidean_distances(objects.states)


@dataclass(frozen=True, kw_only=True)
class CosineDistance:
    """One minus the cosine of equation (3); states are taken as they are, not centred."""

    name: str = "cosine distance of the data"
    external: bool = False

    def distances(self, objects: Objects) -> Distances:
        """The cosine distances of the states.

        Raises:
            ValueError: If a state is zero, and has no direction.
        """
        norms = np.linalg.norm(objects.states, axis=1, keepdims=True)
        if (norms == 0).any():
            raise ValueError(f"expected states with a direction, got {np.count_nonzero(norms == 0)} at zero")
        unit = objects.states / norms
        distances = 1.0 - unit @ unit.T
        np.fill_diagonal(distances, 0.0)
        return np.clip((distances + distances.T) / 2.0, 0.0, 2.0)


@dataclass(frozen=True, kw_only=True, eq=False)
class FeatureDistance:
    """Equation (4).

    Attributes:
        features: f, from rows of states to rows of features.
        name: The measure in words.
        external: Whether the features know something that the states do not, labels or other data.
    """

    features: Callable[[np.ndarray], np.ndarray]
    name: str
    external: bool

    def distances(self, objects: Objects) -> Distances:
        """The distances of the features.

        Raises:
            ValueError: If the features are not finite rows, one for each object.
        """
        return euclidean_distances(self._features(objects))

    def _features(self, objects: Objects) -> Latents:
        found = np.asarray(self.features(objects.states), dtype=np.float64)
        if found.ndim != 2 or len(found) != len(objects) or not np.isfinite(found).all():
            raise ValueError(
                f"expected finite features, a row for each of {len(objects)} objects, got shape {found.shape} with "
                f"{np.count_nonzero(~np.isfinite(found))} that are not finite"
            )
        return found


@dataclass(frozen=True, kw_only=True, eq=False)
class ClusterMembership:
    """Equation (5).

    Attributes:
        clusterer: Anything with `predict` from states to whole numbers, such as a clusterer of scikit-learn that was
            fitted to other data.
    """

    clusterer: Any
    name: str = "cluster of the data"
    external: bool = False

    def classes(self, objects: Objects) -> Labels:
        """The cluster of each object."""
        return np.asarray(self.clusterer.predict(objects.states), dtype=np.int64)

    def distances(self, objects: Objects) -> Distances:
        """0 between objects of one cluster, 1 between others."""
        return _unlike(self.classes(objects))


def _unlike(classes: Labels) -> Distances:
    return (classes[:, None] != classes).astype(np.float64)


def _kind(given: object) -> str:
    return f"{given.dtype} of shape {given.shape}" if isinstance(given, np.ndarray) else f"a {type(given).__name__}"
