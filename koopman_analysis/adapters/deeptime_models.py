"""deeptime's models: operators on observables, which say nothing of how a state is read from them.

    DMD          modes Φ and λ: a decoder by modes (`koopman_analysis.adapters.modal`)
    EDMD         z = Ψ(x);                   K its operator                                                         (1)
    KernelEDMD   z = k(x, X) V, complex;     K = diag(λ)                                                            (2)
    VAMP, TICA   z = Uᵀ(χ_0(x) − μ_0),  Vᵀ(χ_1(y) − μ_t);      K = diag(σ)                                         (3)

In (1) to (3) z K is what the model's `forward` returns, and the decoder is a readout of pairs
(`koopman_analysis.adapters.encoded`).
"""

import numpy as np
from deeptime.base import Estimator
from deeptime.decomposition import EDMD, CovarianceKoopmanModel, DMDModel, EDMDModel, KernelEDMDModel

from koopman_analysis.adapters.conversion import Adapted, NotAdaptable, adapted_by_class
from koopman_analysis.adapters.encoded import EncodedModel
from koopman_analysis.adapters.modal import modal_model
from koopman_analysis.estimators.base import NotFitted
from koopman_analysis.estimators.latent import ArrayLatentModel


@adapted_by_class.register(Estimator)
def estimated(estimator: Estimator) -> Adapted:
    """The model that the estimator found.

    Raises:
        NotAdaptable: If it estimates the Perron-Frobenius operator, which carries densities and not functions.
        NotFitted: Before fit.
    """
    if not estimator.has_model:
        raise NotFitted(f"expected a fitted {type(estimator).__name__}, got one that has seen no data: call fit first")
    if isinstance(estimator, EDMD) and estimator.operator != "koopman":
        raise NotAdaptable(
            f"expected EDMD(operator='koopman'), got {estimator.operator!r}: that operator carries densities, and no "
            "function from before to after"
        )
    return adapted_by_class(estimator.fetch_model())


@adapted_by_class.register(DMDModel)
def of_modes(model: DMDModel) -> ArrayLatentModel:
    """DMD by its modes.

    Raises:
        NotAdaptable: If the model's own prediction is not by the pseudo-inverse of the modes, or they do not come in
            conjugate pairs.
    """
    if model.mode != "exact":
        raise NotAdaptable(
            f"expected DMDModel(mode='exact'), got {model.mode!r}: it predicts as if its modes were orthonormal; fit "
            "DMD(mode='standard'), whose model predicts by their pseudo-inverse"
        )
    return modal_model(model.modes.T, model.eigenvalues)


@adapted_by_class.register(EDMDModel)
def of_basis(model: EDMDModel) -> EncodedModel:
    """Equation (1).

    Raises:
        NotAdaptable: If the basis is complex.
    """
    if np.iscomplexobj(model.operator):
        raise NotAdaptable(
            "expected deeptime's EDMD of a real basis, got a complex one, whose moments it transposes without "
            "conjugating, so that its operator is not that of least squares: fit koopman_analysis.EDMD to that basis"
        )
    return EncodedModel(
        encode_noise=model.instantaneous_obs,
        encode_data=model.timelagged_obs,
        matrix=model.operator,
        shared_encoder=model.instantaneous_obs is model.timelagged_obs,
    )


@adapted_by_class.register(KernelEDMDModel)
def of_kernel(model: KernelEDMDModel) -> EncodedModel:
    """Equation (2)."""

    def encode(states: np.ndarray) -> np.ndarray:
        return np.asarray(model.transform(states))

    return EncodedModel(encode_noise=encode, encode_data=encode, matrix=np.diag(model.eigenvalues), shared_encoder=True)


@adapted_by_class.register(CovarianceKoopmanModel)
def of_covariances(model: CovarianceKoopmanModel) -> EncodedModel:
    """Equation (3)."""
    m = model.output_dimension
    return EncodedModel(
        encode_noise=model.instantaneous_obs,
        encode_data=model.timelagged_obs,
        matrix=model.operator[:m, :m],
        shared_encoder=_one_whitening(model),
    )


def _one_whitening(model: CovarianceKoopmanModel) -> bool:
    """Whether both ends are whitened and centred alike, as TICA's are."""
    coefficients = np.array_equal(model.instantaneous_coefficients, model.timelagged_coefficients)
    means = not model.cov.data_mean_removed or np.array_equal(model.mean_0, model.mean_t)
    return bool(coefficients and means)
