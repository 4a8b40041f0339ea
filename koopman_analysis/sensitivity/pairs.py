"""Every pair beside its bound: which pair, how far apart, what bounds it, and what is left.

With points z_i (latents where K carries them, or the noise itself), errors ε_i and a constant L, the bound of a pair
and what the pair itself demands are

    b_ij = L ‖z_i − z_j‖ + ε_i + ε_j,       slack  b_ij − ‖y_i − y_j‖,       ratio  ‖y_i − y_j‖ / b_ij              (1)
    L_ij = max(0, ‖y_i − y_j‖ − ε_i − ε_j) / ‖z_i − z_j‖,                                                           (2)

the least constant under which that pair is bounded: it is violated iff L_ij > L. If L is the q-quantile of (2) over
pairs of *other* objects, about 1 − q of these pairs are violated, whatever the model: a constant that is neither empty
nor certain, so that one may ask where it fails.                                                                   (3)
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree
from scipy.spatial.distance import pdist

from koopman_analysis.shapes import Bool, Float, Int, Labels, Latents, States, pair_indices

ROUNDING = 1e-5
"""Relative excess that counts as none: decoders compute in single precision."""


class UnboundedPairs(ValueError):
    """No finite constant bounds the share of pairs that was asked for."""


@dataclass(frozen=True, kw_only=True, eq=False)
class PairBounds:
    """Equations (1) and (2) for m pairs of n objects.

    Attributes:
        objects: n.
        first: One object of each pair, numbered from 0.
        second: The other.
        apart: ‖y_i − y_j‖.
        near: ‖z_i − z_j‖.
        errors: ε_i of each object.
        diameter: The largest ‖y_i − y_j‖ of all pairs, also of those that are not here; ∞ where nobody looked.
        constant: L.
    """

    objects: int
    first: Int[np.ndarray, " m"]
    second: Int[np.ndarray, " m"]
    apart: Float[np.ndarray, " m"]
    near: Float[np.ndarray, " m"]
    errors: Float[np.ndarray, " n"]
    diameter: float
    constant: float = 0.0

    @property
    def allowance(self) -> Float[np.ndarray, " m"]:
        """ε_i + ε_j."""
        return self.errors[self.first] + self.errors[self.second]

    @property
    def bound(self) -> Float[np.ndarray, " m"]:
        """b_ij."""
        return self.constant * self.near + self.allowance

    @property
    def slack(self) -> Float[np.ndarray, " m"]:
        """What the bound leaves, negative where it is violated."""
        return self.bound - self.apart

    @property
    def ratio(self) -> Float[np.ndarray, " m"]:
        """The distance as a share of its bound; 0 where both are 0."""
        return np.divide(self.apart, bound := self.bound, out=np.zeros_like(bound), where=bound > 0)

    @property
    def violating(self) -> Bool[np.ndarray, " m"]:
        """The pairs farther apart than their bound by more than rounding."""
        return self.apart > self.bound * (1 + ROUNDING)

    @property
    def violators(self) -> Bool[np.ndarray, " n"]:
        """The objects in a violating pair."""
        found = np.zeros(self.objects, dtype=bool)
        found[self.first[self.violating]] = found[self.second[self.violating]] = True
        return found

    @property
    def demanded(self) -> Float[np.ndarray, " m"]:
        """L_ij of equation (2); ∞ where one point has two images that are farther apart than their errors."""
        excess = np.maximum(0.0, self.apart - self.allowance)
        return np.divide(excess, self.near, out=np.where(excess > 0, np.inf, 0.0), where=self.near > 0)

    def worst(self, count: int = 10) -> Int[np.ndarray, " pairs"]:
        """The violating pairs with the least slack, the worst first."""
        violating = np.flatnonzero(self.violating)
        return violating[np.argsort(self.slack[violating], kind="stable")[:count]]


def all_pairs(
    points: Latents, after: States, errors: Float[np.ndarray, " _"], *, labels: Labels | None = None
) -> PairBounds:
    """All pairs of these objects, with L = 0.

    Args:
        points: z.
        after: y.
        errors: ε.
        labels: The label of each, where D takes labels: only pairs of one label are bounded.

    Raises:
        ValueError: If the data do not vary, are not finite or have errors that do not fit, or there are no two objects
            of one label.
    """
    _require_objects(points, after, errors)
    first, second = pair_indices(len(after))
    apart, near = pdist(after), pdist(points)
    alike = np.ones(len(first), bool) if labels is None else labels[first] == labels[second]
    if not apart.any() or not alike.any():
        raise ValueError("expected data that vary and two objects of one label, got none: there are no pairs to bound")
    return PairBounds(
        objects=len(after), first=first[alike], second=second[alike], apart=apart[alike], near=near[alike],
        errors=errors, diameter=float(apart.max()),
    )  # fmt: skip


def near_pairs(points: Latents, after: States, errors: Float[np.ndarray, " _"], *, neighbours: int = 5) -> PairBounds:
    """The pairs of which one is among the nearest of the other, each once, with L = 0.

    Args:
        points: z.
        after: y.
        errors: ε.
        neighbours: Nearest that are paired with each object.

    Raises:
        ValueError: If there are no more objects than neighbours, or no neighbours, or the objects are not finite or
            have errors that do not fit.
    """
    _require_objects(points, after, errors)
    n = len(after)
    if not 1 <= neighbours < n:
        raise ValueError(
            f"expected at least one neighbour, and more objects than neighbours, got {n} objects and {neighbours} "
            "neighbours"
        )
    found = cKDTree(points).query(points, k=neighbours + 1)[1]
    both = np.sort(np.column_stack([np.repeat(np.arange(n), neighbours + 1), found.ravel()]), axis=1)
    # Where objects coincide, the object itself need not be the nearest of itself.
    first, second = np.unique(both[both[:, 0] != both[:, 1]], axis=0).T
    return PairBounds(
        objects=n, first=first, second=second, errors=errors, diameter=np.inf,
        apart=np.linalg.norm(after[first] - after[second], axis=1),
        near=np.linalg.norm(points[first] - points[second], axis=1),
    )  # fmt: skip


def demanded_constant(pairs: PairBounds, *, share: float) -> float:
    """The constant L of equation (3), under which this share of the pairs is bounded.

    Raises:
        ValueError: If the share is no share.
        UnboundedPairs: If no finite constant bounds so many.
    """
    if not 0.0 < share <= 1.0:
        raise ValueError(f"expected a share of the pairs above 0, at most 1, got {share}")
    constant = float(np.quantile(pairs.demanded, share, method="higher"))
    if not np.isfinite(constant):
        raise UnboundedPairs(
            f"expected a constant that bounds {100 * share:g} % of the pairs, got ∞: too many objects with different "
            "images are one point"
        )
    return constant


def _require_objects(points: np.ndarray, after: np.ndarray, errors: np.ndarray) -> None:
    if not len(points) == len(after) == len(errors):
        raise ValueError(
            f"expected a point, an image and an error of each object, got {len(points)}, {len(after)} and {len(errors)}"
        )
    if not all(np.isfinite(values).all() for values in (points, after, errors)):
        raise ValueError("expected finite points, images and errors, got NaN or ∞: such pairs are neither bounded nor "
                         "violating")  # fmt: skip
    if (errors < 0).any():
        raise ValueError(f"expected errors of 0 or more, got {errors.min():.3g}: they are distances")
