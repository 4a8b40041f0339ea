"""Complex numbers as real blocks, in rows.

A row w of p complex numbers is written as the 2p real ones [Re w, Im w], and a complex matrix M as

    B(M) = [ Re M   Im M ]
           [−Im M   Re M ],        [Re w, Im w] B(M) = [Re wM, Im wM],                                              (1)

so that B(MN) = B(M) B(N), B(Mᴴ) = B(M)ᵀ, and the spectrum of B(M) is that of M together with its conjugate. For
M = diag(λ), λ_j = ρ_j e^{iθ_j}, equation (1) is p rotations by θ_j with decay ρ_j, each on two columns of the row; the
dense matrix B is never needed for it. A row of odd length ends in one more real number, multiplied by a real one, μ:

    z = [a, b, r]  ↦  [a Re λ − b Im λ,  a Im λ + b Re λ,  r μ],        eigenvalues λ, λ̄, μ.                      (2)

**Parameters.** θ is free, and ν in

    ρ = 1 / (1 + e^ν),        μ = (1 − e^ν) / (1 + e^ν):                                                        (3)

ρ in (0, 1) and μ in (−1, 1) for every real ν. The published form has ρ = exp(−e^ν), which is the same near the circle,
where 1 − ρ ≈ e^ν: equal steps of ν are equal factors of the decay. But inward it falls doubly exponentially, so that
from ν = 5 on it and its gradient are zero in single precision and a direction once lost stays lost; in (3) both fall as
e^{−ν}, and are zero from ν = 89 on. The circle itself is reached in the limit alone, and in single precision by
rounding: from ν = −17 down ρ is 1 and its gradient zero, so that such an eigenvalue stays there.
"""

import math

import torch
from torch import nn

from kdm.shapes import Complex, Float, Latents, Tensor


class RotationDecayBlocks(nn.Module):
    """Equation (2) with the parameters of (3); all moduli alike at first, phases uniform in (0, π).

    Args:
        dimension: Length of a row.
        modulus: ρ and μ at first, in (0, 1).
    """

    def __init__(self, dimension: int, *, modulus: float) -> None:
        super().__init__()
        pairs, single = divmod(dimension, 2)
        decay = [math.log((1.0 - modulus) / modulus)] * pairs + [math.log((1.0 - modulus) / (1.0 + modulus))] * single
        self.decay = nn.Parameter(torch.tensor(decay))
        self.phases = nn.Parameter(math.pi * torch.rand(pairs))

    @property
    def dimension(self) -> int:
        """Length of a row."""
        return len(self.decay) + len(self.phases)

    @property
    def multipliers(self) -> Complex[Tensor, " pairs"]:
        """λ, one of each pair of conjugates."""
        cosines, sines = self._parts()
        return torch.complex(cosines, sines)

    @property
    def eigenvalues(self) -> Complex[Tensor, " m"]:
        """λ, λ̄ and μ of equation (2): no matrix is decomposed for them."""
        multipliers, single = self.multipliers, self._single()
        return torch.cat([multipliers, multipliers.conj(), torch.complex(single, torch.zeros_like(single))])

    def forward(self, rows: Latents) -> Latents:
        """Equation (2) on each row."""
        cosines, sines = self._parts()
        pairs = len(cosines)
        real, imaginary, single = rows.split([pairs, pairs, rows.shape[1] - 2 * pairs], dim=1)
        turned = [real * cosines - imaginary * sines, real * sines + imaginary * cosines]
        return torch.cat([*turned, single * self._single()], dim=1)

    def _parts(self) -> tuple[Float[Tensor, " pairs"], Float[Tensor, " pairs"]]:
        modulus = torch.sigmoid(-self.decay[: len(self.phases)])
        return modulus * self.phases.cos(), modulus * self.phases.sin()

    def _single(self) -> Float[Tensor, " single"]:
        return torch.tanh(-0.5 * self.decay[len(self.phases) :])


def real_form(matrix: Complex[Tensor, "p q"]) -> Float[Tensor, "two_p two_q"]:
    """B(M) of equation (1), shape (2p, 2q)."""
    real, imaginary = matrix.real, matrix.imag
    return torch.cat([torch.cat([real, imaginary], dim=1), torch.cat([-imaginary, real], dim=1)])
