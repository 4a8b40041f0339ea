"""A teacher: a law of data p₀ whose noised score is known.

A teacher noises its data by variance explosion, p_σ = p₀ * N(0, σ² I), and knows the ideal denoiser, from which the
score and the velocity of the probability-flow equation follow (Tweedie; Karras et al. 2022, equations 1 and 3):

    D(x, σ)      = E[x₀ | x],   x = x₀ + σ ε                                                                        (1)
    ∇ log p_σ(x) = (D(x, σ) − x) / σ²                                                                               (2)
    dx / dσ      = −σ ∇ log p_σ(x) = (x − D(x, σ)) / σ                                                              (3)

The velocity of (3) is a gradient, so its Jacobian ∂v/∂x = −σ ∇² log p_σ(x) is symmetric.                           (4)

Both ends are exact laws: the noise end is p_T = p₀ * N(0, σ_noise² I), sampled as such, and the data end is
p₀ * N(0, σ_data² I). (N(0, σ_noise² I) is not the law that the flow carries to it.)

A *conditional* teacher carries each row by the flow of a law p₀(· | label) of its own; the labels are asked for, as
often as they occur, and `given(labels)` is the law of rows that have them.

Tensors keep the device and the dtype of what is passed in; a teacher's own constants follow them.
"""

import warnings
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

import torch
from torch.func import jvp, vmap
from torch.nn.attention import SDPBackend, sdpa_kernel

from kdm.shapes import Float, Labels, Samples, Tensor


@dataclass(frozen=True, kw_only=True, eq=False)
class NoisedLaw(ABC):
    """A law of data with a known noised score; `sigma_noise` and `sigma_data` are the ends of its flow.

    The defaults of both are those of Karras et al. 2022.
    """

    sigma_noise: float = 80.0
    sigma_data: float = 0.002

    def __post_init__(self) -> None:
        if not 0 < self.sigma_data < self.sigma_noise:
            raise ValueError(
                f"sigma_data is {self.sigma_data}, sigma_noise {self.sigma_noise}: expected 0 < data < noise."
            )

    @property
    def noise_deviation(self) -> float:
        """Standard deviation of the Gaussian noise that stands for the noise end where its law is not at hand."""
        return self.sigma_noise

    @property
    @abstractmethod
    def shape(self) -> tuple[int, ...]:
        """The shape of one sample."""

    @abstractmethod
    def denoise(self, x: Samples, sigma: float) -> Samples:
        """E[x₀ | x], equation (1)."""

    @abstractmethod
    def log_density(self, x: Samples, sigma: float) -> Float[Tensor, " n"]:
        """The logarithm of p_σ(x), normalised; at sigma = 0 that of p₀ itself, where it has one."""

    @abstractmethod
    def sample(self, n: int, *, sigma: float, generator: torch.Generator) -> Samples:
        """Exact samples of p_σ, n of them, in float64, on the generator's device."""

    def score(self, x: Samples, sigma: float) -> Samples:
        """∇ log p_σ(x), equation (2)."""
        return (self.denoise(x, sigma) - x) / sigma**2

    def velocity(self, x: Samples, sigma: float) -> Samples:
        """dx/dσ of the probability flow, equation (3)."""
        return (x - self.denoise(x, sigma)) / sigma

    def velocity_jvp(
        self, x: Samples, sigma: float, tangents: Float[Tensor, "k n *shape"]
    ) -> tuple[Samples, Float[Tensor, "k n *shape"]]:
        """The velocity, and its derivative along each of k tangents: forward-mode differentiation of equation (3)."""
        _load_forward_mode()

        def along(tangent: Samples) -> tuple[Samples, Samples]:
            found = jvp(lambda state: self.velocity(state, sigma), (x,), (tangent,))
            return found[0], found[1]

        # A fused attention kernel has no derivative in forward mode; the plain one has.
        with sdpa_kernel(SDPBackend.MATH):
            velocities, derivatives = vmap(along)(tangents)
        return velocities[0], derivatives

    def velocity_jacobian(self, x: Samples, sigma: float) -> tuple[Samples, Float[Tensor, "n d d"]]:
        """The velocity, and equation (4) in flattened coordinates."""
        axes = torch.eye(x[0].numel(), dtype=x.dtype, device=x.device)
        along = axes.unflatten(1, x.shape[1:])[:, None].expand(-1, *x.shape)
        velocity, derivatives = self.velocity_jvp(x, sigma, along)
        return velocity, derivatives.flatten(2).transpose(0, 1)

    def sample_noise(self, n: int, *, generator: torch.Generator) -> Samples:
        """Exact samples of the noise end p₀ * N(0, σ_noise² I)."""
        return self.sample(n, sigma=self.sigma_noise, generator=generator)

    def sample_data(self, n: int, *, generator: torch.Generator) -> Samples:
        """Exact samples of the data end p₀ * N(0, σ_data² I)."""
        return self.sample(n, sigma=self.sigma_data, generator=generator)


@dataclass(frozen=True, kw_only=True, eq=False)
class Teacher(NoisedLaw):
    """A law that has a configuration, from which it can be made again, and may have labels."""

    kind: ClassVar[str]
    """The name of this family of teachers in a configuration."""
    exact: ClassVar[bool] = True
    """Whether its densities and samples of both ends are known, as they are where the denoiser was not learned."""

    @property
    def precision(self) -> torch.dtype:
        """The precision in which its flow is integrated when pairs are collected."""
        return torch.float64

    @property
    def steps(self) -> int:
        """Heun steps of its flow, unless others are asked for."""
        return 64

    @property
    def together(self) -> int:
        """Rows at most that are collected between two records of what is done; fewer where a row costs much."""
        return 4096

    @property
    def number_of_labels(self) -> int:
        """How many semantic labels there are, 0 where the data have none."""
        return 0

    @property
    def conditional(self) -> bool:
        """Whether a row has the flow of its label's law; labels are then asked for, not read off the data."""
        return False

    def sample_conditions(self, n: int, *, generator: torch.Generator) -> Labels | None:
        """The labels to ask n rows for, drawn as often as they occur; None, and nothing drawn, if not conditional."""
        return None

    def given(self, labels: Labels | None) -> NoisedLaw:
        """The law of rows that have these labels, one each: a row is always that of its label.

        A teacher that is not conditional is the same law for all, and may be given None.
        """
        return self

    def labels(self, data: Samples) -> Labels | None:
        """The semantic label of each data point, None where the data have none."""
        return None

    def config(self) -> dict[str, Any]:
        """What `teachers.teacher_from_config` needs to make this teacher again; JSON can hold it."""
        return {
            "kind": self.kind,
            "sigma_noise": self.sigma_noise,
            "sigma_data": self.sigma_data,
            **self.parameters(),
        }

    @abstractmethod
    def parameters(self) -> dict[str, Any]:
        """The parameters of p₀, as numbers and nested lists."""

    @classmethod
    @abstractmethod
    def from_parameters(cls, parameters: Mapping[str, Any]) -> "Teacher":
        """The teacher with these parameters and, among them, the ends of its flow."""


@cache
def _load_forward_mode() -> None:
    """Has torch load its rules of differentiation, some of which it deprecates itself."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        jvp(torch.sin, (torch.ones(1),), (torch.ones(1),))


class Constants:
    """Tensors that follow the device and the dtype of their user, converted once for each."""

    def __init__(self, *tensors: Tensor) -> None:
        self._original = tensors
        self._placed: dict[tuple[torch.device, torch.dtype], tuple[Tensor, ...]] = {}

    def like(self, x: Tensor) -> tuple[Tensor, ...]:
        """The tensors on the device of x, in its dtype."""
        key = (x.device, x.dtype)
        if key not in self._placed:
            self._placed[key] = tuple(tensor.to(x.device, x.dtype) for tensor in self._original)
        return self._placed[key]


def normal(n: int, *shape: int, generator: torch.Generator) -> Tensor:
    """Standard normal numbers in float64, (n, *shape), on the generator's device."""
    return torch.randn(n, *shape, dtype=torch.float64, device=generator.device, generator=generator)
