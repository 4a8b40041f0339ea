"""Does closeness in the latent space mean anything?

    semantic       distance of E_noise(x) agrees with classes better than every control                    (1)

The classes come from outside the model. The controls are the noise itself, re-initialised encoders and whatever
representations else are named (`koopman_analysis.checks.semantic`); that of the claim is rotated noise.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np

from koopman_analysis import checks
from koopman_analysis.claims import Claim, Side
from koopman_analysis.figures import draw_differences, figure_of
from koopman_analysis.report import Entry, Report
from koopman_analysis.shapes import Labels
from koopman_analysis.verification.material import Material

Encoder = Callable[[np.ndarray], np.ndarray]


def with_semantics(
    report: Report,
    material: Material,
    *,
    classes: Labels | None,
    random_encoders: Sequence[Encoder],
    further: Mapping[str, Encoder],
    objects: int,
    margin: float,
    rng: np.random.Generator,
) -> Report:
    """The report with the claim of equation (1).

    Args:
        report: The report so far.
        material: Model and pairs.
        classes: What each pair is; None where nothing outside the model says so.
        random_encoders: Re-initialisations of the noise encoder.
        further: Further representations of the noise that the latent distance must exceed, by name.
        objects: How many objects are compared, all with all.
        margin: Least lead over every control.
        rng: Chooses the objects, and draws the resamples.
    """
    if classes is None or not random_encoders:
        missing = "classes from outside the model" if classes is None else "random encoders to compare with"
        return report.including(Entry(claim=_not_applicable(missing, margin)))
    index = rng.permutation(material.independent_rows())[:objects]
    some = material.rows(index)
    noise = some.pairs.before
    agreement = checks.semantic_agreement(
        some.latents(), noise, classes[index], random_latents=[encode(noise) for encode in random_encoders],
        others={name: encode(noise) for name, encode in further.items()}, rng=rng,
    )  # fmt: skip
    claim = checks.semantic_beyond_controls(agreement, margin=margin)
    label = f"lead over each control, {agreement.statistic}"
    draw = partial(draw_differences, differences=agreement.differences(), bound=margin, label=label)
    picture = partial(figure_of, draw, size=(6.4, 1.3 + 0.5 * len(agreement.controls)))
    return report.including(Entry(claim=claim, figure="semantic"), figures={"semantic": picture})


def _not_applicable(missing: str, margin: float) -> Claim:
    return Claim.not_applicable(
        id="semantic", hypothesis="Distance in the latent space is more semantic than every control.",
        quantity="smallest difference to a control", side=Side.AT_LEAST, bound=margin, reason=f"there are no {missing}",
    )  # fmt: skip
