"""The noise levels at which a probability-flow equation is stepped.

The schedule of Karras et al. 2022 ("EDM", arXiv 2206.00364, equation 5) is uniform in σ^(1/ρ):

    σ_i = ( σ_noise^(1/ρ) + (i / N) (σ_data^(1/ρ) − σ_noise^(1/ρ)) )^ρ,        i = 0 … N                            (1)

Here it ends at σ_data > 0 and no step to zero follows. The last step of EDM, from σ_data to 0, is a first-order step
on a stiff equation; without it the map from noise to data is that of an exactly known pair of laws, p₀ * N(0, σ_noise²)
and p₀ * N(0, σ_data²), and the order of the solver can be verified.
"""

import torch

from kdm.shapes import Float, Tensor


def edm_sigmas(
    steps: int, *, sigma_noise: float = 80.0, sigma_data: float = 0.002, rho: float = 7.0
) -> Float[Tensor, " times"]:
    """The `steps + 1` noise levels of equation (1), from noise to data, both ends exact, in float64.

    The defaults are those of Karras et al. 2022.

    Raises:
        ValueError: if there is no step, or the levels do not decrease to a positive end.
    """
    if steps < 1:
        raise ValueError(f"steps is {steps}: expected at least 1.")
    if not 0 < sigma_data < sigma_noise:
        raise ValueError(f"sigma_data is {sigma_data}, sigma_noise {sigma_noise}: expected 0 < data < noise.")
    roots = torch.linspace(sigma_noise ** (1 / rho), sigma_data ** (1 / rho), steps + 1, dtype=torch.float64)
    sigmas = roots**rho
    sigmas[0], sigmas[-1] = sigma_noise, sigma_data
    return sigmas
