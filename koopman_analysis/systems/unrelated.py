"""Pairs with nothing in common: y independent of x.

    (K g)(x) = E[g(y) | x] = E[g(y)],                                                                          (1)

so only the constant is closed, with eigenvalue 1, and the closure spectrum of every dictionary is zero. Any check that
finds more here finds it anywhere.
"""

from dataclasses import dataclass

import numpy as np

from koopman_analysis.dictionaries import Constant
from koopman_analysis.shapes import Float
from koopman_analysis.snapshots import SnapshotPairs
from koopman_analysis.systems.base import KnownSystem


@dataclass(frozen=True, kw_only=True)
class Unrelated(KnownSystem):
    """Independent standard normal states before and after.

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
