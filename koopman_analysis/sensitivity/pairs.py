"""Every pair beside its bound: which pair, how far apart, what bounds it, and what is left.

With latents z_i where K carries them, errors ε_i and a constant L, the bound of a pair and what it itself demands are

    b_ij = L ‖z_i − z_j‖ + ε_i + ε_j,       slack  b_ij − ‖y_i − y_j‖,       ratio  ‖y_i − y_j‖ / b_ij              (1)
    L_ij = max(0, ‖y_i − y_j‖ − ε_i − ε_j) / ‖z_i − z_j‖,                                                           (2)

the least constant under which that pair is bounded: it is violated iff L_ij > L. If L is the q-quantile of (2) over
pairs of *other* objects, about 1 − q of these pairs are violated, whatever the model: a constant that is neither empty
nor certain, so that one may ask where it fails.                                                                   (3)
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import pdist, squareform

from koopman_analysis.shapes import Bool, Distances, Float, Int, Labels, Latents, States

ROUNDING = 1e-5
"""Relative excess that counts as none: decoders compute in single precision."""


@dataclass(frozen=True, kw_only=True, eq=False)
class PairBounds:
    """Equations (1) and (2) for all pairs of n objects.

    Attributes:
        rows: Where each object stands among the caller's pairs.
        apart: ‖y_i − y_j‖.
        latent: ‖z_i − z_j‖.
        errors: ε_i.
        alike: The pairs that are bounded: two different objects, of one label where D takes labels.
        constant: L.
    """

    rows: Int[np.ndarray, " n"]
    apart: Distances
    latent: Distances
    errors: Float[np.ndarray, " n"]
    alike: Bool[np.ndarray, "n n"]
    constant: float

    @property
    def bound(self) -> Distances:
        """b_ij."""
        return self.constant * self.latent + self.errors[:, None] + self.errors[None, :]

    @property
    def slack(self) -> Distances:
        """What the bound leaves, negative where it is violated."""
        return self.bound - self.apart

    @property
    def ratio(self) -> Distances:
        """The distance as a share of its bound; 0 where both are 0."""
        return np.divide(self.apart, self.bound, out=np.zeros_like(self.apart), where=self.bound > 0)

    @property
    def violating(self) -> Bool[np.ndarray, "n n"]:
        """The pairs farther apart than their bound by more than rounding."""
        return self.alike & (self.apart > self.bound * (1 + ROUNDING))

    @property
    def demanded(self) -> Distances:
        """L_ij of equation (2); ∞ where one latent has two images that are farther apart than their errors."""
        excess = np.maximum(0.0, self.apart - self.errors[:, None] - self.errors[None, :])
        beyond = np.where(excess > 0, np.inf, 0.0)
        return np.divide(excess, self.latent, out=beyond, where=self.latent > 0)

    def worst(self, count: int = 10) -> Int[np.ndarray, "pairs 2"]:
        """The rows of the violating pairs with the least slack, the worst first."""
        first, second = np.nonzero(np.triu(self.violating))
        order = np.argsort(self.slack[first, second], kind="stable")[:count]
        return self.rows[np.column_stack([first, second])[order]]


def pair_bounds(
    latents: Latents,
    after: States,
    errors: Float[np.ndarray, " n"],
    *,
    constant: float,
    rows: Int[np.ndarray, " n"] | None = None,
    labels: Labels | None = None,
) -> PairBounds:
    """The bounds of all pairs of these objects.

    Args:
        latents: z, where K carries them.
        after: y.
        errors: ε.
        constant: L.
        rows: Where each object stands among the caller's pairs; 0, 1, … where None.
        labels: The label of each, where D takes labels: only pairs of one label are bounded.

    Raises:
        ValueError: If the data do not vary, or there are no two objects of one label.
    """
    n = len(after)
    alike = ~np.eye(n, dtype=bool) if labels is None else labels[:, None] == labels[None, :]
    np.fill_diagonal(alike, False)
    apart = squareform(pdist(after))
    if not apart.any() or not alike.any():
        raise ValueError("expected data that vary and two objects of one label, got none: there are no pairs to bound")
    return PairBounds(
        rows=np.arange(n) if rows is None else rows, apart=apart, latent=squareform(pdist(latents)), errors=errors,
        alike=alike, constant=constant,
    )  # fmt: skip


def demanded_constant(pairs: PairBounds, *, share: float) -> float:
    """The constant L of equation (3), under which this share of the pairs is bounded.

    Raises:
        ValueError: If no finite constant bounds so many.
    """
    above = np.triu(pairs.alike)
    constant = float(np.quantile(pairs.demanded[above], share, method="higher"))
    if not np.isfinite(constant):
        raise ValueError(f"expected a constant that bounds {100 * share:g} % of the pairs, got ∞: too many objects "
                         "with different images share one latent")  # fmt: skip
    return constant
