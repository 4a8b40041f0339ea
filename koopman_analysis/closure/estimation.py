"""How closure is estimated: two folds, directions by QR from one, everything else on the other.

The constant is adjoined to both dictionaries by centring, and only directions that vary count. Features are expressed
in a basis V_in, V_out that is white on all pairs (a change of basis, in which nothing is fitted), from the singular
values of the column-normalised triangular factor; what lies below 1e-12 of the largest is rounding. On the fit part,
from its triangular factor R = [P Q S] of (Ψ_in, Ψ_out, y),

    K = argmin ‖Q − P K‖,     B = argmin ‖S − Q B‖,     Pᵀ-whitened a_i, Qᵀ-whitened b_i: canonical directions,     (1)

and on the held-out part, with means from the fit part in the residuals,

    σ_i = |corr(Ψ_in a_i, Ψ_out b_i)|, centred and normalised anew,     defect = 1 − mean σ_i²,                     (2)
    r = Ψ_out − Ψ_in K,     δ = mean ‖r‖² / m_out,     worst = λ_max(mean r rᵀ),                                  (3)
    state error = mean ‖y − Ψ_in K B‖² / tr Cov(y),                                                             (4)

pooled over both folds, so that every pair is held out once; σ_i² is averaged over the folds, and is 0 where
m_in < m_out leaves an output direction without partner. In the white basis the covariance of the held-out outputs is
the identity. Intervals are grouped jackknives over whole units, the directions fixed; units are pairs, trajectories, or
blocks of few long ones (`koopman_analysis.closure.blocks`).

What a fit of m_in + m_out directions to n_fit = (Σ w)²/Σ w² pairs misses on new ones exceeds the population's share by
1/(1 − (m_in + m_out + 1)/n_fit) about: lower ends are multiplied by that bracket, and by 0 where it is negative. Upper
ends keep the excess, so that intervals of many functions from few pairs cover too often rather than too seldom.

With the directions fixed, intervals know nothing of their choice: where two σ_i are closer than their errors, data do
not tell their directions apart, and the interval of each alone is too short. Means over all directions, such as the
defect, do not depend on how they are told apart.

Never the singular values of a held-out cross-moment in fit-whitened coordinates (heavy tails make them meaningless),
nor in-sample canonical correlations (biased by m/n). Sources: Wu & Noé 2020 (canonical correlations as a finite section
of K); Björck & Golub 1973 (their computation by QR); Haseli & Cortés 2023 (the worst direction).
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from koopman_analysis.closure.blocks import IndependentPairs, independent_pairs
from koopman_analysis.closure.folds import Folds, Judgement, judged_folds
from koopman_analysis.closure.report import ClosureReport, lowered
from koopman_analysis.closure.sample import effective_number, lifted_sample
from koopman_analysis.jackknife import Jackknife
from koopman_analysis.moments import Lift
from koopman_analysis.resampling import Interval, jackknife_intervals
from koopman_analysis.snapshots import SnapshotPairs
from koopman_analysis.snapshots.pairs import require_named_units, require_pairs
from koopman_analysis.snapshots.requirements import on_host


def closure_report(
    pairs: SnapshotPairs,
    *,
    inputs: Lift,
    outputs: Lift | None = None,
    floor: float = 0.0,
    rng: np.random.Generator,
) -> ClosureReport:
    """How far the flow maps these dictionaries into each other, on held-out pairs, with intervals at 95 %.

    Args:
        pairs: The data; each half of its units fits what the other half judges, those of weight zero aside. Of fewer
            than 20 named trajectories, each with its rows in the order of time, the units are blocks.
            Consecutive states are no independent pairs: `SnapshotPairs.from_trajectories` names their trajectory.
        inputs: Ψ_in.
        outputs: Ψ_out; Ψ_in where None. Complex functions count as their real and imaginary parts.
        floor: φ, the known error of solver and storage, as a share of variance of the whitened output.
        rng: Decides the halves and the jackknife's groups.

    Raises:
        ConstantData: If the states before, or after, do not vary.
        ValueError: If there are fewer than four units, or pairs to cut into four blocks, the floor is negative, or
            most states after are the next state before and no trajectories are named.
    """
    dictionaries = (inputs, outputs or inputs)
    return _judged(_units_of(pairs, [dictionaries], floor, rng), *dictionaries, floor, rng)


def closure_sweep(
    pairs: SnapshotPairs,
    *,
    family: Sequence[Lift],
    outputs: Lift | None = None,
    floor: float = 0.0,
    rng: np.random.Generator,
) -> tuple[ClosureReport, ...]:
    """A report for each dictionary of a nested family, all on the same units, halves and groups.

    Few long trajectories are cut once, with the largest autocorrelation time of all members: statistics of different
    blocks have no joint jackknife, and no difference between them has an interval.

    The smallest member that is closed is a property of this family, never of the flow. Testing every size on its own
    finds a false success four times too often: decide from the largest member downwards, and stop at the first failure.
    """
    seed = int(rng.integers(2**63))
    dictionaries = [(member, outputs or member) for member in family]
    independent = _units_of(pairs, dictionaries, floor, rng)
    return tuple(_judged(independent, *both, floor, np.random.default_rng(seed)) for both in dictionaries)


def _units_of(
    pairs: SnapshotPairs, dictionaries: Sequence[tuple[Lift, Lift]], floor: float, rng: np.random.Generator
) -> IndependentPairs:
    """The pairs that count, with units that are independent for all of these dictionaries."""
    if not floor >= 0:
        raise ValueError(f"expected a floor of at least 0, got {floor}")
    require_pairs(pairs)
    require_named_units(pairs)
    return independent_pairs(pairs.of_positive_weight(), dictionaries, rng=rng)


def _judged(
    independent: IndependentPairs, inputs: Lift, outputs: Lift, floor: float, rng: np.random.Generator
) -> ClosureReport:
    """Equations (1) to (4) on these units."""
    folds = judged_folds(lifted_sample(independent.pairs, inputs, outputs, rng))
    basis_in, basis_out = folds.basis_in, folds.basis_out
    estimate, replicates = _statistics(folds)
    intervals = jackknife_intervals(estimate, replicates, n=independent.units)
    caution = folds.caution
    defect, operator_defect, state_error, worst_low, worst_high, *spectrum = intervals
    return ClosureReport(
        spectrum=tuple(_clipped(interval, largest=1.0) for interval in spectrum),
        defect=lowered(_clipped(defect, largest=1.0), caution),
        operator_defect=_clipped(operator_defect),
        worst_direction=_spanned(lowered(_clipped(worst_low, largest=1.0), caution), _clipped(worst_high)),
        state_error=lowered(_clipped(state_error), caution),
        dimension=basis_out.dimension,
        input_dimension=basis_in.dimension,
        units=_effective_units(independent),
        fit_pairs=folds.fit_pairs,
        condition=folds.condition,
        floor=floor,
        largest_share=_largest_share(folds.judgements),
        dropped_share=basis_out.dropped_share,
        autocorrelation_time=independent.autocorrelation_time,
        jackknife=Jackknife(estimate=estimate[:5], replicates=replicates[:, :5], units=independent.units),
    )


def _effective_units(independent: IndependentPairs) -> int:
    """Number of independent units, of which those of little weight count little."""
    pairs = independent.pairs
    if pairs.weights is None:
        return independent.units
    mean_weight = np.bincount(pairs.unit, weights=on_host(pairs.weights)) / np.bincount(pairs.unit)
    return min(independent.units, effective_number(mean_weight))


def _statistics(folds: Folds) -> tuple[np.ndarray, np.ndarray]:
    """(defect, δ, state error, worst by σ, worst by r, σ_1, …) over all groups, and without each in turn."""
    dimension = folds.basis_out.dimension
    squares = _squared_correlations(folds.judgements, dimension)
    shares = _residual_shares(folds)
    estimate, replicates = (
        # Of no direction at all, nothing is predicted.
        np.column_stack([unpredicted.mean(axis=1), share[:, :2], unpredicted[:, -1], share[:, 2], np.sqrt(square)])
        for square, share in zip(squares, shares, strict=True)
        for unpredicted in [1 - square if dimension else np.ones((len(square), 1))]
    )
    return estimate[0], replicates


def _squared_correlations(folds: Sequence[Judgement], dimension: int) -> tuple[np.ndarray, np.ndarray]:
    """σ_i² pooled over the folds: with all groups, shape (1, m_out), and without each, (G, m_out)."""
    total = sum(fold.weight.sum() for fold in folds)
    pooled, changes = np.zeros((1, dimension)), []
    for fold in folds:
        sums = fold.products.sum(axis=0)
        share, partners = fold.weight.sum() / total, sums.shape[1]
        change = np.zeros((len(fold.weight), dimension))
        whole = share * _squared_correlation(sums)
        pooled[0, :partners] += whole
        change[:, :partners] = share * _squared_correlation(sums - fold.products) - whole
        changes.append(change)
    return pooled, np.clip(pooled + np.concatenate(changes), 0.0, 1.0)


def _squared_correlation(sums: np.ndarray) -> np.ndarray:
    """Squared correlation of α and β from Σ w (1, α, β, α², β², αβ), on the axis before the last; 0 for a constant."""
    weight, a, b, aa, bb, ab = np.moveaxis(sums, -2, 0)
    covariance, spread = ab - a * b / weight, (aa - a**2 / weight) * (bb - b**2 / weight)
    return np.clip(np.divide(covariance**2, spread, out=np.zeros_like(spread), where=spread > 0), 0.0, 1.0)


def _residual_shares(folds: Folds) -> tuple[np.ndarray, np.ndarray]:
    """δ, state error and largest residual direction: with all groups, shape (1, 3), and without each, (G, 3)."""
    judgements, dimension = folds.judgements, folds.basis_out.dimension
    weight = np.concatenate([judgement.weight for judgement in judgements])
    mean_square, worst = weight, weight
    if dimension:
        # The direction is the worst there is, so its share, held fixed, is an upper estimate.
        direction = folds.worst_direction()
        mean_square = np.concatenate([judgement.by_group(judgement.squares) for judgement in judgements]) / dimension
        worst = np.concatenate([judgement.along(direction[None])[0] for judgement in judgements])
    above = np.column_stack([mean_square, np.concatenate([j.state_error for j in judgements]), worst])
    below = np.column_stack([weight, np.concatenate([j.state_variance for j in judgements]), weight])
    return (above.sum(axis=0) / below.sum(axis=0))[None], (above.sum(axis=0) - above) / (below.sum(axis=0) - below)


def _largest_share(folds: Sequence[Judgement]) -> float:
    squares = np.concatenate([square for fold in folds for square in fold.squares])
    return float(squares.max() / squares.sum()) if squares.any() else 0.0


def _clipped(interval: Interval, largest: float = np.inf) -> Interval:
    """The part of an interval that a share of variance can take."""
    estimate, low, high = (float(min(max(v, 0.0), largest)) for v in (interval.estimate, interval.low, interval.high))
    return replace(interval, estimate=estimate, low=low, high=high)


def _spanned(lower: Interval, upper: Interval) -> Interval:
    """From the lower end of one estimate of a quantity to the upper end of another."""
    return replace(lower, high=max(lower.high, upper.high))
