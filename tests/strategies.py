"""Hypothesis strategies for the laws: data, operators and dictionaries, each a function of a seed that it reports."""

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
from koopman_analysis.snapshots import SnapshotPairs

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
