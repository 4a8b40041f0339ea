"""kooplearn's estimators of one trajectory, with the finite matrix that their predictions are powers of.

    Ridge           z = x;                       K = U Uᵀ C_xy = `estimator_`;      D(z) = z                        (1)
    KernelRidge     z = k(x, X) U / √n;          K = Vᵀ k(Y, X) U / n;              D(z) = z Vᵀ X / √n              (2)
    pipeline        z = T(x) at both ends;       K of the Ridge at its end;         D the readout of pairs          (3)

X and Y are the states of the trajectory before and after a lag, and one encoder serves both ends. For a kernel, D(z K)
is what `predict(x, n_steps=2)` returns: `predict(x, n_steps=1)` returns D(z), the smoothed state of *now* (2.0.3 passes
X where its own docstring says Y).

Source: Kostic, Novelli, Maurer, Ciliberto, Rosasco & Pontil 2022.
"""

import numpy as np
from kooplearn.kernel import KernelRidge
from kooplearn.linear_model import Ridge
from sklearn.metrics.pairwise import pairwise_kernels

from koopman_analysis.adapters.conversion import adapted_by_class
from koopman_analysis.adapters.encoded import EncodedModel
from koopman_analysis.adapters.sklearn_models import require_fitted
from koopman_analysis.estimators.latent import ArrayLatentModel


@adapted_by_class.register(Ridge)
def primal(model: Ridge) -> ArrayLatentModel:
    """Equation (1)."""
    require_fitted(model)
    K = np.asarray(model.estimator_)
    return ArrayLatentModel(
        encode_noise=np.asarray, encode_data=np.asarray, matrix=K, decode=np.asarray, shared_encoder=True
    )


@adapted_by_class.register(KernelRidge)
def dual(model: KernelRidge) -> ArrayLatentModel:
    """Equation (2)."""
    require_fitted(model)
    inputs = model.X_fit_[: -model.lag_time]
    n = len(inputs)
    own = {"gamma": model.gamma_, "degree": model.degree, "coef0": model.coef0}
    parameters = (model.kernel_params or {}) if callable(model.kernel) else own
    U, V = model.U_, model.V_

    def encode(states: np.ndarray) -> np.ndarray:
        kernel = pairwise_kernels(states, inputs, metric=model.kernel, filter_params=True, **parameters)
        return kernel @ U / np.sqrt(n)

    encoded = EncodedModel(
        encode_noise=encode, encode_data=encode, matrix=V.T @ model.kernel_YX_ @ U / n, shared_encoder=True
    )
    return encoded.read_by(V.T @ inputs / np.sqrt(n))
