"""The scikit-learn contract, in one thin class: `fit(before, after)` and `predict(before)` for any estimator of pairs.

Everywhere else pairs go by name, because a swapped or misread second argument is the error that no later number
reveals. Here they do not, and bear the names that scikit-learn passes them by, so that its grid searches, pipelines and
cross-validation take our estimators: X are the states before, y those after.
"""

from copy import deepcopy
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from koopman_analysis.dictionaries import Constant, Coordinates
from koopman_analysis.estimators.base import Predictor
from koopman_analysis.estimators.edmd import EDMD
from koopman_analysis.snapshots import SnapshotPairs


class KoopmanRegressor(RegressorMixin, BaseEstimator):
    """Predicts the states after from the states before.

    Args:
        estimator: Any estimator with `fit(pairs)` and `predict(states)`; it is copied, never fitted itself. Affine
            regression, `EDMD(Constant() + Coordinates(), outputs=Coordinates())`, where None.

    Attributes:
        estimator_: The fitted copy.
        n_features_in_: Width of the states before.
    """

    def __init__(self, estimator: Any = None) -> None:
        self.estimator = estimator

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "KoopmanRegressor":
        """Fits a copy of the estimator to these pairs.

        Args:
            X: States before, array-like of numbers, shape (n, d), at least two.
            y: States after, shape (n, d_after), or (n,) for one feature.
            sample_weight: Non-negative weight of each pair, shape (n,).

        Raises:
            TypeError: If the estimator is not one.
            ValueError: As scikit-learn and `SnapshotPairs` raise it.
        """
        chosen = EDMD(Constant() + Coordinates(), outputs=Coordinates()) if self.estimator is None else self.estimator
        if not isinstance(chosen, Predictor):
            raise TypeError(f"expected an estimator with fit(pairs) and predict(states), got {type(chosen).__name__}")
        states, images = validate_data(
            self, X, y, multi_output=True, y_numeric=True, dtype=np.float64, ensure_min_samples=2
        )  # fmt: skip
        self._one_column = images.ndim == 1
        columns = images.reshape(len(states), -1).astype(np.float64)
        weights = None if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
        self.estimator_ = deepcopy(chosen).fit(SnapshotPairs(before=states, after=columns, weights=weights))
        return self

    def predict(self, X: Any) -> np.ndarray:
        """The states after those of X, in the shape that y had.

        Raises:
            NotFittedError: Before `fit`.
        """
        check_is_fitted(self, "estimator_")
        states = validate_data(self, X, reset=False, dtype=np.float64)
        predicted = np.asarray(self.estimator_.predict(states))
        return predicted[:, 0] if self._one_column else predicted

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
