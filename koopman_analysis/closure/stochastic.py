"""Closure in the mean: is E[Ψ(y) | x] linear in Ψ(x), although y itself is random?

The Koopman operator of a stochastic system is the conditional expectation f(x) = (K Ψ_out)(x) = E[Ψ_out(y) | x], and a
dictionary is closed in the mean iff f lies in the span of Ψ_in and the constant. One draw y of each x cannot tell what
of its residual is noise. Of two draws y, y', independent given x, with residuals r and r', the noise averages out:

    r = Ψ_out(y) − Ψ_in(x) K̂,     r' = Ψ_out(y') − Ψ_in(x) K̂',     E⟨r, r'⟩ = E‖f(x) − Ψ_in(x) K̄‖²,              (1)

where K̂ is fitted to first draws and K̂' to second draws of the half that does not judge. Given the states before in that
half, the two are independent, with one mean K̄: least squares on f itself, without noise. So (1) has no bias where Ψ is
closed, whatever the number of functions; one K̂ for both residuals would add its own variance, the share m_in/n_fit of
the noise. Where Ψ is not closed, (1) exceeds the least possible error by the factor 1 + m_in/n_fit about, as any fit
does on new states: positive lower ends are multiplied by 1 − (m_in + 1)/n_fit, and by 0 where that is negative.

In the white basis of the outputs (`koopman_analysis.closure.estimation`), in which each of the m_out directions of
Ψ_out(y) has variance one,

    missed          M = E⟨r, r'⟩ / m_out,        r with the two operators exchanged averaged in,                 (2)
    predictable     P = E⟨r_0, r_0'⟩ / m_out = tr Cov f / m_out,        r_0 of the constant alone,                (3)
    share missed    M / P,                                                                                     (4)
    one draw        E‖r‖² / m_out = M + noise: what a check of one draw takes for the defect.                    (5)

(4) decides, since a system may be so noisy that M is small of any dictionary; where P is not above zero, there is
nothing to be closed about. Of a deterministic flow, y = y', (2) and (5) are both the operator defect δ. (2) and (3) may
come out below zero, as unbiased estimates of small numbers do; their error is about the share of noise over √(m_out n).
Intervals are grouped jackknives over whole units, the operators fixed.

Sources: Wu & Noé 2020 (the variational principle for conditional means); Baird 1995 (two draws, as in equation (1), for
Bellman residuals); Hoeffding 1948 (U-statistics).
"""

from dataclasses import dataclass, replace

import numpy as np

from koopman_analysis.claims import Side, Verdict, verdict_on
from koopman_analysis.closure.folds import Sample, WhiteBasis, lifted_sample, white_basis
from koopman_analysis.closure.report import LEAST_UNITS, shortage_of
from koopman_analysis.moments import FACTOR_RESOLUTION, Lift, triangular_factor, updated_factor
from koopman_analysis.regression import ConstantData, least_squares
from koopman_analysis.resampling import Interval, jackknife_intervals
from koopman_analysis.snapshots import DoublePairs, SnapshotPairs


@dataclass(frozen=True, kw_only=True)
class MeanClosureReport:
    """The closure in the mean of one pair of dictionaries, on held-out pairs of draws.

    Attributes:
        share_missed: Equation (4).
        missed: Equation (2).
        predictable: Equation (3).
        one_draw: Equation (5).
        dimension: m_out, the number of non-constant output directions.
        input_dimension: m_in, the number of non-constant input directions.
        units: Number of independent units.
        fit_pairs: Number of states before in the smaller fit part.
    """

    share_missed: Interval
    missed: Interval
    predictable: Interval
    one_draw: Interval
    dimension: int
    input_dimension: int
    units: int
    fit_pairs: int

    def obstacle_at(self, tolerance: float) -> str:
        """Why these pairs decide nothing about a share missed of at most this tolerance; empty where they may."""
        shortage = shortage_of(self.units, self.fit_pairs, self.input_dimension)
        if self.units < LEAST_UNITS:
            return shortage
        if not self.predictable.low > 0:
            return (
                f"the predictable share of variance, in [{self.predictable.low:.3g}, {self.predictable.high:.3g}], may "
                "be none: then every dictionary is closed in the mean, which says nothing of this one"
            )
        supported = verdict_on(self.share_missed, side=Side.AT_MOST, bound=tolerance) is Verdict.SUPPORTED
        return shortage if supported else ""


def mean_closure_report(
    pairs: DoublePairs, *, inputs: Lift, outputs: Lift | None = None, rng: np.random.Generator
) -> MeanClosureReport:
    """How far E[Ψ_out(y) | x] is from linear in Ψ_in(x), on held-out pairs, with intervals at 95 %.

    Args:
        pairs: Two draws after each state before; weights and trajectories are those of the first. Each half of the
            units fits what the other half judges, those of weight zero aside.
        inputs: Ψ_in.
        outputs: Ψ_out; Ψ_in where None. Complex functions count as their real and imaginary parts.
        rng: Decides the halves and the jackknife's groups.

    Raises:
        ConstantData: If the states before or after, or the output functions, do not vary.
        ValueError: If there are fewer than four independent units.
    """
    both = _one_below_the_other(pairs).of_positive_weight()
    sample = lifted_sample(both, inputs, outputs or inputs, rng)
    whole = updated_factor(*(sample.factor(half) for half in (0, 1)))
    basis_in, basis_out = (white_basis(whole, sample, columns) for columns in (sample.inputs, sample.outputs))
    if not basis_out.dimension:
        raise ConstantData("expected output functions that vary, got constant ones: a constant predicts itself")
    halves = [_draws(sample, basis_in, basis_out, half) for half in (0, 1)]
    sums = np.concatenate([_judged(halves[half], halves[1 - half]) for half in (0, 1)])
    estimate, replicates = (_statistics(part) for part in (sums.sum(axis=0)[None], sums.sum(axis=0) - sums))
    share, missed, predictable, one_draw = jackknife_intervals(estimate[0], replicates, n=both.units)
    fit_pairs = min(len(half.features) for half in halves)
    caution = max(0.0, 1 - (basis_in.dimension + 1) / fit_pairs)
    return MeanClosureReport(
        share_missed=_lowered(share, caution),
        missed=_lowered(missed, caution),
        predictable=predictable,
        one_draw=one_draw,
        dimension=basis_out.dimension,
        input_dimension=basis_in.dimension,
        units=both.units,
        fit_pairs=fit_pairs,
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class _Draws:
    """One half of the states before and both draws after each, in the white bases.

    Attributes:
        features: [1, Ψ_in(x)], shape (n, 1 + m_in).
        first: Ψ_out(y), shape (n, m_out).
        second: Ψ_out(y').
        weights: One a row.
        starts: Where the groups begin.
    """

    features: np.ndarray
    first: np.ndarray
    second: np.ndarray
    weights: np.ndarray
    starts: np.ndarray

    def operators(self, functions: int) -> tuple[np.ndarray, np.ndarray]:
        """K̂ of the first draws and K̂' of the second, in this many of the features."""
        inputs = self.features[:, :functions]
        rows = np.sqrt(self.weights)[:, None] * np.hstack([inputs, self.first, self.second])
        factor = triangular_factor(rows)
        both = least_squares(
            factor[:, :functions], factor[:, functions:], penalty=0.0, rank=None, resolution=FACTOR_RESOLUTION
        )
        return both[:, : self.first.shape[1]], both[:, self.first.shape[1] :]


def _one_below_the_other(pairs: DoublePairs) -> SnapshotPairs:
    """All first draws, then all second draws, the two of one state in one unit."""
    first, second = pairs.first.on_host(), pairs.second.on_host()
    return SnapshotPairs(
        before=np.concatenate([first.before, second.before]),
        after=np.concatenate([first.after, second.after]),
        weights=None if first.weights is None else np.tile(first.weights, 2),
        trajectory=np.tile(first.unit, 2),
    )


def _draws(sample: Sample, basis_in: WhiteBasis, basis_out: WhiteBasis, half: int) -> _Draws:
    # Rows keep their order within a group: the first draws of its states, then the second.
    middles = [(rows.start, (rows.start + rows.stop) // 2, rows.stop) for rows in sample.groups(half)]
    first = np.concatenate([np.arange(start, middle) for start, middle, _ in middles])
    second = np.concatenate([np.arange(middle, stop) for _, middle, stop in middles])
    inputs = sample.rows[first, sample.inputs] @ basis_in.matrix
    return _Draws(
        features=np.hstack([np.ones((len(first), 1)), inputs]),
        first=sample.rows[first, sample.outputs] @ basis_out.matrix,
        second=sample.rows[second, sample.outputs] @ basis_out.matrix,
        weights=sample.weights[first],
        starts=np.cumsum([0, *(middle - start for start, middle, _ in middles)])[:-1],
    )


def _judged(judge: _Draws, fit: _Draws) -> np.ndarray:
    """(m_out Σ w, Σ w ⟨r, r'⟩, Σ w ⟨r_0, r_0'⟩, Σ w (‖r‖² + ‖r'‖²)/2) over each group, shape (G, 4)."""
    missed, own = _products(judge, fit, functions=fit.features.shape[1])
    predictable, _ = _products(judge, fit, functions=1)
    terms = np.column_stack([np.full(len(missed), judge.first.shape[1]), missed, predictable, own])
    return np.add.reduceat(judge.weights[:, None] * terms, judge.starts)


def _products(judge: _Draws, fit: _Draws, *, functions: int) -> tuple[np.ndarray, np.ndarray]:
    """⟨r, r'⟩ and (‖r‖² + ‖r'‖²)/2 of each row in this many features, averaged over the exchange of K̂ and K̂'."""
    across, own = np.zeros(len(judge.first)), np.zeros(len(judge.first))
    operators = fit.operators(functions)
    for K, other in (operators, operators[::-1]):
        inputs = judge.features[:, :functions]
        r, s = judge.first - inputs @ K, judge.second - inputs @ other
        across += (r * s).sum(axis=1) / 2
        own += (np.square(r) + np.square(s)).sum(axis=1) / 4
    return across, own


def _statistics(sums: np.ndarray) -> np.ndarray:
    """Equations (4), (2), (3) and (5) of these sums."""
    total, missed, predictable, one_draw = sums.T
    return np.column_stack([missed / predictable, missed / total, predictable / total, one_draw / total])


def _lowered(interval: Interval, factor: float) -> Interval:
    return replace(interval, low=min(interval.low, factor * interval.low))
