"""What the analysis needs of a model: five callables on arrays, whoever trained it.

A Koopman autoencoder with two ends obeys, in the row convention,

    E_data(after) ≈ E_noise(before) K + c,          D(E_noise(before) K + c) ≈ after.                       (1)

`LatentModel` names these parts; `ArrayLatentModel` makes one from plain callables and a matrix.
"""

from collections.abc import Callable
from dataclasses import dataclass
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


@dataclass(frozen=True, kw_only=True, eq=False)
class ArrayLatentModel:
    """A `LatentModel` made from callables on arrays and a matrix.

    Attributes:
        noise_encoder: Takes states at the noise end, (n, d), and labels or None, to latents (n, m_in).
        data_encoder: The same at the data end, to (n, m_out).
        matrix: K of equation (1).
        decoder: Takes latents (n, m_out), and labels or None, to states at the data end.
        control: Takes labels or None to c, shape (m_out,) or (n, m_out); None where c = 0.
        shared_encoder: Whether both encoders are one.

    Raises:
        ValueError: If the matrix is not a matrix.
    """

    noise_encoder: Callable[[np.ndarray, np.ndarray | None], np.ndarray]
    data_encoder: Callable[[np.ndarray, np.ndarray | None], np.ndarray]
    matrix: np.ndarray
    decoder: Callable[[np.ndarray, np.ndarray | None], np.ndarray]
    control: Callable[[np.ndarray | None], np.ndarray] | None = None
    shared_encoder: bool = False

    def __post_init__(self) -> None:
        if self.matrix.ndim != 2:
            raise ValueError(f"expected K as a matrix of shape (m_in, m_out), got shape {self.matrix.shape}")

    def encode_noise(self, noise: States, labels: Labels | None = None) -> Latents:
        """E_noise of equation (1)."""
        return self.noise_encoder(noise, labels)

    def encode_data(self, data: States, labels: Labels | None = None) -> Latents:
        """E_data of equation (1)."""
        return self.data_encoder(data, labels)

    def offset(self, labels: Labels | None = None) -> np.ndarray:
        """The affine part c of equation (1)."""
        return np.zeros(self.matrix.shape[1]) if self.control is None else self.control(labels)

    def decode(self, latents: Latents, labels: Labels | None = None) -> States:
        """D of equation (1)."""
        return self.decoder(latents, labels)
