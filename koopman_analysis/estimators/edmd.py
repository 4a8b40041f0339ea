"""Extended dynamic mode decomposition, in one dictionary or two.

With dictionaries Ψ_in at the states before and Ψ_out at the states after, in the row convention,

    Ψ_out(y) ≈ Ψ_in(x) K,        K = argmin Σ w ‖Ψ_out(y) − Ψ_in(x) K‖²  (+ ridge),                            (1)
    ŷ(x) = Ψ_in(x) K B,          B = argmin Σ w ‖y − Ψ_out(y) B‖²,                                              (2)

where B selects the coordinates if Ψ_out holds them. With Ψ = (x_1, …, x_d) this is dynamic mode decomposition, and with
a constant added it is DMD on centred pairs, that is affine regression.

Source: Williams, Kevrekidis & Rowley 2015, which has one dictionary; two are its least-squares problem unchanged.
"""

import array_api_compat
import numpy as np

from koopman_analysis.moments import FactorMoments, GramMoments, Lift
from koopman_analysis.regression import Rank, require_settings
from koopman_analysis.shapes import Array, Operator
from koopman_analysis.snapshots import SnapshotPairs


class NotFitted(RuntimeError):
    """An estimator was asked for a result before it saw data."""


class EDMD:
    """Equations (1) and (2): `fit` in memory by QR, `partial_fit` as a stream by Gram matrices.

    Args:
        inputs: Ψ_in, a dictionary or any function from states (n, d) to features (n, m_in).
        outputs: Ψ_out; Ψ_in where None.
        ridge: Regularisation relative to the mean square of the input features; no unit.
        rank: Number of directions of Ψ_in to keep; all above rounding where None.

    Raises:
        TypeError: If the rank is not a whole number.
        ValueError: If the ridge is negative or the rank below 1.
    """

    def __init__(self, inputs: Lift, outputs: Lift | None = None, ridge: float = 0.0, rank: Rank = None) -> None:
        self.inputs, self.outputs, self.ridge, self.rank = inputs, outputs or inputs, ridge, rank
        require_settings(ridge, rank)
        self._moments: FactorMoments | GramMoments | None = None
        self._solution: tuple[np.ndarray, np.ndarray] | None = None

    @classmethod
    def from_moments(
        cls,
        moments: FactorMoments | GramMoments,
        inputs: Lift,
        outputs: Lift | None = None,
        ridge: float = 0.0,
        rank: Rank = None,
    ) -> "EDMD":
        """An estimator fitted to moments taken elsewhere, in these dictionaries."""
        return cls(inputs, outputs, ridge, rank)._refit(moments)

    def fit(self, pairs: SnapshotPairs) -> "EDMD":
        """Fits to these pairs alone, by QR.

        Raises:
            ConstantData: If the input features do not vary.
            ValueError: If there are fewer than two pairs, or the rank exceeds the number of input features.
        """
        return self._refit(FactorMoments.of(pairs, self.inputs, self.outputs))

    def partial_fit(self, pairs: SnapshotPairs) -> "EDMD":
        """Adds these pairs to those of earlier partial fits; K is solved for when it is next asked for."""
        moments = GramMoments.of(pairs, self.inputs, self.outputs)
        if isinstance(self._moments, GramMoments):
            moments = self._moments + moments
        self._moments, self._solution = moments, None
        return self

    @property
    def matrix_(self) -> Operator:
        """K of equation (1), shape (m_in, m_out)."""
        return self._solved()[0]

    def predict(self, states: Array) -> Array:
        """ŷ of equation (2), in the library, precision and device of the states."""
        K, B = self._solved()
        features = self.inputs(states)
        xp = array_api_compat.array_namespace(features)
        operator = xp.asarray(K @ B, dtype=features.dtype, device=array_api_compat.device(features))
        return features @ operator

    def _refit(self, moments: FactorMoments | GramMoments) -> "EDMD":
        self._moments, self._solution = moments, None
        self._solved()
        return self

    def _solved(self) -> tuple[np.ndarray, np.ndarray]:
        if self._moments is None:
            raise NotFitted("expected a fitted EDMD, got one that has seen no pairs: call fit(pairs) first")
        if self._solution is None:
            K = self._moments.operator(ridge=self.ridge, rank=self.rank)
            self._solution = K, _readout(self.outputs, self._moments)
        return self._solution


def _readout(outputs: Lift, moments: FactorMoments | GramMoments) -> np.ndarray:
    _, m_out, features = moments.sizes
    positions = getattr(outputs, "coordinates", None)
    if positions is None:
        return moments.readout()
    selection = np.zeros((m_out, features))
    selection[list(positions), np.arange(features)] = 1.0
    return selection
