"""The structures that physics-informed DMD can impose on an operator.

They are named as K of the row convention y ≈ x K has them. PyDMD's matrix acts on columns, so that it is Kᵀ, and its
triangular and banded ones are named the other way round; every other structure here is its own transpose's.

Not all of PyDMD's solutions hold for complex states: version 2025.8 drops imaginary parts on the way to Hermitian and
tridiagonal operators, and loses a conjugate on the way to circulant ones.

Source: Baddoo, Herrmann, McKeon, Kutz & Brunton 2023.
"""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Structure:
    """One structure: what PyDMD calls it in columns.

    Attributes:
        manifold: PyDMD's name.
        option: What PyDMD needs to know besides.
        complex_states: Whether PyDMD's solution holds for complex states.
    """

    manifold: str
    option: Any = None
    complex_states: bool = True


UNITARY = Structure(manifold="unitary")
"""K Kᴴ = 1: orthogonal for real states."""

UPPER_TRIANGULAR = Structure(manifold="lowertriangular")
LOWER_TRIANGULAR = Structure(manifold="uppertriangular")
DIAGONAL = Structure(manifold="diagonal")
SYMMETRIC = Structure(manifold="symmetric", complex_states=False)
SKEW_SYMMETRIC = Structure(manifold="skewsymmetric")
"""K = −Kᴴ."""

TRIDIAGONAL_SYMMETRIC = Structure(manifold="symmetric_tridiagonal", complex_states=False)
"""To six digits: PyDMD solves for it iteratively."""

TOEPLITZ = Structure(manifold="toeplitz")
"""One value along each diagonal."""

HANKEL = Structure(manifold="hankel")
"""One value along each antidiagonal."""

CIRCULANT = Structure(manifold="circulant", complex_states=False)
"""Each row is the one above, moved on by one: convolution on a ring."""

CIRCULANT_UNITARY = Structure(manifold="circulant_unitary", complex_states=False)
CIRCULANT_SYMMETRIC = Structure(manifold="circulant_symmetric", complex_states=False)
CIRCULANT_SKEW_SYMMETRIC = Structure(manifold="circulant_skewsymmetric", complex_states=False)


def banded(*, below: int, above: int) -> Structure:
    """Zero but for the diagonal and this many others below and above it.

    Raises:
        ValueError: If either number is negative.
    """
    if below < 0 or above < 0:
        raise ValueError(f"expected numbers of diagonals of at least 0, got {below} below and {above} above")
    return Structure(manifold="diagonal", option=(above + 1, below + 1))


def block_circulant(*, size: int, blocks: int) -> Structure:
    """`blocks` × `blocks` blocks of `size` × `size`, arranged as the entries of a circulant matrix."""
    return Structure(manifold="BC", option=(size, blocks))


def doubly_circulant(*, size: int, blocks: int) -> Structure:
    """Block circulant, of circulant blocks: convolution on a torus of `blocks` × `size` points."""
    return Structure(manifold="BCCB", option=(size, blocks))
