"""One fold of the closure estimate: what one half fits, and the other judges.

The letters are those of `koopman_analysis.closure.estimation`. With P and Q the white bases in the triangular factor of
the half that fits, of orthonormal columns and triangular rest P = U₁ T₁, Q = U₂ T₂, and U₁ᵀ U₂ = F diag(s) Gᵀ,

    a = T₁⁻¹ F,     b = T₂⁻¹ G,     K b_i = s_i a_i:                                                               (1)

in canonical coordinates K is diagonal, so that on the half that judges, with α_i = Ψ_in a_i and β_i = Ψ_out b_i, the
residual and the state read out of Ψ_in K need no other product with the lifted pairs:

    r = (β − s α) b⁻¹,          ŷ = (s α) (b⁻¹ B),          b⁻¹ = Gᵀ T₂,     b⁻¹ B = Gᵀ U₂ᵀ S.                       (2)

Where m_in < m_out, s_i = 0 beyond; a direction of Q that is zero in this half is its own b, with s = 0.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from koopman_analysis.closure.report import least_share
from koopman_analysis.closure.sample import Chunk, Sample, WhiteBasis, effective_number, white_basis
from koopman_analysis.moments import FACTOR_RESOLUTION, updated_factor
from koopman_analysis.moments.rows import columns_of


@dataclass(frozen=True, kw_only=True, eq=False)
class Fit:
    """What one half says.

    Attributes:
        mean: Mean of each function over this half.
        onto_in: Canonical directions a_i of the functions of Ψ_in, one a column, by decreasing correlation.
        onto_out: Their partners b_i of Ψ_out, and behind them those without, m_out in all.
        correlations: s_i, in sample, of the partners.
        back: b⁻¹, from canonical to white coordinates.
        readout: diag(s) b⁻¹ B, from α to the centred states.
    """

    mean: np.ndarray
    onto_in: np.ndarray
    onto_out: np.ndarray
    correlations: np.ndarray
    back: np.ndarray
    readout: np.ndarray


def fitted(factor: np.ndarray, basis_in: WhiteBasis, basis_out: WhiteBasis, states: slice) -> Fit:
    """Equations (1) and (2) from this half's triangular factor; `states` are the columns of y."""
    P, Q = (factor[1 : basis.columns.stop, basis.columns] @ basis.matrix for basis in (basis_in, basis_out))
    left_in, values_in, right_in = _above_rounding(P)
    left_out, values_out, right_out = _above_rounding(Q)
    r, m_out, partners = left_out.shape[1], Q.shape[1], min(left_in.shape[1], left_out.shape[1])
    # G is square; F needs no more columns than G has.
    F, s, G = np.linalg.svd(left_in.T @ left_out[: len(left_in)], full_matrices=left_in.shape[1] < r)
    directions, back = np.zeros((m_out, m_out)), np.zeros((m_out, m_out))
    directions[:, :r] = (right_out[:r].T / values_out) @ G.T
    directions[:, r:] = right_out[r:].T
    back[:r] = (G * values_out) @ right_out[:r]
    back[r:] = right_out[r:]
    return Fit(
        mean=factor[0] / factor[0, 0],
        onto_in=basis_in.matrix @ ((right_in[: len(values_in)].T / values_in) @ F[:, :partners]),
        onto_out=basis_out.matrix @ directions,
        correlations=s,
        back=back,
        readout=s[:, None] * (G[:partners] @ (left_out.T @ factor[1 : basis_out.columns.stop, states])),
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class Canonical:
    """Some pairs of the half that judges, in the canonical coordinates of the half that fits; all weighted by √w.

    Attributes:
        root: √w.
        alpha: α, shape (partners, pairs).
        beta: β, shape (m_out, pairs).
        misses: β − s α, shape (m_out, pairs).
        unread: y − ŷ, shape (d, pairs).
    """

    root: np.ndarray
    alpha: np.ndarray
    beta: np.ndarray
    misses: np.ndarray
    unread: np.ndarray


def canonical(chunk: Chunk, fit: Fit, basis_in: WhiteBasis, basis_out: WhiteBasis, states: slice) -> Canonical:
    """Equation (2) but for the way back, with means from the half that fits."""
    root = chunk.rows[0]
    centred = chunk.rows - fit.mean[:, None] * root
    alpha, beta = fit.onto_in.T @ centred[basis_in.columns], fit.onto_out.T @ centred[basis_out.columns]
    misses = beta.copy()
    misses[: len(alpha)] -= fit.correlations[:, None] * alpha
    return Canonical(root=root, alpha=alpha, beta=beta, misses=misses, unread=centred[states] - fit.readout.T @ alpha)


@dataclass(frozen=True, kw_only=True, eq=False)
class Judgement:
    """Weighted sums over each group of the half that did not fit, G groups.

    Attributes:
        weight: Σ w, shape (G,).
        products: Σ w (1, α, β, α², β², αβ), shape (G, 6, partners).
        chunks: The pairs that were judged.
        residuals: √w r of those in each chunk, shape (m_out, pairs).
        squares: w ‖r‖² of those in each chunk, shape (pairs,).
        covariance: Σ w r rᵀ.
        state_error: Σ w ‖y − ŷ‖², shape (G,).
        state_variance: Σ w ‖y − ȳ‖², shape (G,).
    """

    weight: np.ndarray
    products: np.ndarray
    chunks: tuple[Chunk, ...]
    residuals: tuple[np.ndarray, ...]
    squares: tuple[np.ndarray, ...]
    covariance: np.ndarray
    state_error: np.ndarray
    state_variance: np.ndarray

    @property
    def pairs(self) -> int:
        """Effective number of pairs in this half."""
        return effective_number(np.concatenate([np.square(chunk.rows[0]) for chunk in self.chunks]))

    def by_group(self, terms: Sequence[np.ndarray]) -> np.ndarray:
        """The sums over each group of terms given for each chunk, shape (…, pairs): shape (…, G)."""
        sums = np.zeros((*terms[0].shape[:-1], len(self.weight)))
        for chunk, term in zip(self.chunks, terms, strict=True):
            present, sum_of = chunk.sums(term)
            sums[..., present] += sum_of
        return sums

    def along(self, directions: np.ndarray) -> np.ndarray:
        """Σ w (u·r)² over each group for directions u, one a row: shape (directions, G)."""
        return self.by_group([np.square(directions @ residual) for residual in self.residuals])


@dataclass(frozen=True, kw_only=True, eq=False)
class Folds:
    """Each half judged by what the other fits.

    Attributes:
        sample: All pairs.
        basis_in: The white basis of Ψ_in over both halves.
        basis_out: That of Ψ_out.
        centre: Mean of each function over both halves.
        condition: The larger κ of the two bases; 1/ε where the states vary by no more than rounding.
        fits: For each half, what the other half fits.
        judgements: For each half, what it says of that.
    """

    sample: Sample
    basis_in: WhiteBasis
    basis_out: WhiteBasis
    centre: np.ndarray
    condition: float
    fits: tuple[Fit, Fit]
    judgements: tuple[Judgement, Judgement]

    @property
    def fit_pairs(self) -> int:
        """Effective number of pairs in the smaller half."""
        return min(judgement.pairs for judgement in self.judgements)

    @property
    def caution(self) -> float:
        """The share of a defect on new pairs that the population has at least, of what the smaller half fits."""
        return least_share(self.basis_in.dimension + self.basis_out.dimension, self.fit_pairs)

    def worst_direction(self) -> np.ndarray:
        """The white direction in which the residual is largest, shape (m_out,)."""
        covariance = self.judgements[0].covariance + self.judgements[1].covariance
        return np.linalg.eigh(covariance)[1][:, -1] if len(covariance) else np.empty(0)


def judged_folds(sample: Sample) -> Folds:
    """Both folds of a sample."""
    factors = [sample.factor(half) for half in (0, 1)]
    whole = updated_factor(*factors)
    inputs, outputs, states = columns_of(sample.sizes)
    basis_in, basis_out = white_basis(whole, inputs), white_basis(whole, outputs)
    centre = whole[0] / whole[0, 0]
    # The states are known to vary: where none does above rounding, no direction found is one of theirs.
    resolved = white_basis(whole, states).dimension > 0
    other, one = (fitted(factor, basis_in, basis_out, states) for factor in factors)
    judgements = (
        judged(sample, one, basis_in, basis_out, half=0, centre=centre),
        judged(sample, other, basis_in, basis_out, half=1, centre=centre),
    )
    return Folds(
        sample=sample,
        basis_in=basis_in,
        basis_out=basis_out,
        centre=centre,
        condition=max(basis_in.condition, basis_out.condition) if resolved else 1 / np.finfo(float).eps,
        fits=(one, other),
        judgements=judgements,
    )


def judged(
    sample: Sample, fit: Fit, basis_in: WhiteBasis, basis_out: WhiteBasis, *, half: int, centre: np.ndarray
) -> Judgement:
    """The sums of equations (2) to (4) of the estimate over this half, for what the other half fitted.

    Args:
        sample: All pairs.
        fit: What the other half says.
        basis_in: The white basis of Ψ_in.
        basis_out: That of Ψ_out.
        half: Which half judges.
        centre: Mean of each function over all pairs; that of the states is ȳ.
    """
    states, m_out, partners = columns_of(sample.sizes)[2], basis_out.dimension, fit.onto_in.shape[1]
    sums = np.zeros((sample.groups[half], 6, partners))
    scalars = np.zeros((3, sample.groups[half]))
    covariance = np.zeros((m_out, m_out))
    residuals, squares = [], []
    for chunk in sample.halves[half]:
        seen = canonical(chunk, fit, basis_in, basis_out, states)
        for k, term in enumerate(_products(seen)):
            present, total = chunk.sums(term)
            sums[present, k] += total.T
        varying = chunk.rows[states] - centre[states, None] * seen.root
        for k, term in enumerate((seen.root[None], seen.unread, varying)):
            present, total = chunk.sums(np.square(term).sum(axis=0))
            scalars[k, present] += total
        residual = fit.back.T @ seen.misses
        covariance += residual @ residual.T
        residuals.append(residual)
        squares.append(np.square(residual).sum(axis=0))
    return Judgement(
        weight=scalars[0],
        products=sums,
        chunks=sample.halves[half],
        residuals=tuple(residuals),
        squares=tuple(squares),
        covariance=covariance,
        state_error=scalars[1],
        state_variance=scalars[2],
    )


def _products(seen: Canonical) -> Iterator[np.ndarray]:
    """Of the partners, w (1, α, β, α², β², αβ)."""
    alpha, beta = seen.alpha, seen.beta[: len(seen.alpha)]
    yield np.broadcast_to(np.square(seen.root), alpha.shape)
    yield seen.root * alpha
    yield seen.root * beta
    yield np.square(alpha)
    yield np.square(beta)
    yield alpha * beta


def _above_rounding(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """U and s of the singular values above rounding, and all right singular vectors, a row each."""
    left, values, right = np.linalg.svd(matrix, full_matrices=False)
    kept = np.count_nonzero(values > FACTOR_RESOLUTION * values.max(initial=0.0))
    return left[:, :kept], values[:kept], right
