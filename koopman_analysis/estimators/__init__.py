"""Estimators of the Koopman operator and of one-step maps, and what they need of anyone's model."""

from koopman_analysis.estimators.edmd import EDMD, NotFitted
from koopman_analysis.estimators.kernel_ridge import KernelRidgeRegression
from koopman_analysis.estimators.latent import ArrayLatentModel, LatentModel
from koopman_analysis.estimators.pydmd import PyDMDForecast, PyDMDRegression

__all__ = [
    "EDMD",
    "ArrayLatentModel",
    "KernelRidgeRegression",
    "LatentModel",
    "NotFitted",
    "PyDMDForecast",
    "PyDMDRegression",
]
