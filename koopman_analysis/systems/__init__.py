"""Known systems: flows that ship their exact Koopman answer."""

from koopman_analysis.systems.base import KnownFlow, KnownSystem
from koopman_analysis.systems.gaussian_flow import GaussianFlow
from koopman_analysis.systems.slow_manifold import ContinuousSlowManifold, SlowManifold
from koopman_analysis.systems.unrelated import Unrelated

__all__ = ["ContinuousSlowManifold", "GaussianFlow", "KnownFlow", "KnownSystem", "SlowManifold", "Unrelated"]
