"""What lies between two objects? Paths in latent space, carried by K and decoded, beside cheaper ways from end to end.

**Ways.** From the noise x to the noise x', with s from 0 to 1,

    latent, linear       D( z(s) K + c ),  z(s) = (1 − s) E_noise(x) + s E_noise(x')                        (1)
    latent, spherical    the same on the arc between the two latents                                        (2)
    noise, linear        Φ( (1 − s) x + s x' ),  the image of what lies between the noises                  (3)
    noise, spherical     the same on the arc between the two noises                                         (4)
    cross-fade           (1 − s) y + s y',  what lies between the images                                    (5)

K and c are affine, so z(s) K + c is the straight way between the two *carried* latents: (1) is the same in every linear
gauge of the latent space. An arc is not; (2) means something only where the norm does, as for latents that are
normalised to ‖z‖ = √m, whose chord (1) leaves their sphere. So does noise in many dimensions: the middle of a chord has
1/√2 of the norm that noise has, and lies where no noise is. Any *affine* model makes cross-fades of (1) and (3).

**What a path is measured by.** With steps γ₀, …, γ_S of n pairs of ends, a bar for the mean over pairs, o(p) the
distance of p to the nearest of many real data points, ō the mean of o over other real data points,

    length       Σₖ ‖γₖ₊₁ − γₖ‖  /  ‖γ_S − γ₀‖,   means over pairs above and below      ≥ 1                 (6)
    jump         maxₖ ‖γₖ₊₁ − γₖ‖  /  ‖γ_S − γ₀‖,   the same                            ≥ 1/S               (7)
    departure    o(γₖ) / ō,   over 0 < k < S                                 1 for a real data point        (8)
    detour       share of 0 < k < S at which the nearest data point bears the label of neither end          (9)

(8) alone proves nothing: a table of the data, read at the nearest key, never departs from them; it jumps, and (7) says
so. Where the law has gaps, no continuous path avoids both. Real points are finitely many; (8) divides by what a real
point scores against them.

**Units.** Each object belongs to one pair only, so that pairs are independent; intervals resample pairs, the same
resamples for all ways. The data points that o looks among are fixed.

Sources: Shoemake 1985 (arcs); White 2016, arXiv 1609.04468 (why latents are interpolated along them).
"""

from koopman_analysis.interpolation.blends import LINEAR, SPHERICAL, Blend, Linear, Spherical
from koopman_analysis.interpolation.paths import Paths, cross_fades, disjoint_pairs, latent_paths, noise_paths
from koopman_analysis.interpolation.study import InterpolationStudy, interpolation_study

__all__ = [
    "Blend",
    "InterpolationStudy",
    "LINEAR",
    "Linear",
    "Paths",
    "SPHERICAL",
    "Spherical",
    "cross_fades",
    "disjoint_pairs",
    "interpolation_study",
    "latent_paths",
    "noise_paths",
]
