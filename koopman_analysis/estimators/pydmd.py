"""PyDMD's estimators on snapshot pairs, as baselines.

On centred pairs exact DMD is affine regression:

    ŷ(x) = ȳ + (x − x̄) A,       A of least squares, of the given rank,                                            (1)

with x̄, ȳ the means of the fitted pairs and A applied by PyDMD as Φ diag(λ) Φ⁺ in its modes Φ (so a defective A costs
half of the digits). PyDMD is imported when first used: that takes seconds.

Sources: Tu, Rowley, Luchtenburg, Brunton & Kutz 2014 (exact DMD on pairs); Hirsh, Harris, Kutz & Brunton 2020
(centring).
"""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from koopman_analysis.estimators.base import NotFitted
from koopman_analysis.regression import ConstantData, Rank, require_settings
from koopman_analysis.shapes import States
from koopman_analysis.snapshots import SnapshotPairs


class PyDMDRegression:
    """Equation (1) by any PyDMD class that fits pairs.

    Args:
        rank: Number of modes; all of them where None. (PyDMD's own default guesses, and keeps one mode of two clean
            ones, so a rank is always stated to it.)
        make: Takes PyDMD's `svd_rank` (−1 for all) to an unfitted PyDMD object; exact `DMD` where None.

    Raises:
        TypeError: If the rank is not a whole number.
        ValueError: If the rank is below 1.
    """

    def __init__(self, rank: Rank = None, *, make: Callable[[int], Any] | None = None) -> None:
        require_settings(0.0, rank)
        self.rank, self.make = rank, make or _exact_dmd
        self.dmd_: Any = None

    def fit(self, pairs: SnapshotPairs) -> "PyDMDRegression":
        """Fits to these pairs.

        Raises:
            ValueError: If pairs are weighted, fewer than two, or of different width before and after; if the states do
                not vary; if the rank exceeds their number of features.
        """
        _require_plain(pairs)
        host = pairs.on_host()
        require_settings(0.0, self.rank, largest=host.before.shape[1])
        self._mean_before, self._mean_after = host.before.mean(axis=0), host.after.mean(axis=0)
        centred = host.before - self._mean_before
        if np.linalg.norm(centred) <= 1e-13 * np.linalg.norm(host.before):
            raise ConstantData(
                "expected states before that vary, got constant ones: no operator is better than another"
            )
        self.dmd_ = self.make(-1 if self.rank is None else int(self.rank))
        with warnings.catch_warnings():
            # PyDMD warns of any data conditioned worse than 1e5; least squares by SVD is accurate well beyond.
            warnings.filterwarnings("ignore", message="Input data condition number", category=UserWarning)
            self.dmd_.fit(centred.T, (host.after - self._mean_after).T)
        return self

    def predict(self, states: States) -> States:
        """ŷ of equation (1), real where the states are."""
        if self.dmd_ is None:
            raise NotFitted("expected a fitted PyDMDRegression, got one that has seen no pairs: call fit(pairs) first")
        moved = self.dmd_.predict((states - self._mean_before).T).T
        return self._mean_after + (moved if np.iscomplexobj(states) else moved.real)


def _exact_dmd(svd_rank: int) -> Any:
    from pydmd import DMD

    return DMD(svd_rank=svd_rank, exact=True)


def _require_plain(pairs: SnapshotPairs) -> None:
    if pairs.weights is not None:
        raise ValueError("expected unweighted pairs, got weights: PyDMD has none; use EDMD(Constant() + Coordinates())")
    if pairs.n < 2:
        raise ValueError(f"expected at least two pairs to fit an operator, got {pairs.n}")
    if pairs.before.shape[1] != pairs.after.shape[1]:
        raise ValueError(
            f"expected states of one width before and after, got {pairs.before.shape[1]} and {pairs.after.shape[1]}: "
            "DMD maps a space to itself"
        )
