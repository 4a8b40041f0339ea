"""Do two representations call the same things near? Statistics of distances, with weights for resampled objects.

For objects i with latent vectors zᵢ, distances d_ij = ‖zᵢ − zⱼ‖ and class labels ℓᵢ:

    AUROC of "same class"     P( d_same < d_different ) + ½ P( d_same = d_different )                     (1)
    neighbour agreement       mean over i of the share of the k nearest neighbours with ℓⱼ = ℓᵢ            (2)

and between two representations of the same objects, with their distances d and s,

    distance correlation, linear CKA     correlations of centred matrices (`products`)                      (3)
    trustworthiness, continuity, overlap     of the nearest neighbours in one and the other (`neighbours`)  (4)

Under a resample with multiplicities nᵢ a pair has the weight nᵢ nⱼ, a quadruple nᵢ nⱼ n_k n_l, and copies of one object
are never paired; neighbours are found once, among the originals. What needs all n² distances is for a few thousand
objects; for 20,000 and more `streamed` computes (1) and (3) from points in strips, and the statistics of (2) and (4)
have `of_points`; all have intervals over objects.

A statistic of labels follows the protocol `LabelAgreement`; one of two distances has `name` and `weighted(distances,
semantic)`, which is `koopman_analysis.correlation.DistanceAgreement` by structure. Each takes the objects'
multiplicities to a number, so that any of them can be measured on the same resamples. Whether there is agreement at all
is tested by relabelling the objects (`relabelling`).
"""

from koopman_analysis.similarity.cka import DebiasedCKA, linear_cka, plain_linear_cka
from koopman_analysis.similarity.distance_correlation import (
    DistanceCorrelation,
    plain_squared_distance_correlation,
    squared_distance_correlation,
)
from koopman_analysis.similarity.distances import cosine_distances, euclidean_distances
from koopman_analysis.similarity.embeddings import Continuity, NeighbourOverlap, Trustworthiness, trustworthiness
from koopman_analysis.similarity.labels import LabelAgreement, SameClassAuroc
from koopman_analysis.similarity.neighbours import NeighbourAgreement, neighbour_agreement
from koopman_analysis.similarity.ranking import Ranking
from koopman_analysis.similarity.relabelling import Relabelled, relabelled_distances, relabelled_labels
from koopman_analysis.similarity.streamed import (
    StreamedAuroc,
    StreamedCorrelation,
    streamed_auroc,
    streamed_cka,
    streamed_distance_correlation,
)

__all__ = [
    "Continuity",
    "DebiasedCKA",
    "DistanceCorrelation",
    "LabelAgreement",
    "NeighbourAgreement",
    "NeighbourOverlap",
    "Ranking",
    "Relabelled",
    "SameClassAuroc",
    "StreamedAuroc",
    "StreamedCorrelation",
    "Trustworthiness",
    "cosine_distances",
    "euclidean_distances",
    "linear_cka",
    "neighbour_agreement",
    "plain_linear_cka",
    "plain_squared_distance_correlation",
    "relabelled_distances",
    "relabelled_labels",
    "squared_distance_correlation",
    "streamed_auroc",
    "streamed_cka",
    "streamed_distance_correlation",
    "trustworthiness",
]
