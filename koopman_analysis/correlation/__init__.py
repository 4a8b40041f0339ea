"""Do two distances of the same objects agree? Correlations over pairs, and what is significant, by objects.

The n(n−1)/2 pairs are not independent, the n objects are: no p-value and no interval here counts pairs. Each file says
its own mathematics: how distances agree (`agreement`, `ranks`, `kendall`), whether at all (`significance`, with
`relabelling` and `multiplicity`), given others (`partial`), and of more objects than a matrix holds (`streamed`).
"""

from koopman_analysis.correlation.agreement import DistanceAgreement, PairKendall, PairPearson, PairSpearman
from koopman_analysis.correlation.multiplicity import adjusted_p_values, holm, max_t_p_values
from koopman_analysis.correlation.partial import PairPartial, partial_mantel, partial_mantel_uncorrected_p_value
from koopman_analysis.correlation.ranks import pair_ranks, spearman, spearman_bootstrap
from koopman_analysis.correlation.significance import Mantel, MantelFamily, mantel, mantel_family
from koopman_analysis.correlation.streamed import streamed_pearson

__all__ = [
    "DistanceAgreement",
    "Mantel",
    "MantelFamily",
    "PairKendall",
    "PairPartial",
    "PairPearson",
    "PairSpearman",
    "adjusted_p_values",
    "holm",
    "mantel",
    "mantel_family",
    "max_t_p_values",
    "pair_ranks",
    "partial_mantel",
    "partial_mantel_uncorrected_p_value",
    "spearman",
    "spearman_bootstrap",
    "streamed_pearson",
]
