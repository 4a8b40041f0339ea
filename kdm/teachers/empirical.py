"""The ideal diffusion model of a finite set of points.

With a bandwidth h the data are p₀ = (1/N) Σ_i N(p_i, h² I), and with s² = σ² + h² and
w_i(x) = softmax_i( −‖x − p_i‖² / 2 s² ),

    D(x, σ) = ( σ² Σ_i w_i(x) p_i + h² x ) / s²                                                                     (1)

Σ_i w_i p_i is attention of the state over the points: dropping ‖x‖², which no weight depends on,

    −‖x − p_i‖² / 2 s²  ≅  ⟨ (x, 1), (p_i, −‖p_i‖² / 2) ⟩ / s²                                                      (2)

so a fused attention kernel evaluates it without ever holding the n × N weights. At h = 0 the model is a look-up table
of its points; h > 0 makes it a density, and is part of every result.

With C_w(x) the covariance of the points under those weights, the velocity (x − D)/σ has the Jacobian

    ∂v/∂x = σ ( I − C_w(x) / s² ) / s²                                                                              (3)

whose second moments are one product of the weights with a table of all p_i p_iᵀ.

Points are centred first, which keeps the products in (2) small beside the s² of the data end.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any, ClassVar

import torch

from kdm.shapes import Float, Labels, Samples, Tensor
from kdm.teachers.base import Constants, Teacher, normal


@dataclass(frozen=True, kw_only=True, eq=False)
class Empirical(Teacher):
    """Data from a normal kernel of standard deviation `bandwidth` about each of the points.

    With `classes`, one a point, the label of a sample is the class of the point nearest to it.
    """

    points: Float[Tensor, " points *shape"]
    bandwidth: float
    classes: Labels | None = None

    kind: ClassVar[str] = "empirical"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.bandwidth < 0:
            raise ValueError(f"bandwidth is {self.bandwidth}: expected at least 0.")
        if self.classes is not None and len(self.classes) != len(self.points):
            raise ValueError(f"{len(self.classes)} classes for {len(self.points)} points: expected one a point.")

    @property
    def precision(self) -> torch.dtype:
        """Single: attention over many points is what collecting waits for."""
        return torch.float32

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one point."""
        return tuple(self.points.shape[1:])

    @property
    def number_of_labels(self) -> int:
        """How many classes the points have."""
        return 0 if self.classes is None else int(self.classes.max()) + 1

    def class_weights(self) -> Float[Tensor, " classes"]:
        """The share of the points that each class has; none where there are no classes."""
        if self.classes is None:
            return torch.zeros(0, dtype=torch.float64)
        return self.classes.bincount().double() / len(self.classes)

    def of_class(self, label: int) -> "Empirical":
        """The same kernel about the points of one class."""
        if not 0 <= label < self.number_of_labels or self.class_weights()[label] == 0:
            raise ValueError(f"expected a class that has points, below {self.number_of_labels}, got {label}")
        return Empirical(
            points=self.points[self.classes == label], bandwidth=self.bandwidth, sigma_noise=self.sigma_noise,
            sigma_data=self.sigma_data,
        )  # fmt: skip

    @cached_property
    def _constants(self) -> Constants:
        """The centre, the keys (p_i, −‖p_i‖² / 2) of equation (2), and the values p_i, padded to the keys' length."""
        points = self.points.double().flatten(1)
        centre = points.mean(0)
        values = points - centre
        half_norms = 0.5 * (values**2).sum(1, keepdim=True)
        return Constants(centre, torch.cat([values, -half_norms], 1), torch.cat([values, 0 * half_norms], 1))

    @cached_property
    def _products(self) -> Constants:
        """The entries on and above the diagonal of every p_i p_iᵀ, a row each."""
        (_, _, values) = self._constants.like(self.points.double())
        first, second = torch.triu_indices(values.shape[1] - 1, values.shape[1] - 1)
        return Constants(values[:, first] * values[:, second])

    def denoise(self, x: Samples, sigma: float) -> Samples:
        """Equation (1)."""
        centre, keys, values = self._constants.like(x)
        variance = sigma**2 + self.bandwidth**2
        state = x.flatten(1) - centre
        query = torch.cat([state, torch.ones_like(state[:, :1])], 1)
        attended = torch.nn.functional.scaled_dot_product_attention(
            query[None, None], keys[None, None], values[None, None], scale=1 / variance
        )[0, 0, :, :-1]
        denoised = (sigma**2 * attended + self.bandwidth**2 * state) / variance + centre
        return denoised.reshape(x.shape)

    def velocity_jacobian(self, x: Samples, sigma: float) -> tuple[Samples, Float[Tensor, "n d d"]]:
        """Equation (3), d times cheaper than d derivatives; it keeps N d² / 2 numbers."""
        centre, keys, _ = self._constants.like(x)
        (products,) = self._products.like(x)
        variance, points = sigma**2 + self.bandwidth**2, keys[:, :-1]
        state = x.flatten(1) - centre
        weights = ((state @ points.T + keys[:, -1]) / variance).softmax(-1)
        mean, d = weights @ points, points.shape[1]
        covariance = state.new_empty(len(x), d, d)
        first, second = torch.triu_indices(d, d)
        covariance[:, first, second] = covariance[:, second, first] = weights @ products
        covariance -= mean[:, :, None] * mean[:, None, :]
        velocity = sigma * (state - mean) / variance
        identity = torch.eye(d, dtype=x.dtype, device=x.device)
        return velocity.reshape(x.shape), sigma / variance * (identity - covariance / variance)

    def log_density(self, x: Samples, sigma: float) -> Float[Tensor, " n"]:
        """The logarithm of a sum of kernels of variance σ² + h²."""
        centre, keys, _ = self._constants.like(x)
        variance = sigma**2 + self.bandwidth**2
        state = x.flatten(1) - centre
        exponents = (state @ keys[:, :-1].T + keys[:, -1] - 0.5 * (state**2).sum(1, keepdim=True)) / variance
        normaliser = math.log(len(keys)) + 0.5 * state.shape[1] * math.log(2 * math.pi * variance)
        return exponents.logsumexp(-1) - normaliser

    def sample(self, n: int, *, sigma: float, generator: torch.Generator) -> Samples:
        """A point drawn with replacement, and normal noise of variance σ² + h²."""
        unit = normal(n, *self.shape, generator=generator)
        which = torch.randint(len(self.points), (n,), device=unit.device, generator=generator)
        return self.points.to(unit)[which] + math.sqrt(sigma**2 + self.bandwidth**2) * unit

    def labels(self, data: Samples) -> Labels | None:
        """The class of the point nearest to each sample."""
        if self.classes is None:
            return None
        centre, keys, _ = self._constants.like(data)
        state = data.flatten(1) - centre
        return self.classes.to(data.device)[(state @ keys[:, :-1].T + keys[:, -1]).argmax(-1)]

    def parameters(self) -> dict[str, Any]:
        """The bandwidth, every point, and the classes."""
        classes = None if self.classes is None else self.classes.tolist()
        return {"bandwidth": self.bandwidth, "points": self.points.tolist(), "classes": classes}

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, Any]) -> "Empirical":
        """The teacher of these points."""
        classes = parameters["classes"]
        tensors = {
            "points": torch.tensor(parameters["points"], dtype=torch.float64),
            "classes": None if classes is None else torch.tensor(classes),
        }
        return cls(**{**parameters, **tensors})


class NamedPoints(Empirical):
    """Points that everyone has: a configuration names them instead of repeating them."""

    def parameters(self) -> dict[str, Any]:
        """The bandwidth."""
        return {"bandwidth": self.bandwidth}

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, Any]) -> "NamedPoints":
        """The points of this name with this bandwidth."""
        return cls(**parameters)


@cache
def _handwriting() -> tuple[Float[Tensor, "points 8 8"], Labels]:
    # Imported here because it takes longer than the rest of this package, which mostly does without.
    from sklearn.datasets import load_digits

    bunch = load_digits()
    return torch.tensor(bunch.images / 8 - 1, dtype=torch.float64), torch.tensor(bunch.target)


@dataclass(frozen=True, kw_only=True, eq=False)
class Digits(NamedPoints):
    """The 1797 handwritten digits of scikit-learn: 8 × 8 pixels in [−1, 1], with their classes."""

    points: Float[Tensor, " points *shape"] = field(default_factory=lambda: _handwriting()[0], init=False)
    classes: Labels | None = field(default_factory=lambda: _handwriting()[1], init=False)
    bandwidth: float = 0.1

    kind: ClassVar[str] = "digits"
