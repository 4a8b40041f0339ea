"""What of a two-encoder model's operator is real, and what belongs to the latent coordinates it happens to have.

For invertible B and A the two models

    (E_noise, K, c, E_data, D)     and     (E_noise B, B⁻¹ K A, c A, E_data A, z ↦ D(z A⁻¹))                       (1)

make the same predictions from the same noise and see the same pairs: they are one model in two *gauges*. B⁻¹ K A runs
through all matrices of the rank of K. So with two encoders K has no eigenvalues, no norm, no non-normality and no
stable rank of its own; numbers like these may be given *in this checkpoint's gauge* only, and say what an
initialisation and an optimiser left there. With one encoder B = A, and the eigenvalues stay.

For one encoder the measures of `nonnormality` still need a metric; the one that the data bring is the covariance of the
latents that enter: Ψ(x) = Q T with Q white, and T K T⁻¹ in place of K.                                              (2)

Random gauges are Q diag(d) Q', Q and Q' uniform orthogonal, log d uniform over a range whose ends are taken,

    κ(B) = max d / min d, as declared.                                                                          (3)

Source: Golub & Van Loan 2013, ch. 7 (similarity); equation (1) is elementary.
"""

from dataclasses import dataclass
from typing import Protocol, cast, runtime_checkable

import numpy as np
import scipy.linalg
import scipy.stats

from koopman_analysis.estimators.latent import ArrayLatentModel, Certificate, LatentModel
from koopman_analysis.nonnormality import (
    effective_rank,
    eigenvector_conditioning,
    henrici_departure,
    spectral_radius,
    stable_rank,
)
from koopman_analysis.shapes import Complex, Float, Inexact, Latents, Operator, require_square, require_square_on

REASON = (
    "two encoders fix K only up to a gauge, in which every prediction stays the same: ask for it in this checkpoint's "
    "gauge, by ThisGauge(), or for what no gauge changes"
)


class GaugeDependent(ValueError):
    """A number was asked for that depends on the latent coordinates, without saying in which."""


@runtime_checkable
class LatentCoordinates(Protocol):
    """Latent coordinates in which a number of K is asked for."""

    def operator(self, model: LatentModel) -> Operator:
        """K in them."""
        ...


@dataclass(frozen=True)
class ThisGauge:
    """The coordinates that a model happens to have: what is measured in them is no property of the flow."""

    def operator(self, model: LatentModel) -> Operator:
        """K as it stands."""
        return model.matrix


@dataclass(frozen=True, eq=False)
class WhiteAtNoise:
    """Coordinates of one shared dictionary that are white over the states that enter: equation (2).

    Attributes:
        latents: Ψ(x), shape (n, m).
    """

    latents: Latents

    def operator(self, model: LatentModel) -> Operator:
        """T K T⁻¹.

        Raises:
            GaugeDependent: If the model has two encoders: white at one end still leaves the other.
            ValueError: If the latents do not span their space, or it is not that of K.
        """
        if not model.shared_encoder:
            raise GaugeDependent(f"expected one encoder for both ends, got two: {REASON}")
        require_square_on(model.matrix, self.latents.shape[1])
        _, T = np.linalg.qr(self.latents / np.sqrt(len(self.latents)))
        values = np.linalg.svd(T, compute_uv=False)
        if T.shape[0] < T.shape[1] or values[-1] <= 1e-12 * values[0]:
            raise ValueError(
                f"expected latents that span their {T.shape[1]} dimensions, got some that do not: no coordinates make "
                "them white"
            )
        return scipy.linalg.solve_triangular(T.T, (T @ model.matrix).T, lower=True).T


def operator_in(model: LatentModel, gauge: LatentCoordinates | None) -> Operator:
    """K in these coordinates; in those of the model where none are needed.

    Raises:
        GaugeDependent: If the model has two encoders and no coordinates are given.
        TypeError: If what is given are no coordinates.
    """
    if gauge is not None:
        require_coordinates(gauge)
        return gauge.operator(model)
    if not model.shared_encoder:
        raise GaugeDependent(f"expected coordinates to look at K in, got none: {REASON}")
    return model.matrix


def require_coordinates(gauge: object) -> None:
    """Raises a TypeError for what says of no model in which coordinates its K is looked at."""
    if not isinstance(gauge, LatentCoordinates):
        raise TypeError(f"expected latent coordinates such as ThisGauge() or WhiteAtNoise(latents), got {gauge!r}")


def spectrum_in_gauge(model: LatentModel, *, gauge: LatentCoordinates | None = None) -> Complex[np.ndarray, " m"]:
    """The eigenvalues of K, the largest first.

    Raises:
        GaugeDependent: If the model has two encoders and no coordinates are given.
        ValueError: If K leads to a space of another dimension: it has eigenvalues in no coordinates.
    """
    K = operator_in(model, gauge)
    require_square(K)
    values = np.linalg.eigvals(K).astype(np.complex128)
    return values[np.argsort(-np.abs(values), kind="stable")]


def nonnormality_in_gauge(model: LatentModel, *, gauge: LatentCoordinates | None = None) -> dict[str, float]:
    """Numbers of K that change with the latent coordinates, by name.

    Raises:
        GaugeDependent: If no coordinates are given: of two encoders, for any; of one, for a metric is missing.
        TypeError: If what is given are no coordinates.
        ValueError: If K leads to a space of another dimension, or is zero: its departure is no share of anything.
    """
    if gauge is None:
        missing = REASON if not model.shared_encoder else "its eigenvalues have no metric to be normal in: WhiteAtNoise"
        raise GaugeDependent(f"expected coordinates to look at K in, got none: {missing}")
    K = operator_in(model, gauge)
    if not K.any():
        raise ValueError("expected a matrix that is not zero, got zero: of no norm, a departure is no share")
    return {
        "spectral radius": spectral_radius(K),
        "norm": float(np.linalg.norm(K, 2)),
        "Henrici's departure / Frobenius norm": henrici_departure(K) / float(np.linalg.norm(K)),
        "stable rank": stable_rank(K),
        "effective rank": effective_rank(K),
        "eigenvector conditioning": eigenvector_conditioning(K),
    }


def transformed(
    model: LatentModel, B: Inexact[np.ndarray, "m_in m_in"], A: Inexact[np.ndarray, "m_out m_out"]
) -> LatentModel:
    """The same model in other latent coordinates: equation (1).

    Args:
        model: The model.
        B: Of the noise end, (m_in, m_in).
        A: Of the data end, (m_out, m_out).

    Raises:
        ValueError: If B or A has another shape or is singular, or they differ where one encoder serves both ends.
    """
    for name, matrix, size in (("B", B, model.matrix.shape[0]), ("A", A, model.matrix.shape[1])):
        if matrix.shape != (size, size) or not np.linalg.cond(matrix) < 1e12:
            raise ValueError(f"expected {name} as an invertible matrix of shape ({size}, {size}), got {matrix.shape} "
                             "or one that is singular to rounding")  # fmt: skip
    if model.shared_encoder and not np.array_equal(B, A):
        raise ValueError("expected B = A where one encoder serves both ends, got two changes: latents are one")
    back = scipy.linalg.lu_factor(A.T)
    changed = ArrayLatentModel(
        encode_noise=lambda noise, labels: model.encode_noise(noise, labels) @ B,
        encode_data=lambda data, labels: model.encode_data(data, labels) @ A,
        matrix=np.linalg.solve(B, model.matrix @ A),
        offset=lambda labels: model.offset(labels) @ A,
        decode=lambda latents, labels: model.decode(scipy.linalg.lu_solve(back, latents.T).T, labels),
        shared_encoder=model.shared_encoder,
        decoder_lipschitz=_stretched(getattr(model, "decoder_lipschitz", None), A),
    )
    return cast(LatentModel, changed)  # its offset is a callable once it is built


def _stretched(certificate: Certificate | None, A: np.ndarray) -> Certificate | None:
    """The certificate of z ↦ D(z A⁻¹)."""
    if certificate is None or certificate.constant is None:
        return certificate
    constant = certificate.constant / float(np.linalg.svd(A, compute_uv=False)[-1])
    return Certificate(constant=constant, because=f"{certificate.because}, and the norm of a change of coordinates")


def random_rotation(size: int, *, rng: np.random.Generator) -> Float[np.ndarray, "m m"]:
    """An orthogonal matrix, of which all are as likely; of one coordinate, the identity."""
    return scipy.stats.ortho_group.rvs(size, random_state=rng) if size > 1 else np.eye(1)


def random_gauge(size: int, *, condition: float, rng: np.random.Generator) -> Float[np.ndarray, "m m"]:
    """An invertible matrix with this condition number: equation (3).

    Raises:
        ValueError: If the condition is less than 1.
    """
    if not 1 <= condition < 1e6:
        raise ValueError(f"expected a condition from 1 to 1e6, beyond which rounding is seen, got {condition}")
    left, right = (random_rotation(size, rng=rng) for _ in range(2))
    logarithms = rng.uniform(-0.5, 0.5, size)
    logarithms[:2] = (0.5, -0.5)[:size]
    return left * condition**logarithms @ right
