"""Distances between samples, d of the objectives: dimensionless, one number a sample.

    squared          mean r²                                                                                (1)
    pseudo-Huber     mean √(r² + c²) − c  =  mean r² / (√(r² + c²) + c)                                       (2)
    perceptual       LPIPS of the two pictures (`kdm.networks.perceptual`)                                  (3)
    a sum            Σ_j a_j d_j                                                                            (4)

over the features, with r = x̂ − x the difference in standardised units. (2) lies below r²/2c and below |r|, and nears
the one where |r| ≪ c and the other where |r| ≫ c; its right form loses no digits where x̂ nears x. (3) is not a function
of r: it sees pictures in the data's own units, of which [low, high] becomes [−1, 1].

What a distance needs to know of a target is computed once for all samples that are compared with it.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np
import torch

from kdm.model import Scaling
from kdm.networks.perceptual import InstalledWeights, PerceptualNetwork, WeightFiles
from kdm.shapes import Float, Samples, Tensor, as_pictures
from kdm.trajectories import Trajectories

LOOKED_AT = 2**24
"""Numbers of the training data whose range is looked at."""
OUTSIDE = 0.05
"""How far values may lie outside a range on average, in halves of it: images of a teacher leave it a little."""
PerSample: TypeAlias = Float[Tensor, " n"]
DistanceTo: TypeAlias = Callable[[Samples], PerSample]
"""The distance of samples from a target that it knows, in standardised units."""


@runtime_checkable
class SampleDistance(Protocol):
    """d, a function of samples and their targets in standardised units."""

    def to(self, target: Samples, *, scaling: Scaling) -> DistanceTo:
        """The distance of any samples from these targets, one by one.

        Args:
            target: What is compared with; no derivative is taken by it.
            scaling: Units of the samples.
        """
        ...


@dataclass(frozen=True)
class SquaredDistance:
    """Equation (1)."""

    def __call__(self, predicted: Samples, target: Samples) -> PerSample:
        """Mean (predicted − target)² over features."""
        return (predicted - target).square().flatten(1).mean(dim=1)

    def to(self, target: Samples, *, scaling: Scaling) -> DistanceTo:
        """The distance of any samples from these targets."""
        return partial(self, target=target)


@dataclass(frozen=True, kw_only=True)
class PseudoHuberDistance:
    """Equation (2): quadratic within c, linear beyond, so that a few far samples do not rule.

    Attributes:
        c: The transition, in standard deviations of the data; the paper's 0.03 by default.

    Raises:
        ValueError: If c is not a positive number.
    """

    c: float = 0.03

    def __post_init__(self) -> None:
        if not 0.0 < self.c < math.inf:
            raise ValueError(f"expected a transition c > 0 of the pseudo-Huber distance, got {self.c}")

    def __call__(self, predicted: Samples, target: Samples) -> PerSample:
        """Mean √((predicted − target)² + c²) − c over features."""
        squares = (predicted - target).square()
        return (squares / (torch.sqrt(squares + self.c**2) + self.c)).flatten(1).mean(dim=1)

    def to(self, target: Samples, *, scaling: Scaling) -> DistanceTo:
        """The distance of any samples from these targets."""
        return partial(self, target=target)


@dataclass(frozen=True, kw_only=True)
class PerceptualDistance:
    """Equation (3), for pictures (channels, height, width) or (height, width), of any size.

    The network is read at the first use and belongs to no model: no checkpoint holds it.

    Attributes:
        weights: Where those of the network come from.
        low: The value of a black pixel, in the data's units.
        high: The value of a white one.
        shortest: Pictures with a shorter side are enlarged until it is so long. LPIPS is made for photographs; Song et
            al. (2023, arXiv 2303.01469) enlarge 32 × 32 to 224 × 224, at 49 times the cost.

    Raises:
        ValueError: If white is not lighter than black, or pictures could be too short for the last stage.
    """

    weights: WeightFiles | InstalledWeights
    low: float = -1.0
    high: float = 1.0
    shortest: int = 32

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise ValueError(f"expected low < high, got {self.low} and {self.high}")
        if self.shortest < 16:
            raise ValueError(f"expected a shortest side >= 16, which can be halved 4 times, got {self.shortest}")

    @cached_property
    def network(self) -> PerceptualNetwork:
        """The network.

        Raises:
            WeightsError: If its weights cannot be had.
        """
        return PerceptualNetwork(self.weights.tensors()).eval()

    def to(self, target: Samples, *, scaling: Scaling) -> DistanceTo:
        """The distance of any samples from these targets, whose features are computed here.

        Raises:
            ValueError: If the samples are no pictures.
        """
        network = self.network.to(target)

        def features(samples: Samples) -> list[Tensor]:
            pixels = samples * scaling.data + scaling.data_mean
            levels = (2.0 * pixels - (self.low + self.high)) / (self.high - self.low)
            return network.features(as_pictures(levels), shortest=self.shortest)

        with torch.no_grad():
            wanted = features(target)
        return lambda predicted: network.between(features(predicted), wanted)


@dataclass(frozen=True, kw_only=True)
class WeighedDistance:
    """One term of a sum.

    Attributes:
        distance: d_j.
        weight: a_j.

    Raises:
        ValueError: If the weight is not positive.
    """

    distance: SquaredDistance | PseudoHuberDistance | PerceptualDistance
    weight: float = 1.0

    def __post_init__(self) -> None:
        if not 0.0 < self.weight < math.inf:
            raise ValueError(f"expected a weight > 0 of a distance, got {self.weight}")


@dataclass(frozen=True)
class SumOfDistances:
    """Equation (4).

    Attributes:
        terms: At least one.

    Raises:
        ValueError: If there are none.
    """

    terms: tuple[WeighedDistance, ...]

    def __post_init__(self) -> None:
        if not self.terms:
            raise ValueError("expected a distance at least in a sum of distances, got none")

    def to(self, target: Samples, *, scaling: Scaling) -> DistanceTo:
        """The distance of any samples from these targets."""
        parts = [(term.weight, term.distance.to(target, scaling=scaling)) for term in self.terms]
        return lambda predicted: torch.stack([weight * part(predicted) for weight, part in parts]).sum(dim=0)


PixelDistance = SquaredDistance | PseudoHuberDistance
"""Of any samples, feature by feature."""
Distance = SquaredDistance | PseudoHuberDistance | PerceptualDistance | SumOfDistances
"""Of any kind; the last two may want pictures."""


def digests_of_weights(distance: SampleDistance) -> dict[str, str]:
    """The SHA-256 of each file from which a distance reads its network, by path; empty where it reads none.

    Raises:
        WeightsError: If one is not there.
    """
    if isinstance(distance, SumOfDistances):
        return {path: found for term in distance.terms for path, found in digests_of_weights(term.distance).items()}
    return distance.weights.digests() if isinstance(distance, PerceptualDistance) else {}


def require_range(distance: SampleDistance, data: Trajectories) -> None:
    """Refuses training data, by their first `LOOKED_AT` numbers, outside the range of a distance between pictures.

    Raises:
        ValueError: If they are.
    """
    if isinstance(distance, SumOfDistances):
        for term in distance.terms:
            require_range(term.distance, data)
    if isinstance(distance, PerceptualDistance):
        rows = min(len(data) - data.manifest.heldout, max(1, LOOKED_AT // math.prod(data.shape)))
        pictures = torch.from_numpy(np.asarray(data.data[:rows], dtype=np.float32))
        advice = "give the perceptual distance the low and high of these data"
        require_values(pictures, low=distance.low, high=distance.high, advice=advice)


def require_values(pictures: Samples, *, low: float, high: float, advice: str) -> None:
    """Refuses pictures of data whose values are not of this range.

    Args:
        pictures: The pictures, in the data's units.
        low: The value of a black pixel.
        high: The value of a white one.
        advice: What to do where it is another one.

    Raises:
        ValueError: If values lie further outside than `OUTSIDE`, on average.
    """
    outside = float((pictures - pictures.clamp(low, high)).abs().double().mean()) / ((high - low) / 2.0)
    if not outside <= OUTSIDE:
        raise ValueError(
            f"expected pictures of values between {low:g} and {high:g}, got data between {float(pictures.min()):.4g} "
            f"and {float(pictures.max()):.4g}, of which much lies outside: {advice}"
        )
