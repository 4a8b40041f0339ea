"""The derivative of a teacher's flow, and its exact checks.

Heun's step (`flows`, equations (1) and (2)) is differentiated as it stands. Tangents are rows, δy = δx DΦ(x), and with
H(x, σ) = ∂v/∂x, which is symmetric (`teachers.base`, equation (4)), a step of length h multiplies on the right by

    S = I + (h / 2) ( H_i + (I + h H_i) H̃ ),     H_i = H(x_i, σ_i),   H̃ = H(x_i + h v_i, σ_{i+1})                  (1)
    DΦ = S_0 S_1 ⋯                                                                                                  (2)

This is the derivative of the discrete flow, exact to rounding; from that of the equation it differs by the order of the
solver. A product with (2) needs derivatives of v along a few directions, and so does one with its transpose: as H is
symmetric, Sᵀ = I + (h / 2) ( H_i + H̃ (I + h H_i) ), the steps being taken in reverse from stored states.        (3)

Volume is the exact check, for the flow carries p_T to p_0 (the laws of both ends of the teacher):

    log |det DΦ(x)| = log p_T(x) − log p_0(Φ(x))                                                                    (4)

whose defect divides by 4 when the steps double, as the error of the solver does.

Source: Chen, Rubanova, Bettencourt & Duvenaud 2018 (change of variables along a flow).
"""

from dataclasses import dataclass
from itertools import pairwise

import torch

from kdm.flows import integrate
from kdm.schedules import edm_sigmas
from kdm.shapes import Float, Samples, Tensor
from kdm.teachers import Teacher

CHUNK = 2048
"""Samples differentiated together."""

Tangents = Float[Tensor, "..."]
"""(k, n, *shape): k directions at each of n samples."""


@dataclass(frozen=True, kw_only=True)
class FlowDerivative:
    """Φ and DΦ at n samples of the noise end.

    Attributes:
        noise: x.
        data: Φ(x), to rounding that of `integrate`.
        jacobian: DΦ(x) in flattened coordinates; row a is the derivative of Φ along axis a.
    """

    noise: Samples
    data: Samples
    jacobian: Float[Tensor, "n d d"]


@torch.no_grad()
def flow_derivative(teacher: Teacher, noise: Samples, *, steps: int, chunk: int = CHUNK) -> FlowDerivative:
    """Equation (2), all d rows of it, in the dtype and on the device of the noise.

    Args:
        teacher: whose flow it is.
        noise: samples at σ_noise.
        steps: Heun steps.
        chunk: samples differentiated together; the result depends on it by rounding only.

    Raises:
        TypeError: If the noise is no tensor.
        ValueError: If it has another shape than the teacher's samples, is empty or not finite, or there is no chunk.
    """
    _require_noise(teacher, noise)
    if chunk < 1:
        raise ValueError(f"expected chunks of at least one sample, got {chunk}")
    sigmas = _sigmas(teacher, steps)
    parts = [_differentiated(teacher, part, sigmas) for part in noise.split(chunk)]
    data, jacobian = (torch.cat(each) for each in zip(*parts, strict=True))
    return FlowDerivative(noise=noise, data=data, jacobian=jacobian)


@torch.no_grad()
def flow_jvp(teacher: Teacher, noise: Samples, tangents: Tangents, *, steps: int) -> Tangents:
    """δx DΦ(x) for k tangents at each sample, by forward-mode differentiation of the steps.

    Raises:
        TypeError: If the noise or the tangents are no tensor.
        ValueError: If the noise does not fit the teacher, or the tangents the noise, or some are not finite.
    """
    _require_noise(teacher, noise)
    _require_tangents(noise, tangents)
    x, moved = noise, tangents
    for sigma, following in pairwise(_sigmas(teacher, steps)):
        step = following - sigma
        slope, turned = teacher.velocity_jvp(x, sigma, moved)
        slope_after, turned_after = teacher.velocity_jvp(x + step * slope, following, moved + step * turned)
        x, moved = x + (step / 2) * (slope + slope_after), moved + (step / 2) * (turned + turned_after)
    return moved


@torch.no_grad()
def flow_vjp(teacher: Teacher, noise: Samples, cotangents: Tangents, *, steps: int) -> Tangents:
    """δy DΦ(x)ᵀ for k cotangents at each sample: equation (3).

    Raises:
        TypeError: If the noise or the cotangents are no tensor.
        ValueError: If the noise does not fit the teacher, or the cotangents the noise, or some are not finite.
    """
    _require_noise(teacher, noise)
    _require_tangents(noise, cotangents)
    sigmas = _sigmas(teacher, steps)
    states = integrate(teacher, noise, steps=steps, keep=range(steps + 1)).states
    moved = cotangents
    for index in reversed(range(steps)):
        sigma, following, x = sigmas[index], sigmas[index + 1], states[:, index]
        step = following - sigma
        slope, turned = teacher.velocity_jvp(x, sigma, moved)
        _, turned_after = teacher.velocity_jvp(x + step * slope, following, moved)
        _, twice = teacher.velocity_jvp(x, sigma, turned_after)
        moved = moved + (step / 2) * (turned + turned_after + step * twice)
    return moved


@dataclass(frozen=True, kw_only=True)
class DerivativeError:
    """How far log ‖DΦ‖₂ is from itself at `reference_steps`.

    Attributes:
        median: Over the samples.
        largest: Over the samples: at basin boundaries the equation is stiff.
        steps: Heun steps.
        reference_steps: Four times as many, with a sixteenth of the error.
        samples: Number of samples.
    """

    median: float
    largest: float
    steps: int
    reference_steps: int
    samples: int


def derivative_error(teacher: Teacher, noise: Samples, *, steps: int) -> DerivativeError:
    """The measured error of log ‖DΦ‖₂ at these samples and steps, against four times as many.

    Raises:
        TypeError: If the noise is no tensor.
        ValueError: If it has another shape than the teacher's samples, is empty or not finite.
    """
    _require_noise(teacher, noise)
    found, reference = (
        torch.linalg.matrix_norm(flow_derivative(teacher, noise.double(), steps=count).jacobian, 2).log()
        for count in (steps, 4 * steps)
    )
    apart = (found - reference).abs()
    return DerivativeError(
        median=float(apart.median()), largest=float(apart.max()), steps=steps, reference_steps=4 * steps,
        samples=len(noise),
    )  # fmt: skip


def volume_defect(teacher: Teacher, derivative: FlowDerivative) -> Float[Tensor, " n"]:
    """The left side of equation (4) less the right side, at each sample."""
    volume = torch.linalg.slogdet(derivative.jacobian).logabsdet
    before = teacher.log_density(derivative.noise, teacher.sigma_noise)
    return volume - (before - teacher.log_density(derivative.data, teacher.sigma_data))


def _sigmas(teacher: Teacher, steps: int) -> list[float]:
    return edm_sigmas(steps, sigma_noise=teacher.sigma_noise, sigma_data=teacher.sigma_data).tolist()


def _differentiated(teacher: Teacher, noise: Samples, sigmas: list[float]) -> tuple[Samples, Float[Tensor, "n d d"]]:
    d = noise[0].numel()
    x, jacobian = noise, torch.eye(d, dtype=noise.dtype, device=noise.device).expand(len(noise), d, d)
    for sigma, following in pairwise(sigmas):
        step = following - sigma
        slope, bend = teacher.velocity_jacobian(x, sigma)
        slope_after, bend_after = teacher.velocity_jacobian(x + step * slope, following)
        turned = jacobian @ bend
        jacobian = jacobian + (step / 2) * (turned + (jacobian + step * turned) @ bend_after)
        x = x + (step / 2) * (slope + slope_after)
    return x, jacobian


def _require_noise(teacher: Teacher, noise: object) -> None:
    if not isinstance(noise, Tensor):
        raise TypeError(f"expected noise as a tensor, got {type(noise).__name__}: use torch.from_numpy")
    if tuple(noise.shape[1:]) != tuple(teacher.shape) or not len(noise):
        raise ValueError(
            f"expected at least one sample of shape {tuple(teacher.shape)}, got noise of shape {tuple(noise.shape)}"
        )
    if not noise.isfinite().all():
        raise ValueError("expected finite noise, got NaN or ∞")
    if teacher.conditional:
        raise ValueError("expected a teacher with one flow for all rows, got a conditional one: take a class of it")


def _require_tangents(noise: Tensor, tangents: object) -> None:
    if not isinstance(tangents, Tensor):
        raise TypeError(f"expected tangents as a tensor, got {type(tangents).__name__}: use torch.from_numpy")
    if tangents.shape[1:] != noise.shape or not len(tangents):
        raise ValueError(
            f"expected tangents of shape (k, {', '.join(map(str, noise.shape))}), k at least 1, got "
            f"{tuple(tangents.shape)}: one tangent a sample has an axis for it too"
        )
    if not tangents.isfinite().all():
        raise ValueError("expected finite tangents, got NaN or ∞")
