"""The coordinates in which an operator is a simple one: z K = ((z P) B) P⁻¹.

    identity      P = I
    orthogonal    P Pᵀ = I, with the parameters of `kdm.operators.isometric`
    free          every entry of P is a parameter; P⁻¹ is solved with, and is no parameter and no matrix of its own

All start orthogonal. What a basis adds may be there already. With encoders that end in a linear layer and a decoder
that begins with one, as all networks of `kdm.networks` do but plain ones with an activation at the end,

    (E_noise, K, E_data, D)  ↦  (E_noise P, P⁻¹ K P, E_data P, z ↦ D(z P⁻¹))                                        (1)

is a model of the same architecture. Where latents are not normalised it is the same model, for every P: no basis but
the identity is needed. Where each latent vector is divided by its root mean square, which rotations alone leave as it
is, (1) is the same model for orthogonal P: the identity stands for every orthogonal basis, and a free one says more.
Encoders that end in an activation have no such freedom, and want a basis.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from kdm.operators.isometric import orthogonal_layer, weight_of
from kdm.shapes import Float, Latents, Tensor


class Basis(nn.Module, ABC):
    """P, and what a map of its coordinates is as a map of latents."""

    @abstractmethod
    def conjugated(self, latents: Latents, inner: Callable[[Latents], Latents]) -> Latents:
        """inner(z P) P⁻¹."""


class IdentityBasis(Basis):
    """P = I, without parameters."""

    def conjugated(self, latents: Latents, inner: Callable[[Latents], Latents]) -> Latents:
        """inner(z)."""
        return inner(latents)


class OrthogonalBasis(Basis):
    """P Pᵀ = I; each use computes P from its parameters once, O(m³)."""

    def __init__(self, dimension: int) -> None:
        super().__init__()
        self.linear = orthogonal_layer(dimension)

    def conjugated(self, latents: Latents, inner: Callable[[Latents], Latents]) -> Latents:
        """inner(z P) Pᵀ."""
        columns = weight_of(self.linear)
        return inner(latents @ columns) @ columns.T


class FreeBasis(Basis):
    """Any invertible P, orthogonal at first; each use factorises it once, O(m³)."""

    columns: Float[Tensor, "m m"]

    def __init__(self, dimension: int) -> None:
        super().__init__()
        self.columns = nn.Parameter(nn.init.orthogonal_(torch.empty(dimension, dimension)))

    def conjugated(self, latents: Latents, inner: Callable[[Latents], Latents]) -> Latents:
        """X with X P = inner(z P).

        Raises:
            torch.linalg.LinAlgError: If P has become singular.
        """
        return torch.linalg.solve(self.columns, inner(latents @ self.columns), left=False)


@dataclass(frozen=True)
class IdentityBasisConfig:
    """The coordinates of the latents themselves."""

    def built(self, dimension: int) -> IdentityBasis:
        """The basis of latents of this dimension."""
        return IdentityBasis()


@dataclass(frozen=True)
class OrthogonalBasisConfig:
    """An orthogonal basis."""

    def built(self, dimension: int) -> OrthogonalBasis:
        """The basis of latents of this dimension."""
        return OrthogonalBasis(dimension)


@dataclass(frozen=True)
class FreeBasisConfig:
    """Any basis."""

    def built(self, dimension: int) -> FreeBasis:
        """The basis of latents of this dimension."""
        return FreeBasis(dimension)


BasisConfig = IdentityBasisConfig | OrthogonalBasisConfig | FreeBasisConfig
