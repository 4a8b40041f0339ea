"""The estimators of this library as latent models.

    EDMD        z = Ψ_in(x), Ψ_out(y);      K;            D(z) = z B, B the readout                                 (1)
    ExactDMD    z = x V, y V;               M V;          D(z) = z (M V)⁻¹ M, its exact modes                       (2)
    affine      z = x, y;                   K, c = ŷ(0);  D(z) = z                                                  (3)

with the letters of `estimators.base` and `estimators.dmd`. Each predicts what the estimator predicts, of real states.
"""

import numpy as np

from koopman_analysis.adapters.conversion import Adapted, NotAdaptable, adapted, adapted_by_class
from koopman_analysis.adapters.encoded import EncodedModel
from koopman_analysis.estimators.base import MomentEstimator, NotFitted
from koopman_analysis.estimators.dmd import ExactDMD
from koopman_analysis.estimators.kernel_ridge import KernelRidgeRegression
from koopman_analysis.estimators.latent import ArrayLatentModel
from koopman_analysis.estimators.pydmd import PyDMDForecast, PyDMDRegression
from koopman_analysis.estimators.regressor import KoopmanRegressor

SINGULAR = 1e8
"""Condition number of M V from which its inverse in (2) has half of the digits."""


@adapted_by_class.register
def of_moments(model: MomentEstimator) -> ArrayLatentModel:
    """Equation (1)."""
    outputs = model.outputs or model.inputs
    encoded = EncodedModel(
        encode_noise=model.inputs,
        encode_data=outputs,
        matrix=model.matrix_,
        shared_encoder=outputs is model.inputs,
    )
    return encoded.read_by(model.readout_)


@adapted_by_class.register
def of_exact_dmd(model: ExactDMD) -> ArrayLatentModel:
    """Equation (2).

    Raises:
        NotAdaptable: If M V has no inverse to rounding.
    """
    V, M = model.factors_
    K = M @ V
    whole = V.shape[0] == V.shape[1]
    if not whole and (condition := np.linalg.cond(K)) > SINGULAR:
        raise NotAdaptable(
            f"expected an ExactDMD whose eigenvalues are not zero, got the condition number {condition:.1e} on what it "
            "keeps: some modes take no part in a second step; fit a smaller rank"
        )

    def encode(states: np.ndarray) -> np.ndarray:
        return states @ V

    encoded = EncodedModel(encode_noise=encode, encode_data=encode, matrix=K, shared_encoder=True)
    return encoded.read_by(V.conj().T if whole else np.linalg.solve(K, M))


@adapted_by_class.register(PyDMDRegression)
@adapted_by_class.register(PyDMDForecast)
def of_affine_map(model: PyDMDRegression | PyDMDForecast) -> ArrayLatentModel:
    """Equation (3): the means that were subtracted are in c.

    Raises:
        NotAdaptable: If the map is complex.
    """
    K = model.matrix_
    if np.iscomplexobj(K):
        raise NotAdaptable("expected a map of real states, got a complex one: pass real and imaginary parts")
    return ArrayLatentModel(
        encode_noise=np.asarray, encode_data=np.asarray, matrix=K, offset=model.predict(np.zeros((1, len(K))))[0],
        decode=np.asarray, shared_encoder=True,
    )  # fmt: skip


@adapted_by_class.register
def of_regressor(model: KoopmanRegressor) -> Adapted:
    """The estimator inside.

    Raises:
        NotFitted: Before fit.
    """
    if not hasattr(model, "estimator_"):
        raise NotFitted("expected a fitted KoopmanRegressor, got one that has seen no pairs: call fit(before, after)")
    return adapted(model.estimator_)


@adapted_by_class.register
def of_kernel_ridge(model: KernelRidgeRegression) -> ArrayLatentModel:
    """No model.

    Raises:
        NotAdaptable: Always.
    """
    raise NotAdaptable(
        "expected a model with fewer latents than pairs, got KernelRidgeRegression, whose latents are as many as the "
        "pairs it was fitted to: it is a baseline, compare its predictions"
    )
