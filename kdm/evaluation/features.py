"""What images are compared by: features of any extractor.

An extractor takes images, in the units of the data, to rows of numbers. Two need nothing but data: the pixels, and

    φ(x) = (x − x̄) V,      V the leading eigenvectors of the covariance of training images,                (1)

principal components, in which no unit is changed: distances are those of the images but for what is left out.
"""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import scipy.linalg
import torch

from kdm.shapes import Float, Samples, Tensor
from kdm.trajectories import Trajectories

COMPONENTS = 64
"""Principal components kept, at most."""
IMAGES = 5000
"""Training images whose covariance is decomposed, at most."""
BATCH = 256
"""Images given to an extractor at once."""


@runtime_checkable
class FeatureExtractor(Protocol):
    """Anything that describes an image by a row of numbers."""

    @property
    def name(self) -> str:
        """What the features are, for the reader of a result."""
        ...

    def __call__(self, images: Samples) -> Float[Tensor, "n features"]:
        """The features of each image."""
        ...


@runtime_checkable
class OfRange(Protocol):
    """An extractor that knows images with values of one range, and sees others as the nearest of them."""

    @property
    def low(self) -> float:
        """The value of a black pixel."""
        ...

    @property
    def high(self) -> float:
        """The value of a white one."""
        ...


@dataclass(frozen=True)
class Pixels:
    """The images themselves."""

    name: str = "pixels"

    def __call__(self, images: Samples) -> Float[Tensor, "n features"]:
        """All their numbers."""
        return images.flatten(1)


@dataclass(frozen=True, kw_only=True, eq=False)
class PrincipalComponents:
    """Equation (1).

    Attributes:
        mean: x̄.
        axes: V.
        images: Number of images that both were taken from.
    """

    mean: Float[Tensor, " d"]
    axes: Float[Tensor, "d k"]
    images: int

    @classmethod
    def of(cls, images: Float[Tensor, " images *shape"], *, count: int = COMPONENTS) -> "PrincipalComponents":
        """Those of the first `IMAGES` of these images: all where there are fewer numbers than `count`.

        Raises:
            ValueError: If there are fewer than two images, or no component is asked for.
        """
        if len(images) < 2 or count < 1:
            raise ValueError(f"expected two images and one component or more, got {len(images)} and {count}")
        some = images[:IMAGES].flatten(1).double().cpu()
        mean, width = some.mean(0), some.shape[1]
        covariance = (some - mean).T @ (some - mean) / (len(some) - 1)
        leading = (max(0, width - count), width - 1)
        _, axes = scipy.linalg.eigh(covariance.numpy(), subset_by_index=leading)
        return cls(mean=mean, axes=torch.from_numpy(axes[:, ::-1].copy()), images=len(some))

    @classmethod
    def of_training(cls, data: Trajectories) -> "PrincipalComponents":
        """Those of training images, of which no more are read than are used."""
        rows = min(IMAGES, len(data) - data.manifest.heldout)
        return cls.of(torch.from_numpy(np.asarray(data.data[:rows], dtype=np.float32)))

    @property
    def name(self) -> str:
        """How many, of what."""
        return f"{self.axes.shape[1]} principal components of {self.images:,} training images"

    def __call__(self, images: Samples) -> Float[Tensor, "n features"]:
        """The coordinates, in float64."""
        return (images.flatten(1).double().cpu() - self.mean) @ self.axes


@torch.no_grad()
def features_of(extractor: FeatureExtractor, images: Samples, *, batch: int = BATCH) -> np.ndarray:
    """The features of images, without gradients and in batches, as float64 rows."""
    return torch.cat([extractor(part).double().cpu() for part in images.split(batch)]).numpy()
