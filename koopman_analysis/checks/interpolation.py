"""Does what lies between two latents look like data?

With o(p) the distance of a point to the nearest of many real ones, and means over pairs of ends and over what lies
between them, the excess of a way is how much farther from the data it leads than its own two ends lie, and

    share = excess of the decoded latent path / excess of the cross-fade ≤ ½,                               (1)

"at most half as far off as a cross-fade leads": numerator and denominator over the same pairs, with an interval by
resampling pairs. A share of 0 is a path as near to the data as its ends.

This can be false: an affine model's latent path *is* a cross-fade of its own two ends, and where those are the two
data points, the share is 1. Where cross-fades do not leave the data, as for data in one convex cloud, the claim says
nothing and is not applicable. The control that must be refuted: the cross-fades of other pairs in place of the latent
paths.

An excess is relative to the ends of its own way, so (1) says nothing of a model whose ends are no data: all of it may
lie far off and lead nowhere farther, or be one mode. The claim applies only where, with intervals over pairs,

    ends     mean of o at the two ends of the way, over that of fresh real points,   ≤ 2                    (2)
    span     mean distance of the two ends, over that of the cross-fade's ends,      ≥ ½                    (3)

It is one side of two. A table read at its nearest key has the share 0, and jumps: beside (1) stands the largest step of
the path (`interpolation`, equation (7)), and paths through the noise itself show what the latent space adds.
"""

from dataclasses import dataclass

import numpy as np

from koopman_analysis.claims import Claim, Side, Verdict
from koopman_analysis.interpolation import InterpolationStudy
from koopman_analysis.resampling import Interval, ratio_bootstrap

HYPOTHESIS = "What lies between two latents leads half as far from the data as a cross-fade, or less."
FARTHEST_ENDS, LEAST_SPAN = 2.0, 0.5
"""The bounds of equations (2) and (3)."""
QUANTITY = "excess distance to the data, share of a cross-fade's"


@dataclass(frozen=True, kw_only=True)
class ExcessShare:
    """Equation (1), and what it stands on.

    Attributes:
        way: The way that is judged.
        share: Equation (1).
        control: The same for the cross-fades of other pairs.
        fade: The excess of the cross-fade itself, in units of a real point's distance: above zero, or (1) is void.
        ends: Equation (2).
        span: Equation (3).
    """

    way: str
    share: Interval
    control: Interval
    fade: Interval
    ends: Interval
    span: Interval

    @property
    def void(self) -> str | None:
        """Why equation (1) says nothing here, or None where it says something."""
        if not self.fade.low > 0.0:
            return "cross-fades are not seen to leave the data, and so not to do so is no merit"
        if not self.ends.high <= FARTHEST_ENDS:
            return (
                f"the ends of the way {self.way!r} are not seen to be data: they lie {self.ends.estimate:.3g} times as "
                f"far from the data as fresh data do, with an interval up to {self.ends.high:.3g}, above "
                f"{FARTHEST_ENDS:g}"
            )
        if not self.span.low >= LEAST_SPAN:
            return (
                f"the ends of the way {self.way!r} are {self.span.estimate:.3g} times as far apart as those of the "
                f"cross-fade, with an interval from {self.span.low:.3g}, below {LEAST_SPAN:g}: between ends that "
                "coincide nothing lies"
            )
        return None


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
    columns = [study.ways.index(name) for name in (way, fade)]
    of_way, of_fade = study.excess[:, columns].T
    apart, apart_fade = study.apart[:, columns].T
    once = np.ones_like(of_fade)
    others = np.roll(of_fade, 1 + int(rng.integers(len(of_fade) - 1)))
    above = np.stack([of_way, others, of_fade, study.ends[:, columns[0]], apart], axis=1)
    below = np.stack([of_fade, of_fade, once, once, apart_fade], axis=1)
    share, control, excess, ends, span = ratio_bootstrap(above, below, resamples=resamples, rng=rng).intervals()
    return ExcessShare(way=way, share=share, control=control, fade=excess, ends=ends, span=span)


def interpolates_near_the_data(measured: ExcessShare, *, bound: float = 0.5) -> Claim:
    """The claim of equation (1), where equations (2) and (3) hold."""
    if measured.void is not None:
        return Claim.not_applicable(
            id="interpolation", hypothesis=HYPOTHESIS, quantity=QUANTITY, side=Side.AT_MOST, bound=bound,
            reason=measured.void,
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
