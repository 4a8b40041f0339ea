"""Is a dictionary closed under the flow? One claim for a named dictionary, one in the mean, one for a learned one.

For a named dictionary the claim decides anew, at the tolerance it is given, what `ClosureReport` measured: the claim
carries the quantity that decided, with the lower end that may refute it and the upper end that may support it. For a
learned dictionary it is the decoder-weighted defect, which no change of latent coordinates alters. Of a random system
the mean may be closed although no draw can be predicted: two draws of each state decide that.
"""

from dataclasses import replace

import numpy as np

from koopman_analysis.claims import Claim, Control, Side, Verdict
from koopman_analysis.closure import (
    Closedness,
    ClosureReport,
    MeanClosureReport,
    Tolerances,
    decoder_weighted_defect,
)
from koopman_analysis.estimators.latent import LatentModel
from koopman_analysis.resampling import Interval
from koopman_analysis.shapes import Labels
from koopman_analysis.snapshots import SnapshotPairs

_VERDICTS = {
    Closedness.EXACT: Verdict.SUPPORTED,
    Closedness.APPROXIMATE: Verdict.SUPPORTED,
    Closedness.NOT_CLOSED: Verdict.REFUTED,
    Closedness.INCONCLUSIVE: Verdict.INCONCLUSIVE,
}


def closed(
    report: ClosureReport, *, tolerance: float | Tolerances = 0.01, shuffled: ClosureReport | None = None
) -> Claim:
    """The claim that a dictionary is closed within a tolerance.

    Args:
        report: What was measured.
        tolerance: Share of variance, for the defect and the state error; five times it for the worst direction.
        shuffled: The same report on `pairs.shuffled(rng=...)`, as the control that must be refuted.
    """
    tolerances = tolerance if isinstance(tolerance, Tolerances) else Tolerances.at(tolerance)
    decided, verdict = report.deciding(tolerances), _VERDICTS[report.closedness_at(tolerances)]
    # Too few pairs measured nothing, whatever the interval says.
    interval = decided.interval if decided.verdict is verdict else Interval.unmeasured()
    claim = Claim(
        id="closed",
        hypothesis=(
            "The flow maps the output dictionary into the span of the input dictionary, "
            "and the state can be read from it linearly."
        ),
        quantity=decided.quantity,
        interval=interval,
        side=Side.AT_MOST,
        bound=decided.bound,
        verdict=verdict,
        because=report.because(tolerances),
    )
    return claim if shuffled is None else claim.with_controls([_refuted(closed(shuffled, tolerance=tolerances))])


def closed_in_the_mean(
    report: MeanClosureReport, *, tolerance: float = 0.05, shuffled: MeanClosureReport | None = None
) -> Claim:
    """The claim that a dictionary is closed in the mean, within a share of what is predictable of it.

    Args:
        report: What was measured of two draws.
        tolerance: Largest share of the predictable variance that a linear operator may miss.
        shuffled: The same report on `pairs.shuffled(rng=...)`, as the control that must be refuted.
    """
    obstacle = report.obstacle_at(tolerance)
    claim = Claim.decided(
        id="closed_in_the_mean",
        hypothesis="The conditional mean of the output dictionary is linear in the input dictionary.",
        quantity="share of the predictable variance that is missed",
        interval=Interval.unmeasured() if obstacle else report.share_missed,
        side=Side.AT_MOST,
        bound=tolerance,
        because=obstacle,
    )
    if shuffled is None:
        return claim
    return claim.with_controls([_refuted(closed_in_the_mean(shuffled, tolerance=tolerance))])


def decoder_weighted_closed(
    model: LatentModel,
    pairs: SnapshotPairs,
    *,
    labels: Labels | None = None,
    tolerance: float = 0.01,
    rng: np.random.Generator,
) -> Claim:
    """The claim that a model's learned dictionary is closed within a share of the data's variance.

    Its control is the same model on shuffled pairs, which must be refuted. Where it is not, the decoder hardly tells
    latents apart, any pairs look closed, and nothing can be said.

    Args:
        model: A fitted model.
        pairs: Pairs that it was not fitted to.
        labels: The label of each pair, where the model takes labels.
        tolerance: Largest decoder-weighted defect, as a share of the data's variance.
        rng: Draws the resamples and the shuffling.
    """
    claim = _decoder_weighted(model, pairs, labels, tolerance, rng)
    unrelated = _decoder_weighted(model, pairs.shuffled(rng=rng), labels, tolerance, rng)
    decided = claim.with_controls([_refuted(unrelated)])
    if unrelated.verdict is Verdict.REFUTED or claim.verdict is not Verdict.SUPPORTED:
        return decided
    because = (
        "the decoder hardly tells latents apart: shuffled pairs have the defect "
        f"{unrelated.interval.estimate:.2g}, not clearly above the tolerance either"
    )
    return replace(decided, verdict=Verdict.INCONCLUSIVE, because=because)


def _decoder_weighted(
    model: LatentModel, pairs: SnapshotPairs, labels: Labels | None, tolerance: float, rng: np.random.Generator
) -> Claim:
    measured = decoder_weighted_defect(model, pairs, labels=labels, rng=rng)
    collapsed = measured.dimension == 0
    return Claim.decided(
        id="decoder_weighted_closed",
        hypothesis="The model's learned dictionary is closed: what its decoder reads evolves linearly in the latents.",
        quantity="share of the data's variance lost by the encoder"
        if collapsed
        else "decoder-weighted defect, share of the data's variance",
        # Between two constants there is no defect, and no dictionary either.
        interval=measured.reconstruction_error if collapsed else measured.defect,
        side=Side.AT_MOST,
        bound=tolerance,
        because="the data encoder has collapsed to a constant" if collapsed else "",
    )


def _refuted(unrelated: Claim) -> Control:
    return unrelated.as_control(name="shuffled pairs", expected=Verdict.REFUTED)
