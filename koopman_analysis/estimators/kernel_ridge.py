"""Kernel ridge regression, the classical regressor that needs neither a dictionary nor training.

With the inputs of n fitted pairs standardised (each feature has unit variance) and divided by a length ℓ,

    ŷ(x) = ȳ + Σ_i k(x/ℓ, x_i/ℓ) α_i,        (𝐊 + ρ (tr 𝐊 / n) W⁻¹) α = Y − ȳ,        𝐊_ij = k(x_i/ℓ, x_j/ℓ),        (1)

which minimises Σ w_i ‖y_i − ŷ(x_i)‖² plus a multiple of the squared norm of ŷ − ȳ in the space of the kernel; weights
w_i have mean 1, and the ridge ρ has no unit. ℓ is a multiple of the median distance of inputs; that multiple and ρ are
the best of a grid on a held-out fifth of some pairs.

The cost is n³/3 multiplications and n² numbers, hence a limit on n; of more pairs, some are drawn at random. The kernel
is the exponential one by default, k(a, b) = exp(−‖a − b‖), whose functions may have kinks. Flows from noise to data
have narrow fronts between the basins of what they end in, for which the functions of the Gaussian kernel are too smooth
(`tests/benchmarks/results/regressors.md` has both).

Sources: Saunders, Gammerman & Vovk 1998; Stein 1999 (against the smoothness of the Gaussian kernel); Garreau,
Jitkrittum & Kanagawa 2017 (the median distance).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TypeAlias

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from scipy.spatial.distance import cdist, pdist

from koopman_analysis.estimators.base import NotFitted, require_width
from koopman_analysis.regression import ConstantData
from koopman_analysis.shapes import Float, States
from koopman_analysis.snapshots import SnapshotPairs
from koopman_analysis.snapshots.pairs import require_pairs

Kernel: TypeAlias = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Takes two sets of states in rows, (n, d) and (m, d), to a positive definite matrix (n, m), new at each call."""

SELECTION = 2000
"""Pairs on which length and ridge are chosen."""
MEDIAN_OF = 1000
"""Inputs whose median distance sets the scale of lengths."""
FEWEST = 10
"""Pairs without which nothing can be held out."""
NUMBERS = 20_000_000
"""Entries of the kernel matrix held at a time in prediction."""


def exponential(a: Float[np.ndarray, "n d"], b: Float[np.ndarray, "m d"]) -> Float[np.ndarray, "n m"]:
    """exp(−‖a − b‖)."""
    distances = cdist(a, b)
    return np.exp(np.negative(distances, out=distances), out=distances)


def gaussian(a: Float[np.ndarray, "n d"], b: Float[np.ndarray, "m d"]) -> Float[np.ndarray, "n m"]:
    """exp(−‖a − b‖² / 2)."""
    squares = cdist(a, b, "sqeuclidean")
    squares *= -0.5
    return np.exp(squares, out=squares)


class KernelRidgeRegression:
    """Equation (1).

    Args:
        kernel: k, of states that are standardised and divided by ℓ.
        lengths: Grid of ℓ, in median distances of the inputs.
        ridges: Grid of ρ.
        most: Largest number of pairs to solve for; the default takes seconds, and the 0.5 GB of its matrix.
        rng: Draws the pairs, the same at each fit.

    Raises:
        ValueError: If a grid is empty or not positive, or there would be fewer than 10 pairs.
    """

    def __init__(
        self,
        kernel: Kernel = exponential,
        *,
        lengths: Sequence[float] = (0.25, 1.0, 4.0),
        ridges: Sequence[float] = (1e-6, 1e-4, 1e-2),
        most: int = 8000,
        rng: np.random.Generator,
    ) -> None:
        for name, grid in (("lengths", lengths), ("ridges", ridges)):
            if not len(grid) or not min(grid) > 0:
                raise ValueError(f"expected at least one of {name}, all positive, got {grid}")
        if most < FEWEST:
            raise ValueError(f"expected to solve for at least {FEWEST} pairs, got {most}")
        self.kernel, self.lengths, self.ridges, self.most = kernel, tuple(lengths), tuple(ridges), most
        self._seed = int(rng.integers(2**63))
        self._solution: _Solution | None = None

    def fit(self, pairs: SnapshotPairs) -> "KernelRidgeRegression":
        """Fits to these pairs, or `most` of them.

        Raises:
            ConstantData: If the states before do not vary.
            TypeError: If states are complex.
            ValueError: If there are fewer than 10 pairs of positive weight, or the kernel is not positive definite.
        """
        host = _required_pairs(pairs)
        rng = np.random.default_rng(self._seed)
        chosen = host.subset(rng.permutation(host.n)[: self.most])
        unit = _unit(chosen.before)
        some = chosen.subset(np.arange(min(chosen.n, SELECTION))).split(held_out=0.2, rng=rng)

        def error(settings: tuple[float, float]) -> float:
            length, ridge = settings
            try:
                fitted = _solved(self.kernel, some.fit, unit=length * unit, ridge=ridge)
            except LinAlgError:
                return np.inf
            wrong = np.square(fitted.predict(some.held_out.before) - some.held_out.after).sum(axis=1)
            return float(np.average(wrong, weights=some.held_out.weights))

        self.length_, self.ridge_ = min(product(self.lengths, self.ridges), key=error)
        try:
            self._solution = _solved(self.kernel, chosen, unit=self.length_ * unit, ridge=self.ridge_)
        except LinAlgError:
            raise ValueError(
                f"expected a positive definite kernel, got one whose matrix is not even with a ridge of {self.ridge_}: "
                "take larger ridges, or another kernel"
            ) from None
        return self

    def predict(self, states: States) -> Float[np.ndarray, "n d_after"]:
        """ŷ of equation (1).

        Raises:
            ValueError: If the states are of another width than the fitted ones.
        """
        if self._solution is None:
            raise NotFitted("expected a fitted KernelRidgeRegression, got one that has seen no pairs: call fit(pairs)")
        require_width(states, len(self._solution.unit))
        return self._solution.predict(states)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Solution:
    """α of equation (1), and what it belongs to."""

    kernel: Kernel
    unit: np.ndarray
    inputs: np.ndarray
    coefficients: np.ndarray
    mean: np.ndarray

    def predict(self, states: np.ndarray) -> np.ndarray:
        rows = max(1, NUMBERS // len(self.inputs))
        parts = [states[first : first + rows] / self.unit for first in range(0, len(states), rows)]
        return self.mean + np.concatenate([self.kernel(part, self.inputs) @ self.coefficients for part in parts])


def _solved(kernel: Kernel, pairs: SnapshotPairs, *, unit: np.ndarray, ridge: float) -> _Solution:
    weights = np.ones(pairs.n) if pairs.weights is None else pairs.weights / pairs.weights.mean()
    inputs, mean = pairs.before / unit, np.average(pairs.after, axis=0, weights=weights)
    matrix = kernel(inputs, inputs)
    matrix[np.diag_indices(pairs.n)] += ridge * np.trace(matrix) / pairs.n / weights
    # The transpose of a symmetric matrix is itself, in the order that LAPACK overwrites.
    factor = cho_factor(matrix.T, overwrite_a=True, check_finite=False)
    return _Solution(
        kernel=kernel, unit=unit, inputs=inputs, coefficients=cho_solve(factor, pairs.after - mean), mean=mean
    )


def _unit(inputs: np.ndarray) -> np.ndarray:
    """What a feature is divided by: its standard deviation, times the median distance of inputs so divided."""
    spread = inputs.std(axis=0)
    varies = spread > 1e-13 * np.abs(inputs).max(axis=0)
    if not varies.any():
        raise ConstantData("expected states before that vary, got constant ones: nothing can be learned from them")
    spread = np.where(varies, spread, 1.0)
    distances = pdist(inputs[:MEDIAN_OF] / spread)
    # Inputs that repeat each other are at distance zero, which is no scale.
    return spread * np.median(distances[distances > 0]) if distances.any() else spread


def _required_pairs(pairs: SnapshotPairs) -> SnapshotPairs:
    require_pairs(pairs)
    host = pairs.on_host().of_positive_weight()
    if np.iscomplexobj(host.before) or np.iscomplexobj(host.after):
        raise TypeError("expected real states, got complex ones: pass real and imaginary parts as features")
    if host.n < FEWEST:
        raise ValueError(f"expected at least {FEWEST} pairs of positive weight, got {host.n}")
    return host
