"""What the work costs where nothing but BLAS and LAPACK is paid for: the yardstick of the operator benchmarks.

Features lie a function after another in one block of memory that every chunk of pairs uses anew, so that each is
written once and read by the product that follows without a stride or a copy. With Ψ_x, Ψ_y the features of a chunk,

    normal equations    G = Σ Ψ_xᵀ Ψ_x,   A = Σ Ψ_xᵀ Ψ_y,   G K = A,                                            (1)
    tall-skinny QR      R ← triangular factor of [R; Ψ_x Ψ_y],   R_xx K = R_xy,                                  (2)
    exact DMD           Xᵀ = Q R,   R = Z Σ Uᵀ,   V = Q Z,   M = Σ⁻¹ Uᵀ Y,   eigenpairs of M V and modes,         (3)

(3) truncated to the rank before Q is applied. Nothing is checked, and pairs have no weights.

Sources: Demmel, Grigori, Hoemmen & Langou 2012 (2); Tu et al. 2014 (3).
"""

from collections.abc import Callable
from itertools import combinations_with_replacement

import numpy as np
import scipy.linalg

Lifting = Callable[[np.ndarray, np.ndarray], None]
"""Writes the features of states (n, d) into a block (m, n)."""


def monomials(degree: int, dimension: int) -> tuple[Lifting, int]:
    """All monomials up to the degree, each one multiplication from an earlier one; and how many they are."""
    place: dict[tuple[int, ...], int] = {(): 0}
    steps = []
    for total in range(1, degree + 1):
        for variables in combinations_with_replacement(range(dimension), total):
            steps.append((place[variables[:-1]], variables[-1]))
            place[variables] = len(place)

    def lift(states: np.ndarray, block: np.ndarray) -> None:
        coordinates = np.ascontiguousarray(states.T)
        block[0] = 1.0
        for position, (earlier, variable) in enumerate(steps, start=1):
            np.multiply(block[earlier], coordinates[variable], out=block[position])

    return lift, len(place)


def gaussians(centres: np.ndarray, scale: float) -> tuple[Lifting, int]:
    """exp(−‖x − c‖² / (2 scale²)) for each centre c; the exponents are one matrix product."""
    gain = 0.5 / scale**2
    squares = np.square(centres).sum(axis=1)
    left = gain * np.column_stack([2 * centres, -squares, -np.ones(len(centres))])

    def lift(states: np.ndarray, block: np.ndarray) -> None:
        right = np.vstack([states.T, np.ones(len(states)), np.square(states).sum(axis=1)])
        np.matmul(left, right, out=block)
        np.exp(block, out=block)

    return lift, len(centres)


def waves(vectors: np.ndarray) -> tuple[Lifting, int]:
    """cos ω·x, then sin ω·x, for each wave vector ω, a column."""
    half = vectors.shape[1]

    def lift(states: np.ndarray, block: np.ndarray) -> None:
        np.matmul(vectors.T, states.T, out=block[:half])
        np.sin(block[:half], out=block[half:])
        np.cos(block[:half], out=block[:half])

    return lift, 2 * half


def operator_by_gram(before: np.ndarray, after: np.ndarray, lift: Lifting, size: int, *, chunk: int) -> np.ndarray:
    """K of equation (1)."""
    block = np.empty((2, size, chunk))
    gram, cross = np.zeros((size, size)), np.zeros((size, size))
    for first in range(0, len(before), chunk):
        count = min(chunk, len(before) - first)
        x, y = block[0, :, :count], block[1, :, :count]
        lift(before[first : first + count], x)
        lift(after[first : first + count], y)
        gram += x @ x.T
        cross += x @ y.T
    return np.linalg.solve(gram, cross)


def operator_by_tpqrt(
    before: np.ndarray, after: np.ndarray, lift: Lifting, size: int, *, chunk: int, panel: int
) -> np.ndarray:
    """K of equation (2); LAPACK folds a chunk into the triangle."""
    block, factor = np.empty((2 * size, chunk)), np.zeros((2 * size, 2 * size), order="F")
    for first in range(0, len(before), chunk):
        count = min(chunk, len(before) - first)
        lift(before[first : first + count], block[:size, :count])
        lift(after[first : first + count], block[size:, :count])
        factor = scipy.linalg.lapack.dtpqrt(0, panel, factor, block[:, :count].T, overwrite_a=1, overwrite_b=1)[0]
    return scipy.linalg.solve_triangular(factor[:size, :size], factor[:size, size:])


def operator_by_geqrf(before: np.ndarray, after: np.ndarray, lift: Lifting, size: int, *, chunk: int) -> np.ndarray:
    """K of equation (2); LAPACK factorises the triangle over a chunk as any matrix."""
    width = 2 * size
    block = np.zeros((width, width + chunk))
    for first in range(0, len(before), chunk):
        count = min(chunk, len(before) - first)
        rows = block[:, : width + count]
        lift(before[first : first + count], rows[:size, width:])
        lift(after[first : first + count], rows[size:, width:])
        reflected = scipy.linalg.lapack.dgeqrf(rows.T, lwork=64 * width, overwrite_a=1)[0]
        block[:, :width] = np.tril(reflected[:width].T)
    factor = block[:, :width].T
    return scipy.linalg.solve_triangular(factor[:size, :size], factor[:size, size:])


def exact_dmd(before: np.ndarray, after: np.ndarray, rank: int) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues and exact modes, one a row, of equation (3), for fewer pairs than features."""
    short = len(before)
    reflectors, scales, _, _ = scipy.linalg.lapack.dgeqrf(before.T, lwork=64 * short)
    inner, values, outer = np.linalg.svd(np.triu(reflectors[:short]))
    padded = np.zeros((len(reflectors), rank), order="F")
    padded[:short] = inner[:, :rank]
    V = scipy.linalg.lapack.dormqr("L", "N", reflectors, scales, padded, lwork=64 * rank, overwrite_c=1)[0]
    M = (outer[:rank] @ after) / values[:rank, None]
    eigenvalues, vectors = np.linalg.eig(M @ V)
    return eigenvalues, np.linalg.inv(vectors) @ M / eigenvalues[:, None]
