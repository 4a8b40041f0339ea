"""Do few latent directions do the work of all?

A model truncated to the r directions that its decoder reads most (`dimension.latent_rank`) has the paired error of the
whole, up to a share,

    paired error at rank r / paired error of the whole ≤ 1 + margin,                                             (1)

for an r of at most half of its directions. In three parts of the pairs that share no unit: the directions come of the
first; r is the smallest rank from which on the estimates of the second keep (1); and (1) is claimed on the third,
where r is fixed and the interval that of one ratio. Where the second part shows no such r, the largest rank tried is
judged.

The control that must be refuted, of the same directions: the largest smaller rank that the second part knows to fail
(1), or none of the directions, which predicts the mean.
"""

from dataclasses import replace
from itertools import takewhile

import numpy as np

from koopman_analysis.claims import Claim, Side, Verdict
from koopman_analysis.dimension import RankSweep, decoder_weighted_directions, rank_sweep
from koopman_analysis.estimators.decoding import UndefinedDecoder
from koopman_analysis.estimators.latent import LatentModel
from koopman_analysis.shapes import Labels
from koopman_analysis.snapshots import SnapshotPairs

RANKS = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 16, 24, 32, 48, 64, 96, 128)
"""Ranks tried, up to half of the directions."""


class OneDirection(ValueError):
    """A model with so few directions that none can be left out."""


def few_directions_suffice(
    model: LatentModel,
    pairs: SnapshotPairs,
    *,
    labels: Labels | None = None,
    margin: float = 0.1,
    resamples: int = 299,
    rng: np.random.Generator,
) -> Claim:
    """The claim of equation (1).

    Args:
        model: A fitted model.
        pairs: Pairs that it was not fitted to.
        labels: The label of each pair, where the model takes labels.
        margin: By which share the error may be larger, positive.
        resamples: Resamples of the pairs' units.
        rng: Draws parts and resamples.

    Raises:
        ConstantData: If the latents do not vary.
        OneDirection: If there is only one direction.
        UndefinedDecoder: If the decoder has no finite values around the latents, or where fewer directions lead.
        ValueError: If the margin is not positive, or there are fewer than eight independent units.
    """
    if not margin > 0:
        raise ValueError(f"expected a positive margin, got {margin}: no data show that two errors are equal")
    found, chosen, judged = _parts(pairs, rng)
    given = [None if labels is None else labels[part] for part in (found, chosen, judged)]
    directions = decoder_weighted_directions(model, pairs.subset(found), labels=given[0], rng=rng)
    k = len(directions.singular_values)
    if k < 2:
        raise OneDirection("expected at least two latent directions that vary, got one: none can be left out")

    def sweep(rows: np.ndarray, known: Labels | None, ranks: tuple[int, ...]) -> RankSweep:
        some = pairs.subset(rows)
        with np.errstate(all="ignore"):  # undefined values are looked for
            found = rank_sweep(
                model, some, directions=directions, ranks=ranks, labels=known, resamples=resamples, rng=rng
            )
        return _defined(found)

    ranks = tuple(rank for rank in RANKS if rank <= k // 2)
    choice = sweep(chosen, given[1], ranks)
    kept = takewhile(lambda tried: tried[1] <= 1 + margin, zip(ranks[::-1], choice.ratio.estimates[::-1], strict=True))
    rank = min((tried for tried, _ in kept), default=ranks[-1])
    failing = [
        tried
        for tried, interval in zip(choice.ranks, choice.ratio.intervals, strict=True)
        if tried < rank and interval.low > 1 + margin
    ]
    fewer = max(failing, default=0)
    found_again = sweep(judged, given[2], (fewer, rank)).ratio.bootstrap.intervals()
    claim, control = (
        Claim.decided(
            id="rank",
            hypothesis="Few latent directions, those that the decoder reads most, do the work of all.",
            quantity="paired error with few directions over that of the whole model",
            interval=interval,
            side=Side.AT_MOST,
            bound=1 + margin,
        )
        for interval in reversed(found_again)
    )
    claim = replace(claim, because=f"{claim.because}; with {rank} of {k} directions")
    return claim.with_controls([control.as_control(name=f"{fewer} of {k} directions", expected=Verdict.REFUTED)])


def _defined(sweep: RankSweep) -> RankSweep:
    if not np.isfinite(sweep.ratio.estimates).all():
        raise UndefinedDecoder("expected a decoder with values where fewer directions lead, got none there")
    return sweep


def _parts(pairs: SnapshotPairs, rng: np.random.Generator) -> list[np.ndarray]:
    """The rows of a quarter, a quarter and a half of the units."""
    if pairs.units < 8:
        raise ValueError(f"expected at least eight independent units to part in three, got {pairs.units}")
    parts = np.split(rng.permutation(pairs.units), [pairs.units // 4, pairs.units // 2])
    return [np.flatnonzero(np.isin(pairs.unit, part)) for part in parts]
