"""What lies between two vectors u and v: on their chord, or on their arc.

    linear       (1 − s) u + s v                                                                            (1)
    spherical    r(s) [ sin((1 − s)θ) û + sin(sθ) v̂ ] / sin θ,    r(s) = (1 − s) ‖u‖ + s ‖v‖               (2)

û, v̂ the unit vectors and θ ∈ [0, π) the angle between them: (2) turns at a steady rate and keeps the norm where both
ends have it (Shoemake 1985). As θ → 0 it is (1). Opposite vectors have no one arc between them.
"""

from dataclasses import dataclass
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np

from koopman_analysis.shapes import Float, Inexact, States

Ends: TypeAlias = Inexact[np.ndarray, "_ _"]
"""As many as there are starts, of as many features."""
STRAIGHT = 1e-6
"""Sine of the angle below which an arc is its chord, to the square of this."""


@runtime_checkable
class Blend(Protocol):
    """A way from each of n vectors to another."""

    @property
    def name(self) -> str:
        """The way in a word."""
        ...

    def between(self, start: States, end: Ends, shares: Float[np.ndarray, " s"]) -> Float[np.ndarray, "n s d"]:
        """What lies at these shares of the way."""
        ...


@dataclass(frozen=True, kw_only=True)
class Linear:
    """Equation (1)."""

    name: str = "linear"

    def between(self, start: States, end: Ends, shares: Float[np.ndarray, " s"]) -> Float[np.ndarray, "n s d"]:
        """Equation (1).

        Raises:
            ValueError: If there are not as many ends as starts.
        """
        _require_ends(start, end)
        return (1.0 - shares[:, None]) * start[:, None] + shares[:, None] * end[:, None]


@dataclass(frozen=True, kw_only=True)
class Spherical:
    """Equation (2)."""

    name: str = "spherical"

    def between(self, start: States, end: Ends, shares: Float[np.ndarray, " s"]) -> Float[np.ndarray, "n s d"]:
        """Equation (2).

        Raises:
            ValueError: If a vector is zero, two are opposite, or there are not as many ends as starts.
        """
        _require_ends(start, end)
        norms = [np.linalg.norm(vectors, axis=1) for vectors in (start, end)]
        if min(float(norm.min()) for norm in norms) == 0.0:
            raise ValueError("expected vectors other than zero to turn into each other: use the linear blend")
        u, v = (vectors / norm[:, None] for vectors, norm in zip((start, end), norms, strict=True))
        # The angle from half-chords: accurate at both ends, where arccos of the product is not.
        angle = 2.0 * np.arctan2(np.linalg.norm(u - v, axis=1), np.linalg.norm(u + v, axis=1))[:, None]
        sine = np.sin(angle)
        if np.any((sine < STRAIGHT) & (angle > 1.0)):
            raise ValueError("expected no opposite vectors, between which there is no one arc: use the linear blend")
        near = sine < STRAIGHT
        safe = np.where(near, 1.0, sine)
        first = np.where(near, 1.0 - shares, np.sin((1.0 - shares) * angle) / safe)
        second = np.where(near, shares, np.sin(shares * angle) / safe)
        radius = (1.0 - shares) * norms[0][:, None] + shares * norms[1][:, None]
        return radius[..., None] * (first[..., None] * u[:, None] + second[..., None] * v[:, None])


LINEAR, SPHERICAL = Linear(), Spherical()


def _require_ends(start: np.ndarray, end: np.ndarray) -> None:
    if start.shape != end.shape:
        raise ValueError(f"expected an end for each start, got starts of {start.shape} and ends of {end.shape}")
