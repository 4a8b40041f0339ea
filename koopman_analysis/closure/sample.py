"""Lifted pairs in two halves of whole units, and what all pairs together say of one dictionary.

The pairs are the rows of equation (1) of `koopman_analysis.moments`, z = √w [1, Ψ_in(x), Ψ_out(y), y], w of mean one.
Of their triangular factor R the first row has the weighted means, and what is below it the same columns, centred. In

    R = [ρ  ρ μ]          ρ² = Σ w,          Cᵀ C / ρ² = covariance,          C = U diag(s) Vᵀ of one dictionary,    (1)
        [0  C  ]

the directions V diag(ρ/s) are white over all pairs: a change of basis, in which nothing is fitted. Columns of C are
normalised first, so that no unit counts; a column that is constant to rounding is left out, and so is s_i below 1e-12
of the largest. The rounding of white directions is that of Ψ as it is given, not centred: ε κ, where κ compares the
largest singular value of the column-normalised [1 Ψ] with the last of as many as there are directions and the constant,
however small. Complex functions are two, their real and their imaginary part.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from koopman_analysis.dictionaries import Dictionary
from koopman_analysis.moments import FACTOR_RESOLUTION, Lift, updated_factor
from koopman_analysis.moments.rows import Sizes, columns_of, features_of
from koopman_analysis.regression import ConstantData
from koopman_analysis.resampling import random_groups
from koopman_analysis.snapshots import SnapshotPairs

GROUPS = 100
"""Groups of units that the jackknife leaves out in turn, half of them in each fold."""

FEWEST_UNITS = 4
"""Units without which nothing can be estimated: two to fit and two to judge."""

ROWS = 1024
"""Pairs in a chunk. Measured: 300 functions of as many stay in the cache while they are factored."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Chunk:
    """Some pairs of one half.

    Attributes:
        rows: z of these pairs, a function a row, so that its values lie side by side: (1 + m_in + m_out + d, pairs).
        group: The group of each pair within its half, rising.
        position: Where each pair stands among those given.
    """

    rows: np.ndarray
    group: np.ndarray
    position: np.ndarray

    def sums(self, terms: np.ndarray) -> tuple[slice, np.ndarray]:
        """The groups that are here, and of the terms, shape (…, pairs), the sums over each: (…, groups)."""
        starts = np.concatenate([[0], np.flatnonzero(np.diff(self.group)) + 1])
        return slice(int(self.group[0]), int(self.group[-1]) + 1), np.add.reduceat(terms, starts, axis=-1)


@dataclass(frozen=True, kw_only=True, eq=False)
class Sample:
    """Lifted pairs, ordered by half and by group within it.

    Attributes:
        halves: The chunks of each half.
        groups: Number of groups in each half.
        sizes: Numbers of columns (m_in, m_out, d) behind the leading column of ones.
    """

    halves: tuple[tuple[Chunk, ...], tuple[Chunk, ...]]
    groups: tuple[int, int]
    sizes: Sizes

    def factor(self, half: int) -> np.ndarray:
        """The triangular factor of the rows of this half.

        Raises:
            ValueError: If a feature is not finite.
        """
        width = 1 + sum(self.sizes)
        factor = np.zeros((width, width))
        for chunk in self.halves[half]:
            factor = updated_factor(factor, chunk.rows.T)
        if not np.isfinite(factor).all():
            raise ValueError(
                "expected finite features, got NaN or Inf: a dictionary function is undefined or overflows"
            )
        return factor


def require_units(units: int) -> None:
    """Refuses to estimate anything from fewer units than can be split.

    Raises:
        ValueError: If there are fewer than four.
    """
    if units < FEWEST_UNITS:
        raise ValueError(
            f"expected at least four independent units, two to fit and two to judge, got {units}: cut long "
            "trajectories into blocks of ten autocorrelation times with pairs.in_blocks(length, gap=gap)"
        )


def effective_number(weights: np.ndarray) -> int:
    """Kish's (Σ w)²/Σ w²: how many of equal weight have a mean of the same variance; rounded."""
    return round(float(weights.sum() ** 2 / np.square(weights).sum()))


def lifted_sample(pairs: SnapshotPairs, inputs: Lift, outputs: Lift, rng: np.random.Generator) -> Sample:
    """The pairs lifted, and split at random into two halves of whole units.

    Raises:
        ConstantData: If the states before, or after, do not vary.
        ValueError: If there are fewer than four units.
    """
    require_units(pairs.units)
    host = pairs.on_host()
    for name, states in (("before", host.before), ("after", host.after)):
        if not np.ptp(states, axis=0).any():
            raise ConstantData(f"expected states {name} that vary, got one state {host.n} times")
    group = random_groups(host.unit, GROUPS, rng=rng)
    half, within = group % 2, group // 2
    order = np.lexsort((group, half))
    root = None if host.weights is None else np.sqrt(host.weights / host.weights.mean())
    probe = [features_of(lift, states[:1]) for lift, states in _lifts(host, inputs, outputs)]
    sizes = tuple(part.shape[1] * (1 + np.iscomplexobj(part)) for part in probe)
    one, other = (
        tuple(
            Chunk(rows=_rows(host, inputs, outputs, root, sizes, index), group=within[index], position=index)
            for index in _chunks(order[half[order] == side])
        )
        for side in (0, 1)
    )
    groups = int(within[half == 0].max()) + 1, int(within[half == 1].max()) + 1
    return Sample(halves=(one, other), groups=groups, sizes=sizes)


def _chunks(index: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(index), ROWS):
        yield index[start : start + ROWS]


def _lifts(pairs: SnapshotPairs, inputs: Lift, outputs: Lift) -> tuple[tuple[Lift | None, np.ndarray], ...]:
    """What is lifted by what; the states themselves by nothing."""
    return (inputs, pairs.before), (outputs, pairs.after), (None, pairs.after)


def _rows(
    pairs: SnapshotPairs, inputs: Lift, outputs: Lift, root: np.ndarray | None, sizes: Sizes, index: np.ndarray
) -> np.ndarray:
    """The z of the pairs at these positions, a function a row."""
    rows = np.empty((1 + sum(sizes), len(index)))
    rows[0] = 1.0
    for (lift, states), columns in zip(_lifts(pairs, inputs, outputs), columns_of(sizes), strict=True):
        part = rows[columns]
        if isinstance(lift, Dictionary) and lift.size == len(part):
            lift.lift_into(states[index], part.T)
        else:
            part[:] = real_features(features_of(lift, states[index])).T
    if root is not None:
        rows *= root[index]
    return rows


@dataclass(frozen=True, kw_only=True, eq=False)
class WhiteBasis:
    """Directions of one dictionary that are uncorrelated and of variance one over all pairs.

    Attributes:
        columns: The functions that they are made of, as rows of a chunk.
        matrix: The directions V diag(ρ/s), one a column.
        back: From white coordinates to the centred functions, diag(s/ρ) Vᵀ.
        condition: Condition number of the column-normalised [1 Ψ] over the constant and as many directions as are kept.
        dropped_share: Share of the normalised features' variance in directions that are rounding.
    """

    columns: slice
    matrix: np.ndarray
    back: np.ndarray
    condition: float
    dropped_share: float

    @property
    def dimension(self) -> int:
        """Number of directions."""
        return int(self.matrix.shape[1])


def white_basis(factor: np.ndarray, columns: slice) -> WhiteBasis:
    """Equation (1) for the functions in these columns, from the triangular factor of all pairs."""
    features = factor[: columns.stop, columns]
    whole, centred = np.linalg.norm(features, axis=0), np.linalg.norm(features[1:], axis=0)
    varies = centred > FACTOR_RESOLUTION * whole
    norms = np.where(varies, centred, 1.0)
    _, values, right = np.linalg.svd(np.where(varies, features[1:], 0.0) / norms, full_matrices=False)
    kept, root = np.count_nonzero(values > FACTOR_RESOLUTION * values.max(initial=0.0)), abs(factor[0, 0])
    variance = float(np.square(values).sum())
    return WhiteBasis(
        columns=columns,
        matrix=right[:kept].T / values[:kept] * root / norms[:, None],
        back=values[:kept, None] * right[:kept] / root * norms,
        condition=_condition(features[:, varies] / whole[varies], directions=int(kept)),
        dropped_share=float(np.square(values[kept:]).sum()) / variance if variance else 0.0,
    )


def _condition(normalised: np.ndarray, *, directions: int) -> float:
    """κ of these columns with that of the constant, over as many directions as are used, 1/ε at most."""
    constant = np.eye(len(normalised), 1)
    values = np.linalg.svd(np.hstack([constant, normalised]), compute_uv=False)
    return float(values[0] / max(values[directions], np.finfo(float).eps * values[0]))


def real_features(features: np.ndarray) -> np.ndarray:
    """The features as real ones: of complex ones the real parts, then the imaginary parts."""
    return np.hstack([features.real, features.imag]) if np.iscomplexobj(features) else features
