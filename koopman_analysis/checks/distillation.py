"""Does a model give better one-step samples than earlier offline distillation?

Knowledge distillation (Luhman & Luhman 2021) regresses data on noise with one network. For features of samples of both,
trained on the same pairs with equally many parameters and samples seen, and with the Fréchet distances F²_∞ of
`koopman_analysis.twosample.frechet` from one reference sample,

    ratio = mean_s F²_∞(model of seed s) / mean_s F²_∞(distillation of seed s)  ≤  1.                        (1)

The interval is Fieller's. Both means vary with the objects drawn (grouped jackknife: rows that came from one noise are
removed together, with a group of the reference) and, where there are several trainings S, with the seed,

    C = C_objects + C_seeds / S,       t of S − 1 degrees of freedom,                                        (2)

the pair of one seed kept together; C_seeds has some of the objects' noise in it, so that intervals err on the wide
side. Of one training nothing is known of other seeds, and the reason says so.

Controls, against the same distillation and on the same groups: a second sample of the data must be supported, unless
the distillation is as near to the data as that; samples of the distillation a tenth further from the data in F must be
refuted, a tenth nearer supported, and the same samples against themselves must stay undecided. Further: moved along
μ − ν; nearer: carried along the shortest way to the moments of the reference; both are exact in the plug-in. (3)

Berman et al. 2025 claim up to 40 % less, a ratio of 0.6: it is told beside the verdict, which is on 1.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from koopman_analysis.claims import Claim, Side, Verdict
from koopman_analysis.jackknife import Jackknife, ratio_interval
from koopman_analysis.resampling import Interval, jackknife_intervals
from koopman_analysis.shapes import Float
from koopman_analysis.twosample import NormalMoments, Sample, carried_towards, frechet_distances, squared_frechet
from koopman_analysis.twosample.frechet import GROUPS

ID = "better_than_distillation"
HYPOTHESIS = "One step gives samples nearer to the data than knowledge distillation with equal means."
QUANTITY = "ratio of Fréchet distances F², model over direct regression"
PUBLISHED = 0.6
"""The ratio that Berman et al. 2025 speak of."""
MARGIN = 0.1
"""Share of F by which the controls near the bound are further or nearer."""

MODEL, RIVAL, FLOOR, FURTHER, NEARER = "model", "direct regression", "second sample of the data", "further", "nearer"


@dataclass(frozen=True, kw_only=True, eq=False)
class DistillationRatios:
    """Fréchet distances of models, of the distillations that they stand against, and of the controls.

    Attributes:
        distances: F²_∞ on average over the seeds, without each group of objects: of `model`, `direct regression`, the
            second sample of the data, and the two controls near the bound, in this order.
        seeds: The same of each seed, a row each.
    """

    distances: Jackknife
    seeds: Float[np.ndarray, "seeds 5"]

    def intervals(self) -> dict[str, Interval]:
        """F²_∞ of the model, the distillation and the floor, over objects."""
        found = jackknife_intervals(self.distances.unbiased(), self.distances.replicates, n=self.distances.units)
        return dict(zip((MODEL, RIVAL, FLOOR), found, strict=False))

    def ratio(self, above: str, below: str = RIVAL) -> Interval:
        """Equation (1), or the same for a control."""
        names = (MODEL, RIVAL, FLOOR, FURTHER, NEARER)
        both, trainings = [names.index(above), names.index(below)], len(self.seeds)
        groups = len(self.distances.replicates)
        covariance = self.distances.covariance()[np.ix_(both, both)]
        freedom, method = groups - 1, f"jackknife, {groups} groups"
        if trainings > 1:
            covariance = covariance + np.cov(self.seeds[:, both].T) / trainings
            freedom, method = min(freedom, trainings - 1), f"{method}, and {trainings} seeds"
        return ratio_interval(
            self.distances.unbiased()[both], covariance, freedom=freedom, n=self.distances.units, method=method
        )


def distillation_ratios(
    models: Sequence[Sample], distillations: Sequence[Sample], reference: Sample, *, second: Sample,
    groups: int = GROUPS, rng: np.random.Generator,
) -> DistillationRatios:  # fmt: skip
    """Measures features of samples of models and of the distillations beside them, a pair for each seed.

    Args:
        models: Samples of each training of the model.
        distillations: Samples of each training of the distillation, row by row from the same noise.
        reference: A sample of the data.
        second: Another, disjoint from the first.
        groups: Groups of objects that are removed in turn.
        rng: Deals the objects into groups.

    Raises:
        ValueError: If there are no models, the numbers differ, two that stand against each other have different
            shapes, or there are too few samples to extrapolate their distances.
    """
    if not models or len(models) != len(distillations):
        raise ValueError(
            f"expected a distillation for each model, got {len(models)} models and {len(distillations)} distillations"
        )
    target = NormalMoments.of(reference)
    samples: dict[str, Sample] = {}
    for seed, (model, distillation) in enumerate(zip(models, distillations, strict=True)):
        if model.shape != distillation.shape:
            raise ValueError(
                f"expected samples from the same noise, got shapes {model.shape} and {distillation.shape}: take as many"
            )
        samples |= {
            f"{MODEL} {seed}": model,
            f"{RIVAL} {seed}": distillation,
            f"{FLOOR} {seed}": second,
            f"{FURTHER} {seed}": _further(distillation, target),
            f"{NEARER} {seed}": carried_towards(distillation, target, share=MARGIN),
        }
    distances = frechet_distances(samples, reference, groups=groups, rng=rng)
    distances.require_line()
    found = distances.jackknife
    trainings = len(models)
    by_seed = found.unbiased().reshape(trainings, -1)
    return DistillationRatios(
        distances=replace(
            found,
            estimate=found.estimate.reshape(trainings, -1).mean(axis=0),
            replicates=found.replicates.reshape(len(found.replicates), trainings, -1).mean(axis=1),
        ),
        seeds=by_seed,
    )


def better_than_distillation(measured: DistillationRatios) -> Claim:
    """The claim that the ratio of equation (1) is at most 1."""
    controls = {
        FLOOR: ("a second sample of the data", Verdict.SUPPORTED),
        FURTHER: ("direct regression a tenth further from the data", Verdict.REFUTED),
        NEARER: ("direct regression a tenth nearer to the data", Verdict.SUPPORTED),
        RIVAL: ("direct regression against itself", Verdict.INCONCLUSIVE),
    }
    claims = {
        name: Claim.decided(
            id=ID, hypothesis=HYPOTHESIS, quantity=QUANTITY, interval=measured.ratio(name), side=Side.AT_MOST, bound=1.0
        )
        for name in (MODEL, *controls)
    }
    claim = claims[MODEL]
    claim = replace(claim, because=f"{claim.because}; {_beside_the_published(claim.interval, len(measured.seeds))}")
    return claim.with_controls(
        [claims[name].as_control(name=shown, expected=expected) for name, (shown, expected) in controls.items()]
    )


def distillation_not_applicable(reason: str) -> Claim:
    """The claim where there is no distillation to stand against."""
    return Claim.not_applicable(
        id=ID, hypothesis=HYPOTHESIS, quantity=QUANTITY, side=Side.AT_MOST, bound=1.0, reason=reason
    )


def _beside_the_published(interval: Interval, trainings: int) -> str:
    if interval.high <= PUBLISHED:
        place = "is reached"
    elif interval.low > PUBLISHED:
        place = "is not reached"
    else:
        place = "is neither reached nor excluded"
    seeds = "of one training each, other seeds may differ" if trainings == 1 else f"over {trainings} seeds"
    return f"the published gain of up to 40 % (a ratio of {PUBLISHED}) {place}, {seeds}"


def _further(sample: Sample, target: NormalMoments) -> Sample:
    """The sample moved, away from the target's mean, until F is larger by the margin."""
    own = NormalMoments.of(sample)
    away = own.mean - target.mean
    length = float(np.linalg.norm(away))
    unit = away / length if length > 0.0 else np.eye(len(away))[0]
    added = ((1.0 + MARGIN) ** 2 - 1.0) * max(0.0, squared_frechet(own, target))
    return sample + (np.sqrt(length**2 + added) - length) * unit
