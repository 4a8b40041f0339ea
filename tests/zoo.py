"""The known systems, one of each kind, for tests that hold for all of them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from koopman_analysis.closure import Tolerances
from koopman_analysis.dictionaries import Coordinates, EncoderDictionary, Monomials
from koopman_analysis.moments import Lift
from koopman_analysis.snapshots import SnapshotPairs
from koopman_analysis.systems import (
    ClosedFlow,
    ContinuousSlowManifold,
    DoubleWell,
    DoubleWellInterior,
    GaussianFlow,
    LinearMap,
    LogisticMap,
    Lorenz,
    OrnsteinUhlenbeck,
    PartlyUnrelated,
    QuantileFlow,
    Rotation,
    SlowManifold,
    SpectralSystem,
    System,
    Unrelated,
    VanDerPol,
)


def flows() -> dict[str, ClosedFlow]:
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
        "double well, between the wells": DoubleWellInterior(),
    }


def spectral() -> dict[str, SpectralSystem]:
    """Systems whose closure spectrum is known, by name."""
    return {
        "ornstein-uhlenbeck": OrnsteinUhlenbeck(),
        "ornstein-uhlenbeck, two rates": OrnsteinUhlenbeck(integrated_rates=(0.5, 1.2), degree=2),
        "logistic": LogisticMap(),
        "logistic, odd degree": LogisticMap(degree=3),
        "double well": DoubleWell(),
        "a column of noise": PartlyUnrelated(),
    }


def systems() -> dict[str, System]:
    """All known systems, by name."""
    return {
        **flows(),
        **spectral(),
        "unrelated": Unrelated(),
        "one mode": QuantileFlow.of_equal_modes(1),
        "two modes": QuantileFlow(),
        "lorenz": Lorenz(),
        "van der pol": VanDerPol(),
    }


DEFAULT = Tolerances()
UNREAD = Tolerances(state=0.999)
"""Asks for closure alone: a state that is read from a closed dictionary by no linear map does not refute it."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """Pairs and dictionaries with a verdict that is known.

    Attributes:
        pairs: This many pairs, from a generator.
        inputs: Ψ_in.
        outputs: Ψ_out; Ψ_in where None.
        tolerances: At which the verdict is known.
    """

    pairs: Callable[[int, np.random.Generator], SnapshotPairs]
    inputs: Callable[[], Lift]
    outputs: Callable[[], Lift] | None = None
    tolerances: Tolerances = DEFAULT


def _case(system: System, dictionary: Callable[[], Lift], tolerances: Tolerances = DEFAULT) -> Case:
    return Case(pairs=lambda count, rng: system.pairs(count, rng=rng), inputs=dictionary, tolerances=tolerances)


def _own(system: ClosedFlow | SpectralSystem, tolerances: Tolerances = DEFAULT) -> Case:
    return _case(system, lambda: system.dictionary, tolerances)


def _tolerances(flow: ClosedFlow) -> Tolerances:
    return UNREAD if isinstance(flow, DoubleWellInterior) else DEFAULT


def closed_cases() -> dict[str, Case]:
    """Closed dictionaries of flows, all of them EXACT."""
    modes = QuantileFlow.of_equal_modes(3, noise_scale=5.0, data_scale=0.1)

    def uniformised(noise_scale: float) -> EncoderDictionary:
        """Powers of F_σ(x), which the flow keeps."""
        return EncoderDictionary(lambda x: modes.cumulative(x, noise_scale=noise_scale) ** np.arange(1, 4))

    return {
        **{name: _own(flow, _tolerances(flow)) for name, flow in flows().items()},
        "one mode, polynomials": _case(QuantileFlow.of_equal_modes(1), lambda: Monomials(3)),
        "three modes, functions of the quantile": Case(
            pairs=lambda count, rng: modes.pairs(count, rng=rng),
            inputs=lambda: uniformised(modes.noise_scale),
            outputs=lambda: uniformised(modes.data_scale),
            tolerances=UNREAD,
        ),
    }


def open_cases() -> dict[str, Case]:
    """Dictionaries that are not closed, all of them NOT_CLOSED."""
    return {
        **{f"logistic, degree {degree}": _own(LogisticMap(degree=degree)) for degree in (1, 2, 3, 6)},
        **{f"double well, t = {lag}": _own(DoubleWell(lag=lag)) for lag in (0.1, 0.3, 1.0, 2.0)},
        "double well, monomials": _case(DoubleWell(), lambda: Monomials(5)),
        "unrelated": _case(Unrelated(), lambda: Monomials(2)),
        **{f"noise of scale {scale:g}": _own(PartlyUnrelated(scale=scale)) for scale in (1e-6, 1.0, 1e6)},
        "ornstein-uhlenbeck, one draw": _own(OrnsteinUhlenbeck()),
        "two modes, polynomials": _case(QuantileFlow(), lambda: Monomials(5)),
        "lorenz, polynomials": _case(Lorenz(), lambda: Monomials(2)),
        "van der pol, polynomials": _case(VanDerPol(), lambda: Monomials(3)),
        "slow manifold, coordinates alone": _case(SlowManifold(), Coordinates),
    }
