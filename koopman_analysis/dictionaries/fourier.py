"""Waves: random ones, dense in the Gaussian kernel's space, and those of a lattice, for periodic states.

With ω_j ~ N(0, I / scale²),

    E_ω[e^{iω·x} e^{−iω·x'}] = E_ω[cos ω·x cos ω·x' + sin ω·x sin ω·x'] = exp(−‖x − x'‖² / (2 scale²)),             (1)

so the waves e^{iω_j·x}, or the pairs (cos ω_j·x, sin ω_j·x), are features of the Gaussian kernel. The complex waves of
real states span the same functions as their real parts only together with their conjugates: `WithConjugates`.

States of period L, one a coordinate, have the modes

    e^{ik·θ},     θ_i = 2π x_i / L_i,     k ∈ Z^d,  |k_i| ≤ p for each i;     m = (2p + 1)^d,                      (2)

orthonormal in the uniform measure of a period. A shift x → x + a turns each by a phase, e^{iω·a} or e^{2πi k·(a/L)}.

Sources: Rahimi & Recht 2007 (random waves); Garreau, Jitkrittum & Kanagawa 2017 (the median as a length scale).
"""

from abc import abstractmethod
from collections.abc import Iterator
from itertools import product
from typing import TypeVar

import array_api_compat
import numpy as np
from scipy.spatial.distance import pdist

from koopman_analysis.dictionaries.base import BlockDictionary, contiguous_rows, stacked, width_of
from koopman_analysis.shapes import Array

Waves = TypeVar("Waves", bound="RandomWaves")

MEDIAN_STATES = 1000
"""States whose distances to each other the length scale is the median of."""


class RandomWaves(BlockDictionary):
    """Functions of random waves, normal as in equation (1).

    The waves depend on the generator's state at construction and on the width of the states, on nothing else.

    Args:
        count: Number of functions.
        scale: Length over which the kernel of equation (1) decays, in units of the state.
        rng: Draws the waves.
        dimension: Width of the states, if it should be known before the first call.

    Raises:
        ValueError: If the count or the scale is not positive.
    """

    def __init__(
        self, count: int, scale: float = 1.0, *, rng: np.random.Generator, dimension: int | None = None
    ) -> None:
        super().__init__(dimension)
        if count < 1:
            raise ValueError(f"expected at least one function, got count {count}")
        if not scale > 0:
            raise ValueError(f"expected a positive length scale, got {scale}")
        self.count, self.scale = count, scale
        # The width of the states is not known yet: keep what decides the draw.
        self._seed = int(rng.integers(2**63))
        self._drawn: dict[int, np.ndarray] = {}

    @classmethod
    def fitted(cls: type[Waves], states: Array, *, count: int, rng: np.random.Generator) -> Waves:
        """Waves whose length scale is the median distance of these states, or of 1000 of them.

        Raises:
            ValueError: If the median distance is zero, or there is one state only.
        """
        host = np.asarray(array_api_compat.to_device(states, "cpu"), dtype=float)
        if len(host) > MEDIAN_STATES:
            host = host[rng.choice(len(host), MEDIAN_STATES, replace=False)]
        scale = float(np.median(pdist(host))) if len(host) > 1 else 0.0
        if scale == 0:
            raise ValueError("expected states that differ, got a median distance of 0 between them: say scale=")
        return cls(count, scale, rng=rng, dimension=int(states.shape[1]))

    def waves(self, dimension: int) -> np.ndarray:
        """The wave vectors ω_j, one a column; drawn once."""
        if dimension not in self._drawn:
            draw = np.random.default_rng(self._seed)
            self._drawn[dimension] = draw.standard_normal((dimension, self._wave_count)) / self.scale
        return self._drawn[dimension]

    @property
    @abstractmethod
    def _wave_count(self) -> int: ...

    def _phases(self, states: Array) -> Array:
        """ω_j·x, a wave a row."""
        xp = array_api_compat.array_namespace(states)
        waves = xp.asarray(self.waves(states.shape[1]), dtype=states.dtype, device=array_api_compat.device(states))
        return waves.T @ states.T

    @property
    def size(self) -> int:
        """The count."""
        return self.count


class RandomFourier(RandomWaves):
    """Cosines and sines of random waves: `count` functions, the cosines first.

    The last wave of an odd count has its cosine only.
    """

    @property
    def _wave_count(self) -> int:
        return (self.count + 1) // 2

    def _functions(self, states: Array) -> Iterator[Array]:
        xp = array_api_compat.array_namespace(states)
        phases = self._phases(states)
        yield xp.cos(phases)
        yield xp.sin(phases[: self.count // 2, :])

    @property
    def names(self) -> tuple[str, ...]:
        """The wave that each function follows."""
        cosines = tuple(f"cos w{j + 1}·x" for j in range(self._wave_count))
        return cosines + tuple(f"sin w{j + 1}·x" for j in range(self.count // 2))


class ComplexFourier(RandomWaves):
    """Random complex waves e^{iω·x}: `count` functions, of the states' precision.

    `WithConjugates(ComplexFourier(...))` has with each wave its negative, e^{−iω·x}.
    """

    @property
    def _wave_count(self) -> int:
        return self.count

    def _functions(self, states: Array) -> Iterator[Array]:
        yield array_api_compat.array_namespace(states).exp(1j * self._phases(states))

    @property
    def names(self) -> tuple[str, ...]:
        """The wave that each function is."""
        return tuple(f"exp i w{j + 1}·x" for j in range(self.count))


class Fourier(BlockDictionary):
    """The modes of equation (2), k in lexicographic order from (−p, …, −p) to (p, …, p).

    The j-th mode from the end is the conjugate of the j-th from the start, and the constant is in the middle.

    Args:
        degree: p ≥ 0.
        period: L > 0, a number or one a coordinate.
        dimension: Width of the states, if it should be known before the first call.

    Raises:
        ValueError: If the degree is negative, a period is not positive or the widths contradict each other.
    """

    def __init__(self, degree: int, *, period: float | np.ndarray, dimension: int | None = None) -> None:
        super().__init__(width_of(dimension, period=period))
        if degree < 0:
            raise ValueError(f"expected a degree of at least 0, got {degree}")
        if not np.all(np.asarray(period) > 0):
            raise ValueError(f"expected positive periods, got {period}")
        self.degree, self.period = degree, period

    @property
    def constants(self) -> tuple[int, ...]:
        """The middle: k = 0."""
        return (self.size // 2,)

    @property
    def size(self) -> int:
        """(2p + 1)^d."""
        return (2 * self.degree + 1) ** self._known_dimension()

    @property
    def frequencies(self) -> tuple[tuple[int, ...], ...]:
        """The k of each mode."""
        return tuple(product(range(-self.degree, self.degree + 1), repeat=self._known_dimension()))

    @property
    def names(self) -> tuple[str, ...]:
        """The mode by its k: "exp i(1,-2)·θ", with θ = 2π x / period; "1" for the constant."""
        return tuple(f"exp i({','.join(map(str, k))})·θ" if any(k) else "1" for k in self.frequencies)

    def _functions(self, states: Array) -> Iterator[Array]:
        xp = array_api_compat.array_namespace(states)
        like = {"dtype": states.dtype, "device": array_api_compat.device(states)}
        angle = xp.asarray(2 * np.pi / np.asarray(self.period, dtype=float).reshape(-1, 1), **like)
        first, *others = self._powers(xp.exp(1j * (angle * contiguous_rows(states))))
        yield from _tensor(first, others)

    def _powers(self, waves: Array) -> list[Array]:
        """z^{−p}, …, z^p of each coordinate's wave z, an array (2p + 1, n) for each."""
        xp = array_api_compat.array_namespace(waves)
        powers = [xp.ones_like(waves)]
        for _ in range(self.degree):
            powers.append(powers[-1] * waves)
        every = [*(xp.conj(power) for power in powers[:0:-1]), *powers]
        return [stacked(power[i : i + 1, :] for power in every) for i in range(waves.shape[0])]


def _tensor(first: Array, others: list[Array]) -> Iterator[Array]:
    """All products of a row of each, those of the last running fastest."""
    if not others:
        yield first
        return
    for i in range(first.shape[0]):
        yield from _tensor(first[i : i + 1, :] * others[0], others[1:])
