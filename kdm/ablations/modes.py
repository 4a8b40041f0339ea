"""Does one encoder for all times hurt, and the more, the more modes the data have?

The flow to M separate modes has M places in which trajectories end. One encoder for all times must carry them there by
one autonomous law; under conditions, continuous maps into finite linear systems collapse several limit sets (Liu, Ozay
& Sontag 2023). That isolated fixed points as such forbid it is no theorem (Arathoon & Kvalheim 2023), and a flow that
ends after a finite time has none: whether it hurts is to be measured. For e(M, s) the held-out paired error of a
training with seed s on M modes, of one encoder (shared) and of two, at equal steps,

    r(M, s) = e_shared(M, s) / e_two(M, s),                                                                 (1)
    hurts                  geometric mean of r over M and s ≥ 1,                                            (2)
    hurts with the modes   exp of the slope of log r(·, s) against log₂ M, a factor for each doubling, ≥ 1,  (3)

each with its paired t interval over seeds (`koopman_analysis.studies`, equations 2 and 3), of a level at which both
hold together (Bonferroni).

An error that both have, for want of training or because no smooth network follows the boundaries, draws r towards 1:
where direct regression without any latent space is no better than two encoders, r cannot show a cost.

Controls: two encoders trained with the *next* seed (the last with the first) in the place of the shared one. Over all
seeds they differ by nothing, but scatter as trainings do; then a known effect is put in, a factor F of the error for
(2), of each doubling for (3). Raised by F they must be supported, lowered by F refuted: where they stay undecided,
these seeds cannot see an effect of that size.

Sources: Liu, Ozay & Sontag 2023 (arXiv 2312.17045); Arathoon & Kvalheim 2023 (arXiv 2306.15126).
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from koopman_analysis.claims import Claim, Side, Verdict
from koopman_analysis.resampling import Interval
from koopman_analysis.shapes import Float
from koopman_analysis.studies import paired_ratio, paired_trend

INSERTED = 1.5
"""F of the controls: an error half as large again."""
LEVEL = 0.975
"""Of each of the two intervals; together they hold at 95 %."""
Errors = Float[np.ndarray, "modes seeds"]


def claims_on_modes(shared: Mapping[int, Sequence[float]], two: Mapping[int, Sequence[float]]) -> tuple[Claim, Claim]:
    """The claims of equations (2) and (3), with their controls.

    Args:
        shared: Paired errors of one encoder for all times, one a seed, by the number of modes.
        two: Those of an encoder for each end, of the same seeds and numbers of modes.

    Raises:
        ValueError: If the numbers of modes are not the same two or more, or the seeds not the same.
    """
    modes = sorted(shared)
    if len(modes) < 2 or modes != sorted(two):
        raise ValueError(f"expected errors at the same two or more numbers of modes, got {modes} and {sorted(two)}")
    if len(counts := {len(errors) for of in (shared, two) for errors in of.values()}) > 1:
        raise ValueError(f"expected an error for each of the same seeds everywhere, got {sorted(counts)} of them")
    doublings = np.log2(modes)

    def pooled(a: Errors, b: Errors) -> Interval:
        means = [np.exp(np.log(errors).mean(axis=0)).tolist() for errors in (a, b)]
        return paired_ratio(*means, level=LEVEL)

    def trend(a: Errors, b: Errors) -> Interval:
        return paired_trend(a.tolist(), b.tolist(), at=doublings.tolist(), level=LEVEL)

    errors = tuple(np.array([of[m] for m in modes], dtype=np.float64) for of in (shared, two))
    hurts = _claim(
        *errors, measure=pooled, inserted=np.full(len(modes), INSERTED), id="shared_encoder_hurts",
        hypothesis="One encoder for all times has the larger error on mixtures.",
        quantity="paired error of one encoder over that of two, geometric mean over the mixtures",
    )  # fmt: skip
    with_modes = _claim(
        *errors, measure=trend, inserted=INSERTED**doublings, id="shared_encoder_hurts_with_modes",
        hypothesis="One encoder for all times costs the more, the more modes there are.",
        quantity="factor of that ratio for each doubling of the modes",
    )  # fmt: skip
    return hurts, with_modes


def _claim(
    shared: Errors,
    two: Errors,
    *,
    measure: Callable[[Errors, Errors], Interval],
    inserted: Float[np.ndarray, " modes"],
    id: str,
    hypothesis: str,
    quantity: str,
) -> Claim:
    """That what is measured is at least 1, with both controls."""

    def decided(treated: Errors) -> Claim:
        return Claim.decided(
            id=id, hypothesis=hypothesis, quantity=quantity, interval=measure(treated, two), side=Side.AT_LEAST,
            bound=1.0,
        )  # fmt: skip

    others, effect = np.roll(two, -1, axis=1), inserted[:, None]
    return decided(shared).with_controls(
        [
            decided(others * effect).as_control(
                name=f"two encoders of another seed, raised by {INSERTED:g}", expected=Verdict.SUPPORTED
            ),
            decided(others / effect).as_control(
                name=f"two encoders of another seed, lowered by {INSERTED:g}", expected=Verdict.REFUTED
            ),
        ]
    )
