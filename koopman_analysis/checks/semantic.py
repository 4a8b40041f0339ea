"""Is distance in the latent space more semantic than every cheaper distance?

A statistic A(d) of how well distances agree with labels (`similarity`, (1) or (2)) is near 1 for many distances that
owe nothing to training. So the controls are the claim:

    Δ = min over controls c of  A(d_latent) − A(d_c)  ≥ margin,                                            (1)

the controls being the distance of the noise itself, the best of at least 19 random re-initialisations of the same
encoder (the maximum is taken anew on each resample), and any that the caller adds (principal components, affine or EDMD
coordinates). All are measured on the same object resamples with simultaneous (max-t) intervals, so that the smallest
difference has the smallest of the lower and of the upper ends. Labels come from outside the model, for with the
distance of the images Φ(x) the claim would be a corollary of a small error.

The margin, .01 by default, is the least difference worth a name; it also makes the claim fail where a latent space is
the noise space in other coordinates. That is the control which must be refuted: the noise under a random rotation.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy.stats

from koopman_analysis.claims import Claim, Side, Verdict
from koopman_analysis.resampling import Bootstrap, Interval, object_bootstrap
from koopman_analysis.shapes import Labels
from koopman_analysis.similarity import LabelAgreement, SameClassAuroc, euclidean_distances
from koopman_analysis.twosample import Sample

LATENT, NOISE, RANDOM, ROTATED = "latent", "noise", "best of the random encoders", "rotated noise"
LEAST_RANDOM_ENCODERS = 19
"""With 19, a latent space that is one more random encoder comes out above all of them in 1 of 20 cases."""


@dataclass(frozen=True, kw_only=True, eq=False)
class SemanticAgreement:
    """How well the latent distance and its controls agree with labels, on the same resamples.

    Attributes:
        statistic: The statistic in words.
        names: The latent space, the rotated noise, and the controls, in the order of the columns.
        agreement: The statistic of each.
    """

    statistic: str
    names: tuple[str, ...]
    agreement: Bootstrap

    @property
    def controls(self) -> tuple[str, ...]:
        """The names of the controls that the latent distance must exceed."""
        return tuple(name for name in self.names if name not in (LATENT, ROTATED))

    def values(self) -> dict[str, Interval]:
        """The statistic of the latent distance and of each control, each with its own interval."""
        return dict(zip(self.names, self.agreement.intervals(), strict=True))

    def differences(self, name: str = LATENT) -> dict[str, Interval]:
        """A(d_name) − A(d_c) for every control c, with simultaneous intervals."""
        contrasts = np.zeros((len(self.controls), len(self.names)))
        for row, control in zip(contrasts, self.controls, strict=True):
            row[self.names.index(name)] = 1.0
            row[self.names.index(control)] = -1.0
        return dict(zip(self.controls, self.agreement.contrasts(contrasts).simultaneous(), strict=True))


def semantic_agreement(
    latents: Sample,
    noise: Sample,
    labels: Labels,
    *,
    random_latents: Sequence[Sample],
    others: Mapping[str, Sample] | None = None,
    statistic: LabelAgreement | None = None,
    resamples: int = 199,
    rng: np.random.Generator,
) -> SemanticAgreement:
    """Measures the agreement of distances with labels, for a latent space and its controls.

    Time and memory grow with the square of the number of objects: a few hundred decide.

    Args:
        latents: The model's latents of n objects.
        noise: The same objects at the noise end.
        labels: Their labels, from outside the model.
        random_latents: The objects in random re-initialisations of the encoder, at least 19.
        others: Further representations to exceed, by name.
        statistic: What to measure; the AUROC of "same class" where None.
        resamples: Resamples of the object bootstrap.
        rng: Draws the resamples and the rotation.

    Raises:
        ValueError: If there are too few random encoders, a name is taken, or a representation lacks objects.
    """
    if len(random_latents) < LEAST_RANDOM_ENCODERS:
        raise ValueError(
            f"expected at least {LEAST_RANDOM_ENCODERS} random encoders, got {len(random_latents)}: "
            "with fewer, one more random encoder exceeds all of them too often"
        )
    taken = sorted({LATENT, NOISE, RANDOM, ROTATED} & set(others or {}))
    if taken:
        raise ValueError(f"expected other names for the controls than {taken}: rename them")
    rotated = noise @ _random_rotation(noise.shape[1], rng)
    single = {LATENT: latents, ROTATED: rotated, NOISE: noise, **(others or {})}
    for representation in (*single.values(), *random_latents):
        if len(representation) != len(labels):
            raise ValueError(f"expected {len(labels)} objects, one for each label, got {len(representation)}")
    measured = statistic or SameClassAuroc()
    agreements = [
        measured.weighted(euclidean_distances(representation), labels)
        for representation in (*single.values(), *random_latents)
    ]

    def values(multiplicities: np.ndarray) -> np.ndarray:
        each = [agreement(multiplicities) for agreement in agreements]
        return np.array([*each[: len(single)], max(each[len(single) :])])

    return SemanticAgreement(
        statistic=measured.name,
        names=(*single, RANDOM),
        agreement=object_bootstrap(values, len(labels), resamples=resamples, rng=rng),
    )


def semantic_beyond_controls(agreement: SemanticAgreement, *, margin: float = 0.01) -> Claim:
    """The claim that the latent distance is more semantic than every control: equation (1)."""
    claims = {
        name: Claim.decided(
            id="semantic",
            hypothesis="Distance in the latent space is more semantic than every control.",
            quantity=f"smallest difference to a control, {agreement.statistic}",
            interval=_smallest(agreement.differences(name)),
            side=Side.AT_LEAST,
            bound=margin,
        )
        for name in (LATENT, ROTATED)
    }
    return claims[LATENT].with_controls([claims[ROTATED].as_control(name=ROTATED, expected=Verdict.REFUTED)])


def _smallest(differences: Mapping[str, Interval]) -> Interval:
    intervals = list(differences.values())
    return replace(
        intervals[0],
        estimate=min(interval.estimate for interval in intervals),
        low=min(interval.low for interval in intervals),
        high=min(interval.high for interval in intervals),
    )


def _random_rotation(size: int, rng: np.random.Generator) -> np.ndarray:
    return np.eye(1) if size == 1 else scipy.stats.ortho_group.rvs(size, random_state=rng)
