"""Kinds of operators by the names that the command line has for them."""

from collections.abc import Mapping

from kdm.operators import (
    DenseConfig,
    FreeBasisConfig,
    IdentityBasisConfig,
    IdentityConfig,
    IsometricConfig,
    LowRankConfig,
    OperatorConfig,
    OrthogonalBasisConfig,
    SpectralConfig,
)

DENSE = "dense"
"""The name of the kind of operator that every preset has."""
LOW_RANK = "low-rank"
"""The name of the one that wants a number."""
OPERATORS: Mapping[str, OperatorConfig] = {
    DENSE: DenseConfig(),
    "identity": IdentityConfig(),
    "isometric": IsometricConfig(),
    "spectral": SpectralConfig(basis=OrthogonalBasisConfig()),
    "spectral-identity": SpectralConfig(basis=IdentityBasisConfig()),
    "spectral-free": SpectralConfig(basis=FreeBasisConfig()),
}
"""Every other kind, by its name on the command line; the spectral ones by their basis."""


def operator_named(name: str, *, rank: int | None = None) -> OperatorConfig:
    """The kind of operator of this name.

    Args:
        name: One of `OPERATORS`, or "low-rank".
        rank: Of a low-rank one.

    Raises:
        ValueError: If there is no such kind, or a rank where it has none, or none where it has one.
    """
    if name != LOW_RANK and name not in OPERATORS:
        raise ValueError(f"expected one of the operators {', '.join([*OPERATORS, LOW_RANK])}, got {name!r}")
    if (rank is None) == (name == LOW_RANK):
        raise ValueError(f"expected a rank for {LOW_RANK} and for no other operator, got rank {rank} for {name}")
    return OPERATORS[name] if rank is None else LowRankConfig(rank=rank)
