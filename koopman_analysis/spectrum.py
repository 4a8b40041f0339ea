"""Eigenpairs of a Koopman matrix, with a residual that says which of them the data bear out.

For one dictionary Ψ at both ends and K with Ψ(y) ≈ Ψ(x) K, an eigenvector K v = λ v is an eigenfunction φ = Ψ v with
φ(y) ≈ λ φ(x), whatever the error of K. How well this holds is measured without K:

    residual    r(λ, v) = ‖(Ψ(y) − λ Ψ(x)) v‖ / ‖Ψ(x) v‖ = ‖(R_y − λ R_x) v‖ / ‖R_x v‖,                          (1)

norms over the pairs, R = [· R_x R_y ·] the triangular factor of their features (`FactorMoments`). A finite K of a
dictionary that is not closed has spurious eigenvalues, as many and as large as true ones: they have large residuals, so
eigenpairs are listed by residual. It is taken on held-out pairs where there are some; in sample it vanishes for any
pairs once there are as many functions, and it is infinite for a function that vanishes on the pairs. Where functions
are real, residuals of a conjugate pair are equal, and the two stay side by side.

The square of (1) expands into Gram matrices, which floor it at √ε ≈ 2·10⁻⁸ and can make it negative; with the factor
its floor is that of rounding,

    floor       ε ‖ |R_y| |v| + |λ| |R_x| |v| ‖ / ‖R_x v‖.                                                        (2)

The eigenproblem is solved in coordinates that are white on the fitted pairs, R_x = Q T:

    (T K T⁻¹) w = λ w,      v = T⁻¹ w,                                                                           (3)

where the accuracy depends neither on the units of the functions nor on their correlation. Rates are log λ / lag. The
logarithm has no continuous value on (−∞, 0], so eigenvalues within rounding of it are refused: with u the left
eigenvector of w, a change of the matrix by its own rounding moves λ by

    rounding    10 ε ‖T K T⁻¹‖ ‖u‖ ‖w‖ / |uᴴ w|                                                                  (4)

to first order.

Intervals of eigenvalues resample groups of whole units, refit, and match each replicate's eigenpairs to the estimate's
by the assignment of least total cost

    |λ − λ*| + sin² ∠(φ, φ*),                                                                                   (5)

the angle between functions being that over the fitted pairs. (By |λ − λ*| alone, on the real line, exchanging two
eigenvalues costs nothing as often as not.) Near a defective matrix eigenvalues are not differentiable in the data, and
no interval of this kind holds: there equation (4) is large.

Sources: Colbrook & Townsend 2024, Colbrook, Ayton & Szőke 2023 (residuals; here unsquared); Kuhn 1955 (the assignment).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import reduce
from operator import add
from operator import index as operator_index

import numpy as np
import scipy.linalg
import scipy.optimize

from koopman_analysis.magnitude import enlarged_array, unit_and_exponent
from koopman_analysis.moments import FactorMoments, Lift, orthonormal_factors, triangular_factor
from koopman_analysis.resampling import Interval, random_groups
from koopman_analysis.shapes import Complex, Float, Inexact, Operator, require_square, require_square_on
from koopman_analysis.snapshots import SnapshotPairs

EPSILON, TINY = float(np.finfo(np.float64).eps), float(np.finfo(np.float64).tiny)


@dataclass(frozen=True, kw_only=True, eq=False)
class Eigenpairs:
    """Eigenvalues and eigenfunctions, those with the smallest residual first.

    Attributes:
        eigenvalues: λ, one for each direction of the dictionary above rounding.
        coefficients: v, one a column, with ‖Ψ(x) v‖ = 1 in mean square over the fitted pairs.
        residuals: Equation (1); None where the moments cannot give it, as `remark` says.
        floor: Equation (2).
        held_out: Whether the residuals were taken on other pairs than K.
        rounding: Equation (4).
        remark: What a reader of the residuals must know.
    """

    eigenvalues: Complex[np.ndarray, " r"]
    coefficients: Complex[np.ndarray, "m r"]
    residuals: Float[np.ndarray, " r"] | None
    floor: Float[np.ndarray, " r"] | None
    held_out: bool
    rounding: Float[np.ndarray, " r"]
    remark: str

    def __len__(self) -> int:
        return len(self.eigenvalues)

    def subset(self, index: np.ndarray) -> "Eigenpairs":
        """The eigenpairs at these positions (or where this mask is true)."""
        residuals, floor = (None if array is None else array[index] for array in (self.residuals, self.floor))
        return replace(
            self,
            eigenvalues=self.eigenvalues[index],
            coefficients=self.coefficients[:, index],
            residuals=residuals,
            floor=floor,
            rounding=self.rounding[index],
        )

    def trusted(self, tolerance: float) -> "Eigenpairs":
        """Those whose residual is at most the tolerance.

        Raises:
            ValueError: If there are no residuals.
        """
        if self.residuals is None:
            raise ValueError(f"expected eigenpairs with residuals, got none: {self.remark}")
        return self.subset(self.residuals <= tolerance)

    def rates(self, lag: float) -> Complex[np.ndarray, " r"]:
        """The growth rates log λ / lag, imaginary part in (−π/lag, π/lag).

        Raises:
            ValueError: If the lag is not positive, or an eigenvalue is within rounding of (−∞, 0].
        """
        if not lag > 0:
            raise ValueError(f"expected a positive lag, got {lag}: it is the time from before to after")
        real, away = self.eigenvalues.real, np.abs(self.eigenvalues.imag)
        cut = np.where(real > 0, np.abs(self.eigenvalues), away) <= self.rounding
        if cut.any():
            raise ValueError(
                f"expected eigenvalues away from (−∞, 0], where the logarithm is undefined or has two values, got "
                f"{self.eigenvalues[cut][0]:.3g} at position {int(np.argmax(cut))}: choose others with subset()"
            )
        return np.log(self.eigenvalues) / lag


@dataclass(frozen=True, kw_only=True)
class EigenvalueIntervals:
    """Intervals of each eigenvalue, in the order of the eigenpairs they belong to.

    Attributes:
        real: Of the real part.
        imaginary: Of the imaginary part.
        modulus: Of |λ|.
        radius: Of the disc around each eigenvalue that holds 95 % of its replicates.
    """

    real: tuple[Interval, ...]
    imaginary: tuple[Interval, ...]
    modulus: tuple[Interval, ...]
    radius: Float[np.ndarray, " r"]


def eigenpairs_of(
    K: Operator, fitted: FactorMoments, *, judge: FactorMoments | None, held_out: bool, remark: str
) -> Eigenpairs:
    """The eigenpairs of K, by residual on the pairs of `judge`, or by modulus where there is none.

    Args:
        K: Of one dictionary at both ends.
        fitted: Moments of the pairs that K was fitted to.
        judge: Moments of the pairs that residuals are taken on.
        held_out: Whether those are others.
        remark: What to tell of them.

    Raises:
        ValueError: If K is not a square matrix of finite numbers, or of another size than the dictionary.
    """
    require_square_on(K, fitted.sizes[0])
    eigenvalues, coefficients, rounding = _spectrum(K, fitted)
    residuals = floor = None
    if judge is None:
        order = np.argsort(-_of_conjugates(np.abs(eigenvalues), eigenvalues), kind="stable")
    else:
        R_x, R_y = judge.inputs, judge.outputs
        R_x = np.concatenate([R_x, np.zeros((len(R_y) - len(R_x), R_x.shape[1]), R_x.dtype)])
        size = np.linalg.norm(R_x @ coefficients, axis=0)
        (factor, up), (vectors, down) = unit_and_exponent(R_x), unit_and_exponent(coefficients)
        absent = size <= np.ldexp(EPSILON * np.linalg.norm(factor) * np.linalg.norm(vectors, axis=0), up + down)
        size[absent] = 1.0
        difference = R_y @ coefficients - (R_x @ coefficients) * eigenvalues
        magnitude = np.abs(R_y) @ np.abs(coefficients) + (np.abs(R_x) @ np.abs(coefficients)) * np.abs(eigenvalues)
        residuals = np.linalg.norm(difference, axis=0) / size
        residuals[absent] = np.inf  # a function that vanishes on these pairs is borne out by none of them
        residuals = _of_conjugates(residuals, eigenvalues)
        floor = np.where(absent, np.inf, EPSILON * np.linalg.norm(magnitude, axis=0) / size)
        order = np.argsort(residuals, kind="stable")
    found = Eigenpairs(
        eigenvalues=eigenvalues, coefficients=coefficients, residuals=residuals, floor=floor, held_out=held_out,
        rounding=rounding, remark=remark,
    )  # fmt: skip
    return found.subset(order)


def eigenvalue_intervals(
    pairs: SnapshotPairs,
    inputs: Lift,
    operator: Callable[[FactorMoments], Operator],
    *,
    eigenpairs: Eigenpairs,
    resamples: int,
    groups: int,
    rng: np.random.Generator,
) -> EigenvalueIntervals:
    """Bootstrap intervals of these eigenvalues of the operator that is fitted to the moments of resampled pairs.

    Args:
        pairs: The fitted pairs; whole units are resampled, gathered in groups.
        inputs: The dictionary.
        operator: Takes moments to K.
        eigenpairs: The estimates, in the order of the result.
        resamples: Number of resamples.
        groups: Number of groups of units; each unit is one where there are fewer.
        rng: Draws groups and resamples.

    Raises:
        TypeError: If resamples or groups are not whole numbers.
        ValueError: If there are fewer than two units, two groups or twenty resamples.
    """
    if operator_index(resamples) < 20 or operator_index(groups) < 2:
        raise ValueError(f"expected at least 20 resamples of at least 2 groups, got {resamples} of {groups}")
    if pairs.units < 2:
        raise ValueError(f"expected at least two independent units to resample, got {pairs.units}")
    group = random_groups(pairs.unit, groups, rng=rng)
    count = int(group.max()) + 1
    parts = [FactorMoments.of(pairs.subset(group == number), inputs) for number in range(count)]
    eigenvalues = eigenpairs.eigenvalues
    whole = reduce(add, parts)
    functions = _directions(whole, eigenpairs.coefficients)
    replicates = np.empty((resamples, len(eigenvalues)), np.complex128)
    for row in replicates:
        copies = np.bincount(rng.integers(count, size=count), minlength=count)
        stacked = np.concatenate([np.sqrt(times) * part.factor for times, part in zip(copies, parts, strict=True)])
        again = replace(whole, count=pairs.n, factor=triangular_factor(stacked))
        values, coefficients, _ = _spectrum(operator(again), again)
        overlap = np.abs(functions.conj().T @ _directions(whole, coefficients))
        row[:] = _matched(values, eigenvalues, 1.0 - np.square(np.minimum(overlap, 1.0)))
    views = [(function(replicates), function(eigenvalues)) for function in (np.real, np.imag, np.abs)]
    method = f"bootstrap of {count} groups of units, {resamples} resamples"
    real, imaginary, modulus = (_intervals(drawn, estimates, pairs.units, method) for drawn, estimates in views)
    radius = np.nanquantile(np.abs(replicates - eigenvalues), 0.95, axis=0)
    return EigenvalueIntervals(real=real, imaginary=imaginary, modulus=modulus, radius=radius)


def _spectrum(K: Operator, fitted: FactorMoments) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Eigenvalues, their coefficients and their rounding: equations (3) and (4)."""
    _, T, back = orthonormal_factors(fitted.inputs, fitted.resolution)
    eigenvalues, W, rounding = rounded_eigenpairs(T @ K @ back)
    coefficients = back @ W * abs(fitted.factor[0, 0])
    return eigenvalues, coefficients.astype(np.complex128), rounding


def rounded_eigenpairs(
    A: Operator,
) -> tuple[Complex[np.ndarray, " m"], Inexact[np.ndarray, "m m"], Float[np.ndarray, " m"]]:
    """The eigenvalues of a square matrix, its right eigenvectors of length one, and the rounding of equation (4).

    Raises:
        ValueError: If A is not a square matrix of finite numbers, or has eigenvalues beyond their range.
    """
    require_square(A)
    unit, exponent = unit_and_exponent(A)
    # LAPACK scales entries beyond 10¹³⁸ by itself, and where vectors are asked for leaves the eigenvalues there.
    eigenvalues, U, W = scipy.linalg.eig(unit, left=True, right=True)
    eigenvalues = enlarged_array(eigenvalues, exponent)
    angle = np.abs(np.einsum("ij,ij->j", U.conj(), W))
    with np.errstate(over="ignore"):  # as good as infinite where an eigenvalue is defective
        rounding = np.ldexp(10 * EPSILON * np.linalg.norm(unit, 2) / np.maximum(angle, TINY), exponent)
    return eigenvalues.astype(np.complex128), W, rounding


def _of_conjugates(values: np.ndarray, eigenvalues: np.ndarray) -> np.ndarray:
    """The values with one for both of a conjugate pair, which LAPACK leaves side by side, the upper one first."""
    first = np.flatnonzero((eigenvalues[:-1] == eigenvalues[1:].conj()) & (eigenvalues[:-1].imag > 0))
    shared = values.copy()
    shared[first] = shared[first + 1] = np.maximum(values[first], values[first + 1])
    return shared


def _directions(fitted: FactorMoments, coefficients: np.ndarray) -> np.ndarray:
    """The functions of these coefficients as unit vectors, whose products are the cosines of their angles."""
    vectors = fitted.inputs @ coefficients
    return vectors / np.linalg.norm(vectors, axis=0)


def _matched(replicate: np.ndarray, eigenvalues: np.ndarray, apart: np.ndarray) -> np.ndarray:
    """The eigenvalues of a replicate, each in the place of the estimate that it belongs to: equation (5).

    An estimate to which none belongs, where the replicate has lost a direction, is matched with NaN.
    """
    places, rows = scipy.optimize.linear_sum_assignment(np.abs(eigenvalues[:, None] - replicate[None, :]) + apart)
    matched = np.full(len(eigenvalues), np.nan + 0j)
    matched[places] = replicate[rows]
    return matched


def _intervals(drawn: np.ndarray, estimates: np.ndarray, units: int, method: str) -> tuple[Interval, ...]:
    low, high = np.nanquantile(drawn, [0.025, 0.975], axis=0)
    return tuple(
        Interval(estimate=float(e), low=float(a), high=float(b), n=units, method=method)
        for e, a, b in zip(estimates, low, high, strict=True)
    )
