"""Estimators of the Koopman operator and of one-step maps, and what they need of anyone's model."""

from koopman_analysis.estimators.base import NotFitted, Predictor
from koopman_analysis.estimators.dmd import ExactDMD
from koopman_analysis.estimators.edmd import EDMD, IsometricEDMD
from koopman_analysis.estimators.kernel_ridge import KernelRidgeRegression
from koopman_analysis.estimators.latent import ArrayLatentModel, Certificate, LatentModel
from koopman_analysis.estimators.pydmd import PyDMDForecast, PyDMDRegression
from koopman_analysis.estimators.regressor import KoopmanRegressor

__all__ = [
    "EDMD",
    "ArrayLatentModel",
    "Certificate",
    "ExactDMD",
    "IsometricEDMD",
    "KernelRidgeRegression",
    "KoopmanRegressor",
    "LatentModel",
    "NotFitted",
    "Predictor",
    "PyDMDForecast",
    "PyDMDRegression",
]
