"""Are two samples of one law? Energy distance, MMD, sliced Wasserstein, a classifier; distances of features of images.

With k a conditionally positive definite kernel, X, X' ~ P and Y, Y' ~ Q independent,

    D(P, Q) = E k(X, X') + E k(Y, Y') − 2 E k(X, Y) ≥ 0,                                                    (1)

zero iff P = Q for the kernels here. k(x, y) = −‖x − y‖ gives the **energy distance** 2E‖X−Y‖ − E‖X−X'‖ − E‖Y−Y'‖
(Székely & Rizzo 2013), k = exp(−‖x−y‖²/2h²) the squared **MMD** (Gretton et al. 2012); both are one theory (Sejdinovic
et al. 2013). The estimate leaves out the pairs of a point with itself, so it is unbiased, and negative half of the time
when P = Q. It has a scale of its own: with the semimetric ρ(x, y) = k(x, x) + k(y, y) − 2 k(x, y),

    H = D / E ρ(X, Y) ∈ [0, 1],                                                                             (2)

for the energy distance E/(2E‖X−Y‖), the *energy coefficient*. Two unit normals a small δ apart have H ≈ δ²/4.

**One pass.** Every number below is a form Σᵢⱼ uᵢ k(zᵢ, zⱼ) vⱼ: u = v = indicator of a relabelled group for the
permutation test, multiplicities nᵢ for the object bootstrap. So the kernel is evaluated once, in strips of bounded
size, and each strip serves all relabellings or resamples by one matrix product.                                  (3)

**Sliced Wasserstein.** SW₂² = mean over directions θ on the sphere of W₂²(θᵀX, θᵀY), W₂² = ∫₀¹ (F⁻¹ − G⁻¹)² du. The
plug-in is biased upwards by sampling: it is read beside its value for two disjoint samples of one law.    (4)

**Classifier test.** Held-out balanced accuracy of telling X from Y: ½ iff no rule of that family can (Lopez-Paz & Oquab
2017).                                                                                                      (5)

**Of images**, described by features φ of any extractor: the **Fréchet distance** of the two first moments,

    F² = ‖μ − ν‖² + tr S + tr T − 2 tr (S^½ T S^½)^½ ,                                                       (6)

extrapolated to infinitely many samples where there are more of them than features; the **kernel distance**, which is D
of (1) with

    k(x, y) = (⟨x, y⟩ / d + 1)³                                                                              (7)

and needs no extrapolation (Bińkowski et al. 2018); and **precision and recall**, the shares of the samples that lie in
the support of the data, and of the data in that of the samples (Kynkäänniemi et al. 2019).                (8)
"""

from koopman_analysis.twosample.classifier import classifier_accuracy
from koopman_analysis.twosample.discrepancy import (
    Discrepancies,
    PermutationTest,
    discrepancies,
    energy_distance,
    kernel_distance,
    permutation_test,
    squared_mmd,
)
from koopman_analysis.twosample.draws import Sample
from koopman_analysis.twosample.frechet import (
    FrechetDistances,
    NormalMoments,
    carried_towards,
    frechet_distance,
    frechet_distances,
    most_groups,
    squared_frechet,
)
from koopman_analysis.twosample.kernels import CUBIC, ENERGY, CubicKernel, GaussianKernel, Kernel, NegativeDistance
from koopman_analysis.twosample.precision import PrecisionRecall, precision_recall
from koopman_analysis.twosample.transport import sliced_wasserstein

__all__ = [
    "CUBIC",
    "ENERGY",
    "CubicKernel",
    "Discrepancies",
    "FrechetDistances",
    "GaussianKernel",
    "Kernel",
    "NegativeDistance",
    "NormalMoments",
    "PermutationTest",
    "PrecisionRecall",
    "Sample",
    "carried_towards",
    "classifier_accuracy",
    "discrepancies",
    "energy_distance",
    "frechet_distance",
    "frechet_distances",
    "kernel_distance",
    "most_groups",
    "permutation_test",
    "precision_recall",
    "sliced_wasserstein",
    "squared_frechet",
    "squared_mmd",
]
