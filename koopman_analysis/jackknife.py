"""The grouped jackknife of several statistics together: what each is without each group, and how they vary jointly.

With J groups of whole units, θ₍ⱼ₎ the statistics without group j and θ̄ their mean, the intervals of each on its own are
those of `koopman_analysis.resampling`, equation (3). For intervals that hold for k statistics at once, their joint
distribution is drawn: with ξⱼ ~ N(0, 1), and an independent χ² of J − 1 degrees of freedom,

    θ* = θ + √((J − 1)/J) Σⱼ ξⱼ (θ₍ⱼ₎ − θ̄) / √(χ²/(J − 1)),                                                  (1)

the same ξ and χ² for all k. Its max-t intervals are the jackknife's own where k = 1, and nothing is computed again.

Source: Chernozhukov, Chetverikov & Kato 2013 (multipliers for a maximum of many statistics).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from koopman_analysis.resampling import Bootstrap
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
