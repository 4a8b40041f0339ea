"""What the analysis needs of a model: five callables on arrays, whoever trained it.

A Koopman autoencoder with two ends obeys, in the row convention,

    E_data(after) ≈ E_noise(before) K + c,          D(E_noise(before) K + c) ≈ after.                       (1)

`LatentModel` names these parts; `ArrayLatentModel` makes one from plain callables and a matrix.
"""

from typing import Protocol, runtime_checkable

import numpy as np

from koopman_analysis.shapes import Labels, Latents, Operator, States


@runtime_checkable
class LatentModel(Protocol):
    """Anyone's Koopman autoencoder, on NumPy arrays, in the letters of equation (1)."""

    shared_encoder: bool
    """Whether one encoder serves both ends; only then are the eigenvalues of K a property of the dynamics."""

    @property
    def matrix(self) -> Operator:
        """K of equation (1), shape (m_in, m_out)."""
        ...

    def encode_noise(self, noise: States, labels: Labels | None = None) -> Latents:
        """E_noise: states at the noise end to latents, (n, d) → (n, m_in)."""
        ...

    def encode_data(self, data: States, labels: Labels | None = None) -> Latents:
        """E_data: states at the data end to latents, (n, d) → (n, m_out)."""
        ...

    def offset(self, labels: Labels | None = None) -> np.ndarray:
        """The affine part c, shape (m_out,) or (n, m_out) when it depends on labels; zero where there is none."""
        ...

    def decode(self, latents: Latents, labels: Labels | None = None) -> States:
        """D: latents to states at the data end, (n, m_out) → (n, d)."""
        ...
