"""The coordinates in which classical baselines see wide states: proper orthogonal decomposition.

With V the r leading eigenvectors of the covariance of the data (`kdm.evaluation.PrincipalComponents`),

    x ↦ x V,        y ↦ y V,        ŷ = û Vᵀ + ȳ (I − V Vᵀ),                                                (1)

a regression between coordinates predicts û, and what is left out is predicted by its mean. The flow of Gaussian data is
diagonal in all eigenvectors, so that of the noise nothing is lost that y V depends on; of other data that is an
approximation, and one that keeps thousands of coefficients from being fitted to thousands of pairs. States of at most r
numbers are taken as they are.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch

from kdm.evaluation import PrincipalComponents
from koopman_analysis import SnapshotPairs, SnapshotTrajectories

Predictor = Callable[[np.ndarray], np.ndarray]
"""A function of each row."""

WIDEST = 256
"""r: more numbers than that are seen through so many principal components."""


@dataclass(frozen=True, kw_only=True, eq=False)
class LeadingCoordinates:
    """Equation (1).

    Attributes:
        axes: V, orthonormal columns, shape (d, r).
        rest: ȳ (I − V Vᵀ), shape (d,).
    """

    axes: np.ndarray
    rest: np.ndarray

    @classmethod
    def of(cls, data: np.ndarray, *, count: int = WIDEST) -> "LeadingCoordinates":
        """Those of data, shape (n, d): the d themselves where they are at most `count`."""
        width = data.shape[1]
        if width <= count:
            return cls(axes=np.eye(width), rest=np.zeros(width))
        components = PrincipalComponents.of(torch.from_numpy(data), count=count)
        axes, mean = components.axes.numpy(), components.mean.numpy()
        return cls(axes=axes, rest=mean - mean @ axes @ axes.T)

    def __call__(self, states: np.ndarray) -> np.ndarray:
        """States in these coordinates, shape (n, r)."""
        return states @ self.axes

    def of_pairs(self, pairs: SnapshotPairs) -> SnapshotPairs:
        """Both ends in these coordinates."""
        return replace(pairs, before=self(pairs.before), after=self(pairs.after))

    def of_trajectories(self, trajectories: SnapshotTrajectories) -> SnapshotTrajectories:
        """All times in these coordinates."""
        return replace(trajectories, states=self(trajectories.states))

    def before(self, encode: Predictor) -> Predictor:
        """A function of these coordinates as one of states."""
        return lambda states: encode(self(states))

    def lifted(self, predict: Predictor) -> Predictor:
        """A prediction between these coordinates as one between states."""
        return lambda states: predict(self(states)) @ self.axes.T + self.rest
