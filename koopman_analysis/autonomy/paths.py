"""Paths of operators that begin at the identity, and their fit to features at several times.

With Ψ_k the features (rows) of n trajectories at time t_k, k = 0 … K, noise first, a path E(s) = E(s; A) with one
matrix A and a clock 0 = s_0 ≤ … ≤ s_K = 1 is fitted by

    minimise over A, s      Σ_k ‖Ψ_k − Ψ_0 E(s_k)‖² / ‖Ψ_k − Ψ̄_k‖²,     Ψ̄_k the mean over trajectories,           (1)

    semigroup        E(s) = exp(s A):      autonomous, E(s) E(t) = E(s + t)                                      (2)
    straight line    E(s) = I + s A:       features move along segments, with as many free numbers               (3)

The unit is the spread at each time, not the size: beside a large constant, which is autonomous whatever the flow does,
any error would be small. A function that is one number for all trajectories and times stays what it is under any flow:
its column of A is 0, it has no error, and through its row the others move affinely. Only in (2) does the same law act
at all times. No logarithm of an operator is relied on: it need not exist.

With Ψ_0 = Q R the sum in (1) is a constant plus that of ‖Qᵀ Ψ_k − R E(s_k)‖², so that the search sees matrices with no
more rows than there are functions. It is one in least squares, by a trust region, and never ascends; residuals are not
squared, so that an exact path is found to rounding. Its derivatives are exact, with L the Fréchet derivative of exp:

    ∂ exp(sA)[H] = s L(sA, H),     ∂_s exp(sA) = A exp(sA),     s_k = Σ_{j≤k} e^{θ_j} / Σ_j e^{θ_j},               (4)

    exp( [ X  H ; 0  X ] ) = [ exp X  L(X, H) ; 0  exp X ].                                                      (5)

The problem is not convex (a turn by 2π more looks alike at the ends), so the search begins from several places: from
A = Σ_k L_k, s_k − s_{k−1} ∝ ⟨L_k, A⟩, with each of two guesses of the single steps,

    L_k = 2 (M_k − I)(M_k + I)⁻¹ ≈ log M_k,     M_k = argmin ‖Ψ_k − Ψ_{k−1} M‖²     for (2),                      (6)
    L_k = Re log M_k,     where it is finite,                                                                      (7)

and L_k = K_k − K_{k−1} for (3), K_k = argmin ‖Ψ_k − Ψ_0 K‖². The others are random changes of the first A. (6) always
exists, and is near the truth where a step turns little; (7) is the truth of an exact path whose steps turn by less than
π. Beyond that times too far apart fit several semigroups or, on an uneven clock, one that the search may miss.

Sources: Higham 2008, Functions of Matrices, §3.2 (equation (5)); Al-Mohy & Higham 2009 (L); Branch, Coleman & Li 1999
(the trust region).
"""

import warnings
from abc import ABC, abstractmethod
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import scipy.linalg
import scipy.optimize

from koopman_analysis.shapes import Bool, Float

MOST_FUNCTIONS = 24
"""Functions beside the constant above which derivatives in every entry of A take minutes."""
PRECISION = 1e-12
"""Relative change of the objective or of the parameters at which a search ends."""
STATIONARY = 1e-15
"""Gradient at which a search ends: an exact path is followed down to rounding."""
EVALUATIONS = 100
"""Steps of one search."""
LEAST_SHARE = 1e-3
"""Of the clock, for a step that seems to stand still where a search begins: there its derivative would vanish."""


class Path(ABC):
    """A family of paths E(s; A) with E(0) = I."""

    @abstractmethod
    def operators(self, A: Float[np.ndarray, "m m"], clock: Float[np.ndarray, " k"]) -> Float[np.ndarray, "k m m"]:
        """E(s; A) at each of these times of the clock."""

    @abstractmethod
    def derivatives(
        self, A: Float[np.ndarray, "m m"], clock: Float[np.ndarray, " k"]
    ) -> tuple[Float[np.ndarray, "k entries m m"], Float[np.ndarray, "k m m"]]:
        """The derivatives of E(s; A) at each time s, in each of the m² entries of A, row by row, and in s."""

    @abstractmethod
    def steps(self, features: Float[np.ndarray, "times r m"]) -> list[Float[np.ndarray, "k m m"]]:
        """Guesses L_k of (s_k − s_{k−1}) A for each step between two times, at least one."""


class Semigroup(Path):
    """E(s) = exp(s A): equation (2)."""

    def operators(self, A: Float[np.ndarray, "m m"], clock: Float[np.ndarray, " k"]) -> Float[np.ndarray, "k m m"]:
        """exp(s A) at each of these times of the clock."""
        return scipy.linalg.expm(clock[:, None, None] * A)

    def derivatives(
        self, A: Float[np.ndarray, "m m"], clock: Float[np.ndarray, " k"]
    ) -> tuple[Float[np.ndarray, "k entries m m"], Float[np.ndarray, "k m m"]]:
        """Equations (4) and (5)."""
        m = len(A)
        blocks = np.zeros((len(clock), m * m, 2 * m, 2 * m))
        blocks[..., :m, :m] = blocks[..., m:, m:] = clock[:, None, None, None] * A
        blocks[..., :m, m:] = _units(m)
        exponentials = scipy.linalg.expm(blocks)
        return clock[:, None, None, None] * exponentials[..., :m, m:], A @ exponentials[:, 0, :m, :m]

    def steps(self, features: Float[np.ndarray, "times r m"]) -> list[Float[np.ndarray, "k m m"]]:
        """Equation (6), with a pseudo-inverse where M_k has the eigenvalue −1, and where all logarithms exist (7)."""
        one = np.eye(features.shape[2])
        single = [np.linalg.lstsq(before, after)[0] for before, after in pairwise(features)]
        guesses = [np.stack([2.0 * (M - one) @ np.linalg.pinv(M + one) for M in single])]
        # A place to begin need not be accurate; what scipy finds no finite logarithm of is none.
        with warnings.catch_warnings(), suppress(ValueError):
            warnings.simplefilter("ignore")
            guesses.append(np.asarray_chkfinite([scipy.linalg.logm(M).real for M in single]))
        return guesses


class StraightLine(Path):
    """E(s) = I + s A: equation (3)."""

    def operators(self, A: Float[np.ndarray, "m m"], clock: Float[np.ndarray, " k"]) -> Float[np.ndarray, "k m m"]:
        """I + s A at each of these times of the clock."""
        return np.eye(len(A)) + clock[:, None, None] * A

    def derivatives(
        self, A: Float[np.ndarray, "m m"], clock: Float[np.ndarray, " k"]
    ) -> tuple[Float[np.ndarray, "k entries m m"], Float[np.ndarray, "k m m"]]:
        """S H for each matrix H with a single 1, and A."""
        return clock[:, None, None, None] * _units(len(A)), np.repeat(A[None], len(clock), axis=0)

    def steps(self, features: Float[np.ndarray, "times r m"]) -> list[Float[np.ndarray, "k m m"]]:
        """K_k − K_{k−1}."""
        from_first = [np.eye(features.shape[2]), *(np.linalg.lstsq(features[0], after)[0] for after in features[1:])]
        return [np.diff(np.stack(from_first), axis=0)]


@dataclass(frozen=True, kw_only=True, eq=False)
class FittedPath:
    """A path, its matrix and its clock.

    Attributes:
        path: The family.
        generator: A, shape (m, m), in the coordinates of the features.
        clock: s_0 = 0 … s_K = 1, never falling.
        objective: The sum in equation (1).
    """

    path: Path
    generator: Float[np.ndarray, "m m"]
    clock: Float[np.ndarray, " times"]
    objective: float

    @property
    def operators(self) -> Float[np.ndarray, "times m m"]:
        """E(s_k) at each time, the identity first."""
        return self.path.operators(self.generator, self.clock)


def fitted_path(
    path: Path, features: Float[np.ndarray, "n times m"], *, starts: int = 4, rng: np.random.Generator
) -> FittedPath:
    """The path of this family that is nearest to the features in the sense of equation (1).

    Args:
        path: The family.
        features: Ψ_k of each trajectory, noise first; at least two times.
        starts: Places from which the search begins, those guessed from single steps counted as one.
        rng: Draws the others.

    Raises:
        ValueError: If there are more functions than a search can do, features do not vary at a later time or are of too
            different size, or there is no start.
    """
    _require_features(features, starts)
    spreads = np.linalg.norm(features - features.mean(axis=0), axis=(0, 2))
    # In one unit for each function at all times: functions of very different size would cost exp its digits.
    units = np.sqrt(np.square(features).mean(axis=(0, 1)))
    units[units == 0] = 1.0
    Q, R = np.linalg.qr(features[:, 0] / units)
    projected = np.einsum("nr,nkm->krm", Q, features / units)
    varying = ~constant_functions(features)
    weights = varying * units / spreads[1:, None]
    search = _Search(path=path, root=R, targets=projected[1:], weights=weights, varying=varying)
    guesses = path.steps(np.concatenate([R[None], projected[1:]]))
    found = [result for start in _starts(guesses, starts, rng) for result in search.from_start(*start)]
    if not found:
        raise ValueError(
            "expected features of like size at all times, got such different ones that no search for a path stays "
            "among finite numbers: declare other coordinates, for example states divided by a scale of their time"
        )
    best = min(found, key=lambda result: result.cost)
    A, clock = search.unpacked(best.x)
    outside = (features / units - np.einsum("nr,krm->nkm", Q, projected)) * units
    out_of_reach = float((np.square(outside).sum(axis=(0, 2)) / np.square(spreads))[1:].sum())
    return FittedPath(
        path=path,
        generator=A / units[:, None] * units,
        clock=np.concatenate([[0.0], clock]),
        objective=2.0 * float(best.cost) + out_of_reach,
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class _Search:
    """Equation (1) in the columns of A of functions that vary, and θ, as residuals with their Jacobian."""

    path: Path
    root: np.ndarray
    targets: np.ndarray
    weights: np.ndarray
    varying: np.ndarray

    def from_start(self, A: np.ndarray, shares: np.ndarray) -> list[scipy.optimize.OptimizeResult]:
        """What the search finds from here; nothing where numbers leave their range."""
        # The last θ is fixed at 0: all of them shifted alike are one clock.
        theta = np.log(shares / shares[-1])[:-1]
        # A step too far may overflow; the trust region then takes a shorter one. Where a parameter changes nothing, as
        # of a function that begins at 0, scipy divides by its singular value and tells that infinity apart.
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"), suppress(np.linalg.LinAlgError):
            return [
                scipy.optimize.least_squares(
                    self.residuals,
                    np.concatenate([A[:, self.varying].ravel(), theta]),
                    jac=self.jacobian,
                    x_scale="jac",
                    ftol=PRECISION,
                    xtol=PRECISION,
                    gtol=STATIONARY,
                    max_nfev=EVALUATIONS,
                )
            ]
        return []

    def unpacked(self, parameters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """A, and s_1 … s_K."""
        m, free = len(self.varying), self._free
        A = np.zeros((m, m))
        A[:, self.varying] = parameters[:free].reshape(m, -1)
        return A, np.cumsum(self._shares(parameters[free:]))

    @property
    def _free(self) -> int:
        """Number of entries of A that are searched for."""
        return len(self.varying) * int(self.varying.sum())

    def residuals(self, parameters: np.ndarray) -> np.ndarray:
        A, clock = self.unpacked(parameters)
        return ((self.root @ self.path.operators(A, clock) - self.targets) * self.weights[:, None, :]).ravel()

    def jacobian(self, parameters: np.ndarray) -> np.ndarray:
        A, clock = self.unpacked(parameters)
        shares, times = self._shares(parameters[self._free :]), np.arange(len(clock))
        in_A, in_s = self.path.derivatives(A, clock)
        of_A = (self.root @ in_A[:, np.tile(self.varying, len(A))]) * self.weights[:, None, None, :]
        of_s = (self.root @ in_s) * self.weights[:, None, :]
        ds = shares[:-1] * ((times[:-1] <= times[:, None]) - clock[:, None])
        of_theta = np.einsum("kj,krm->kjrm", ds, of_s)
        columns = np.concatenate([of_A, of_theta], axis=1)
        return np.moveaxis(columns, 1, -1).reshape(-1, len(parameters))

    @staticmethod
    def _shares(theta: np.ndarray) -> np.ndarray:
        powers = np.exp(np.append(theta, 0.0) - max(theta.max(initial=0.0), 0.0))
        return powers / powers.sum()


def _starts(guesses: list[np.ndarray], count: int, rng: np.random.Generator) -> list[tuple[np.ndarray, np.ndarray]]:
    """A and the share of the clock of each step, at each place where a search begins."""
    total = guesses[0].sum(axis=0)
    even = np.full(len(guesses[0]), 1.0 / len(guesses[0]))
    size = np.linalg.norm(total) / len(total)
    others = [total + size * rng.standard_normal(total.shape) for _ in range(count - 1)]
    return [*((steps.sum(axis=0), _shares_of(steps)) for steps in guesses), *((A, even) for A in others)]


def _shares_of(steps: np.ndarray) -> np.ndarray:
    """⟨L_k, A⟩ with A = Σ_k L_k, of sum 1 and none of them 0; even shares where nothing moves."""
    along = np.einsum("kij,ij->k", steps, steps.sum(axis=0))
    shares = np.maximum(along / along.sum(), LEAST_SHARE) if along.sum() > 0 else np.ones(len(steps))
    return shares / shares.sum()


def constant_functions(features: Float[np.ndarray, "n times m"]) -> Bool[np.ndarray, " m"]:
    """Which functions are one number other than 0 for all trajectories and times."""
    return ~np.ptp(features, axis=(0, 1)).astype(bool) & features[0, 0].astype(bool)


def _units(m: int) -> np.ndarray:
    """The m² matrices with a single 1, row by row."""
    return np.eye(m * m).reshape(m * m, m, m)


def _require_features(features: np.ndarray, starts: int) -> None:
    if features.ndim != 3 or features.shape[1] < 2:
        raise ValueError(f"expected features of shape (n, times, m) at two times or more, got shape {features.shape}")
    if (m := int(np.sum(~constant_functions(features)))) > MOST_FUNCTIONS:
        raise ValueError(
            f"expected at most {MOST_FUNCTIONS} functions that vary, got {m}: the search differentiates in every "
            "entry of a matrix between them; project on fewer first"
        )
    constant = np.flatnonzero(~np.ptp(features[:, 1:], axis=0).any(axis=1))
    if len(constant):
        raise ValueError(
            f"expected features that vary over trajectories, got none that does at time {constant[0] + 1}: "
            "an error relative to their spread has no meaning"
        )
    if starts < 1:
        raise ValueError(f"expected at least one start of the search, got {starts}")
