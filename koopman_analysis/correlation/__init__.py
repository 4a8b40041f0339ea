"""Do two distances of the same objects agree? Correlations over pairs, and what is significant, by objects."""

from koopman_analysis.correlation.agreement import DistanceAgreement, PairPearson, PairSpearman
from koopman_analysis.correlation.ranks import spearman, spearman_bootstrap
from koopman_analysis.correlation.significance import Mantel, mantel

__all__ = [
    "DistanceAgreement",
    "Mantel",
    "PairPearson",
    "PairSpearman",
    "mantel",
    "spearman",
    "spearman_bootstrap",
]
