"""PyDMD's estimators on snapshot pairs, as baselines: one application of an operator takes noise to data.

PyDMD's operators are linear, flows from noise to data have means. So pairs are centred:

    ŷ(x) = ȳ + (x − x̄) K,                                                                                    (1)

with x̄, ȳ the weighted means of the fitted pairs and K the operator of a `PairMethod` for x − x̄ and y − ȳ. With
`LeastSquaresDMD` of full rank this is affine regression. (K is applied in PyDMD's modes, so a defective one costs half
of the digits.)

Source: Hirsh, Harris, Kutz & Brunton 2020 (centring).
"""

import numpy as np

from koopman_analysis.estimators.base import NotFitted, require_one_space, require_width
from koopman_analysis.estimators.pydmd.on_pairs import LeastSquaresDMD, PairMethod
from koopman_analysis.regression import ConstantData
from koopman_analysis.shapes import Operator, States
from koopman_analysis.snapshots import SnapshotPairs
from koopman_analysis.snapshots.pairs import require_pairs


class PyDMDRegression:
    """Equation (1) by any of PyDMD's algorithms on pairs.

    Args:
        method: The algorithm; `LeastSquaresDMD()`, exact DMD of full rank, where None.
    """

    def __init__(self, method: PairMethod | None = None) -> None:
        self.method = method or LeastSquaresDMD()
        self._matrix: np.ndarray | None = None

    def fit(self, pairs: SnapshotPairs) -> "PyDMDRegression":
        """Fits to these pairs.

        Raises:
            ConstantData: If the states before do not vary.
            ValueError: If pairs are fewer than two, or of different width before and after; as the method says.
        """
        require_pairs(pairs)
        require_one_space(pairs)
        host = pairs.on_host()
        weights = np.ones(host.n) if host.weights is None else host.weights
        self._mean_before, self._mean_after = (
            np.average(states, axis=0, weights=weights) for states in (host.before, host.after)
        )
        root = np.sqrt(weights)[:, None]
        before, after = root * (host.before - self._mean_before), root * (host.after - self._mean_after)
        if np.linalg.norm(before) <= 1e-13 * np.linalg.norm(root * host.before):
            raise ConstantData(
                "expected states before that vary, got constant ones: no operator is better than another"
            )
        self._matrix = self.method.operator(before, after)
        return self

    @property
    def matrix_(self) -> Operator:
        """K of equation (1), shape (d, d)."""
        if self._matrix is None:
            raise NotFitted("expected a fitted PyDMDRegression, got one that has seen no pairs: call fit(pairs) first")
        return self._matrix

    def predict(self, states: States) -> States:
        """ŷ of equation (1).

        Raises:
            ValueError: If the states are of another width than the fitted ones.
        """
        K = self.matrix_
        require_width(states, len(K))
        return self._mean_after + (states - self._mean_before) @ K
