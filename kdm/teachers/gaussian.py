"""Gaussian data, whose flow is affine.

For p₀ = N(μ, Σ) with Σ = U diag(v) Uᵀ, everything is linear in the eigenbasis:

    D(x, σ) = μ + Σ (Σ + σ² I)⁻¹ (x − μ)                                                                            (1)
    y = μ + (Σ + σ_data² I)^(1/2) (Σ + σ_noise² I)^(−1/2) (x − μ)                                                   (2)

Equation (2), the flow from noise to data, holds because (Σ + σ² I) for all σ commute; it is the known answer against
which solvers and Koopman models are checked: {1, x} is a closed dictionary of this flow.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import torch

from kdm.shapes import Float, Samples, Tensor
from kdm.teachers.base import Constants, Teacher, normal


@dataclass(frozen=True, kw_only=True, eq=False)
class Gaussian(Teacher):
    """Data from N(mean, covariance)."""

    mean: Float[Tensor, " d"]
    covariance: Float[Tensor, "d d"]

    kind: ClassVar[str] = "gaussian"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_covariances(self.covariance[None])

    @classmethod
    def correlated(cls) -> "Gaussian":
        """An anisotropic Gaussian in the plane, variances 4 and 1/4 along the diagonals, off the origin."""
        covariance = torch.tensor([[2.125, 1.875], [1.875, 2.125]], dtype=torch.float64)
        return cls(mean=torch.tensor([1.0, -0.5], dtype=torch.float64), covariance=covariance)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one sample."""
        return (len(self.mean),)

    @cached_property
    def _constants(self) -> Constants:
        variances, basis = torch.linalg.eigh(self.covariance.double())
        return Constants(self.mean, variances.clamp(min=0), basis)

    def denoise(self, x: Samples, sigma: float) -> Samples:
        """Equation (1)."""
        mean, variances, basis = self._constants.like(x)
        return mean + ((x - mean) @ basis * (variances / (variances + sigma**2))) @ basis.T

    def velocity_jacobian(self, x: Samples, sigma: float) -> tuple[Samples, Float[Tensor, "n d d"]]:
        """The velocity and its derivative σ (Σ + σ² I)⁻¹, the same everywhere."""
        _, variances, basis = self._constants.like(x)
        bend = (basis * (sigma / (variances + sigma**2))) @ basis.T
        return self.velocity(x, sigma), bend.expand(len(x), -1, -1)

    def flow(self, noise: Samples) -> Samples:
        """The exact flow from noise to data, equation (2)."""
        mean, variances, basis = self._constants.like(noise)
        gains = ((variances + self.sigma_data**2) / (variances + self.sigma_noise**2)).sqrt()
        return mean + ((noise - mean) @ basis * gains) @ basis.T

    def log_density(self, x: Samples, sigma: float) -> Float[Tensor, " n"]:
        """The density N(x; μ, Σ + σ² I)."""
        mean, variances, basis = self._constants.like(x)
        noised = variances + sigma**2
        return -0.5 * ((((x - mean) @ basis) ** 2 / noised) + (2 * math.pi * noised).log()).sum(-1)

    def sample(self, n: int, *, sigma: float, generator: torch.Generator) -> Samples:
        """Exact samples of N(μ, Σ + σ² I)."""
        unit = normal(n, *self.shape, generator=generator)
        mean, variances, basis = self._constants.like(unit)
        return mean + unit * (variances + sigma**2).sqrt() @ basis.T

    def parameters(self) -> dict[str, Any]:
        """Mean and covariance."""
        return {"mean": self.mean.tolist(), "covariance": self.covariance.tolist()}

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, Any]) -> "Gaussian":
        """The Gaussian with these moments."""
        numbers = {name: torch.tensor(parameters[name], dtype=torch.float64) for name in ("mean", "covariance")}
        return cls(**{**parameters, **numbers})


def require_covariances(covariances: Float[Tensor, "k d d"]) -> None:
    """Refuse matrices that are not covariances.

    Raises:
        ValueError: if one is not symmetric, or has a negative eigenvalue beyond rounding.
    """
    scale = covariances.abs().amax()
    rounding = 10 * covariances.shape[-1] * torch.finfo(covariances.dtype).eps * scale
    if not bool(torch.isfinite(covariances).all()) or (covariances - covariances.mT).abs().amax() > rounding:
        raise ValueError("a covariance is not symmetric and finite: expected Σ = Σᵀ.")
    lowest = float(torch.linalg.eigvalsh(covariances).min())
    if lowest < -rounding:
        raise ValueError(f"a covariance has the eigenvalue {lowest:.3g}: expected none below 0.")
