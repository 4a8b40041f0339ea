"""Does what lies between two latents look like data?

With o(p) the distance of a point to the nearest of many real ones, and means over pairs of ends and over what lies
between them, the excess of a way is how much farther from the data it leads than its own two ends lie, and

    share = excess of the decoded latent path / excess of the cross-fade ≤ ½,                               (1)

"at most half as far off as a cross-fade leads": numerator and denominator over the same pairs, with an interval by
resampling pairs. A share of 0 is a path as near to the data as its ends.

This can be false: for every affine model the latent path *is* a cross-fade, and the share 1. Where cross-fades do not
leave the data, as for data in one convex cloud, the claim says nothing and is not applicable. The control that must be
refuted: the cross-fades of other pairs in place of the latent paths.

It is one side of two. A table read at its nearest key has the share 0, and jumps: beside (1) stands the largest step of
the path (`interpolation`, equation (7)), and paths through the noise itself show what the latent space adds.
"""

from dataclasses import dataclass

import numpy as np

from koopman_analysis.claims import Claim, Side, Verdict
from koopman_analysis.interpolation import InterpolationStudy
from koopman_analysis.resampling import Interval, ratio_bootstrap

HYPOTHESIS = "What lies between two latents leads half as far from the data as a cross-fade, or less."
QUANTITY = "excess distance to the data, share of a cross-fade's"


@dataclass(frozen=True, kw_only=True)
class ExcessShare:
    """Equation (1), and what it stands on.

    Attributes:
        way: The way that is judged.
        share: Equation (1).
        control: The same for the cross-fades of other pairs.
        fade: The excess of the cross-fade itself, in units of a real point's distance: above zero, or (1) is void.
    """

    way: str
    share: Interval
    control: Interval
    fade: Interval


def excess_share(
    study: InterpolationStudy, way: str, *, fade: str = "cross-fade", resamples: int = 999, rng: np.random.Generator
) -> ExcessShare:
    """Measures equation (1) for one way of a study.

    Args:
        study: The study, cross-fades among its ways.
        way: The way to judge.
        fade: The name of the cross-fades.
        resamples: Resamples of pairs.
        rng: Draws the resamples, and which other pairs stand in for the control.

    Raises:
        ValueError: If the study has no such ways.
    """
    missing = sorted({way, fade} - set(study.ways))
    if missing:
        raise ValueError(f"expected ways among {list(study.ways)}, got {missing}")
    of_way, of_fade = (study.excess[:, study.ways.index(name)] for name in (way, fade))
    others = np.roll(of_fade, 1 + int(rng.integers(len(of_fade) - 1)))
    above = np.stack([of_way, others, of_fade], axis=1)
    below = np.stack([of_fade, of_fade, np.ones_like(of_fade)], axis=1)
    share, control, excess = ratio_bootstrap(above, below, resamples=resamples, rng=rng).intervals()
    return ExcessShare(way=way, share=share, control=control, fade=excess)


def interpolates_near_the_data(measured: ExcessShare, *, bound: float = 0.5) -> Claim:
    """The claim of equation (1)."""
    if not measured.fade.low > 0.0:
        return Claim.not_applicable(
            id="interpolation", hypothesis=HYPOTHESIS, quantity=QUANTITY, side=Side.AT_MOST, bound=bound,
            reason="cross-fades are not seen to leave the data, and so not to do so is no merit",
        )  # fmt: skip
    claims = [
        Claim.decided(
            id="interpolation", hypothesis=HYPOTHESIS, quantity=f"{measured.way}: {QUANTITY}", interval=interval,
            side=Side.AT_MOST, bound=bound,
        )
        for interval in (measured.share, measured.control)
    ]  # fmt: skip
    return claims[0].with_controls(
        [claims[1].as_control(name="cross-fades of other pairs", expected=Verdict.REFUTED)]
    )  # fmt: skip
