from .base import NotFitted, Predictor
from .dmd import ExactDMD
from .edmd import EDMD, IsometricEDMD
from .kernel_ridge import KernelRidgeRegression
from .latent import ArrayLatentModel, Certificate, LatentModel
from .pydmd import PyDMDForecast, PyDMDRegression
from .regressor import KoopmanRegressor

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
