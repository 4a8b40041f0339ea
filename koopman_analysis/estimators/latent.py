"""What the analysis needs of a model: five callables on arrays, whoever trained it.

A Koopman autoencoder with two ends obeys, in the row convention,

    E_data(after) ≈ E_noise(before) K + c,          D(E_noise(before) K + c) ≈ after.                       (1)

`LatentModel` names these parts; `ArrayLatentModel` makes one from plain callables and a matrix. A model may bring one
thing more, `decoder_lipschitz`: a `Certificate` that ‖D(z) − D(z')‖ ≤ L ‖z − z'‖, or of why there is none.
"""

from collections.abc import Callable
from dataclasses import dataclass
from inspect import Parameter, signature
from typing import Protocol, runtime_checkable

import numpy as np

from koopman_analysis.shapes import Labels, Latents, Operator, States


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """A Lipschitz constant that holds everywhere, or the reason why there is none.

    Attributes:
        constant: L; None where there is none.
        because: What it rests on, or why there is none.
    """

    constant: float | None
    because: str

    def __post_init__(self) -> None:
        if self.constant is not None and not (np.isfinite(self.constant) and self.constant >= 0):
            raise ValueError(f"expected a finite constant of 0 or more, or None with a reason, got {self.constant}")


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


def carried_latents(model: LatentModel, noise: States, labels: Labels | None = None) -> Latents:
    """Where K carries the latents of these states: E_noise(x) K + c, shape (n, m_out)."""
    return model.encode_noise(noise, labels) @ model.matrix + model.offset(labels)


@dataclass(frozen=True, kw_only=True, eq=False)
class ArrayLatentModel:
    """A `LatentModel` made from callables on arrays and a matrix.

    A callable may take the rows alone, or the rows and the labels (None where there are none): a second required
    argument, or one called `labels`.

    Attributes:
        encode_noise: States at the noise end to latents, (n, d) to (n, m_in).
        encode_data: States at the data end to latents, (n, d) to (n, m_out).
        matrix: K of equation (1).
        decode: Latents to states at the data end, (n, m_out) to (n, d).
        offset: c, an array (m_out,) or a callable of the labels; 0 where not given. Always a callable once built.
        shared_encoder: Whether both encoders are one.
        decoder_lipschitz: A Lipschitz constant of the decoder, or why there is none; None where nobody says.

    Raises:
        ValueError: If the matrix is not a matrix.
    """

    encode_noise: Callable[..., np.ndarray]
    encode_data: Callable[..., np.ndarray]
    matrix: np.ndarray
    decode: Callable[..., np.ndarray]
    offset: Callable[..., np.ndarray] | np.ndarray | None = None
    shared_encoder: bool = False
    decoder_lipschitz: Certificate | None = None

    def __post_init__(self) -> None:
        if self.matrix.ndim != 2:
            raise ValueError(f"expected K as a matrix of shape (m_in, m_out), got shape {self.matrix.shape}")
        for name in ("encode_noise", "encode_data", "decode"):
            object.__setattr__(self, name, _with_labels(getattr(self, name)))
        given = np.zeros(self.matrix.shape[1]) if self.offset is None else self.offset
        object.__setattr__(self, "offset", _of_labels(given))


def _with_labels(function: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
    """The function as one of rows and labels, whether or not it looks at labels."""
    if _takes_labels(function):
        return lambda rows, labels=None: function(rows, labels)
    return lambda rows, labels=None: function(rows)


def _takes_labels(function: Callable[..., np.ndarray]) -> bool:
    try:
        parameters = signature(function).parameters.values()
    except ValueError:  # some built-in functions have none
        return False
    positional = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
    required = [p for p in parameters if p.kind in positional and p.default is Parameter.empty]
    return len(required) >= 2 or any(p.name == "labels" for p in parameters)


def _of_labels(given: Callable[..., np.ndarray] | np.ndarray) -> Callable[..., np.ndarray]:
    if callable(given):
        return lambda labels=None: given(labels)
    return lambda labels=None: given
