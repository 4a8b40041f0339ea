"""The exact checkerboard: the uniform law on the even cells of a square grid.

A cell is on iff ⌊x/cell⌋ + ⌊y/cell⌋ is even, so its column and its row have the same parity. With M_e(x), M_o(x) the
mass that N(x, σ²) gives to the even and the odd intervals of one axis, the noised density is a sum of two products,

    p_σ(x, y) = [ M_e(x) M_e(y) + M_o(x) M_o(y) ] / A,          A the area that is on                               (1)

and the ideal denoiser mixes the means m_e, m_o of N(x, σ²) truncated to those intervals:

    D(x) = r_e m_e(x) + r_o m_o(x),     r_e ∝ M_e(x) M_e(y),    r_o ∝ M_o(x) M_o(y)                                 (2)

So four one-dimensional functions of each coordinate replace one two-dimensional integral per cell. With a, b the ends
of an interval seen from x in units of σ and L(t) = log Φ(−|t|), its mass is

    log M = L(near) + log(1 − exp(L(far) − L(near)))     if a, b lie on one side of x   (reflected to the left tail)
    log M = log(1 − exp L(a) − exp L(b))                 if x lies between them                                     (3)

which neither overflows at σ = 0.002 nor cancels at σ = 80. The velocity (x − D)/σ has the Jacobian
(I − Cov(x₀ | x)/σ²)/σ, and with the variances v of the truncated laws

    Cov(x₀ | x) = Σ_p r_p ( diag v_p + m_p m_pᵀ ) − D Dᵀ,     p in {e, o},                                          (4)
    v = σ² ( 1 + (a φ(a) − b φ(b)) / M − (φ(a) − φ(b))² / M² )      on one interval.                                (5)

float64 is used inside always: at σ = 0.002, L is −2 · 10⁶ four units from an interval, which float32 rounds by 0.06.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import torch
from jaxtyping import Bool

from kdm.shapes import Float, Labels, Samples, Tensor
from kdm.teachers.base import Constants, Teacher, normal


@dataclass(frozen=True, kw_only=True)
class CheckerboardSupport:
    """The even cells of the square [−half_width, half_width]²; its lengths are those of the data.

    `half_width` is a whole number of cells: one that is so to a part in a thousand is rounded (4.444 for cells of
    2.2222), for the edges of the cells are the multiples of `cell`.
    """

    cell: float = 2.0
    half_width: float = 4.0

    def __post_init__(self) -> None:
        cells = round(self.half_width / self.cell) if self.cell > 0 else 0
        if cells < 1 or not math.isclose(self.half_width, cells * self.cell, rel_tol=1e-3):
            raise ValueError(f"half_width {self.half_width} is not a whole number of cells of {self.cell}.")
        object.__setattr__(self, "half_width", cells * self.cell)

    @cached_property
    def edges(self) -> Float[Tensor, " edges"]:
        """The lines of the grid on one axis."""
        half = round(self.half_width / self.cell)
        return self.cell * torch.arange(-half, half + 1, dtype=torch.float64)

    @cached_property
    def corners(self) -> Float[Tensor, "cells 2"]:
        """The lower corner of every cell that is on, in the order of their labels."""
        half = round(self.half_width / self.cell)
        grid = torch.cartesian_prod(torch.arange(-half, half), torch.arange(-half, half))
        return self.cell * grid[grid.sum(-1) % 2 == 0].double()

    def _distances(self, points: Samples) -> Float[Tensor, "n cells"]:
        lower = self.corners.to(points.device)
        offset = points.double()[:, None]
        outside = torch.maximum(lower - offset, offset - (lower + self.cell)).clamp(min=0)
        return outside.norm(dim=-1)

    def distance(self, points: Samples) -> Float[Tensor, " n"]:
        """The distance of each point to the nearest cell that is on, in float64; 0 on it."""
        return self._distances(points).amin(-1)

    def contains(self, points: Samples) -> Bool[Tensor, " n"]:
        """Whether each point lies in a cell that is on (a boundary belongs to it)."""
        return self.distance(points) == 0

    def cells(self, points: Samples) -> Labels:
        """The label, from 0, of the cell that is on and nearest to each point."""
        return self._distances(points).argmin(-1)


@dataclass(frozen=True, kw_only=True, eq=False)
class Checkerboard(Teacher):
    """Data uniform on the cells of `support`; the label of a point is its cell."""

    cell: float = 2.0
    half_width: float = 4.0

    kind: ClassVar[str] = "checkerboard"

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "half_width", self.support.half_width)

    @cached_property
    def support(self) -> CheckerboardSupport:
        """Where the data lie."""
        return CheckerboardSupport(cell=self.cell, half_width=self.half_width)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one sample."""
        return (2,)

    @property
    def number_of_labels(self) -> int:
        """How many semantic labels there are."""
        return len(self.support.corners)

    @cached_property
    def _edges(self) -> Constants:
        return Constants(self.support.edges)

    def denoise(self, x: Samples, sigma: float) -> Samples:
        """Equation (2)."""
        (edges,) = self._edges.like(x.double())
        log_masses, means, _ = _truncated_normal(x.double(), sigma, edges)
        log_parity, parity_means = _by_parity(log_masses, means)
        responsibilities = log_parity.sum(1).softmax(-1)
        return (responsibilities[:, None] * parity_means).sum(-1).to(x.dtype)

    def velocity_jacobian(self, x: Samples, sigma: float) -> tuple[Samples, Float[Tensor, "n d d"]]:
        """Equation (4), with all means taken from x: (4) does not depend on the origin, and its rounding does."""
        (edges,) = self._edges.like(x.double())
        log_masses, means, variances = _truncated_normal(x.double(), sigma, edges)
        moved = means - x.double()[..., None]
        log_parity, first = _by_parity(log_masses, moved)
        _, second = _by_parity(log_masses, variances + moved**2)
        responsibilities = log_parity.sum(1).softmax(-1)
        mean = (responsibilities[:, None] * first).sum(-1)
        covariance = torch.einsum("np,nap,nbp->nab", responsibilities, first, first)
        covariance += torch.diag_embed((responsibilities[:, None] * (second - first**2)).sum(-1))
        covariance -= mean[:, :, None] * mean[:, None, :]
        identity = torch.eye(2, dtype=covariance.dtype, device=covariance.device)
        return (-mean / sigma).to(x.dtype), ((identity - covariance / sigma**2) / sigma).to(x.dtype)

    def log_density(self, x: Samples, sigma: float) -> Float[Tensor, " n"]:
        """Equation (1)."""
        (edges,) = self._edges.like(x.double())
        log_masses, means, _ = _truncated_normal(x.double(), sigma, edges)
        log_parity, _ = _by_parity(log_masses, means)
        area = self.number_of_labels * self.cell**2
        return (log_parity.sum(1).logsumexp(-1) - math.log(area)).to(x.dtype)

    def sample(self, n: int, *, sigma: float, generator: torch.Generator) -> Samples:
        """A cell, a uniform point in it, and noise."""
        noise = normal(n, 2, generator=generator)
        inside = torch.rand(n, 2, dtype=torch.float64, device=noise.device, generator=generator)
        corner = torch.randint(self.number_of_labels, (n,), device=noise.device, generator=generator)
        return self.support.corners.to(noise)[corner] + self.cell * inside + sigma * noise

    def labels(self, data: Samples) -> Labels:
        """The cell of each point."""
        return self.support.cells(data)

    def parameters(self) -> dict[str, Any]:
        """The lengths of the grid."""
        return {"cell": self.cell, "half_width": self.half_width}

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, Any]) -> "Checkerboard":
        """The checkerboard on this grid."""
        return cls(**parameters)


def _truncated_normal(
    x: Float[Tensor, "n 2"], sigma: float, edges: Float[Tensor, " edges"]
) -> tuple[Float[Tensor, "n 2 intervals"], Float[Tensor, "n 2 intervals"], Float[Tensor, "n 2 intervals"]]:
    """Logarithmic mass, equation (3), mean and variance, (5), of N(x, σ²) on each interval between edges."""
    t = (edges - x[..., None]) / sigma
    squares = 0.5 * t**2
    # Seen from an edge an interval lies to one side, and |t| is differentiated as it is from there.
    ends, halves = (t[..., :-1], t[..., 1:]), (squares[..., :-1], squares[..., 1:])
    depths = (torch.where(ends[0] >= 0, ends[0], -ends[0]), torch.where(ends[1] > 0, ends[1], -ends[1]))
    # log Φ(−|t|) through the scaled complementary error function: exact in the far tail, where Φ underflows.
    low, high = (
        torch.special.erfcx(depth / math.sqrt(2)).mul(0.5).log() - half
        for depth, half in zip(depths, halves, strict=True)
    )
    near, far = torch.maximum(low, high), torch.minimum(low, high)
    between = (t[..., :-1] < 0) & (t[..., 1:] > 0)
    # The unused branch of each `where` is kept finite, so that derivatives are too.
    one_sided = near + torch.log(-torch.expm1(torch.where(between, -1.0, far - near)))
    two_sided = torch.log1p(-torch.where(between, low.exp() + high.exp(), 0.5))
    log_masses = torch.where(between, two_sided, one_sided)
    densities = [(-s - log_masses).exp() / math.sqrt(2 * math.pi) for s in halves]
    lead = densities[0] - densities[1]
    variances = sigma**2 * (1 + ends[0] * densities[0] - ends[1] * densities[1] - lead**2)
    return log_masses, x[..., None] + sigma * lead, variances


def _by_parity(
    log_masses: Float[Tensor, "n 2 intervals"], means: Float[Tensor, "n 2 intervals"]
) -> tuple[Float[Tensor, "n 2 parities"], Float[Tensor, "n 2 parities"]]:
    """Logarithmic mass and mean of N(x, σ²) on the even and on the odd intervals together."""
    paired = log_masses.unflatten(-1, (-1, 2))
    within = paired.softmax(-2)
    return paired.logsumexp(-2), (within * means.unflatten(-1, (-1, 2))).sum(-2)
