"""One fold of the closure estimate: lifted pairs in two halves, a white basis, what one half fits and the other judges.

The letters are those of `koopman_analysis.closure.estimation`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from koopman_analysis.moments import CHUNK, FACTOR_RESOLUTION, Lift, updated_factor
from koopman_analysis.regression import ConstantData, least_squares
from koopman_analysis.resampling import random_groups
from koopman_analysis.snapshots import SnapshotPairs

GROUPS = 100
"""Groups of units that the jackknife leaves out in turn, half of them in each fold."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Sample:
    """Lifted pairs [Ψ_in, Ψ_out, y], standardised (y only centred), ordered by half and by group within it.

    Attributes:
        rows: Shape (n, m_in + m_out + d).
        weights: One a row, of mean one.
        edges: For each half, where its groups begin and the last one ends.
        inputs: The columns of Ψ_in; `outputs` and `states` likewise.
        mean: What was subtracted from each column.
        scale: What each column was divided by.
    """

    rows: np.ndarray
    weights: np.ndarray
    edges: tuple[np.ndarray, np.ndarray]
    inputs: slice
    outputs: slice
    states: slice
    mean: np.ndarray
    scale: np.ndarray

    def factor(self, half: int) -> np.ndarray:
        """The triangular factor of √w [1, rows] of this half."""
        width = 1 + self.rows.shape[1]
        factor = np.zeros((width, width))
        for start in range(self.edges[half][0], self.edges[half][-1], CHUNK):
            part = slice(start, min(start + CHUNK, self.edges[half][-1]))
            root = np.sqrt(self.weights[part])[:, None]
            block = np.concatenate([root, root * self.rows[part]], axis=1)
            factor = updated_factor(factor, block)
        return factor

    def groups(self, half: int) -> Iterator[slice]:
        """The rows of each group of this half."""
        for start, stop in zip(self.edges[half][:-1], self.edges[half][1:], strict=True):
            yield slice(int(start), int(stop))


def lifted_sample(pairs: SnapshotPairs, inputs: Lift, outputs: Lift, rng: np.random.Generator) -> Sample:
    """The pairs lifted, standardised and split at random into two halves of whole units."""
    if pairs.units < 4:
        raise ValueError(f"expected at least four independent units, two to fit and two to judge, got {pairs.units}")
    host = pairs.on_host()
    for name, states in (("before", host.before), ("after", host.after)):
        if not np.ptp(states, axis=0).any():
            raise ConstantData(f"expected states {name} that vary, got one state {host.n} times")
    group = random_groups(host.unit, GROUPS, rng=rng)
    half = group % 2
    order = np.lexsort((group, half))
    ordered = host.subset(order)
    parts = [_real(part) for part in (inputs(ordered.before), outputs(ordered.after), ordered.after)]
    edges = np.concatenate([[0], np.flatnonzero(np.diff(group[order])) + 1, [host.n]])
    middle = np.searchsorted(edges, np.count_nonzero(half == 0))
    weights = np.ones(host.n) if ordered.weights is None else ordered.weights / ordered.weights.mean()
    rows = np.concatenate(parts, axis=1)
    if not np.isfinite(rows).all():
        raise ValueError("expected finite features, got NaN or Inf: a dictionary function is undefined or overflows")
    ends = np.cumsum([0, *(part.shape[1] for part in parts)])
    mean, scale = _standardise(rows, weights, centred_only=slice(int(ends[2]), None))
    return Sample(
        rows=rows,
        weights=weights,
        edges=(edges[: middle + 1], edges[middle:]),
        inputs=slice(int(ends[0]), int(ends[1])),
        outputs=slice(int(ends[1]), int(ends[2])),
        states=slice(int(ends[2]), int(ends[3])),
        mean=mean,
        scale=scale,
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class WhiteBasis:
    """Directions of one dictionary that are centred, uncorrelated and of variance one over all pairs.

    Attributes:
        columns: The features they read, as columns of the sample.
        matrix: The directions, one a column.
        condition: Condition number of the column-normalised [1 Ψ], above rounding.
        dropped_share: Share of the normalised features' variance in directions that are rounding.
    """

    columns: slice
    matrix: np.ndarray
    condition: float
    dropped_share: float

    @property
    def dimension(self) -> int:
        """Number of directions."""
        return int(self.matrix.shape[1])


def white_basis(whole: np.ndarray, sample: Sample, columns: slice) -> WhiteBasis:
    """The white basis of the features in these columns, from the triangular factor of all pairs."""
    count = whole[0, 0] ** 2
    centred = whole[1:, 1:][:, columns]
    varies = np.linalg.norm(centred, axis=0) > 0
    norms = np.where(varies, np.linalg.norm(centred, axis=0), 1.0)
    _, values, right = np.linalg.svd(centred / norms, full_matrices=False)
    kept = np.count_nonzero(values > FACTOR_RESOLUTION * values.max(initial=0.0))
    variance = float(np.square(values).sum())
    return WhiteBasis(
        columns=columns,
        matrix=right[:kept].T / values[:kept] * np.sqrt(count) / norms[:, None],
        condition=_condition(centred * sample.scale[columns], np.sqrt(count) * sample.mean[columns]),
        dropped_share=float(np.square(values[kept:]).sum()) / variance if variance else 0.0,
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class Fit:
    """What one half says, in the white bases.

    Attributes:
        mean: Mean of each column of the sample over this half.
        operator: K.
        readout: B.
        directions_in: Canonical directions a_i, one a column, by decreasing correlation.
        directions_out: Their partners b_i.
    """

    mean: np.ndarray
    operator: np.ndarray
    readout: np.ndarray
    directions_in: np.ndarray
    directions_out: np.ndarray


def fitted(factor: np.ndarray, sample: Sample, basis_in: WhiteBasis, basis_out: WhiteBasis) -> Fit:
    """Equation (1) from this half's triangular factor."""
    centred = factor[1:, 1:]
    P, Q = (centred[:, basis.columns] @ basis.matrix for basis in (basis_in, basis_out))
    left_in, whitening_in = _orthonormal(P)
    left_out, whitening_out = _orthonormal(Q)
    turn_in, _, turn_out = np.linalg.svd(left_in.T @ left_out, full_matrices=False)
    return Fit(
        mean=factor[0, 1:] / factor[0, 0],
        operator=least_squares(P, Q, penalty=0.0, rank=None, resolution=FACTOR_RESOLUTION),
        readout=least_squares(Q, centred[:, sample.states], penalty=0.0, rank=None, resolution=FACTOR_RESOLUTION),
        directions_in=whitening_in @ turn_in,
        directions_out=whitening_out @ turn_out.T,
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class Judgement:
    """Weighted sums over each group of the half that did not fit, G groups.

    Attributes:
        weight: Σ w, shape (G,).
        products: Σ w (1, α, β, α², β², αβ) of the canonical variables α = Ψ_in a, β = Ψ_out b, shape (G, 6, r).
        residuals: √w r of equation (3), row by row, shape (n_half, m_out).
        starts: Where the groups begin in `residuals`.
        state_error: Σ w ‖y − ŷ‖².
        state_variance: Σ w ‖y − ȳ‖².
    """

    weight: np.ndarray
    products: np.ndarray
    residuals: np.ndarray
    starts: np.ndarray
    state_error: np.ndarray
    state_variance: np.ndarray


def judged(sample: Sample, fit: Fit, basis_in: WhiteBasis, basis_out: WhiteBasis, half: int) -> Judgement:
    """The sums of equations (2) to (4) over this half, for what the other half fitted."""
    r, m_out = fit.directions_in.shape[1], basis_out.dimension
    onto_in = basis_in.matrix @ np.hstack([fit.directions_in, fit.operator, fit.operator @ fit.readout])
    onto_out = basis_out.matrix @ np.hstack([fit.directions_out, np.eye(m_out)])
    weight, products, residuals, error, variance = [], [], [], [], []
    for rows in sample.groups(half):
        w, block = sample.weights[rows][:, None], sample.rows[rows] - fit.mean
        from_in, from_out = block[:, sample.inputs] @ onto_in, block[:, sample.outputs] @ onto_out
        alpha, beta = from_in[:, :r], from_out[:, :r]
        terms = (np.ones_like(alpha), alpha, beta, alpha**2, beta**2, alpha * beta)
        states = block[:, sample.states]
        weight.append(w.sum())
        products.append([(w * term).sum(axis=0) for term in terms])
        residuals.append(np.sqrt(w) * (from_out[:, r:] - from_in[:, r : r + m_out]))
        error.append((w * (states - from_in[:, r + m_out :]) ** 2).sum())
        # The sample's states have mean zero over all pairs.
        variance.append((w * sample.rows[rows][:, sample.states] ** 2).sum())
    return Judgement(
        weight=np.array(weight),
        products=np.array(products),
        residuals=np.concatenate(residuals),
        starts=sample.edges[half][:-1] - sample.edges[half][0],
        state_error=np.array(error),
        state_variance=np.array(variance),
    )


def _standardise(rows: np.ndarray, weights: np.ndarray, *, centred_only: slice) -> tuple[np.ndarray, np.ndarray]:
    """Centres and scales the rows in place; a column that is constant to rounding becomes zero."""
    total = weights.sum()
    mean = weights @ rows / total
    rows -= mean
    parts = (slice(start, start + CHUNK) for start in range(0, len(rows), CHUNK))
    scale = np.sqrt(sum(weights[part] @ np.square(rows[part]) for part in parts) / total)
    constant = scale <= FACTOR_RESOLUTION * np.abs(mean)
    rows[:, constant] = 0.0
    scale[constant] = 1.0
    scale[centred_only] = 1.0
    rows /= scale
    return mean, scale


def _condition(centred: np.ndarray, means: np.ndarray) -> float:
    """Condition number of the column-normalised [1 Ψ] over the columns that vary, rounding aside."""
    varies = np.linalg.norm(centred, axis=0) > 0
    columns = np.concatenate([means[None, varies], centred[:, varies]])
    constant = np.eye(len(columns), 1)
    values = np.linalg.svd(np.hstack([constant, columns / np.linalg.norm(columns, axis=0)]), compute_uv=False)
    kept = values[values > FACTOR_RESOLUTION * values[0]]
    return float(kept[0] / kept[-1])


def _orthonormal(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """An orthonormal basis U of the columns' span, and W with matrix @ W = U."""
    left, values, right = np.linalg.svd(matrix, full_matrices=False)
    kept = np.count_nonzero(values > FACTOR_RESOLUTION * values.max(initial=0.0))
    return left[:, :kept], right[:kept].T / values[:kept]


def _real(features: np.ndarray) -> np.ndarray:
    return np.hstack([features.real, features.imag]) if np.iscomplexobj(features) else features
