"""A mixture of Gaussians, whose components are its semantic labels.

For p₀ = Σ_k w_k N(μ_k, Σ_k), with responsibilities r_k(x, σ) ∝ w_k N(x; μ_k, Σ_k + σ² I),

    D(x, σ) = Σ_k r_k(x, σ) [ μ_k + Σ_k (Σ_k + σ² I)⁻¹ (x − μ_k) ]                                                  (1)

With the score s_k = −(Σ_k + σ² I)⁻¹ (x − μ_k) of each component and their mean s = Σ_k r_k s_k,

    ∇ s = Σ_k r_k ( s_k s_kᵀ − (Σ_k + σ² I)⁻¹ ) − s sᵀ,     and the velocity is −σ s.                               (2)

Each component is treated in the eigenbasis of its own covariance, responsibilities through logarithms.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import torch

from kdm.shapes import Float, Labels, Samples, Tensor
from kdm.teachers.base import Constants, Teacher, normal
from kdm.teachers.gaussian import Gaussian, require_covariances


@dataclass(frozen=True, kw_only=True, eq=False)
class GaussianMixture(Teacher):
    """Data from Σ_k weights[k] N(means[k], covariances[k])."""

    weights: Float[Tensor, " k"]
    means: Float[Tensor, "k d"]
    covariances: Float[Tensor, "k d d"]

    kind: ClassVar[str] = "mixture"

    def __post_init__(self) -> None:
        super().__post_init__()
        total = float(self.weights.double().sum())
        if bool((self.weights <= 0).any()) or abs(total - 1) > 1e-6:
            raise ValueError(
                f"weights sum to {total:.6g}, the least is {float(self.weights.min()):.3g}: "
                "expected positive weights that sum to 1."
            )
        require_covariances(self.covariances)

    @classmethod
    def ring(cls, modes: int = 8, *, radius: float = 4.0, scale: float = 0.3) -> "GaussianMixture":
        """Equal round modes of standard deviation `scale`, evenly spaced on a circle in the plane."""
        angles = torch.arange(modes, dtype=torch.float64) * (2 * math.pi / modes)
        return cls(
            weights=torch.full((modes,), 1 / modes, dtype=torch.float64),
            means=radius * torch.stack([angles.cos(), angles.sin()], -1),
            covariances=(scale**2 * torch.eye(2, dtype=torch.float64)).expand(modes, 2, 2).clone(),
        )

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one sample."""
        return (self.means.shape[1],)

    @property
    def number_of_labels(self) -> int:
        """How many semantic labels there are."""
        return len(self.weights)

    def class_weights(self) -> Float[Tensor, " k"]:
        """The weight of each component."""
        return self.weights

    def of_class(self, label: int) -> Gaussian:
        """One component."""
        if not 0 <= label < len(self.weights):
            raise ValueError(f"expected a component below {len(self.weights)}, got {label}")
        return Gaussian(
            mean=self.means[label], covariance=self.covariances[label], sigma_noise=self.sigma_noise,
            sigma_data=self.sigma_data,
        )  # fmt: skip

    @cached_property
    def _constants(self) -> Constants:
        variances, bases = torch.linalg.eigh(self.covariances.double())
        return Constants(self.weights.log(), self.means, variances.clamp(min=0), bases)

    def _log_joint(self, x: Samples, sigma: float) -> tuple[Float[Tensor, "n k"], Float[Tensor, "n k d"]]:
        """Each log w_k N(x; μ_k, Σ_k + σ² I), and x − μ_k in the eigenbasis of each component."""
        log_weights, means, variances, bases = self._constants.like(x)
        centred = torch.einsum("nkd,kde->nke", x[:, None] - means, bases)
        noised = variances + sigma**2
        return log_weights - 0.5 * (centred**2 / noised + (2 * math.pi * noised).log()).sum(-1), centred

    def denoise(self, x: Samples, sigma: float) -> Samples:
        """Equation (1)."""
        _, means, variances, bases = self._constants.like(x)
        log_joint, centred = self._log_joint(x, sigma)
        shrunk = torch.einsum("nke,kde->nkd", centred * (variances / (variances + sigma**2)), bases)
        return (log_joint.softmax(-1)[..., None] * (means + shrunk)).sum(1)

    def velocity_jacobian(self, x: Samples, sigma: float) -> tuple[Samples, Float[Tensor, "n d d"]]:
        """Equation (2)."""
        _, _, variances, bases = self._constants.like(x)
        log_joint, centred = self._log_joint(x, sigma)
        responsibilities, precisions = log_joint.softmax(-1), 1 / (variances + sigma**2)
        scores = torch.einsum("nke,kde->nkd", -centred * precisions, bases)
        score = torch.einsum("nk,nkd->nd", responsibilities, scores)
        outer = torch.einsum("nk,nkd,nke->nde", responsibilities, scores, scores)
        curvature = torch.einsum("kde,ke,kfe->kdf", bases, precisions, bases)
        within = torch.einsum("nk,kde->nde", responsibilities, curvature)
        return -sigma * score, sigma * (within + score[:, :, None] * score[:, None, :] - outer)

    def log_density(self, x: Samples, sigma: float) -> Float[Tensor, " n"]:
        """The density of the noised mixture."""
        return self._log_joint(x, sigma)[0].logsumexp(-1)

    def sample(self, n: int, *, sigma: float, generator: torch.Generator) -> Samples:
        """A component drawn by its weight, and a sample of it."""
        unit = normal(n, *self.shape, generator=generator)
        _, means, variances, bases = self._constants.like(unit)
        component = torch.multinomial(self.weights.to(unit), n, replacement=True, generator=generator)
        scaled = unit * (variances[component] + sigma**2).sqrt()
        return means[component] + torch.einsum("ne,nde->nd", scaled, bases[component])

    def labels(self, data: Samples) -> Labels:
        """The component most responsible for each point at the data end."""
        return self._log_joint(data, self.sigma_data)[0].argmax(-1)

    def parameters(self) -> dict[str, Any]:
        """Weights, means and covariances."""
        return {name: getattr(self, name).tolist() for name in ("weights", "means", "covariances")}

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, Any]) -> "GaussianMixture":
        """The mixture of these components."""
        names = ("weights", "means", "covariances")
        numbers = {name: torch.tensor(parameters[name], dtype=torch.float64) for name in names}
        return cls(**{**parameters, **numbers})
