"""What each claim means, in plain words and as an equation, for a reader who did not run it."""

from dataclasses import dataclass

from koopman_analysis.claims import Claim


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """What a claim means.

    Attributes:
        words: A paragraph in plain words.
        equation: The quantity, in the letters of the README.
    """

    words: str
    equation: str


_BY_ID = {
    "fidelity": Explanation(
        words=(
            "Noise goes through the model once; the samples are compared, as a cloud, with other samples of the "
            "teacher. The energy coefficient is 0 when the two laws are equal and 1 when they have nothing in "
            "common. A claim of equality needs a tolerance: below it, the difference is too small to matter. "
            "Two disjoint samples of the teacher itself show how small a number this many samples can resolve."
        ),
        equation="H = ( 2 E‖X − Y‖ − E‖X − X′‖ − E‖Y − Y′‖ ) / 2 E‖X − Y‖",
    ),
    "comparison": Explanation(
        words=(
            "Every method receives the same held-out noise and must predict the state to which the teacher "
            "carries it. The ratio compares the model's root mean squared error with that of the strongest "
            "baseline; below 1 the model is better. The errors of one pair stay together when pairs are "
            "resampled."
        ),
        equation="ratio = √( Σ ‖ŷ − y‖² / Σ ‖ŷ_baseline − y‖² )",
    ),
    "better_than_distillation": Explanation(
        words=(
            "Direct regression, the oldest distillation, learns the data from the noise with one network: on the same "
            "pairs, with as many parameters and samples. Images of both are described by features, and their Fréchet "
            "distance from the data compares means and covariances of these; 0 is equality. It is extrapolated to "
            "infinitely many samples, for with few of them it is too large. Below 1 the model's images are nearer to "
            "the data than those of direct regression."
        ),
        equation="ratio = F²(model) / F²(direct regression),  F² = ‖μ − ν‖² + tr S + tr T − 2 tr (S^½ T S^½)^½",
    ),
    "closed": Explanation(
        words=(
            "A dictionary is closed when the flow carries its functions to linear combinations of themselves: "
            "then a matrix is all that the dynamics needs. The defect is the share of the variance, on pairs "
            "not used for fitting, which no matrix predicts: 0 when closed, 1 when nothing is predicted."
        ),
        equation="defect = E‖ Ψ(y) − Ψ(x) K ‖² / Var Ψ(y),  in whitened coordinates",
    ),
    "closed_in_the_mean": Explanation(
        words=(
            "A random system carries one state to many, so no matrix predicts a draw; the mean over draws may still be "
            "a linear combination of the same functions. Of two independent draws of each state the noise averages "
            "out of the product of what is left over. The number is the share of what is predictable at all that the "
            "matrix misses: 0 when the dictionary is closed in the mean."
        ),
        equation="share missed = E⟨ Ψ(y) − Ψ(x) K, Ψ(y′) − Ψ(x) K′ ⟩ / tr Cov E[Ψ(y) | x],  in whitened coordinates",
    ),
    "decoder_weighted_closed": Explanation(
        words=(
            "The latent of the noise, moved by the matrix, should be the latent of the data. Coordinates of the "
            "latent space that the decoder never reads do not count, so the difference is measured after "
            "decoding, as a share of the variance of the data. With two encoders some pair of dictionaries is always "
            "closed: the claim is about this pair and how precisely it is, never that the flow itself is linear."
        ),
        equation="defect = E‖ D(E₀(y)) − D(E_T(x) K + c) ‖² / tr Cov(y)",
    ),
    "isometric": Explanation(
        words=(
            "The flow carries the law of the noise to the law of the data, so a function of the data has the "
            "same second moment whether averaged over the model's predictions or over independent data. The "
            "claim fails where the model's moments leave the range that two samples of the data have between "
            "them."
        ),
        equation="max | log λ |,  λ the eigenvalues of G_data⁻¹ G_model",
    ),
    "not_expanding": Explanation(
        words=(
            "The best matrix never carries more variance to a direction of the latent space than the latents of the "
            "data have there: what it cannot predict only adds. A learned one might. Its singular values, measured "
            "in the units of the latents at either end, are compared with one, in the directions that the decoder "
            "reads; unlike those of the bare matrix, they do not depend on the coordinates of the latents."
        ),
        equation="log s,  s² = max over v of Var( v·(E_T(x) K + c) ) / Var( v·E₀(y) )",
    ),
    "semantic": Explanation(
        words=(
            "If near in the latent space means alike, pairs of one class should be nearer than pairs of two. "
            "Many distances do that without any training, so the latent distance must exceed all of them: the "
            "noise itself, many encoders with random weights, what linear methods make of the noise, the last layer "
            "of a direct regression, and the teacher's own state in the middle of its way. The number is the "
            "smallest lead over a control, with an interval that holds for all controls and all three questions at "
            "once. A lag behind the teacher's state says that an unfinished sample already tells as much."
        ),
        equation="Δ = min over controls c of  A(d_latent) − A(d_c),  A = P( d_same class < d_other class )",
    ),
    "semantic_neighbours": Explanation(
        words=(
            "The same question of the nearest neighbours alone: how many of the ten objects nearest in the latent "
            "space are of one's own class, compared with the neighbours that every control names. Distances far away, "
            "which decide most pairs of the first question, do not count here."
        ),
        equation="Δ = min over controls c of  A(d_latent) − A(d_c),  A = mean share of 10 neighbours with ℓⱼ = ℓᵢ",
    ),
    "semantic_features": Explanation(
        words=(
            "Classes are yes or no; a classifier's hidden layer says how alike two samples look to it. It was fitted "
            "to the classes of other samples. The number is by how much latent distances follow its distances better "
            "than the distances of any control do, in the rank correlation over all pairs of samples."
        ),
        equation="Δ = min over controls c of  A(d_latent) − A(d_c),  A = Spearman( d, ‖f(y) − f(y′)‖ )",
    ),
    "semantic_gauge_free": Explanation(
        words=(
            "Another choice of latent coordinates changes distances between latents, but no prediction. So here every "
            "representation of the noise, the latent space and the controls, is read in coordinates that no linear "
            "change can move: as the best linear operator carries it to the latents of the data. The number is by how "
            "much the latent space then tells pairs of one class from others better than any control does."
        ),
        equation="Δ = min over controls c of  A(d_latent) − A(d_c),  d² = Σ σᵢ² (φᵢ(x) − φᵢ(x′))²",
    ),
    "outliers": Explanation(
        words=(
            "The tenth of the data farthest out are called outliers. If outliers of the data come from outliers "
            "of the source, how far out the source lies tells them from the rest: 1 perfectly, ½ not at all. "
            "Distance is measured in the sample's own covariance, so that no linear change of coordinates "
            "matters."
        ),
        equation="AUROC = P( o(source of an outlier) > o(source of another) ),  o the Mahalanobis distance",
    ),
    "outliers_at_edges": Explanation(
        words=(
            "The clusters of the data, carried back to the noise they come from, divide the noise into regions. A flow "
            "is continuous, so data at the edge of their cluster come from the edge of its region: from a border with "
            "another region, or from the outskirts. Such noise need not lie far out of the whole. The tenth of the "
            "data farthest out of their own cluster are called outliers (crosses); noise lies at an edge as far as its "
            "neighbours of the same region lie on one side of it. The number is the chance that an outlier's noise "
            "lies more at an edge than another's: ½ when the two have nothing to do with each other."
        ),
        equation="AUROC = P( e(source of an outlier) > e(source of another) ),  e = ‖ mean of (x′ − x)/‖x′ − x‖ ‖",
    ),
    "autonomous": Explanation(
        words=(
            "A flow is autonomous when one law acts at all times: then one matrix and one clock carry the "
            "dictionary from the noise to every time on the way. A diffusion's flow need not be. The error is that of "
            "the best such matrix and clock, on trajectories not used for fitting, at the time where it is "
            "largest, as a share of the spread there. Beside it stand straight lines with a clock as free, and a "
            "matrix for each time, which no semigroup can beat. With two encoders there is nothing to ask: they fix "
            "only the endpoints."
        ),
        equation="max over k of  ‖ Ψ(x_k) − Ψ(x_T) exp(s_k A) ‖ / ‖ Ψ(x_k) − mean Ψ(x_k) ‖",
    ),
    "stable": Explanation(
        words=(
            "Every step multiplies an eigenfunction by its eigenvalue. Where one lies outside the unit circle, "
            "iterating K grows for ever; the largest modulus says how fast, and a hundredth more than one is allowed. "
            "It is that of the matrix itself, up to rounding."
        ),
        equation="max |λ|,  K v = λ v",
    ),
    "nearly_normal": Explanation(
        words=(
            "Eigenvalues tell all of a matrix only where its eigenfunctions are perpendicular. The number is what the "
            "Schur form has above its diagonal, as a share of the whole, in coordinates in which the latents of the "
            "noise are white: 0 for a normal matrix, near 1 where eigenvalues say nearly nothing."
        ),
        equation="‖N‖ / ‖T K T⁻¹‖,  T K T⁻¹ = U (Λ + N) Uᴴ,  Ψ(x) = Q T",
    ),
    "eigenvalues_trusted": Explanation(
        words=(
            "A matrix has as many eigenvalues as rows, whatever it was made from. Held-out pairs bear out those whose "
            "residual is small; the number is their share. The picture shows the least residual that any function of "
            "the latents has at each point of the plane: an eigenvalue in a light region cannot be true of the flow."
        ),
        equation="share of (λ, v) with ‖φ(y) − λ φ(x)‖ / ‖φ(x)‖ ≤ tolerance,  φ = Ψ v",
    ),
    "rank": Explanation(
        words=(
            "A latent space of many dimensions may use few of them. Its directions are put in the order in which the "
            "decoder reads them, all but the first few are replaced by their mean, and the samples are compared with "
            "those of the whole model. How many are kept is decided on other pairs than those judged. Neither the "
            "order nor the number depends on the coordinates of the latents, as singular values of the bare matrix do."
        ),
        equation="ratio = √( E‖ D(z_r) − y ‖² / E‖ D(z) − y ‖² ),  z_r the latents in r directions",
    ),
    "bounded": Explanation(
        words=(
            "If a decoder cannot pull points apart by more than a known factor, samples whose latents are near are "
            "near, up to the errors of the two predictions. With a certified factor this is a theorem and can only "
            "fail by a fault of this software; where the decoder's layers certify none, the factor is the largest "
            "seen on other pairs, and the claim is that it holds here too. Without the latents the errors alone must "
            "not explain the distances."
        ),
        equation="‖y − y′‖ ≤ L ‖( E_T(x) − E_T(x′) ) K + c − c′‖ + ε + ε′,  ε = ‖y − ŷ‖",
    ),
    "bounded_informative": Explanation(
        words=(
            "A bound that holds may still say nothing: no two samples are farther apart than the diameter of the "
            "data, so a bound above it is empty. The number is the share of pairs for which the bound by latent "
            "distance is below the diameter. Certified factors are products over layers, and often far too large."
        ),
        equation="P( L ‖z − z′‖ + ε + ε′ < max ‖y − y′‖ )",
    ),
    "violations_at_boundaries": Explanation(
        words=(
            "Between the noise of two classes runs a boundary, across which the flow tears apart what is near. How "
            "much it stretches at a point is its Lyapunov exponent, from the derivative of the flow itself. Take "
            "a constant that bounds how far 95 % of the near pairs of other objects end up apart: the near pairs here "
            "that violate it should be those with a large exponent at one of their ends. The number is the chance that "
            "a violating pair has a larger exponent than one that does not violate: ½ where the exponent says nothing. "
            "In latent space it may well say nothing: an encoder can tear apart beforehand what the flow tears apart."
        ),
        equation="P( λ_V > λ_U ),  λ = max( log ‖DΦ(x)‖, log ‖DΦ(x′)‖ ) of a violating and of another near pair",
    ),
    "near_stays_near": Explanation(
        words=(
            "What is near should become alike, unless a boundary runs between. For each object its nearest neighbours "
            "are looked up, and it is counted how many land in its class. Where the flow stretches less than usual "
            "nearly all should; among the tenth of the objects where it stretches most the same must fail, or the "
            "exponent says nothing of boundaries. In spaces of many dimensions no neighbour is near enough."
        ),
        equation="E[ share of the k nearest x′ of x with class(y′) = class(y)  |  λ(x) ≤ median ]",
    ),
    "eigenvalues": Explanation(
        words=(
            "With one encoder for both ends the eigenvalues of the matrix are rates of the dynamics, as far as "
            "the functions that belong to them change as they say: that is the residual. With two "
            "encoders either latent space can be turned and stretched at will, and the matrix with it, while "
            "every prediction stays the same: its eigenvalues then say nothing about the flow."
        ),
        equation="‖ φ(y) − λ φ(x) ‖ / ‖ φ(x) ‖,  φ = E v,  K v = λ v",
    ),
}


def explanation_of(claim: Claim) -> Explanation:
    """The explanation of a claim by its id; variants such as "comparison_dmd" share that of the id they begin with."""
    for id in sorted(_BY_ID, key=len, reverse=True):
        if claim.id == id or claim.id.startswith(f"{id}_"):
            return _BY_ID[id]
    return Explanation(words=claim.hypothesis, equation=claim.quantity)
