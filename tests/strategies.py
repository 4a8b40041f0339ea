"""Hypothesis strategies for the laws: data, operators and dictionaries, each a function of a seed that it reports."""

import random

import numpy as np
from hypothesis import strategies as st

from koopman_analysis.dictionaries import (
    Chebyshev,
    ComplexFourier,
    Constant,
    Coordinates,
    Dictionary,
    Fourier,
    Gaussian,
    Hermite,
    Legendre,
    Monomials,
    RadialBasis,
    RandomFourier,
    WithConjugates,
)
from koopman_analysis.dictionaries.learned import EncoderDictionary
from koopman_analysis.snapshots import SnapshotPairs
from koopman_analysis.systems import ClosedFlow, ContinuousSlowManifold, GaussianFlow, LinearMap, Rotation, SlowManifold

seeds = st.integers(0, 2**32 - 1)
widths = st.integers(1, 3)


@st.composite
def generators(draw) -> np.random.Generator:
    """Generators of pseudo-random numbers."""
    return np.random.default_rng(draw(seeds))


@st.composite
def well_conditioned_matrices(draw, size: int) -> np.ndarray:
    """Square matrices with singular values in [1/2, 2]."""
    rng = draw(generators())
    left, right = (np.linalg.qr(rng.standard_normal((size, size)))[0] for _ in range(2))
    return left * rng.uniform(0.5, 2.0, size) @ right


@st.composite
def dictionaries(draw) -> Dictionary:
    """Dictionaries of a few functions, well conditioned on standard normal states."""
    rng = draw(generators())
    return draw(
        st.sampled_from(
            [
                Coordinates(),
                Constant() + Coordinates(),
                Monomials(2),
                Hermite(3),
                Legendre(3, low=-3.0, high=3.0),
                Chebyshev(2, low=-3.5, high=2.5),
                RandomFourier(5, 2.0, rng=rng),
                Coordinates() + RandomFourier(4, 1.5, rng=rng),
                NormalCentres(6, 1.2, rng=rng),
                Monomials(1) + NormalCentres(4, 1.0, rng=rng),
            ]
        )
    )


@st.composite
def complex_dictionaries(draw) -> Dictionary:
    """Dictionaries of a few complex functions, well conditioned on standard normal states."""
    rng = draw(generators())
    return draw(
        st.sampled_from(
            [
                ComplexFourier(5, 2.0, rng=rng),
                WithConjugates(ComplexFourier(3, 1.5, rng=rng)),
                Fourier(1, period=7.0),
                Constant() + Coordinates() + ComplexFourier(3, 1.0, rng=rng),
            ]
        )
    )


class NormalCentres(Dictionary):
    """A `RadialBasis` whose standard normal centres wait for the width of the states."""

    def __init__(self, count: int, scale: float, *, rng: np.random.Generator) -> None:
        super().__init__()
        self.count, self.scale, self.seed = count, scale, int(rng.integers(2**63))

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(f"r{j + 1}" for j in range(self.count))

    def _lifted(self, states):
        centres = np.random.default_rng(self.seed).standard_normal((self.count, states.shape[1]))
        return RadialBasis(centres, Gaussian(self.scale))(states)


@st.composite
def snapshot_pairs(draw, *, smallest: int = 2, largest: int = 60, width: int | None = None) -> SnapshotPairs:
    """Pairs of normal states related by a mild non-linear map, sometimes weighted."""
    rng = draw(generators())
    n, d = draw(st.integers(smallest, largest)), draw(widths) if width is None else width
    before = rng.standard_normal((n, d))
    after = np.tanh(before @ rng.standard_normal((d, d))) + 0.3 * before
    weights = rng.uniform(0.5, 2.0, n) if draw(st.booleans()) else None
    return SnapshotPairs(before=before, after=after, weights=weights)


@st.composite
def wave_dictionaries(draw) -> Dictionary:
    """Dictionaries of complex waves, not closed under conjugation, so that a conjugate left out is found out."""
    seed, count = draw(seeds), draw(st.integers(2, 4))

    def waves(states):
        phase = states @ np.random.default_rng(seed).standard_normal((states.shape[1], count))
        return np.exp(1j * phase)

    return EncoderDictionary(waves, size=count)


any_dictionaries = st.one_of(dictionaries(), wave_dictionaries())


@st.composite
def closed_flows(draw) -> ClosedFlow:
    """Flows whose dictionary is closed, with parameters of their own; invertible, and moderately so."""
    make, rng = draw(st.sampled_from(FLOWS)), draw(generators())
    # The shape checks draw items of containers, which Hypothesis would take for randomness of this strategy.
    state = random.getstate()
    flow = make(rng)
    random.setstate(state)
    return flow


def _linear_map(rng: np.random.Generator) -> LinearMap:
    root = rng.uniform(-1.0, 1.0, (2, 2))
    return LinearMap(transition=np.eye(2) + 0.5 * root, covariance=np.eye(2) + root @ root.T, degree=2)


def _gaussian_flow(rng: np.random.Generator) -> GaussianFlow:
    root, scales = rng.uniform(-1.0, 1.0, (2, 2)), {"noise_scale": rng.uniform(2, 4), "data_scale": rng.uniform(0.5, 1)}
    return GaussianFlow(mean=rng.uniform(-1.0, 1.0, 2), covariance=root @ root.T, degree=2, **scales)


FLOWS = [
    _linear_map,
    _gaussian_flow,
    lambda rng: LinearMap.rotation_scaling(radius=rng.uniform(0.7, 1.2), angle=rng.uniform(0.2, 1.4), degree=2),
    lambda rng: SlowManifold(slow=rng.uniform(0.6, 1.2), fast=rng.uniform(-0.9, -0.4), curvature=rng.uniform(-2, 2)),
    lambda rng: ContinuousSlowManifold(slow_rate=-rng.uniform(0.0, 0.1), fast_rate=-1.0, lag=rng.uniform(0.1, 1.0)),
    lambda rng: Rotation(angles=rng.uniform(0.2, 3.0, 1), degree=3),
    lambda rng: Rotation(angles=rng.uniform(0.2, 3.0, 2), degree=2),
]
"""Flows with a closed dictionary, of random parameters."""
