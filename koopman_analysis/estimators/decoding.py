"""What a decoder reads: the directions of the latents, by how far its output changes with them.

With white coordinates w of latents z = z̄ + w B, the decoder reads a direction as far as it changes with it,

    C = E[J Jᵀ],     J = ∂D(z̄ + w B)/∂w,          C u_j = λ_j u_j,     λ_1 ≥ λ_2 ≥ …                              (1)

Of a linear decoder λ_j is the variance that it reads along u_j. Other coordinates of the latents turn w by an
orthogonal matrix, so that λ_j and u_j·w stay. Derivatives are central differences in white directions: u_j and λ_j are
those of (1) up to the square of their step. Latents from which a step leads out of where the decoder has finite values
are left out.

Source: Constantine 2015 (active subspaces).
"""

import numpy as np

from koopman_analysis.estimators.latent import LatentModel
from koopman_analysis.shapes import Float, Labels

STEP = 0.01
"""Standard deviations to either side of a difference: a decoder of single precision loses 1e-5 of it to rounding."""

STATES = 256
"""Latents at which the decoder is differentiated."""

DECODED = 16_384
"""Latents decoded at a time."""


class UndefinedDecoder(ValueError):
    """A decoder that has no values around the latents."""


def read_directions(
    model: LatentModel,
    latents: Float[np.ndarray, "n m"],
    back: Float[np.ndarray, "k m"],
    *,
    labels: Labels | None = None,
    weights: Float[np.ndarray, " n"] | None = None,
    rng: np.random.Generator,
) -> tuple[Float[np.ndarray, " k"], Float[np.ndarray, "k k"]]:
    """The λ_j, falling, and the u_j, one a column, of equation (1).

    Args:
        model: The model.
        latents: z.
        back: B, the step in z of each white direction, one a row.
        labels: The label of each latent, where the model takes labels.
        weights: The weight of each latent.
        rng: Chooses the latents at which the decoder is differentiated.

    Raises:
        UndefinedDecoder: If the decoder's values around all latents chosen are not finite.
    """
    share = np.full(len(latents), 1 / len(latents)) if weights is None else weights / weights.sum()
    count = min(STATES, int(np.count_nonzero(share)))
    chosen = rng.choice(len(share), count, replace=False, p=share)
    total, used = np.zeros((len(back), len(back))), 0
    for index in np.array_split(chosen, min(count, -(-2 * len(back) * count // DECODED))):
        slopes = _slopes(model, latents[index], back, None if labels is None else labels[index])
        defined = np.isfinite(slopes).all(axis=(0, 2))
        used += int(defined.sum())
        flat = slopes[:, defined].reshape(len(back), -1)
        total += flat @ flat.T
    if not used:
        raise UndefinedDecoder(
            f"expected a decoder with finite values around the latents, got none within {STEP} standard deviations of "
            f"{count} of them: what it reads of a direction is not defined"
        )
    values, vectors = np.linalg.eigh(total / used)
    return np.maximum(values[::-1], 0.0), vectors[:, ::-1]


def _slopes(model: LatentModel, latents: np.ndarray, back: np.ndarray, labels: Labels | None) -> np.ndarray:
    """The change of the output for one standard deviation of each direction, shape (k, points, d)."""
    steps = STEP * np.concatenate([back, -back])[:, None, :]
    moved = (latents + steps).reshape(-1, latents.shape[1])
    with np.errstate(all="ignore"):  # undefined values are looked for
        decoded = model.decode(moved, None if labels is None else np.tile(labels, 2 * len(back)))
    ahead, behind = np.asarray(decoded, dtype=np.float64).reshape(2, len(back), len(latents), -1)
    return (ahead - behind) / (2 * STEP)
