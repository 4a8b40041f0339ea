"""A teacher with one flow a class: that of the points of the class alone.

For p₀ = Σ_k w_k p₀(· | k), a row of label k is carried by the flow of its own law,

    dx/dσ = ( x − D_k(x, σ) ) / σ,     D_k(x, σ) = E[x₀ | x, k],     from x ~ p₀(· | k) * N(0, σ_noise² I),          (1)

and labels are asked for with the probabilities w_k, so that over all rows both ends have the laws of the teacher
without labels. The flow does not: given k, no boundary between classes is left.

Rows of one class are evaluated together, and put back in their order.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, TypeAlias

import torch

from kdm.shapes import Float, Labels, Samples, Tensor
from kdm.teachers.base import NoisedLaw, Teacher
from kdm.teachers.empirical import Digits, Empirical
from kdm.teachers.mixture import GaussianMixture
from kdm.teachers.patches import Patches

Classed: TypeAlias = Empirical | GaussianMixture
"""What knows the law of each of its classes."""
FAMILIES: Mapping[str, type[Empirical] | type[GaussianMixture]] = {
    family.kind: family for family in (GaussianMixture, Empirical, Digits, Patches)
}
"""The families of teachers that do, by their name in a configuration."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ClassConditional(Teacher):
    """Each class of another teacher with its own flow, equation (1), between the ends of that teacher.

    As a law it is the teacher `of` all classes; only `given(labels)` has the flows.
    """

    of: Classed
    sigma_noise: float = field(init=False)
    sigma_data: float = field(init=False)

    kind: ClassVar[str] = "class-conditional"

    def __post_init__(self) -> None:
        object.__setattr__(self, "sigma_noise", self.of.sigma_noise)
        object.__setattr__(self, "sigma_data", self.of.sigma_data)
        super().__post_init__()
        if self.of.number_of_labels == 0:
            raise ValueError(f"expected a teacher with classes, got one of kind {self.of.kind!r} without")

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one sample."""
        return self.of.shape

    @property
    def precision(self) -> torch.dtype:
        """That of the teacher of all classes."""
        return self.of.precision

    @property
    def steps(self) -> int:
        """Those of the teacher of all classes."""
        return self.of.steps

    @property
    def together(self) -> int:
        """As many as of all classes."""
        return self.of.together

    @property
    def number_of_labels(self) -> int:
        """How many classes there are."""
        return self.of.number_of_labels

    @property
    def conditional(self) -> bool:
        """Yes."""
        return True

    def sample_conditions(self, n: int, *, generator: torch.Generator) -> Labels:
        """Classes drawn by their weights."""
        weights = self.of.class_weights().to(generator.device)
        return torch.multinomial(weights, n, replacement=True, generator=generator)

    @cached_property
    def _laws(self) -> Mapping[int, NoisedLaw]:
        present = self.of.class_weights().nonzero().flatten().tolist()
        return {label: self.of.of_class(label) for label in present}

    def given(self, labels: Labels | None) -> NoisedLaw:
        """The law of rows with these labels.

        Raises:
            ValueError: if there are no labels, or some of a class that has no law.
        """
        if labels is None:
            raise ValueError("expected the labels of the rows, for each class has its own flow, got none")
        if unknown := set(labels.tolist()) - set(self._laws):
            raise ValueError(f"expected labels among {sorted(self._laws)}, got {sorted(unknown)}")
        return _Given(
            laws=self._laws, labels=labels, shape_of_one=self.shape, sigma_noise=self.sigma_noise,
            sigma_data=self.sigma_data,
        )  # fmt: skip

    def denoise(self, x: Samples, sigma: float) -> Samples:
        """E[x₀ | x] where the label is not known."""
        return self.of.denoise(x, sigma)

    def log_density(self, x: Samples, sigma: float) -> Float[Tensor, " n"]:
        """The logarithm of the density of all classes."""
        return self.of.log_density(x, sigma)

    def sample(self, n: int, *, sigma: float, generator: torch.Generator) -> Samples:
        """Samples of all classes."""
        return self.of.sample(n, sigma=sigma, generator=generator)

    def labels(self, data: Samples) -> Labels | None:
        """The class that the teacher of all classes reads off each sample."""
        return self.of.labels(data)

    def parameters(self) -> dict[str, Any]:
        """The configuration of the teacher of all classes."""
        return {"of": self.of.config()}

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, Any]) -> "ClassConditional":
        """The conditional teacher of these classes.

        Raises:
            ValueError: if the configuration names no family of teachers that has classes.
        """
        inner = dict(parameters["of"])
        if (kind := inner.pop("kind", None)) not in FAMILIES:
            raise ValueError(f"expected a teacher of one of the kinds {', '.join(FAMILIES)}, got {kind!r}")
        return cls(of=FAMILIES[kind].from_parameters(inner))


@dataclass(frozen=True, kw_only=True, eq=False)
class _Given(NoisedLaw):
    """The law of rows whose labels are known, one law a class."""

    laws: Mapping[int, NoisedLaw]
    labels: Labels
    shape_of_one: tuple[int, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one sample."""
        return self.shape_of_one

    @cached_property
    def _order(self) -> Tensor:
        return self.labels.argsort(stable=True)

    @cached_property
    def _counts(self) -> Mapping[int, int]:
        present, counts = self.labels.unique(return_counts=True)
        return dict(zip(present.tolist(), counts.tolist(), strict=True))

    def _by_class(self, values: Callable[[NoisedLaw, Tensor], Tensor], x: Tensor) -> Tensor:
        """The values for the rows of each class, in the order of the rows."""
        if len(x) != len(self.labels):
            raise ValueError(f"expected the {len(self.labels)} rows whose labels are given, got {len(x)}")
        order = self._order.to(x.device)
        parts = zip(self._counts, x[order].split(list(self._counts.values())), strict=True)
        return torch.cat([values(self.laws[label], part) for label, part in parts])[order.argsort()]

    def denoise(self, x: Samples, sigma: float) -> Samples:
        """D_k of equation (1)."""
        return self._by_class(lambda law, rows: law.denoise(rows, sigma), x)

    def velocity_jacobian(self, x: Samples, sigma: float) -> tuple[Samples, Float[Tensor, "n d d"]]:
        """The velocity and its derivative, each class by its own law."""
        derivatives = self._by_class(lambda law, rows: law.velocity_jacobian(rows, sigma)[1], x)
        return self.velocity(x, sigma), derivatives

    def log_density(self, x: Samples, sigma: float) -> Float[Tensor, " n"]:
        """The logarithm of p_σ(x | label)."""
        return self._by_class(lambda law, rows: law.log_density(rows, sigma), x)

    def sample(self, n: int, *, sigma: float, generator: torch.Generator) -> Samples:
        """One sample for each label; n is their number."""
        rows = torch.arange(n, device=generator.device)
        return self._by_class(lambda law, some: law.sample(len(some), sigma=sigma, generator=generator), rows)
