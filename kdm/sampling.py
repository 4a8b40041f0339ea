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

    Args:
        model: The model.
        n: How many.
        generator: Of the noise.
        labels: The class of each sample, for a model of classes; all classes in turn unless given.

    Raises:
        TypeError: If the labels are no tensor of whole numbers.
        ValueError: If n is not positive, or the labels are not n of the model's classes.
    """
    if n < 1:
        raise ValueError(f"expected a positive number of samples, got {n}")
    if labels is None and model.classes:
        labels = torch.arange(n) % model.classes
    if labels is not None:
        _require_classes(labels, n, model.classes)
    device = next(model.parameters()).device
    labels = None if labels is None else labels.to(device)
    noise = model.scaling.noise * torch.randn(n, *model.shape, generator=generator, device=generator.device)
    return generated(model, noise.to(device), labels)


def _require_classes(labels: object, n: int, classes: int) -> None:
    if not classes:
        raise ValueError("expected no labels for a model that is told no classes, got some: leave them out")
    if not isinstance(labels, torch.Tensor) or labels.is_floating_point() or labels.dtype == torch.bool:
        found = f"one of {labels.dtype}" if isinstance(labels, torch.Tensor) else f"a {type(labels).__name__}"
        raise TypeError(f"expected labels as a tensor of whole numbers, got {found}: pass torch.tensor([0, 1, …])")
    if labels.shape != (n,) or int(labels.min()) < 0 or int(labels.max()) >= classes:
        raise ValueError(
            f"expected {n} labels of 0 to {classes - 1}, got {tuple(labels.shape)} of {int(labels.min())} to "
            f"{int(labels.max())}"
        )
