"""Known systems: flows that ship the exact answer to the questions asked of them.

A known system gives pairs (x, y) under its own input measure, a dictionary Ψ that is closed under it,

    Ψ(y) = Ψ(x) K      (rows),                                                                                 (1)

and the exact eigenvalues of that K. A check is trusted on data because it was right here.
"""

from abc import ABC, abstractmethod

import numpy as np

from koopman_analysis.dictionaries import Dictionary
from koopman_analysis.shapes import Float, Inexact, States
from koopman_analysis.snapshots import SnapshotPairs


class KnownSystem(ABC):
    """Pairs with a known closed dictionary and its spectrum."""

    @abstractmethod
    def pairs(self, count: int, *, rng: np.random.Generator) -> SnapshotPairs:
        """This many independent pairs."""

    @property
    @abstractmethod
    def dictionary(self) -> Dictionary:
        """A closed dictionary Ψ of equation (1), new at each call."""

    @property
    @abstractmethod
    def eigenvalues(self) -> Inexact[np.ndarray, " m"]:
        """The eigenvalues of K in that dictionary, with multiplicity, in no particular order."""


class KnownFlow(KnownSystem):
    """A known system whose state after is a function of the state before."""

    @abstractmethod
    def flow(self, states: States) -> States:
        """Φ: the states after, of these states before."""

    @abstractmethod
    def sampled(self, count: int, *, rng: np.random.Generator) -> Float[np.ndarray, "n d"]:
        """States before, drawn from the system's input measure."""

    def pairs(self, count: int, *, rng: np.random.Generator) -> SnapshotPairs:
        """States before from the input measure, and their images."""
        before = self.sampled(count, rng=rng)
        return SnapshotPairs(before=before, after=self.flow(before))
