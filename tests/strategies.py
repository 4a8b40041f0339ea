"""Hypothesis strategies for the laws: data, operators and dictionaries, each a function of a seed that it reports."""

import numpy as np
from hypothesis import strategies as st

from koopman_analysis.dictionaries import Constant, Coordinates, Dictionary, Hermite, Monomials, RandomFourier
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
                RandomFourier(5, 2.0, rng=rng),
                Coordinates() + RandomFourier(4, 1.5, rng=rng),
            ]
        )
    )


@st.composite
def snapshot_pairs(draw, *, smallest: int = 2, largest: int = 60, width: int | None = None) -> SnapshotPairs:
    """Pairs of normal states related by a mild non-linear map, sometimes weighted."""
    rng = draw(generators())
    n, d = draw(st.integers(smallest, largest)), draw(widths) if width is None else width
    before = rng.standard_normal((n, d))
    after = np.tanh(before @ rng.standard_normal((d, d))) + 0.3 * before
    weights = rng.uniform(0.5, 2.0, n) if draw(st.booleans()) else None
    return SnapshotPairs(before=before, after=after, weights=weights)
