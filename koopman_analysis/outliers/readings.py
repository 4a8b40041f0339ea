"""Latents as the decoder reads them: coordinates in which outlyingness does not depend on latent coordinates.

A latent vector has directions that the decoder never reads, in which an encoder may do anything; white coordinates
give them the weight of the others. Of the latents z = E_noise(x) K + c, to which the noise is carried, these are the
white coordinates along the fewest of the directions in decreasing order of what the decoder makes of them
(`koopman_analysis.dimension`, latent_rank, (1)) with

    Σ_{i ≤ r} s_i²  ≥  share · Σ_i s_i².                                                                        (1)

Another gauge of the latents leaves them as they are, up to sign.
"""

import numpy as np

from koopman_analysis.dimension import decoder_weighted_directions
from koopman_analysis.estimators.latent import LatentModel, carried_latents
from koopman_analysis.shapes import Float, Labels
from koopman_analysis.snapshots import SnapshotPairs

SHARE = 0.9999
"""Of what the decoder makes of all directions: what is left out moves samples by a hundredth of their spread."""


def read_latents(
    model: LatentModel,
    pairs: SnapshotPairs,
    *,
    labels: Labels | None = None,
    share: float = SHARE,
    rng: np.random.Generator,
) -> Float[np.ndarray, "n r"]:
    """The latents to which a model carries the states before, in the coordinates of equation (1).

    Args:
        model: The model.
        pairs: Pairs; their states after are not looked at.
        labels: The label of each pair, where the model takes labels.
        share: As in equation (1), in (0, 1].
        rng: Chooses the latents at which the decoder is differentiated.

    Raises:
        ConstantData: If the latents do not vary.
        UndefinedDecoder: If the decoder has no finite values around them.
        ValueError: If the share is out of range.
    """
    if not 0 < share <= 1:
        raise ValueError(f"expected a share in (0, 1], got {share}")
    directions = decoder_weighted_directions(model, pairs, labels=labels, rng=rng)
    latents = carried_latents(model, pairs.before, labels)
    return (latents - directions.mean) @ directions.onto[:, : directions.holding(share)]
