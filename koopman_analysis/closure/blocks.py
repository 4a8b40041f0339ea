"""Independent units of few long trajectories: blocks of ten autocorrelation times, one time apart.

Pairs of one trajectory are not independent, and intervals that take them for it are too short by √τ. Which τ counts
depends on what is averaged. To first order a pair changes the quantities of `koopman_analysis.closure.estimation` by

    1 − σ_i²        w [(β_i − σ_i α_i)² − (1 − σ_i²) β_i²],        α_i and β_i of variance one,                      (1)
    δ, worst        w [‖r‖²/m_out − δ],     w [(u·r)² − λ_max],        u the worst direction,                        (2)
    state error     w [‖y − ŷ‖² − e ‖y − ȳ‖²],        e the state error.                                           (3)

The τ that counts is the largest of (2), (3), and of (1) for the mean, the first and the last direction, each series
from a first estimate with provisional blocks. A series within 1e-14 is rounding, whose memory means nothing; where all
are, as of an exact flow, the states' own counts: that of ‖y − ȳ‖². Of several pairs of dictionaries on the same blocks
the largest τ counts, for blocks that are independent of the slowest series are so of all. With τ known,

    block ≥ 10 τ,     gap ≥ τ,     at least 20 blocks, or the pairs decide nothing.                                 (4)

Trajectories are cut where there are fewer than 20 of them; else each is a unit. One shorter than a block is one unit.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from koopman_analysis.closure.folds import Folds, canonical, judged_folds
from koopman_analysis.closure.report import LEAST_UNITS
from koopman_analysis.closure.sample import FEWEST_UNITS, lifted_sample
from koopman_analysis.dependence import integrated_autocorrelation_time
from koopman_analysis.moments import Lift
from koopman_analysis.moments.rows import columns_of
from koopman_analysis.snapshots import SnapshotPairs

BLOCK_TIMES = 10
"""Autocorrelation times in a block."""

ROUNDING = 1e-14
"""Share of variance below which a residual is rounding, as in the definition of exactness."""


@dataclass(frozen=True, kw_only=True, eq=False)
class IndependentPairs:
    """Pairs with the units that an estimate may take for independent.

    Attributes:
        pairs: The pairs; where a trajectory is too short for four blocks, four that are too short.
        units: Number of blocks that are long enough.
        autocorrelation_time: τ, in pairs; None where it was not needed.
    """

    pairs: SnapshotPairs
    units: int
    autocorrelation_time: float | None = None


def independent_pairs(
    pairs: SnapshotPairs, dictionaries: Sequence[tuple[Lift, Lift]], *, rng: np.random.Generator
) -> IndependentPairs:
    """Equation (4): the pairs as they are, or in blocks where fewer than 20 trajectories are named.

    Args:
        pairs: The pairs; the rows of a trajectory in the order of time.
        dictionaries: Each (Ψ_in, Ψ_out) that is to be judged on these units.
        rng: Decides the halves of the first estimates.
    """
    if pairs.trajectory is None or pairs.units >= LEAST_UNITS:
        return IndependentPairs(pairs=pairs, units=pairs.units)
    time = max(_autocorrelation_time(pairs, inputs, outputs, rng) for inputs, outputs in dictionaries)
    gap = math.ceil(time)
    blocks = pairs.in_blocks(BLOCK_TIMES * gap, gap=gap)
    if blocks.units >= FEWEST_UNITS:
        return IndependentPairs(pairs=blocks, units=blocks.units, autocorrelation_time=time)
    longest = pairs.in_blocks(max(1, pairs.n // FEWEST_UNITS))
    return IndependentPairs(pairs=longest, units=blocks.units, autocorrelation_time=time)


def _autocorrelation_time(pairs: SnapshotPairs, inputs: Lift, outputs: Lift, rng: np.random.Generator) -> float:
    """τ of the series that counts for this pair of dictionaries."""
    provisional = pairs.in_blocks(max(1, pairs.n // LEAST_UNITS))
    folds = judged_folds(lifted_sample(provisional, inputs, outputs, rng))
    counting = [series for series in influences(folds) if np.abs(series).max() > ROUNDING]
    after = pairs.on_host().after
    counting = counting or [np.square(np.abs(after - after.mean(axis=0))).sum(axis=1)]
    return max(integrated_autocorrelation_time(series, trajectory=pairs.unit) for series in counting)


def influences(folds: Folds) -> np.ndarray:
    """The series of equations (1) to (3), a row each, as shares of variance, in the order of the pairs given."""
    position = np.concatenate([chunk.position for half in folds.sample.halves for chunk in half])
    lost, above, below = (np.concatenate(parts, axis=1) for parts in zip(*_terms(folds), strict=True))
    series = np.empty((len(lost) + len(above), len(position)))
    shares = above.sum(axis=1) / below.sum(axis=1)
    ratios = (above - shares[:, None] * below) / below.mean(axis=1, keepdims=True)
    series[:, position] = np.concatenate([lost, ratios])
    return series


def _terms(folds: Folds) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """For each chunk the terms of equation (1), and those of (2) and (3) above and below the line of a ratio."""
    m_out, states = folds.basis_out.dimension, columns_of(folds.sample.sizes)[2]
    direction = folds.worst_direction()
    for half in (0, 1):
        fit, judgement = folds.fits[half], folds.judgements[half]
        alone = np.ones(m_out)
        alone[: len(fit.correlations)] -= np.square(fit.correlations)
        for chunk, residual, squares in zip(
            folds.sample.halves[half], judgement.residuals, judgement.squares, strict=True
        ):
            seen = canonical(chunk, fit, folds.basis_in, folds.basis_out, states)
            weight = np.square(seen.root)
            varying = np.square(chunk.rows[states] - folds.centre[states, None] * seen.root).sum(axis=0)
            unread = np.square(seen.unread).sum(axis=0)
            if not m_out:
                yield np.empty((0, len(weight))), unread[None], varying[None]
                continue
            lost = np.square(seen.misses) - alone[:, None] * np.square(seen.beta)
            yield (
                np.stack([lost.mean(axis=0), lost[0], lost[-1]]),
                np.stack([squares / m_out, np.square(direction @ residual), unread]),
                np.stack([weight, weight, varying]),
            )
