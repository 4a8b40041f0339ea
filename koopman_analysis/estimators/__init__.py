"""Estimators of the Koopman operator, and what they need of anyone's model."""

from koopman_analysis.estimators.edmd import EDMD, NotFitted
from koopman_analysis.estimators.latent import ArrayLatentModel, LatentModel
from koopman_analysis.estimators.pydmd import PyDMDRegression

__all__ = ["EDMD", "ArrayLatentModel", "LatentModel", "NotFitted", "PyDMDRegression"]
