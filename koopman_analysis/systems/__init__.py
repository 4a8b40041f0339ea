"""Known systems: flows and maps that ship their exact Koopman answer, and two that have none."""

from koopman_analysis.systems.base import ClosedFlow, ClosedSystem, Flow, SpectralSystem, System
from koopman_analysis.systems.double_well import DoubleWell, DoubleWellInterior
from koopman_analysis.systems.gaussian_flow import GaussianFlow
from koopman_analysis.systems.integrated import IntegratedFlow, Lorenz, VanDerPol
from koopman_analysis.systems.linear import LinearMap
from koopman_analysis.systems.logistic import LogisticMap
from koopman_analysis.systems.ornstein_uhlenbeck import OrnsteinUhlenbeck
from koopman_analysis.systems.quantile_flow import QuantileFlow
from koopman_analysis.systems.rotation import Rotation, TorusModes
from koopman_analysis.systems.slow_manifold import ContinuousSlowManifold, SlowManifold
from koopman_analysis.systems.unrelated import PartlyUnrelated, Unrelated

__all__ = [
    "ClosedFlow",
    "ClosedSystem",
    "ContinuousSlowManifold",
    "DoubleWell",
    "DoubleWellInterior",
    "Flow",
    "GaussianFlow",
    "IntegratedFlow",
    "LinearMap",
    "LogisticMap",
    "Lorenz",
    "OrnsteinUhlenbeck",
    "PartlyUnrelated",
    "QuantileFlow",
    "Rotation",
    "SlowManifold",
    "SpectralSystem",
    "System",
    "TorusModes",
    "Unrelated",
    "VanDerPol",
]
