"""Known systems: flows that ship their exact Koopman answer."""

from koopman_analysis.systems.base import KnownFlow, KnownSystem
from koopman_analysis.systems.gaussian_flow import GaussianFlow
from koopman_analysis.systems.linear import LinearMap
from koopman_analysis.systems.ornstein_uhlenbeck import OrnsteinUhlenbeck
from koopman_analysis.systems.rotation import Rotation, TorusModes
from koopman_analysis.systems.slow_manifold import ContinuousSlowManifold, SlowManifold
from koopman_analysis.systems.unrelated import Unrelated

__all__ = [
    "ContinuousSlowManifold",
    "GaussianFlow",
    "KnownFlow",
    "KnownSystem",
    "LinearMap",
    "OrnsteinUhlenbeck",
    "Rotation",
    "SlowManifold",
    "TorusModes",
    "Unrelated",
]
