"""Does closeness in the latent space mean anything in whatever linear coordinates?

With two encoders the latent coordinates are a choice of gauge, and so is the distance between latents: the claim
"semantic" is about the coordinates in which a model happens to be. No gauge moves the canonical coordinates of the
model's two encoders (`koopman_analysis.semantics.coordinates`),

    z(x) = ( σ_1 φ_1(x), …, σ_m φ_m(x) ),    φ_i = E_noise a_i,   σ_i = corr(φ_i(x), E_data(y) b_i),            (1)

whose distance is that between what the best linear operator predicts, in the white coordinates of E_data(y). Then

    semantic_gauge_free    distance of (1) tells classes apart better than every control does                (2)

where each representation r of the noise among the controls is given the same: its own canonical coordinates towards the
same E_data(y), that is, the best linear operator on r. What remains is what the encoder did, and no linear map can.
The a_i, b_i are found on one half of other held-out pairs and the σ_i measured on the other half, each of which has ten
pairs or more for every latent coordinate; in sample σ is never 0. A direction whose σ_i is not above

    z(1 − 1/(40 k)) / √n,    z the quantile of the normal law, k directions, n pairs of that half              (3)

is predicted no better than chance and left out, so that latents of the data which have nothing to do with the noise
leave nothing of any representation. A control that has more coordinates than the pairs allow gives its leading
principal components. Rotated noise is the noise here, to rounding.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import scipy.special

from koopman_analysis import checks
from koopman_analysis.claims import Claim, Side
from koopman_analysis.figures import semantic_figure
from koopman_analysis.gauge import random_rotation
from koopman_analysis.moments import FACTOR_RESOLUTION
from koopman_analysis.report import Entry, Report, Table
from koopman_analysis.semantics import (
    ClassQuestion,
    SameClass,
    SemanticStudy,
    canonical_coordinates,
    semantic_study,
)
from koopman_analysis.shapes import Float, Int, Latents
from koopman_analysis.similarity import SameClassAuroc
from koopman_analysis.snapshots import SnapshotPairs
from koopman_analysis.twosample import Sample
from koopman_analysis.verification.material import Material
from koopman_analysis.verification.representations import NOISE, Compared, SemanticControls

ID = "semantic_gauge_free"
HYPOTHESIS = "What a latent space makes predictable is more semantic than every control, in any linear coordinates."
QUESTION = ClassQuestion(measure=SameClass(), statistic=SameClassAuroc())
FOR_EACH = 20
"""Other pairs for each coordinate: half of them to find directions on, half to measure them."""
ENOUGH = 3000
"""Other pairs that directions are found on, at most, unless the latent coordinates need more."""
RAW = "latent, as it is"


@dataclass(frozen=True, kw_only=True, eq=False)
class CanonicalTwin:
    """Equation (1): what becomes of a representation, given the pairs' latents at the data end.

    Attributes:
        targets: E_data(y) of the pairs; directions are found on the first half, and measured on the second.
        widest: Coordinates that so many pairs allow.
    """

    targets: Latents
    widest: int

    def __call__(self, fit: Sample, points: Sample) -> Float[np.ndarray, "n k"]:
        """The canonical coordinates of points, found on `fit`; a representation that does not vary stays at zero."""
        before, after = (rows.astype(np.float64) for rows in (fit, points))
        if before.shape[1] > self.widest:
            centre = before.mean(axis=0)
            _, _, directions = np.linalg.svd(before - centre, full_matrices=False)
            before, after = ((rows - centre) @ directions[: self.widest].T for rows in (before, after))
        if not np.ptp(before, axis=0).any():
            return np.zeros((len(after), 1))
        half = len(before) // 2
        pairs = SnapshotPairs(before=before[:half], after=self.targets[:half])
        if not np.ptp(pairs.after, axis=0).any() or not np.ptp(pairs.before, axis=0).any():
            return np.zeros((len(after), 1))
        coordinates = canonical_coordinates(pairs, dimension=before.shape[1])
        measured = self._measured(coordinates(before), half)
        return coordinates(after) * measured / coordinates.correlations[: len(measured)].clip(min=1e-12)

    def _measured(self, values: Float[np.ndarray, "n k"], half: int) -> Float[np.ndarray, " k"]:
        """σ_i on the second half, of partners found on the first; 0 where chance explains it: equation (3)."""
        targets = self.targets - self.targets[:half].mean(axis=0)
        partners = targets[half:] @ np.linalg.lstsq(targets[:half], values[:half], rcond=FACTOR_RESOLUTION)[0]
        here = values[half:] - values[half:].mean(axis=0)
        partners = partners - partners.mean(axis=0)
        scale = np.linalg.norm(here, axis=0) * np.linalg.norm(partners, axis=0)
        found = np.divide((here * partners).sum(axis=0), scale, out=np.zeros(len(scale)), where=scale > 0)
        chance = scipy.special.ndtri(1.0 - 1.0 / (40.0 * len(found))) / np.sqrt(len(here))
        return np.where(found > chance, found, 0.0)


def with_canonical(
    report: Report, material: Material, *, controls: SemanticControls, index: Int[np.ndarray, " n"],
    others: Int[np.ndarray, " m"], resamples: int, margin: float, rng: np.random.Generator,
) -> Report:  # fmt: skip
    """The report with the claim of equation (2).

    Args:
        report: The report so far.
        material: Model and pairs, with classes.
        controls: What the latent distance must exceed.
        index: The objects' places among the pairs.
        others: Other pairs, in an order by chance.
        resamples: Resamples of the objects.
        margin: Least lead over every control.
        rng: Draws the resamples and the known answers.
    """
    some = material.rows(index)
    latents = some.latents()
    needed = FOR_EACH * latents.shape[1]
    fit = others[: max(ENOUGH, needed)]
    if len(fit) < needed:
        few = (
            f"directions of {needed // FOR_EACH} latent coordinates take {needed} other held-out pairs, not {len(fit)}"
        )
        return report.including(Entry(claim=not_applicable(few, margin)))
    seen = material.rows(fit).latent_pairs()
    if not (np.ptp(seen.before, axis=0).any() and np.ptp(seen.after, axis=0).any()):
        return report.including(Entry(claim=not_applicable("the latents do not vary", margin)))
    twin = CanonicalTwin(targets=seen.after.astype(np.float64), widest=len(fit) // FOR_EACH)
    study = semantic_study(
        twin(seen.before, latents), some.objects(), [QUESTION],
        **_compared(twin, controls.of(material, fit), controls.of(material, index), some, latents, rng),
        resamples=resamples, rng=rng,
    )  # fmt: skip
    claim = checks.semantic_beyond_controls(
        study, QUESTION.name, id=ID, hypothesis=HYPOTHESIS, known=checks.CLASS, margin=margin
    )
    picture = partial(semantic_figure, study, QUESTION.name, bound=margin)
    return report.including(Entry(claim=claim, figure=ID), figures={ID: picture}, tables=[_table(study, len(fit))])


def _compared(
    twin: CanonicalTwin, fit: Compared, asked: Compared, some: Material, latents: Latents, rng: np.random.Generator
) -> dict[str, Any]:
    """What the study is given beside the latents: twins of all, but for the answer that needs none, and the latents."""
    rotation = random_rotation(some.pairs.before.shape[1], rng=rng)
    known = checks.known_answers(some.objects(), some.pairs.before, rng=rng)
    known[checks.ROTATED] = twin(fit.must[NOISE] @ rotation, asked.must[NOISE] @ rotation)
    way = {name: twin(fit.way[name], rows) for name, rows in asked.way.items()}
    return {
        "controls": {name: twin(fit.must[name], rows) for name, rows in asked.must.items()},
        "random": [twin(before, rows) for before, rows in zip(fit.random, asked.random, strict=True)],
        "references": {**known, RAW: latents, **way},
    }


def _table(study: SemanticStudy, fitted: int) -> Table:
    return Table(
        title="What distances say in canonical coordinates: no linear change of any representation matters [95 %]",
        columns=("representation", "dimensions", *study.questions),
        rows=study.rows(),
        note=f"Each representation is read as the best linear operator carries it to the latents of the data, found on "
        f"{fitted} other pairs; “{RAW}” and “{checks.CLASS}” are as they are.",
    )


def not_applicable(reason: str, margin: float) -> Claim:
    """The claim where it cannot be asked."""
    return Claim.not_applicable(
        id=ID, hypothesis=HYPOTHESIS, quantity=f"smallest difference to a control, {QUESTION.name}",
        side=Side.AT_LEAST, bound=margin, reason=reason,
    )  # fmt: skip
