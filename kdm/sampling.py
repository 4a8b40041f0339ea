"""One-step samples from fresh noise."""

import torch

from kdm.evaluation import generated
from kdm.model import KoopmanDistillationModel
from kdm.shapes import Labels, Samples


def sample(
    model: KoopmanDistillationModel, n: int, *, generator: torch.Generator, labels: Labels | None = None
) -> Samples:
    """N one-step samples from Gaussian noise of the model's noise scale, on the model's device.

    The noise end of a variance-exploding flow has the law p₀ * N(0, σ²I); its Gaussian part alone is drawn here, as
    every sampler does. At σ = 80 that moves a sample by about 2·10⁻⁴ of a standard deviation.
    """
    if n < 1:
        raise ValueError(f"expected a positive number of samples, got {n}")
    device = next(model.parameters()).device
    noise = model.scaling.noise * torch.randn(n, *model.shape, generator=generator, device=generator.device)
    return generated(model, noise.to(device), labels)
