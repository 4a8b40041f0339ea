"""Known systems: flows and maps that ship the exact answer to the questions asked of them.

A *system* gives pairs (x, y) under its own input measure. What is known of it beyond that is a mixture of

    a flow              y = Φ(x), to be had at any state                                                     (1)
    a closed dictionary Ψ(y) = Ψ(x) K      (rows), with the exact eigenvalues of K                           (2)
    a closure spectrum  σ_1 ≥ … ≥ σ_r, the exact canonical correlations of Ψ(x) and Ψ(y)                        (3)

where (2) is meant in the mean, E[Ψ(y) | x] = Ψ(x) K, if the system is no flow, and σ is 1 in every direction if it is
one and closed. A check is trusted on data because it was right here.
"""

from abc import ABC, abstractmethod

import numpy as np

from koopman_analysis.dictionaries import Dictionary
from koopman_analysis.shapes import Float, Inexact, States
from koopman_analysis.snapshots import SnapshotPairs


class System(ABC):
    """Pairs under an input measure."""

    @abstractmethod
    def pairs(self, count: int, *, rng: np.random.Generator) -> SnapshotPairs:
        """This many independent pairs."""


class Flow(System):
    """A system whose state after is a function of the state before: equation (1)."""

    @abstractmethod
    def flow(self, states: States) -> States:
        """Φ: the states after, of these states before."""

    @abstractmethod
    def sampled(self, count: int, *, rng: np.random.Generator) -> Float[np.ndarray, "n d"]:
        """States before, drawn from the system's input measure."""

    @property
    def duration(self) -> float:
        """Time from before to after; one step of a map."""
        return 1.0

    def pairs(self, count: int, *, rng: np.random.Generator) -> SnapshotPairs:
        """States before from the input measure, and their images."""
        before = self.sampled(count, rng=rng)
        return SnapshotPairs(before=before, after=self.flow(before), lag=self.duration)


class ClosedSystem(System):
    """A system with a known closed dictionary and its spectrum: equation (2)."""

    @property
    @abstractmethod
    def dictionary(self) -> Dictionary:
        """A closed dictionary Ψ, new at each call."""

    @property
    @abstractmethod
    def eigenvalues(self) -> Inexact[np.ndarray, " m"]:
        """The eigenvalues of K in that dictionary, with multiplicity, in no particular order."""


class ClosedFlow(ClosedSystem, Flow):
    """A flow with a known closed dictionary: its closure spectrum is 1 throughout."""


class SpectralSystem(System):
    """A system with a dictionary, closed or not, whose closure spectrum is known: equation (3)."""

    @property
    @abstractmethod
    def dictionary(self) -> Dictionary:
        """The dictionary Ψ of both ends, new at each call."""

    @property
    @abstractmethod
    def closure_spectrum(self) -> Float[np.ndarray, " r"]:
        """The exact canonical correlations of Ψ(x) and Ψ(y), decreasing, without the constant's."""
