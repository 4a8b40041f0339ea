"""The grouped jackknife of several statistics together: what each is without each group, and how they vary jointly.

With J groups of whole units, θ₍ⱼ₎ the statistics without group j and θ̄ their mean, the intervals of each on its own are
those of `koopman_analysis.resampling`, equation (3). For intervals that hold for k statistics at once, their joint
distribution is drawn: with ξⱼ ~ N(0, 1), and an independent χ² of J − 1 degrees of freedom,

    θ* = θ + √((J − 1)/J) Σⱼ ξⱼ (θ₍ⱼ₎ − θ̄) / √(χ²/(J − 1)),                                                  (1)

the same ξ and χ² for all k. Its max-t intervals are the jackknife's own where k = 1, and nothing is computed again.

A bias in proportion to 1/n is removed by J θ − (J − 1) θ̄, and the covariance of the statistics is

    C = (J − 1)/J Σⱼ (θ₍ⱼ₎ − θ̄)ᵀ(θ₍ⱼ₎ − θ̄).                                                                  (2)

**A ratio** θ₁/θ₂ of quantities that are not negative has Fieller's interval: every ρ ≥ 0 with

    (θ₁ − ρ θ₂)² ≤ t² (C₁₁ − 2 ρ C₁₂ + ρ² C₂₂),                                                             (3)

and what lies between. It reaches to infinity where θ₂ may be zero, and is wholly below or above 1 where the difference
θ₁ − θ₂ has one sign. Its ends are moved outward by 1e-9 of themselves, for no sum is known better.

Sources: Chernozhukov, Chetverikov & Kato 2013 (multipliers for a maximum of many statistics); Efron & Tibshirani 1993
(bias and variance); Fieller 1954 (ratios).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy.special

from koopman_analysis.resampling import Bootstrap, Interval
from koopman_analysis.shapes import Float


@dataclass(frozen=True, kw_only=True, eq=False)
class Jackknife:
    """k statistics, and what they are without each of J groups of whole units in turn.

    Attributes:
        estimate: The statistics θ on everything.
        replicates: The statistics θ₍ⱼ₎ without each group.
        units: Number of independent units in all groups.
    """

    estimate: Float[np.ndarray, " k"]
    replicates: Float[np.ndarray, "groups k"]
    units: int

    @classmethod
    def joined(cls, parts: Sequence["Jackknife"]) -> "Jackknife":
        """Statistics that were measured without the same groups of the same units, side by side.

        Raises:
            ValueError: If their numbers of units or groups differ.
        """
        sizes = sorted({(part.units, len(part.replicates)) for part in parts})
        if len(sizes) != 1:
            raise ValueError(
                f"expected statistics on the same groups of units, got (units, groups) {sizes}: name units that are "
                "independent for all of them, cutting long trajectories once, with pairs.in_blocks(length, gap=gap)"
            )
        estimate = np.concatenate([part.estimate for part in parts])
        replicates = np.concatenate([part.replicates for part in parts], axis=1)
        return cls(estimate=estimate, replicates=replicates, units=parts[0].units)

    def columns(self, which: slice) -> "Jackknife":
        """Some of the statistics."""
        return replace(self, estimate=self.estimate[which], replicates=self.replicates[:, which])

    def unbiased(self) -> Float[np.ndarray, " k"]:
        """The statistics without the part of their bias that goes as 1/n."""
        groups = len(self.replicates)
        return groups * self.estimate - (groups - 1) * self.replicates.mean(axis=0)

    def covariance(self) -> Float[np.ndarray, "k k"]:
        """Equation (2)."""
        groups = len(self.replicates)
        deviation = self.replicates - self.replicates.mean(axis=0)
        return (groups - 1) / groups * deviation.T @ deviation

    def bootstrap(self, *, resamples: int = 1999, rng: np.random.Generator) -> Bootstrap:
        """Equation (1).

        Raises:
            ValueError: If there are fewer than two groups.
        """
        groups = len(self.replicates)
        if groups < 2:
            raise ValueError(f"expected at least two groups to resample, got {groups}")
        deviation = math.sqrt((groups - 1) / groups) * (self.replicates - self.replicates.mean(axis=0))
        multipliers = rng.standard_normal((resamples, groups))
        multipliers /= np.sqrt(rng.chisquare(groups - 1, (resamples, 1)) / (groups - 1))
        return Bootstrap(
            estimate=self.estimate, replicates=self.estimate + multipliers @ deviation, objects=self.units,
            kind=f"jackknife, {groups} groups, multipliers",
        )  # fmt: skip


def ratio_interval(
    estimate: Float[np.ndarray, " 2"], covariance: Float[np.ndarray, "2 2"], *, freedom: int, n: int, method: str,
    level: float = 0.95,
) -> Interval:  # fmt: skip
    """Equation (3) for two quantities that are not negative, whatever the sign of their estimates.

    Args:
        estimate: θ₁ and θ₂.
        covariance: C of both.
        freedom: Degrees of freedom of t.
        n: Independent units behind the estimates.
        method: How the covariance was found.
        level: Nominal coverage.
    """
    above, below = (float(value) for value in estimate)
    wide = float(scipy.special.stdtrit(freedom, (1 + level) / 2)) ** 2 * covariance
    a, half, c = below**2 - wide[1, 1], above * below - wide[0, 1], above**2 - wide[0, 0]
    root = math.sqrt(max(0.0, half**2 - a * c))
    low, high = 0.0, math.inf
    if a > 0.0 and below > 0.0:
        low, high = max(0.0, (half - root) / a), max(0.0, (half + root) / a)
    elif a < 0.0 and half**2 > a * c and (half + root) / a < 0.0:
        low = max(0.0, (half - root) / a)
    return Interval(
        estimate=max(0.0, above) / below if below > 0.0 else math.inf, low=low * (1 - 1e-9), high=high * (1 + 1e-9),
        level=level, n=n, method=f"Fieller, {method}",
    )  # fmt: skip
