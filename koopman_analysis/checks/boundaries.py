"""Where must the bound by latent distance fail? At the boundaries of basins, and nowhere else?

A flow Φ carries noise to data of several classes. Between the noise of two classes runs a boundary, across which Φ
tears apart what is near: there the finite-time Lyapunov exponent λ(x) = log ‖DΦ(x)‖₂ is large (`sensitivity.lyapunov`).

What is a theorem: a pair of states whose images are g apart has, on the segment between them, a state with
λ ≥ log (g / ‖x − x'‖); a certified bound is violated nowhere. What can fail, and is claimed here:

**violations_at_boundaries.** Let an empirical constant and typical errors come from *other* objects
(`sensitivity.pairs`, (3)), so that some pairs violate the bound. With λ_ij = max(λ(x_i), λ(x_j)), V the violating
pairs and U the others,

    A = P( λ_V > λ_U ) + ½ P( λ_V = λ_U )  ≥ bound.                                                                (1)

The theorem says it of a state between the two, not of the two; nor need what the *model* does be what Φ does: a model
with errors elsewhere is violated elsewhere. Objects are resampled; the pair weighs n_i n_j. Control: exponents shuffled
among the objects, A averaged over shuffles, for one violating object makes one shuffle high or low by chance; refuted.

**near_stays_near.** Of the k nearest of x_i (in noise, or in latent space), s_i is the share that lands in the class of
y_i. Away from boundaries, where λ is below its median, the mean of s_i is at least a bound: that near in noise means
near in data.                                                                                                      (2)
Control: the *same* statement at the boundaries, the tenth with the largest λ, must be refuted. It holds where
neighbours are nearer than the boundary is; in many dimensions no neighbour is near, and it fails everywhere.

Neither applies where λ is the same everywhere, as for affine flows: there are no boundaries. It counts as the same if
its 5 % and 95 % quantiles lie within .1, a tenth more or less of stretching.                                      (3)
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from koopman_analysis.claims import Claim, Side, Verdict
from koopman_analysis.resampling import Interval, object_bootstrap
from koopman_analysis.sensitivity import LyapunovExponents, PairBounds
from koopman_analysis.shapes import Bool, Float, Int, Labels, Latents
from koopman_analysis.similarity import Ranking

SAME = 0.1
"""Width of the 5 % to 95 % range of exponents below which they are the same, equation (3)."""
SHUFFLES = 19
GROUPS = 10

VIOLATIONS = "Where the bound by latent distance fails, the flow is at a boundary of basins."


@dataclass(frozen=True, kw_only=True, eq=False)
class LocatedViolations:
    """Where the violating pairs are.

    Attributes:
        pairs: Every pair beside its bound.
        exponents: λ at each object.
        auroc: Equation (1); unmeasured where no pair, or every pair, is violated.
        shuffled: Its mean with exponents shuffled.
    """

    pairs: PairBounds
    exponents: LyapunovExponents
    auroc: Interval
    shuffled: Interval

    @property
    def share(self) -> float:
        """The share of pairs that violate their bound."""
        return float(self.pairs.violating.sum() / self.pairs.alike.sum())


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
    shares: Float[np.ndarray, " n"]
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


def located_violations(
    pairs: PairBounds, exponents: LyapunovExponents, *, resamples: int = 299, rng: np.random.Generator
) -> LocatedViolations:
    """Measures equation (1) and its control on the same resamples.

    Args:
        pairs: Pairs beside their bounds, with a constant and errors that come from other objects.
        exponents: λ at the noise of each object.
        resamples: Resamples of the objects.
        rng: Draws the shuffles and the resamples.

    Raises:
        ValueError: If there is another number of exponents than of objects.
    """
    if len(exponents.leading) != len(pairs.rows):
        raise ValueError(f"expected an exponent for each of {len(pairs.rows)} objects, got {len(exponents.leading)}")
    if not pairs.violating.any() or not (pairs.alike & ~pairs.violating).any():
        none = Interval.unmeasured()
        return LocatedViolations(pairs=pairs, exponents=exponents, auroc=none, shuffled=none)
    aurocs = [_auroc(pairs, exponents.leading)]
    aurocs += [_auroc(pairs, rng.permutation(exponents.leading)) for _ in range(SHUFFLES)]

    def statistics(counts: np.ndarray) -> np.ndarray:
        values = [auroc(counts) for auroc in aurocs]
        return np.array([values[0], np.mean(values[1:])])

    auroc, shuffled = object_bootstrap(statistics, len(pairs.rows), resamples=resamples, rng=rng).intervals()
    return LocatedViolations(pairs=pairs, exponents=exponents, auroc=auroc, shuffled=shuffled)


def violations_at_boundaries(located: LocatedViolations, *, bound: float = 0.6) -> Claim:
    """The claim that equation (1) is at least a bound."""
    common: dict[str, Any] = {
        "id": "violations_at_boundaries",
        "hypothesis": VIOLATIONS,
        "quantity": "AUROC of the Lyapunov exponent for “violates the bound”, over pairs",
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
        because=f"{claim.because}; {100 * located.share:.2g} % of the pairs violate it, with L = "
        f"{located.pairs.constant:.3g} from other objects",
    )
    return claim.with_controls([control.as_control(name="shuffled exponents", expected=Verdict.REFUTED)])


def neighbourhoods(
    points: Latents,
    classes: Labels,
    exponents: LyapunovExponents,
    *,
    measured: Int[np.ndarray, " n"],
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
        ValueError: If there are fewer than ten measured objects, no more objects than neighbours, or another number of
            exponents.
    """
    if len(measured) < GROUPS or len(points) <= neighbours or len(exponents.leading) != len(measured):
        raise ValueError(
            f"expected at least {GROUPS} measured objects with an exponent each, and more than {neighbours} in all, "
            f"got {len(measured)} with {len(exponents.leading)} exponents, of {len(points)}"
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
        "hypothesis": f"Away from the boundaries of basins, what is near in {found.space} becomes the same class.",
        "quantity": f"share of the {found.neighbours} nearest that land in the same class, where the flow stretches "
        "less than at its median",
        "side": Side.AT_LEAST,
        "bound": bound,
    }
    reason = exponents_are_the_same(found.exponents)
    if reason is not None:
        return Claim.not_applicable(**common, reason=reason)
    claim, control = (Claim.decided(**common, interval=some) for some in (found.away, found.at_boundaries))
    claim = replace(claim, because=f"{claim.because}; at the boundaries it is {found.at_boundaries.estimate:.2g}")
    return claim.with_controls([control.as_control(name="at the boundaries", expected=Verdict.REFUTED)])


def _auroc(pairs: PairBounds, exponents: Float[np.ndarray, " n"]) -> Callable[[np.ndarray], float]:
    """Equation (1) as a function of the multiplicities: a pair stands at its end with the larger exponent."""
    order = np.argsort(exponents, kind="stable")
    violating, others = (
        _below(mask[np.ix_(order, order)]) for mask in (pairs.violating, pairs.alike & ~pairs.violating)
    )
    kinds = np.repeat([True, False], len(order))
    ranking = Ranking.of(np.tile(exponents[order], 2), kinds)

    def auroc(counts: np.ndarray) -> float:
        sorted_counts = counts[order].astype(np.float64)
        weights = [sorted_counts * (mask @ sorted_counts) for mask in (violating, others)]
        return ranking.auroc(np.concatenate(weights))

    return auroc


def _below(mask: Bool[np.ndarray, "n n"]) -> Float[np.ndarray, "n n"]:
    return np.tril(mask, -1).astype(np.float64)
