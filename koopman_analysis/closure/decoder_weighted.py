"""Closure of a learned dictionary, in the only units that are its own: those of what its decoder reads.

Whitening gives weight to latent directions that the decoder never reads, and an invertible change of latents changes
every latent norm, so the closure spectrum of a learned dictionary depends on a truncation threshold. Through the
decoder nothing does. With E_data, E_noise, K, c and D of a latent model and V = tr Cov(y),

    decoder-weighted defect    E‖D(E_data(y)) − D(E_noise(x) K + c)‖² / V                                         (1)
    state error                E‖y − D(E_noise(x) K + c)‖² / V                                                   (2)
    reconstruction error       E‖y − D(E_data(y))‖² / V                                                          (3)

all invariant under (E_noise, K, E_data, D) → (E_noise B, B⁻¹ K A, E_data A, z ↦ D(z A⁻¹)). A constant encoder makes (1)
vanish and (3) equal to one or more: a defect means nothing without the dimension of what is encoded.
"""

from dataclasses import dataclass

import numpy as np

from koopman_analysis.estimators.latent import LatentModel, carried_latents
from koopman_analysis.regression import ConstantData
from koopman_analysis.resampling import Interval, ratio_bootstrap
from koopman_analysis.shapes import Labels
from koopman_analysis.snapshots import SnapshotPairs


@dataclass(frozen=True, kw_only=True)
class DecoderWeightedClosure:
    """Equations (1) to (3), as shares of the data's variance, by object bootstrap over the pairs' units.

    Attributes:
        defect: Equation (1).
        state_error: Equation (2).
        reconstruction_error: Equation (3).
        dimension: Number of directions in which E_data(y) varies; 0 where the encoder has collapsed.
    """

    defect: Interval
    state_error: Interval
    reconstruction_error: Interval
    dimension: int


def decoder_weighted_defect(
    model: LatentModel,
    pairs: SnapshotPairs,
    *,
    labels: Labels | None = None,
    resamples: int = 999,
    rng: np.random.Generator,
) -> DecoderWeightedClosure:
    """The decoder-weighted closure of a fitted model.

    Args:
        model: The model, in no need of more fitting.
        pairs: Pairs that it was not fitted to.
        labels: The label of each pair, where the model takes labels.
        resamples: Number of bootstrap resamples.
        rng: Draws the resamples.

    Raises:
        ConstantData: If the states after do not vary.
        TypeError: If the decoder returns anything but real numbers.
        ValueError: If there are fewer than two independent units, or the decoder returns other shapes than the states
            have, NaN or Inf.
    """
    host = pairs.on_host()
    after, weights = host.after, np.ones(host.n) if host.weights is None else host.weights
    centred = after - np.average(after, axis=0, weights=weights)
    if not np.ptp(after, axis=0).any():
        raise ConstantData(f"expected states after that vary, got one state {host.n} times")
    encoded = model.encode_data(pairs.after, labels)
    carried = carried_latents(model, pairs.before, labels)
    reconstruction, prediction = (_decoded(model, z, labels, after.shape) for z in (encoded, carried))
    differences = (reconstruction - prediction, after - prediction, after - reconstruction)
    above = np.column_stack([weights * np.square(difference).sum(axis=1) for difference in differences])
    below = np.repeat((weights * np.square(centred).sum(axis=1))[:, None], 3, axis=1)
    bootstrap = ratio_bootstrap(above, below, unit=host.unit, resamples=resamples, rng=rng)
    defect, state_error, reconstruction_error = bootstrap.intervals()
    return DecoderWeightedClosure(
        defect=defect,
        state_error=state_error,
        reconstruction_error=reconstruction_error,
        dimension=varying_directions(encoded),
    )


def _decoded(model: LatentModel, latents: np.ndarray, labels: Labels | None, shape: tuple[int, ...]) -> np.ndarray:
    """D of these latents, a state a row: what broadcasts against the states would be compared with the wrong ones."""
    decoded = np.asarray(model.decode(latents, labels))
    if decoded.dtype.kind not in "fiu":
        raise TypeError(
            f"expected a decoder of real numbers, got dtype {decoded.dtype}: return states, such as decode(z).real"
        )
    if decoded.shape != shape:
        raise ValueError(
            f"expected decoded states of shape {shape}, as the states after have, got {decoded.shape}: return every "
            "coordinate of the state"
        )
    if not np.isfinite(decoded).all():
        raise ValueError("expected finite decoded states, got NaN or Inf: the decoder is undefined or overflows there")
    return decoded.astype(np.float64)


def varying_directions(latents: np.ndarray) -> int:
    """Number of directions in which these latents vary, by more than single precision rounds."""
    # Most encoders compute in single precision, whatever they return: what varies less is constant.
    rounding = 10 * np.finfo(np.float32).eps * np.linalg.norm(latents, ord=2)
    values = np.linalg.svd(latents - latents.mean(axis=0), compute_uv=False)
    return int(np.count_nonzero(values > rounding))
