"""Does nearness of latents bound nearness of data?

With z_i = E_noise(x_i) K + c, one-step errors ε_i = ‖y_i − D(z_i)‖ and ‖D(z) − D(z')‖ ≤ L ‖z − z'‖,

    ‖y_i − y_j‖ ≤ L ‖z_i − z_j‖ + ε_i + ε_j =: b_ij                                                            (1)

by the triangle inequality; where D takes labels, for pairs of one label. With a certified L (`sensitivity`) it is a
theorem, and a violation an error of ours. Without, L is the largest ratio over *other* objects, and (1) can fail. What
is to be known of it:

    violations     share of pairs with ‖y_i − y_j‖ > b_ij                                                        (2)
    tightness      mean of ‖y_i − y_j‖ / b_ij: 1 where nothing is given away                                       (3)
    informative    share of pairs with b_ij < max ‖y_k − y_l‖, the diameter: elsewhere (1) says nothing           (4)

The certified constant and the largest ratio stand side by side, each with every pair beside its bound
(`sensitivity.pairs`): how much a certificate gives away is seen in (3), where it fails nowhere.

Two claims: (2) is at most a share, and (4) at least one; an inequality may hold and be of no use. Objects are
resampled, a pair weighs n_i n_j and copies of one object are no pair (`resampling`, equation (1)). Where L is not
certified, the upper end of (2) is at least that of the rule of three, 3/n of n objects.

Controls: without the latents' distance, L = 0, (2) must be refuted, or the errors alone bound everything; (4) must be
refuted with an L a hundred times as large.

Source: Hanley & Lippman-Hand 1983 (rule of three).
"""

from dataclasses import dataclass, replace

import numpy as np

from koopman_analysis.claims import Claim, Side, Verdict
from koopman_analysis.estimators.latent import LatentModel, carried_latents
from koopman_analysis.resampling import Interval, object_bootstrap
from koopman_analysis.sensitivity import PairBounds, all_pairs, decoder_certificate, largest_pair_ratio
from koopman_analysis.shapes import Int, Labels
from koopman_analysis.snapshots import SnapshotPairs


@dataclass(frozen=True, kw_only=True, eq=False)
class LatentBounds:
    """Equations (2) to (4) on one set of objects.

    Attributes:
        constant: L.
        certified: Whether it holds everywhere.
        because: What L rests on.
        rows: Where each object stands among the caller's pairs.
        pairs: Every pair beside its bound.
        violations: Equation (2).
        tightness: Equation (3).
        informative: Equation (4).
    """

    constant: float
    certified: bool
    because: str
    rows: Int[np.ndarray, " n"]
    pairs: PairBounds
    violations: Interval
    tightness: Interval
    informative: Interval


@dataclass(frozen=True, kw_only=True, eq=False)
class MeasuredBounds:
    """The bounds of a model, and of the controls of both claims.

    Attributes:
        model: Of the model, with a certified constant where it brings one.
        empirical: Of the model, with the largest ratio over other objects.
        unread: With L = 0.
        loose: With L a hundred times as large.
    """

    model: LatentBounds
    empirical: LatentBounds
    unread: LatentBounds
    loose: LatentBounds


def latent_bounds(
    model: LatentModel,
    pairs: SnapshotPairs,
    *,
    labels: Labels | None = None,
    objects: int = 300,
    resamples: int = 299,
    rng: np.random.Generator,
) -> MeasuredBounds:
    """Measures equation (1) on one pair of each unit: half of the objects give L where the model brings none.

    Args:
        model: The model.
        pairs: Pairs that it was not fitted to.
        labels: The label of each pair, where the model takes labels.
        objects: Most objects that are compared, all with all.
        resamples: Resamples of the objects.
        rng: Draws the objects and the resamples.

    Raises:
        ValueError: If there are fewer than eight independent units, or no two of one label, or the data or the latents
            do not vary.
    """
    others, judged = _halves(pairs, objects, rng)
    given = [None if labels is None else labels[index] for index in (others, judged)]
    latents, after, errors = _one_step(model, pairs.subset(judged), given[1])
    elsewhere = _arrived(model, pairs.subset(others), given[0])
    largest = largest_pair_ratio(elsewhere, model.decode(elsewhere, given[0]))
    every = all_pairs(latents, after, errors, labels=given[1])
    certificate, seed = decoder_certificate(model), int(rng.integers(2**63))

    def measured(constant: float, *, certified: bool, because: str) -> LatentBounds:
        bounds = replace(every, constant=constant)
        intervals = _intervals(bounds, resamples, np.random.default_rng(seed))
        return LatentBounds(
            constant=constant, certified=certified, because=because, rows=judged, pairs=bounds, **intervals
        )

    source = f"the largest ratio over {len(others)} other objects"
    empirical = measured(largest, certified=False, because=source)
    if certificate.constant is None:
        found = replace(empirical, because=f"{source}; {certificate.because}")
    else:
        found = measured(certificate.constant, certified=True, because=certificate.because)
    unread, loose = (
        measured(factor * found.constant, certified=found.certified, because=found.because) for factor in (0.0, 100.0)
    )
    return MeasuredBounds(model=found, empirical=empirical, unread=unread, loose=loose)


def bounded_by_latent_distance(measured: MeasuredBounds, *, bound: float = 0.05) -> Claim:
    """The claim that equation (1) holds for all but a share of the pairs."""
    claim, control = (
        Claim.decided(
            id="bounded",
            hypothesis="Distance in the latent space bounds distance of the data, up to the one-step errors.",
            quantity="share of pairs farther apart than the bound",
            interval=_cautious(some),
            side=Side.AT_MOST,
            bound=bound,
        )
        for some in (measured.model, measured.unread)
    )
    claim = replace(claim, because=f"{claim.because}; L = {measured.model.constant:.3g}, {measured.model.because}")
    return claim.with_controls([control.as_control(name="no latent distance", expected=Verdict.REFUTED)])


def bound_is_informative(measured: MeasuredBounds, *, share: float = 0.5) -> Claim:
    """The claim that for at least a share of the pairs the bound is below the diameter of the data."""
    claim, control = (
        Claim.decided(
            id="bounded_informative",
            hypothesis="The bound by latent distance says more of most pairs than that they are data.",
            quantity="share of pairs whose bound is below the diameter of the data",
            interval=some.informative,
            side=Side.AT_LEAST,
            bound=share,
        )
        for some in (measured.model, measured.loose)
    )
    tightness = measured.model.tightness.estimate
    claim = replace(claim, because=f"{claim.because}; on average a distance is {tightness:.2g} of its bound")
    return claim.with_controls([control.as_control(name="L a hundred times as large", expected=Verdict.REFUTED)])


def _halves(pairs: SnapshotPairs, objects: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """One pair of each unit: those that give constants, and those that are judged."""
    rows = rng.permutation(np.unique(pairs.unit, return_index=True)[1])[: 2 * objects]
    if len(rows) < 8:
        raise ValueError(f"expected at least eight independent units, got {len(rows)}: half give L, half are judged")
    others, judged = np.array_split(rows, 2)
    return others, judged


def _arrived(model: LatentModel, pairs: SnapshotPairs, labels: Labels | None) -> np.ndarray:
    return np.asarray(carried_latents(model, pairs.before, labels), dtype=np.float64)


def _one_step(
    model: LatentModel, pairs: SnapshotPairs, labels: Labels | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The latents where K carries them, the data, and the errors of one step."""
    some = pairs.on_host()
    latents, after = _arrived(model, pairs, labels), np.asarray(some.after, dtype=np.float64)
    return latents, after, np.linalg.norm(after - model.decode(latents, labels), axis=1)


def _intervals(bounds: PairBounds, resamples: int, rng: np.random.Generator) -> dict[str, Interval]:
    """Equations (2) to (4) over the pairs that are alike."""
    terms = np.stack([bounds.violating, bounds.ratio, bounds.bound < bounds.diameter]).astype(np.float64)

    def shares(counts: np.ndarray) -> np.ndarray:
        weights = counts[bounds.first] * counts[bounds.second]
        total = weights.sum()
        return terms @ weights / total if total else np.full(len(terms), np.nan)

    intervals = object_bootstrap(shares, bounds.objects, resamples=resamples, rng=rng).intervals()
    return dict(zip(("violations", "tightness", "informative"), intervals, strict=True))


def _cautious(bounds: LatentBounds) -> Interval:
    """The violations, with the rule of three where nothing rules them out."""
    found = bounds.violations
    if bounds.certified:
        return found
    return replace(found, high=max(found.high, min(1.0, 3 / found.n)))
