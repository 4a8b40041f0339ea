"""Outliers: objects apart from their cluster, and whether they come from the edge of its source region.

Data y = Φ(x) fall into clusters k; carried back along the trajectories they colour the noise,

    R_k = { x : Φ(x) in cluster k },      the *source region* of cluster k.                                      (1)

**What continuity demands.** Φ, the flow of a differential equation, is a homeomorphism. Of a cluster that fills an open
set A, Φ maps R = Φ⁻¹(A) onto it, and a sequence leaves every compact part of A iff its source leaves every one of R:

    y_i → ∂A   iff   x_i → ∂R or ‖x_i‖ → ∞.                                                                     (2)

So data at the edge of their cluster *must* come from the edge of its source region, whoever trained the flow; how
clearly, at a finite distance from the edge, has to be measured. The borders between regions run through the middle of
the noise: (2) says nothing of the distance from the centre of the whole. A model that is not continuous, or whose
latents do not contain the noise, owes nothing to (2).

**The published picture** (Berman et al. 2025) colours noise by eight k-means clusters of 10,000 samples of the
checkerboard. Its outliers are what DBSCAN (radius .15, five points) leaves in no cluster, and points with a z-score
above 3 over the whole sample. At that radius the cells are one cluster, since they touch, and a checkerboard has no
point beyond 2.5 deviations of the whole: the outliers are the strays between the cells, which an exact flow does not
have. Here the rules are parts to be chosen (`Mark`), and so are outlyingness (`Outlyingness`) and clusters
(`Clustering`).

**Prediction.** With marked outliers of the data and outlyingness s at a source, noise or latents, in the same clusters,

    AUROC = P( s(source of an outlier) > s(source of another) ) + ½ P( equal ),                                  (3)
    ρ     = Spearman's correlation of s with the outlyingness of the data,                                       (4)

each with an object-bootstrap interval, all on the same resamples. Clusters, marks and outlyingness are found once, on
the whole sample, and resampled with their object, as neighbours are in `similarity`: a resample's copies would be each
other's neighbours. The control: sources exchanged at random *within* their cluster, so that what the cluster alone
tells of them remains.

Sources: Ester, Kriegel, Sander & Xu 1996 (DBSCAN); Campello, Moulavi & Sander 2013 (clusters that persist over radii);
Xia, Hsu, Lee & Ooi 2006 (points at the border have their neighbours on one side).
"""

from koopman_analysis.outliers.clusters import (
    Clustering,
    Clusters,
    FixedRadius,
    LongestPlateau,
    leading_coordinates,
)
from koopman_analysis.outliers.marks import Beyond, Mark, Outermost, Unclustered, require_both
from koopman_analysis.outliers.measures import (
    Edge,
    LargestDeviation,
    Margin,
    NotMeasurable,
    Outlyingness,
    Overall,
    Sparseness,
    WithinCluster,
    mahalanobis_distances,
    white_coordinates,
)
from koopman_analysis.outliers.prediction import Prediction, Predictions, predicted_outliers
from koopman_analysis.outliers.readings import read_latents

__all__ = [
    "Beyond",
    "Clustering",
    "Clusters",
    "Edge",
    "FixedRadius",
    "LargestDeviation",
    "LongestPlateau",
    "Margin",
    "Mark",
    "NotMeasurable",
    "Outermost",
    "Outlyingness",
    "Overall",
    "Prediction",
    "Predictions",
    "Sparseness",
    "Unclustered",
    "WithinCluster",
    "leading_coordinates",
    "mahalanobis_distances",
    "predicted_outliers",
    "read_latents",
    "require_both",
    "white_coordinates",
]
