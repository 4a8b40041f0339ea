"""The logistic map, chaotic and without a closed dictionary of polynomials.

The map x ↦ 4x(1 − x) of [0, 1] is, in u = 1 − 2x,

    u ↦ 2u² − 1,        cos θ ↦ cos 2θ,                                                                      (1)

on [−1, 1], and leaves the arcsine measure 1/(π √(1 − u²)) invariant. The Chebyshev polynomials, orthonormal in it up to
normalisation, lose every second direction at each step:

    (K T_n)(u) = T_n(T_2(u)) = T_{2n}(u).                                                                      (2)

So in {T_1, …, T_N} the closure spectrum is known: T_{2n} is in the span for n ≤ N/2 and orthogonal to it beyond,

    σ = 1 for ⌊N/2⌋ of the N directions and 0 for the other ⌈N/2⌉,        defect ⌈N/2⌉/N.                        (3)

The state T_1 itself is read exactly from N ≥ 2 on: closed and readable are two things.

Sources: Ulam & von Neumann 1947 (the invariant measure); Kostic et al. 2022 use it, with noise, as a test case.
"""

from dataclasses import dataclass

import numpy as np

from koopman_analysis.dictionaries import Chebyshev
from koopman_analysis.shapes import Float, States
from koopman_analysis.systems.base import Flow, SpectralSystem


@dataclass(frozen=True, kw_only=True)
class LogisticMap(Flow, SpectralSystem):
    """The map of equation (1) in u, under its invariant measure.

    Attributes:
        degree: N ≥ 1, the highest degree of the dictionary.

    Raises:
        ValueError: If the degree is below 1.
    """

    degree: int = 6

    def __post_init__(self) -> None:
        if self.degree < 1:
            raise ValueError(f"expected a degree of at least 1, got {self.degree}: the constant tells no states apart")

    @property
    def dictionary(self) -> Chebyshev:
        """1 and √2 T_1, …, √2 T_N, orthonormal in the invariant measure."""
        return Chebyshev(self.degree, dimension=1)

    @property
    def closure_spectrum(self) -> Float[np.ndarray, " r"]:
        """Equation (3)."""
        predicted = self.degree // 2
        return np.repeat([1.0, 0.0], [predicted, self.degree - predicted])

    def flow(self, states: States) -> States:
        """Equation (1)."""
        return 2 * states**2 - 1

    def sampled(self, count: int, *, rng: np.random.Generator) -> Float[np.ndarray, "n 1"]:
        """The cosines of uniform angles, which have the arcsine law."""
        return np.cos(rng.uniform(0.0, np.pi, (count, 1)))
