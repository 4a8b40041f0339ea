"""Pairs with nothing in common, and pairs with something in common.

With y independent of x

    (K g)(x) = E[g(y) | x] = E[g(y)],                                                                          (1)

so only the constant is closed, with eigenvalue 1, and the closure spectrum of every dictionary is zero. Any check that
finds more here finds it anywhere.

Where k of the coordinates stay as they are and u are drawn anew,

    x = (a, b),     y = (a, s b'),     a ~ N(0, I_k),   b, b' ~ N(0, I_u) independent,                           (2)

the coordinates have the closure spectrum of k ones and u zeros. A column of pure noise costs its share u/(k + u) of the
directions whatever its scale s: a defect in the units of the states would lose sight of a small one.
"""

from dataclasses import dataclass

import numpy as np

from koopman_analysis.dictionaries import Constant, Coordinates
from koopman_analysis.shapes import Float
from koopman_analysis.snapshots import SnapshotPairs
from koopman_analysis.systems.base import ClosedSystem, SpectralSystem


@dataclass(frozen=True, kw_only=True)
class Unrelated(ClosedSystem):
    """Independent standard normal states before and after: equation (1).

    Attributes:
        dimension: Width of the states.
    """

    dimension: int = 2

    @property
    def dictionary(self) -> Constant:
        """The constant, alone."""
        return Constant(dimension=self.dimension)

    @property
    def eigenvalues(self) -> Float[np.ndarray, " 1"]:
        """One."""
        return np.ones(1)

    def pairs(self, count: int, *, rng: np.random.Generator) -> SnapshotPairs:
        """Two independent draws, side by side."""
        before, after = rng.standard_normal((2, count, self.dimension))
        return SnapshotPairs(before=before, after=after)


@dataclass(frozen=True, kw_only=True)
class PartlyUnrelated(SpectralSystem):
    """Coordinates of which some stay and the others are drawn anew: equation (2).

    Attributes:
        kept: k ≥ 1, the coordinates that stay.
        redrawn: u ≥ 1, those that are drawn anew.
        scale: s > 0, their standard deviation in the state after.

    Raises:
        ValueError: If no coordinate is kept, none redrawn, or the scale is not positive.
    """

    kept: int = 2
    redrawn: int = 1
    scale: float = 1.0

    def __post_init__(self) -> None:
        if self.kept < 1 or self.redrawn < 1:
            raise ValueError(
                f"expected at least one coordinate that is kept and one that is redrawn, got {self.kept} and "
                f"{self.redrawn}: take Unrelated where none is kept"
            )
        if not self.scale > 0:
            raise ValueError(f"expected a positive scale of the noise, got {self.scale}")

    @property
    def dictionary(self) -> Coordinates:
        """The coordinates."""
        return Coordinates(dimension=self.kept + self.redrawn)

    @property
    def closure_spectrum(self) -> Float[np.ndarray, " r"]:
        """As many ones as coordinates are kept, as many zeros as are redrawn."""
        return np.repeat([1.0, 0.0], [self.kept, self.redrawn])

    def pairs(self, count: int, *, rng: np.random.Generator) -> SnapshotPairs:
        """States before, and after with the last u coordinates drawn anew."""
        before = rng.standard_normal((count, self.kept + self.redrawn))
        noise = self.scale * rng.standard_normal((count, self.redrawn))
        return SnapshotPairs(before=before, after=np.hstack([before[:, : self.kept], noise]))
