"""Named nested families of dictionaries: what a dimension is a property of.

A family is nested when each member spans all that the one before it does, the constant being in every span:

    span(1, Ψ_1) ⊂ span(1, Ψ_2) ⊂ …                                                                            (1)

    polynomials    all of total degree at most p, p growing
    waves          the affine functions and the first q cosines and sines of one draw, q growing
    radial         the affine functions and the first q radial functions, all of one scale, in farthest-first order:
                   each centre is the one farthest from those before it                                         (2)
    truncations    the first r canonical directions Ψ_in a_i of one fitted operator, r growing                    (3)

With P, Q the centred columns of Ψ_in and Ψ_out in the triangular factor of the fitted pairs, P = U_P T_P, Q = U_Q T_Q,
the directions of (3) are a = T_P⁺ u, where U_Pᵀ U_Q = Σ_i u_i σ_i v_iᵀ. An operator that reads the first r of them is
the truncation of rank r of the *whitened* K, which no change of basis of either dictionary alters; that of the raw
singular values of K depends on the basis. Independent draws are not nested, nor are the centres of k-means for
different numbers.

Sources: Gonzalez 1985 (farthest-first order); Hotelling 1936 (canonical directions).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from koopman_analysis.dictionaries import Constant, Coordinates, Dictionary, Gaussian, RadialBasis, RandomFourier
from koopman_analysis.dictionaries.rbf import RadialFunction
from koopman_analysis.estimators.base import MomentEstimator
from koopman_analysis.moments import FACTOR_RESOLUTION, FactorMoments, Lift, orthonormal_factors
from koopman_analysis.regression import column_norms, least_squares
from koopman_analysis.shapes import Array, States

CHECKED_STATES = 2000
"""States on which equation (1) is checked."""

UNEXPLAINED = 1e-5
"""Largest relative residual of a function in the span of the next member: rounding of an ill-conditioned one."""


@dataclass(frozen=True, kw_only=True, eq=False)
class NestedFamily:
    """Dictionaries of growing dimension, each in the span of the next.

    Attributes:
        name: What a reader calls it ("Hermite, by degree").
        members: The dictionaries, the smallest first.

    Raises:
        ValueError: If there is no member.
    """

    name: str
    members: tuple[Lift, ...]

    def __post_init__(self) -> None:
        if not self.members:
            raise ValueError(f"expected at least one member in the family {self.name!r}, got none")

    def require_nested(self, states: States) -> None:
        """Refuses a family that is not nested on these states: equation (1).

        Raises:
            ValueError: If a function of one member is not in the span of the next.
        """
        some = states[:CHECKED_STATES]
        lifted = [np.asarray(member(some)) for member in self.members]
        for position, (smaller, larger) in enumerate(pairwise(lifted), start=1):
            unexplained = _unexplained(smaller, larger)
            if unexplained > UNEXPLAINED:
                raise ValueError(
                    f"expected the members of {self.name!r} nested, got member {position} outside the span of the next "
                    f"(relative residual {unexplained:.2g}): grow one dictionary, do not draw each anew"
                )


def polynomial_family(kind: Callable[[int], Dictionary], degrees: Iterable[int]) -> NestedFamily:
    """Polynomials by degree.

    Args:
        kind: From the degree to the dictionary: `Monomials`, or `partial(Hermite, scale=80.0)`.
        degrees: Total degrees, rising.

    Raises:
        ValueError: If the degrees do not rise.
    """
    rising = _rising("degrees", degrees, least=0)
    members = tuple(kind(degree) for degree in rising)
    return NestedFamily(name=f"{type(members[0]).__name__}, by degree", members=members)


def wave_family(states: Array, counts: Iterable[int], *, rng: np.random.Generator) -> NestedFamily:
    """The affine functions, with the first waves of one draw at the median distance of the states.

    Args:
        states: States before, shape (n, d).
        counts: Numbers of waves' functions, rising; 0 is the affine functions alone.
        rng: Draws the waves.

    Raises:
        ValueError: If the counts do not rise, or the median distance is zero.
    """
    rising = _rising("counts", counts, least=0)
    scale = RandomFourier.fitted(states, count=1, rng=rng).scale
    member: Dictionary = Constant() + Coordinates()
    members: list[Dictionary] = []
    for before, count in pairwise([0, *rising]):
        if count > before:
            member = member + RandomFourier(count - before, scale, rng=rng)
        members.append(member)
    return NestedFamily(name="waves, by number", members=tuple(members))


def radial_family(
    states: Array,
    counts: Iterable[int],
    *,
    radial: Callable[[float], RadialFunction] = Gaussian,
    overlap: float = 1.0,
    rng: np.random.Generator,
) -> NestedFamily:
    """The affine functions, with radial functions around the first centres in the order of equation (2).

    Args:
        states: States before, shape (n, d).
        counts: Numbers of centres, rising; the largest are those of k-means, and their spacing is the scale of all.
        radial: From the scale to the radial function.
        overlap: The scale as a multiple of that spacing.
        rng: Decides the centres.

    Raises:
        ValueError: If the counts do not rise, or there are fewer different states than centres.
    """
    rising = _rising("counts", counts, least=1)
    largest = RadialBasis.fitted(states, count=rising[-1], radial=radial, overlap=overlap, rng=rng)
    centres = largest.centres[_farthest_first(largest.centres)]
    affine = Constant() + Coordinates()
    members = tuple(affine + RadialBasis(centres[:count], largest.radial) for count in rising)
    return NestedFamily(name="radial functions, by number", members=members)


def operator_truncations(fitted: MomentEstimator, ranks: Iterable[int]) -> NestedFamily:
    """The first canonical directions of one fitted operator: equation (3). To be judged on other pairs.

    Args:
        fitted: An estimator that has seen pairs.
        ranks: Numbers of directions, rising.

    Raises:
        NotFitted: If it has not.
        ValueError: If the ranks do not rise, or there are fewer directions.
    """
    rising = _rising("ranks", ranks, least=1)
    seen = fitted.moments_
    factor = seen if isinstance(seen, FactorMoments) else seen.factor_moments()
    left, _, onto = orthonormal_factors(_centred(factor.inputs, factor.resolution), factor.resolution)
    right, _, _ = orthonormal_factors(_centred(factor.outputs, factor.resolution), factor.resolution)
    directions = onto @ np.linalg.svd(left.conj().T @ right[: len(left)], full_matrices=False)[0]
    if rising[-1] > directions.shape[1]:
        raise ValueError(f"expected ranks up to the {directions.shape[1]} canonical directions, got {rising[-1]}")
    members = tuple(_Reading(fitted.inputs, directions[:, :rank]) for rank in rising)
    return NestedFamily(name="truncations of one operator, by rank", members=members)


@dataclass(frozen=True, eq=False)
class _Reading:
    """Linear combinations of a dictionary's functions."""

    lift: Lift
    coefficients: np.ndarray

    def __call__(self, states: Array) -> Array:
        return self.lift(states) @ self.coefficients


def _centred(columns: np.ndarray, resolution: float) -> np.ndarray:
    """The columns of a factor without its first row, which holds their means; of a constant, nothing stays."""
    centred = columns[1:].copy()
    centred[:, column_norms(centred) <= resolution * column_norms(columns)] = 0.0
    return centred


def _unexplained(functions: np.ndarray, larger: np.ndarray) -> float:
    """The largest residual of a function in the span of others and the constant, relative to its deviation."""
    target, basis = (values - values.mean(axis=0) for values in (functions, larger))
    fitted = basis @ least_squares(basis, target, penalty=0.0, rank=None, resolution=FACTOR_RESOLUTION)
    size = np.linalg.norm(target, axis=0)
    # A constant leaves rounding when it is centred.
    varies = size > FACTOR_RESOLUTION * np.linalg.norm(functions, axis=0)
    left = np.linalg.norm(target - fitted, axis=0)
    return float(np.max(left[varies] / size[varies], initial=0.0))


def _farthest_first(centres: np.ndarray) -> np.ndarray:
    """The order of equation (2), from the centre nearest to the mean."""
    distance = np.linalg.norm(centres - centres.mean(axis=0), axis=1)
    order = [int(distance.argmin())]
    nearest = np.full(len(centres), np.inf)
    while len(order) < len(centres):
        nearest = np.minimum(nearest, np.linalg.norm(centres - centres[order[-1]], axis=1))
        order.append(int(nearest.argmax()))
    return np.array(order)


def _rising(name: str, numbers: Iterable[int], *, least: int) -> Sequence[int]:
    listed = list(numbers)
    if not listed or listed[0] < least or any(b <= a for a, b in pairwise(listed)):
        raise ValueError(f"expected {name} that rise from {least} or more, got {listed}")
    return listed
