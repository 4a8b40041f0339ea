"""The known systems, one of each kind, for tests that hold for all of them."""

import numpy as np

from koopman_analysis.systems import (
    ContinuousSlowManifold,
    GaussianFlow,
    KnownFlow,
    KnownSystem,
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
    }


def systems() -> dict[str, KnownSystem]:
    """All known systems, by name."""
    return {**flows(), "unrelated": Unrelated()}
