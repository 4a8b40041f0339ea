"""Is distance in the latent space more semantic than every cheaper distance?

A statistic of how well distances agree with what objects are is near 1 for many distances that owe nothing to training.
So the controls are the claim: over every control c of a study (`semantics.study`, equation (1)),

    Δ = min over c of  A(d_latent) − A(d_c)  ≥ margin,                                                      (1)

on the same object resamples with intervals that are simultaneous over all controls and all questions of the study. Only
a question whose measure comes from outside model and states decides: with a function of the images Φ(x) alone the claim
would be a corollary of a small error.

The margin, .01 by default, is the least difference worth a name; it also makes the claim fail where a latent space is
the noise space rotated. It does so for rotations only: another change of coordinates, such as a rescaling of those that
matter, may be supported over the raw noise alone. Random encoders are the controls for that, and the noise in white
coordinates, which no linear change of coordinates moves. Three cases have a known answer, and each is measured with the
claim:

    rotated noise       x under a random rotation: the distances of the noise, must be refuted
    shuffled objects    the measure given to the wrong objects: no distance knows anything, must be refuted
    class and noise     the class in one-hot coordinates with normal noise of deviation 1/10: must be supported  (2)

The last one fails where a control knows the class without fault, too: then nothing can exceed it, and no latent space
could have been supported. It is the answer to a question about classes. One about other distances needs its own, named
as `known`: for ordered labels ℓ and the measure |ℓ − ℓ'| that is

    known_answers(objects, noise, rng=rng) | {"label and noise": labels[:, None] + 0.1 * rng.standard_normal((n, 1))}

with `semantic_beyond_controls(study, question, known="label and noise")`; for features, the features and noise.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from koopman_analysis.claims import Claim, Side, Verdict
from koopman_analysis.gauge import random_rotation
from koopman_analysis.resampling import Interval
from koopman_analysis.semantics import LATENT, Objects, SemanticStudy
from koopman_analysis.shapes import Latents
from koopman_analysis.twosample import Sample

ROTATED, SHUFFLED, CLASS = "rotated noise", "shuffled objects", "class and noise"
HYPOTHESIS = "Distance in the latent space is more semantic than every control."


def known_answers(objects: Objects, noise: Sample, *, rng: np.random.Generator) -> dict[str, Latents]:
    """The representations of (2) whose answer is known, as references for a study.

    "class and noise" answers questions about classes; one about ordered labels or features needs a reference of its
    own, named as `known` of `semantic_beyond_controls`.

    Args:
        objects: The objects, with labels.
        noise: The same objects at the noise end.
        rng: Draws the rotation and the noise.

    Raises:
        ValueError: If the objects have no labels.
    """
    labels = objects.require_labels()
    known = (labels[:, None] == np.unique(labels)).astype(np.float64)
    return {
        ROTATED: noise @ random_rotation(noise.shape[1], rng=rng),
        CLASS: known + 0.1 * rng.standard_normal(known.shape),
    }


def semantic_beyond_controls(
    study: SemanticStudy,
    question: str,
    *,
    id: str = "semantic",
    hypothesis: str = HYPOTHESIS,
    known: str | None = None,
    margin: float = 0.01,
) -> Claim:
    """The claim of equation (1) for one question of a study, with those controls of (2) that the study measured.

    Args:
        study: The study.
        question: Which of its questions.
        id: Of the claim.
        hypothesis: The claim as a sentence.
        known: The reference that must be supported: what the question asks for, and noise. None for "class and noise",
            the answer to questions about classes, where the study has it; without it nothing shows that the claim
            could have been supported.
        margin: Least lead over every control.

    Raises:
        ValueError: If the study did not ask the question, its measure is a function of the states, or `known` is not
            one of the study's references.
    """
    _require_external(study, question)
    references = [name for name in study.names if name != LATENT and name not in study.controls]
    if known is not None and known not in references:
        raise ValueError(f"expected the known answer among the references {references}, got {known!r}: give it there")

    def claim(interval: Interval, because: str = "") -> Claim:
        return Claim.decided(
            id=id, hypothesis=hypothesis, quantity=f"smallest difference to a control, {question}",
            interval=interval, side=Side.AT_LEAST, bound=margin, because=because,
        )  # fmt: skip

    decided = claim(study.smallest_difference(question))
    closest = study.closest_control(question)
    decided = claim(decided.interval, f"{decided.because}; the closest control is “{closest}”")
    expected: Mapping[str, Verdict] = {ROTATED: Verdict.REFUTED, known or CLASS: Verdict.SUPPORTED}
    controls = [
        claim(study.smallest_difference(question, name=name)).as_control(name=name, expected=verdict)
        for name, verdict in expected.items()
        if name in references
    ]
    if study.shuffled.size:
        controls.append(claim(study.chance(question)).as_control(name=SHUFFLED, expected=Verdict.REFUTED))
    judged = decided.with_controls(controls)
    answer = known or CLASS
    if any(control.name == answer and control.verdict is Verdict.REFUTED for control in controls):
        full = study.closest_control(question, name=answer)
        return replace(judged, because=f"{judged.because}: “{full}” leaves no room for anything to exceed it")
    return judged


def _require_external(study: SemanticStudy, question: str) -> None:
    if question in study.questions and not study.external[study.questions.index(question)]:
        raise ValueError(
            f"expected a measure from outside model and states, got {question!r}: agreement with a function of the "
            "states is a corollary of a small error; report it, and decide by labels or features of other data"
        )
