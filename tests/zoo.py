"""The known systems, one of each kind, for tests that hold for all of them."""

import numpy as np

from koopman_analysis.systems import (
    ContinuousSlowManifold,
    GaussianFlow,
    KnownFlow,
    KnownSystem,
    LinearMap,
    OrnsteinUhlenbeck,
    Rotation,
    SlowManifold,
    Unrelated,
)


def flows() -> dict[str, KnownFlow]:
    """Flows whose dictionaries are closed, by name."""
    return {
        "gaussian": GaussianFlow(),
        "gaussian, degree 3": GaussianFlow(degree=3),
        "gaussian, singular covariance": GaussianFlow(
            mean=np.zeros(3), covariance=np.diag([2.0, 1.0, 0.0]), noise_scale=3.0, data_scale=0.1, degree=2
        ),
        "slow manifold": SlowManifold(),
        "slow manifold, defective": SlowManifold(slow=0.5, fast=0.25, curvature=2.0),
        "slow manifold, continuous": ContinuousSlowManifold(lag=0.7),
        "linear, correlated states": LinearMap(
            transition=[[0.9, 0.3], [0.1, -0.5]], covariance=[[2.0, 0.6], [0.6, 0.5]], degree=3
        ),
        "linear, complex eigenvalues": LinearMap.rotation_scaling(degree=3),
        "linear, defective": LinearMap.jordan_block(degree=2),
        "linear, non-normal": LinearMap.non_normal(degree=2),
        "rotation": Rotation(),
        "rotation of a torus": Rotation(angles=(1.0, np.sqrt(2)), degree=2),
    }


def systems() -> dict[str, KnownSystem]:
    """All known systems, by name."""
    return {
        **flows(),
        "ornstein-uhlenbeck": OrnsteinUhlenbeck(),
        "ornstein-uhlenbeck, two rates": OrnsteinUhlenbeck(integrated_rates=(0.5, 1.2), degree=2),
        "unrelated": Unrelated(),
    }
