"""scikit-learn's linear regressors, alone, after transformers of the input, and before one of the target.

    linear regressor             z = x;                K = coef_ᵀ, c = ŷ(0)                                          (1)
    Pipeline(…, model)           E_noise(x) of the model at the transformed x                                       (2)
    TransformedTargetRegressor   E_data(y) at the transformed y, D followed by the inverse transform                (3)

Together they have a transformer for each end. Which regressors are linear their predictions say: `coef_` alone does
not, for it is also what generalised linear models and classifiers have.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, is_regressor
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from koopman_analysis.adapters.conversion import Adapted, NotAdaptable, adapted, adapted_by_class
from koopman_analysis.adapters.encoded import EncodedModel, Function
from koopman_analysis.estimators.base import NotFitted
from koopman_analysis.estimators.latent import ArrayLatentModel
from koopman_analysis.shapes import Float

PROBES = 3
"""Inputs at which a prediction is compared with coef_: an affine function agrees at all, another at none."""

AGREEMENT = 1e-4
"""Relative difference that a regressor fitted in single precision may have from its own coef_."""


@adapted_by_class.register
def linear(model: BaseEstimator) -> ArrayLatentModel:
    """Equation (1).

    Raises:
        NotAdaptable: If the estimator is no regressor, or not a linear one.
        NotFitted: Before fit.
    """
    require_fitted(model)
    if not is_regressor(model) or not hasattr(model, "coef_"):
        raise NotAdaptable(
            f"expected a linear regressor with coef_, got {type(model).__name__}: end a pipeline with "
            "LinearRegression or Ridge"
        )
    K = np.atleast_2d(np.asarray(model.coef_, dtype=np.float64)).T
    offset = _predicted(model, np.zeros((1, len(K))))[0]
    probes = np.random.default_rng(0).standard_normal((PROBES, len(K)))
    expected = probes @ K + offset
    if not np.allclose(_predicted(model, probes), expected, rtol=AGREEMENT, atol=AGREEMENT * np.abs(expected).max()):
        raise NotAdaptable(
            f"expected a regressor that predicts Z coef_ᵀ + intercept_, got {type(model).__name__}, which predicts "
            "otherwise: its operator is not linear"
        )
    return ArrayLatentModel(
        encode_noise=np.asarray, encode_data=np.asarray, matrix=K, offset=offset, decode=np.asarray,
        shared_encoder=K.shape[0] == K.shape[1],
    )  # fmt: skip


@adapted_by_class.register
def after_transformers(model: Pipeline) -> Adapted:
    """Equation (2); of an estimator of features, such as kooplearn's, the transformers stand at both ends."""
    require_fitted(model)
    final = adapted(model[-1])
    if not model.steps[:-1]:
        return final

    def transformed(encode: Function) -> Function:
        return lambda states: encode(dense(model[:-1].transform(states)))

    if is_regressor(model[-1]) and isinstance(final, ArrayLatentModel):
        return replace(final, encode_noise=transformed(final.encode_noise), shared_encoder=False)
    return EncodedModel(
        encode_noise=transformed(final.encode_noise),
        encode_data=transformed(final.encode_data),
        matrix=final.matrix,
        shared_encoder=final.shared_encoder,
    )


@adapted_by_class.register
def before_transformed_target(model: TransformedTargetRegressor) -> ArrayLatentModel:
    """Equation (3)."""
    require_fitted(model)
    inner, target = adapted(model.regressor_), model.transformer_
    if not isinstance(inner, ArrayLatentModel):
        raise NotAdaptable(
            f"expected a regressor from states to targets, got {type(model.regressor_).__name__}, which predicts "
            "features of trajectories: adapt it without TransformedTargetRegressor"
        )
    return replace(
        inner,
        encode_data=lambda y: inner.encode_data(dense(target.transform(y))),
        decode=lambda z: _rows(target.inverse_transform(inner.decode(z))),
        shared_encoder=False,
    )


@adapted_by_class.register(GridSearchCV)
@adapted_by_class.register(RandomizedSearchCV)
def found(model: GridSearchCV | RandomizedSearchCV) -> Any:
    """The best estimator that the search refitted."""
    require_fitted(model)
    return adapted(model.best_estimator_)


def require_fitted(model: BaseEstimator) -> None:
    """Refuses an estimator before fit.

    Raises:
        NotFitted: If it is one.
    """
    try:
        check_is_fitted(model)
    except NotFittedError:
        raise NotFitted(
            f"expected a fitted {type(model).__name__}, got one that has seen no data: call fit first"
        ) from None


def dense(features: Any) -> np.ndarray:
    """Features as an array, sparse ones included."""
    return np.asarray(features.toarray() if hasattr(features, "toarray") else features, dtype=np.float64)


def _predicted(model: Any, rows: np.ndarray) -> Float[np.ndarray, "n d"]:
    return _rows(model.predict(rows))


def _rows(predicted: Any) -> Float[np.ndarray, "n d"]:
    """Predictions as rows, also of one feature."""
    array = np.asarray(predicted, dtype=np.float64)
    return array.reshape(len(array), -1)
