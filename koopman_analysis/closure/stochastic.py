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

With the outputs in a white basis, in which each of their m_out directions that vary has variance one,

    missed          M = E⟨r, r'⟩ / m_out,        r with the two operators exchanged averaged in,                 (2)
    predictable     P = E⟨r_0, r_0'⟩ / m_out = tr Cov f / m_out,        r_0 of the constant alone,                (3)
    share missed    M / P,                                                                                     (4)
    one draw        E‖r‖² / m_out = M + noise: what a check of one draw takes for the defect.                    (5)

(4) decides, since a system may be so noisy that M is small of any dictionary; where P is not above zero, there is
nothing to be closed about. Of a deterministic flow, y = y', (2) and (5) are both the operator defect δ. (2) and (3) may
come out below zero, as unbiased estimates of small numbers do; their error is about the share of noise over √(m_out n),
and more where functions have heavy tails. Intervals are grouped jackknives over whole units with the operators fixed:
a little short where fitted pairs are few for the functions.

Sources: Wu & Noé 2020 (the variational principle for conditional means); Baird 1995 (two draws, as in equation (1), for
Bellman residuals); Hoeffding 1948 (U-statistics).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from koopman_analysis.claims import Side, Verdict, verdict_on
from koopman_analysis.closure.report import LEAST_UNITS, lack_of_pairs, least_share, lowered
from koopman_analysis.closure.sample import GROUPS, real_features, require_units, white_basis
from koopman_analysis.moments import FACTOR_RESOLUTION, Lift, triangular_factor
from koopman_analysis.regression import ConstantData, least_squares
from koopman_analysis.resampling import Interval, jackknife_intervals, random_groups, sums_by_group
from koopman_analysis.snapshots import DoublePairs, SnapshotPairs
from koopman_analysis.snapshots.pairs import require_named_units


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
        if self.units < LEAST_UNITS:
            return f"too few independent units: {self.units}, of at least {LEAST_UNITS}"
        if not self.predictable.low > 0:
            return (
                f"the predictable share of variance, in [{self.predictable.low:.3g}, {self.predictable.high:.3g}], may "
                "be none: then every dictionary is closed in the mean, which says nothing of this one"
            )
        functions = self.input_dimension + 1
        supported = verdict_on(self.share_missed, side=Side.AT_MOST, bound=tolerance) is Verdict.SUPPORTED
        return lack_of_pairs(self.fit_pairs, functions) if supported else ""


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
        ConstantData: If the output functions do not vary.
        ValueError: If there are fewer than four independent units, features are not finite, or most first
            draws are the next state before and no trajectories are named.
    """
    require_named_units(pairs.first)
    first, second = pairs.first.on_host(), pairs.second.on_host()
    if first.weights is not None:
        counted = first.weights > 0
        first, second = first.subset(counted), second.subset(counted)
    require_units(first.units)
    draws = _white_draws(first, second, inputs, outputs or inputs)
    group = random_groups(first.unit, GROUPS, rng=rng)
    terms = np.empty((first.n, 4))
    for half in (0, 1):
        judging = group % 2 == half
        terms[judging] = _terms(draws.of(judging), draws.of(~judging))
    sums = sums_by_group(terms, group, int(group.max()) + 1)
    estimate, replicates = (_statistics(part) for part in (sums.sum(axis=0)[None], sums.sum(axis=0) - sums))
    share, missed, predictable, one_draw = jackknife_intervals(estimate[0], replicates, n=first.units)
    input_dimension, fit_pairs = draws.features.shape[1] - 1, int(np.bincount(group % 2).min())
    caution = least_share(input_dimension, fit_pairs)
    return MeanClosureReport(
        share_missed=lowered(share, caution),
        missed=lowered(missed, caution),
        predictable=predictable,
        one_draw=one_draw,
        dimension=draws.first.shape[1],
        input_dimension=input_dimension,
        units=first.units,
        fit_pairs=fit_pairs,
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class _Draws:
    """States before and both draws after each, lifted, in white bases of either end.

    Attributes:
        features: [1, Ψ_in(x)], shape (n, 1 + m_in).
        first: Ψ_out(y), shape (n, m_out).
        second: Ψ_out(y').
        weights: One a row, of mean one.
    """

    features: np.ndarray
    first: np.ndarray
    second: np.ndarray
    weights: np.ndarray

    def of(self, rows: np.ndarray) -> "_Draws":
        """Those in these rows."""
        return _Draws(
            features=self.features[rows], first=self.first[rows], second=self.second[rows], weights=self.weights[rows]
        )

    def operators(self, functions: int) -> tuple[np.ndarray, np.ndarray]:
        """K̂ of the first draws and K̂' of the second, in this many of the features."""
        rows = np.hstack([self.features[:, :functions], self.first, self.second])
        factor = np.asarray(np.linalg.qr(np.sqrt(self.weights)[:, None] * rows, mode="r"))
        both = least_squares(
            factor[:, :functions], factor[:, functions:], penalty=0.0, rank=None, resolution=FACTOR_RESOLUTION
        )
        return both[:, : self.first.shape[1]], both[:, self.first.shape[1] :]


def _white_draws(first: SnapshotPairs, second: SnapshotPairs, inputs: Lift, outputs: Lift) -> _Draws:
    weights = np.ones(first.n) if first.weights is None else first.weights / first.weights.mean()
    (features,) = _white([real_features(inputs(first.before))], weights)
    one, other = _white([real_features(outputs(draw.after)) for draw in (first, second)], weights)
    if not one.shape[1]:
        raise ConstantData("expected output functions that vary, got constant ones: a constant predicts itself")
    return _Draws(features=np.hstack([np.ones((first.n, 1)), features]), first=one, second=other, weights=weights)


def _white(blocks: Sequence[np.ndarray], weights: np.ndarray) -> list[np.ndarray]:
    """The features in directions that are centred, uncorrelated and of variance one over all blocks together.

    A feature that is constant to rounding has no direction, nor has a combination of features that is.
    """
    rows, root = np.concatenate(blocks), np.sqrt(np.tile(weights, len(blocks)))[:, None]
    factor = triangular_factor(root * np.hstack([np.ones_like(root), rows]))
    if not np.isfinite(factor).all():
        raise ValueError("expected finite features, got NaN or Inf: a dictionary function is undefined or overflows")
    basis = white_basis(factor, slice(1, len(factor)))
    return np.split((rows - factor[0, 1:] / factor[0, 0]) @ basis.matrix, len(blocks))


def _terms(judge: _Draws, fit: _Draws) -> np.ndarray:
    """m_out w, w ⟨r, r'⟩, w ⟨r_0, r_0'⟩ and w (‖r‖² + ‖r'‖²)/2 of each row, shape (n, 4)."""
    missed, own = _products(judge, fit, functions=fit.features.shape[1])
    predictable, _ = _products(judge, fit, functions=1)
    directions = np.full(len(missed), judge.first.shape[1])
    return judge.weights[:, None] * np.column_stack([directions, missed, predictable, own])


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
