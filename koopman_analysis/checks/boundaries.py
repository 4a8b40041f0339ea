"""Where must the bound by latent distance fail? At the boundaries of basins, and nowhere else?

A flow Φ carries noise to data of several classes. Between the noise of two classes runs a boundary, across which Φ
tears apart what is near: there the finite-time Lyapunov exponent λ(x) = log ‖DΦ(x)‖₂ is large (`sensitivity.lyapunov`).

What is a theorem: a pair of states whose images are g apart has, on the segment between them, a state with
λ ≥ log (g / ‖x − x'‖); a certified bound is violated nowhere. What can fail, and is claimed here:

**violations_at_boundaries.** Of near pairs, each object with its k nearest in noise or in latent space (of pairs that
are far apart, the segment between leads anywhere), those are violated that demand more than a constant that holds for
95 % of the near pairs of *other* objects, with the median error of those (`sensitivity.pairs`, (3); in noise there is
no model and no error). With λ_ij = max(λ(x_i), λ(x_j)), V the violating pairs and U the others,

    A = P( λ_V > λ_U ) + ½ P( λ_V = λ_U )  ≥ bound.                                                                (1)

The theorem says it of a state between the two, not of the two. In latent space not even that: an encoder that tears
apart what Φ tears apart leaves no violation at the boundaries, and only what the *model* does wrong is violated.
Objects are resampled; a pair weighs n_i n_j. Control: exponents shuffled among the objects, A averaged over shuffles,
for one violating object makes one shuffle high or low by chance; refuted.

**near_stays_near.** Of the k nearest of x_i (in noise, or in latent space), s_i is the share that lands in the class of
y_i. Away from boundaries, where λ is below its median, the mean of s_i is at least a bound: that near in noise means
near in data.                                                                                                      (2)
Its interval reaches at least as far down, and up, as the rule of three says, 3/n of the n objects it is a mean of.
Control: the *same* statement at the boundaries, the tenth with the largest λ, must be refuted. It holds where
neighbours are nearer than the boundary is; in many dimensions no neighbour is near, and it fails everywhere.

Neither applies where λ is the same everywhere, as for affine flows: there are no boundaries. It counts as the same if
its 5 % and 95 % quantiles lie within .1, a tenth more or less of stretching.                                      (3)
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from koopman_analysis.claims import Claim, Side, Verdict
from koopman_analysis.resampling import Interval, object_bootstrap
from koopman_analysis.sensitivity import LyapunovExponents, PairBounds, demanded_constant, near_pairs
from koopman_analysis.shapes import Float, Int, Labels, Latents, States
from koopman_analysis.similarity import Ranking

SAME = 0.1
"""Width of the 5 % to 95 % range of exponents below which they are the same, equation (3)."""
SHUFFLES = 19
GROUPS = 10
FEWEST_MEASURED = 20
"""Measured objects below which a tenth of them is no group."""


def violations_hypothesis(space: str) -> str:
    """The claim of equation (1) as a sentence."""
    return f"Where near in {space} does not mean near in data, the flow is at a boundary of basins."


def near_hypothesis(space: str) -> str:
    """The claim of equation (2) as a sentence."""
    return f"Away from the boundaries of basins, what is near in {space} becomes the same class."


@dataclass(frozen=True, kw_only=True, eq=False)
class LocatedViolations:
    """Where the violating pairs are.

    Attributes:
        space: Where the pairs are near: "noise" or "latent space".
        pairs: Every near pair beside its bound.
        exponents: λ at each object.
        auroc: Equation (1); unmeasured where no pair, or every pair, is violated.
        shuffled: Its mean with exponents shuffled.
    """

    space: str
    pairs: PairBounds
    exponents: LyapunovExponents
    auroc: Interval
    shuffled: Interval

    @property
    def share(self) -> float:
        """The share of pairs that violate their bound."""
        return float(self.pairs.violating.mean())


@dataclass(frozen=True, kw_only=True, eq=False)
class Neighbourhoods:
    """Whether near stays near, by exponent.

    Attributes:
        space: Where the neighbours are near: "noise" or "latent space".
        neighbours: k.
        shares: s_i of equation (2).
        exponents: λ at each object.
        groups: The mean of s_i in each tenth of the objects, by rising exponent.
        away: The mean where λ is below its median.
        at_boundaries: The mean in the last tenth.
    """

    space: str
    neighbours: int
    shares: Float[np.ndarray, " q"]
    exponents: LyapunovExponents
    groups: tuple[Interval, ...]
    away: Interval
    at_boundaries: Interval


def exponents_are_the_same(exponents: LyapunovExponents) -> str | None:
    """Why equation (3) rules the claims out, or None where it does not."""
    low, high = np.quantile(exponents.leading, [0.05, 0.95])
    if high - low >= SAME:
        return None
    return (
        f"log ‖DΦ‖₂ is {exponents.median:.3g} everywhere, within {high - low:.2g} from its 5 % to its 95 % quantile: "
        "this flow has no boundaries"
    )


def near_pair_bounds(
    points: Latents,
    after: States,
    *,
    others: Int[np.ndarray, " o"],
    judged: Int[np.ndarray, " j"],
    errors: Float[np.ndarray, " n"] | None = None,
    neighbours: int = 5,
    share: float = 0.95,
) -> PairBounds:
    """The near pairs of the judged objects beside a bound whose constant and error come from the others.

    Args:
        points: All objects in the space where pairs are near.
        after: Their images.
        others: The objects that the constant and the error come from.
        judged: The objects whose pairs are bounded.
        errors: One-step errors, of whose others the median stands for all; 0 where None.
        neighbours: k.
        share: The share of the others' near pairs that the constant bounds.

    Raises:
        ValueError: If there are no more others, or judged, than neighbours; or no finite constant bounds that share.
    """
    typical = 0.0 if errors is None else float(np.median(errors[others]))
    elsewhere, here = (
        near_pairs(points[rows], after[rows], np.full(len(rows), typical), neighbours=neighbours)
        for rows in (others, judged)
    )
    return replace(here, constant=demanded_constant(elsewhere, share=share))


def located_violations(
    pairs: PairBounds,
    exponents: LyapunovExponents,
    *,
    space: str = "noise",
    resamples: int = 299,
    rng: np.random.Generator,
) -> LocatedViolations:
    """Measures equation (1) and its control on the same resamples.

    Args:
        pairs: Pairs beside their bounds, with a constant and errors that come from other objects.
        exponents: λ at the noise of each object.
        space: What the space is called in which the pairs are near.
        resamples: Resamples of the objects.
        rng: Draws the shuffles and the resamples.

    Raises:
        ValueError: If there is another number of exponents than of objects.
    """
    if len(exponents.leading) != pairs.objects:
        raise ValueError(f"expected an exponent for each of {pairs.objects} objects, got {len(exponents.leading)}")
    if not pairs.violating.any() or pairs.violating.all():
        none = Interval.unmeasured()
        return LocatedViolations(space=space, pairs=pairs, exponents=exponents, auroc=none, shuffled=none)
    orders = [exponents.leading, *(rng.permutation(exponents.leading) for _ in range(SHUFFLES))]
    rankings = [Ranking.of(np.maximum(values[pairs.first], values[pairs.second]), pairs.violating) for values in orders]

    def statistics(counts: np.ndarray) -> np.ndarray:
        weights = counts[pairs.first] * counts[pairs.second]
        values = [ranking.auroc(weights) for ranking in rankings]
        return np.array([values[0], np.mean(values[1:])])

    auroc, shuffled = object_bootstrap(statistics, pairs.objects, resamples=resamples, rng=rng).intervals()
    return LocatedViolations(space=space, pairs=pairs, exponents=exponents, auroc=auroc, shuffled=shuffled)


def violations_at_boundaries(
    located: LocatedViolations, *, id: str = "violations_at_boundaries", bound: float = 0.6
) -> Claim:
    """The claim that equation (1) is at least a bound."""
    common: dict[str, Any] = {
        "id": id,
        "hypothesis": violations_hypothesis(located.space),
        "quantity": "AUROC of the Lyapunov exponent for “violates the bound”, over near pairs",
        "side": Side.AT_LEAST,
        "bound": bound,
    }
    reason = exponents_are_the_same(located.exponents)
    if reason is None and np.isnan(located.auroc.estimate):
        reason = f"{'every' if located.share else 'no'} pair violates the bound"
    if reason is not None:
        return Claim.not_applicable(**common, reason=reason)
    claim, control = (Claim.decided(**common, interval=some) for some in (located.auroc, located.shuffled))
    claim = replace(
        claim,
        because=f"{claim.because}; {100 * located.share:.2g} % of the near pairs violate it, with L = "
        f"{located.pairs.constant:.3g} from other objects",
    )
    return claim.with_controls([control.as_control(name="shuffled exponents", expected=Verdict.REFUTED)])


def neighbourhoods(
    points: Latents,
    classes: Labels,
    exponents: LyapunovExponents,
    *,
    measured: Int[np.ndarray, " q"],
    space: str,
    neighbours: int = 5,
    resamples: int = 299,
    rng: np.random.Generator,
) -> Neighbourhoods:
    """Measures equation (2) at some of the objects, their neighbours being sought among all.

    Args:
        points: All objects in the space where neighbours are near.
        classes: What the image of each is.
        exponents: λ at each of the measured objects.
        measured: Which objects those are.
        space: What the space is called.
        neighbours: k.
        resamples: Resamples of the measured objects.
        rng: Draws the resamples.

    Raises:
        ValueError: If there are fewer than twenty measured objects, no neighbours, no more objects than neighbours, or
            another number of exponents.
    """
    n = len(measured)
    if n < FEWEST_MEASURED or not 1 <= neighbours < len(points) or len(exponents.leading) != n:
        raise ValueError(
            f"expected at least {FEWEST_MEASURED} measured objects with an exponent each, and at least one neighbour "
            f"and more objects than neighbours, got {n} with {len(exponents.leading)} exponents, {neighbours} "
            f"neighbours and {len(points)} objects"
        )
    near = cKDTree(points).query(points[measured], k=neighbours + 1)[1]
    # Where objects coincide, the object itself need not come first.
    itself = near == measured[:, None]
    same = (classes[near] == classes[measured, None]) & ~itself
    shares = same.sum(axis=1) / (~itself).sum(axis=1)
    order = np.argsort(exponents.leading, kind="stable")
    parts = [*np.array_split(order, GROUPS), order[: len(order) // 2]]
    members = np.array([np.isin(np.arange(len(order)), part) for part in parts], dtype=np.float64)

    def means(counts: np.ndarray) -> np.ndarray:
        weights = members * counts
        total = weights.sum(axis=1)
        return np.divide(weights @ shares, total, out=np.full(len(total), np.nan), where=total > 0)

    *groups, away = object_bootstrap(means, len(order), resamples=resamples, rng=rng).intervals()
    return Neighbourhoods(
        space=space, neighbours=neighbours, shares=shares, exponents=exponents, groups=tuple(groups), away=away,
        at_boundaries=groups[-1],
    )  # fmt: skip


def near_stays_near(found: Neighbourhoods, *, id: str = "near_stays_near", bound: float = 0.9) -> Claim:
    """The claim of equation (2), which must fail at the boundaries."""
    common: dict[str, Any] = {
        "id": id,
        "hypothesis": near_hypothesis(found.space),
        "quantity": f"share of the {found.neighbours} nearest that land in the same class, where the flow stretches "
        "less than at its median",
        "side": Side.AT_LEAST,
        "bound": bound,
    }
    reason = exponents_are_the_same(found.exponents)
    if reason is not None:
        return Claim.not_applicable(**common, reason=reason)
    n = len(found.shares)
    cautious = _cautious(found.away, n // 2), _cautious(found.at_boundaries, n // GROUPS)
    claim, control = (Claim.decided(**common, interval=some) for some in cautious)
    claim = replace(claim, because=f"{claim.because}; at the boundaries it is {found.at_boundaries.estimate:.2g}")
    return claim.with_controls([control.as_control(name="at the boundaries", expected=Verdict.REFUTED)])


def _cautious(share: Interval, objects: int) -> Interval:
    """The share, with the rule of three on both sides."""
    three = 3 / objects
    return replace(share, low=min(share.low, max(0.0, 1.0 - three)), high=max(share.high, min(1.0, three)))
