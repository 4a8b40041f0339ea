"""Which objects are called outliers: a rule on their outlyingness, or DBSCAN's word.

    outermost share q    o > the (1 − q)-quantile of o                                                        (1)
    beyond a threshold   o > c                                                                                (2)
    in no cluster        left apart by the clustering; how far, by sparseness                                  (3)

(1) always finds some where o varies, outliers or not; (2) and (3) may find none: then there is nothing to predict.

**How many it takes.** Of one outlier the rank cannot vary when objects are resampled, and an interval of no width says
more than the sample does. With normal scores, an object bootstrap and 1,500 samples, an AUROC of at least .6 was
supported, where sources are independent (the truth is ½) and where the truth is .6,

    outliers, others      2, 18     5, 45     8, 72    10, 10    10, 90    15, 135    20, 180
    truth ½               7.6 %     1.3 %      .4 %      .7 %      .5 %       .5 %       .2 %                 (4)
    truth .6             14.6 %     6.4 %     5.3 %     3.7 %     5.0 %      3.5 %      3.2 %

so ten of each are asked for: independent sources are then supported less often than in 2.5 % of samples. At the bound
itself percentiles come down to 2.5 % slowly.
"""

from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np

from koopman_analysis.outliers.clusters import Clusters
from koopman_analysis.outliers.measures import NotMeasurable, Outlyingness, Sparseness, WithinCluster
from koopman_analysis.shapes import Bool, Float

FEWEST_MARKED = 10
"""The least number of outliers, and of others, by equation (4)."""


@runtime_checkable
class Mark(Protocol):
    """A rule that says which objects are outliers."""

    @property
    def measure(self) -> Outlyingness:
        """How far out each object lies: what the rule looks at, or the nearest to it."""
        ...

    @property
    def name(self) -> str:
        """The rule in words."""
        ...

    def marked(self, outlyingness: Float[np.ndarray, " n"], clusters: Clusters) -> Bool[np.ndarray, " n"]:
        """The outliers among objects of this outlyingness, by the measure."""
        ...


@dataclass(frozen=True, kw_only=True)
class Outermost:
    """Equation (1).

    Attributes:
        measure: What to be out by.
        share: q, in (0, 1).
    """

    measure: Outlyingness = field(default_factory=WithinCluster)
    share: float = 0.1

    def __post_init__(self) -> None:
        if not 0 < self.share < 1:
            raise ValueError(f"expected a share between 0 and 1, got {self.share}")

    @property
    def name(self) -> str:
        """The rule in words."""
        return f"outermost {100 * self.share:g} %, {self.measure.name}"

    def marked(self, outlyingness: Float[np.ndarray, " n"], clusters: Clusters) -> Bool[np.ndarray, " n"]:
        """The outliers among objects of this outlyingness."""
        return outlyingness > np.quantile(outlyingness, 1.0 - self.share)


@dataclass(frozen=True, kw_only=True)
class Beyond:
    """Equation (2).

    Attributes:
        measure: What to be out by.
        threshold: c.
    """

    measure: Outlyingness
    threshold: float = 3.0

    @property
    def name(self) -> str:
        """The rule in words."""
        return f"{self.measure.name} above {self.threshold:g}"

    def marked(self, outlyingness: Float[np.ndarray, " n"], clusters: Clusters) -> Bool[np.ndarray, " n"]:
        """The outliers among objects of this outlyingness."""
        return outlyingness > self.threshold


@dataclass(frozen=True, kw_only=True)
class Unclustered:
    """Equation (3).

    Attributes:
        measure: How far apart they are.
        name: The rule in words.
    """

    measure: Outlyingness = field(default_factory=Sparseness)
    name: str = "in no cluster (DBSCAN)"

    def marked(self, outlyingness: Float[np.ndarray, " n"], clusters: Clusters) -> Bool[np.ndarray, " n"]:
        """The objects apart."""
        return clusters.apart


def require_both(marked: Bool[np.ndarray, " n"], rule: str) -> None:
    """Refuses outliers, or others, of which there are too few to resample.

    Args:
        marked: The outliers.
        rule: The rule that marks them, in words.

    Raises:
        NotMeasurable: If there are fewer of either than equation (4) asks for.
    """
    outliers, n = int(marked.sum()), len(marked)
    if min(outliers, n - outliers) < FEWEST_MARKED:
        amount = {0: "none", n: "all"}.get(outliers, str(outliers))
        raise NotMeasurable(
            f"expected at least {FEWEST_MARKED} outliers and {FEWEST_MARKED} others to resample, but {rule} marks "
            f"{amount} of {n} objects"
        )
