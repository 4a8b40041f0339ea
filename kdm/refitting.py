"""The operator in closed form, on the latents of encoders that stay as they are.

With latents Z_noise = E_noise(x) and Z_data = E_data(y) of training pairs, and the model's offset c,

    least squares        K = argmin Σ ‖ Z_data − c − Z_noise K ‖²                                            (1)
    measure-preserving   K = argmin Σ ‖ (Z_data − c − Z_noise K) C^(−1/2) ‖²                                 (2)
                         among the K with  Kᵀ E[z zᵀ] K = C,        z = E_noise(x),
                         C = E[z′ z′ᵀ],                             z′ = E_data(y) − c

are EDMD and its measure-preserving variant, with the encoders as dictionaries (Williams, Kevrekidis & Rowley 2015;
Colbrook 2023), from the moments of `koopman_analysis`. The unit C^(−1/2) makes (2) the same in all coordinates of the
latent space.

Why (2). The flow carries the law of noise to that of data, so that its Koopman operator is an isometry between the two
L² spaces: ‖f ∘ Φ‖ over noise is ‖f‖ over data. Latent linearity is a regression, and a regression shrinks: Z_noise K is
the mean of Z_data given what the encoder knows, with canonical correlation ρ of a direction its variance is ρ² of the
data's, and what the decoder makes of it varies too little. (2) gives back to every direction the variance that it has
over data, whatever ρ. It predicts each pair worse, by 2 (1 − ρ) instead of 1 − ρ² in such a direction, and draws a law
whose second moments are those of the data: of one-step *samples* that is what is asked.

What E_data does not tell is not given back: where training has left in the latents of data little that E_noise cannot
predict, ρ ≈ 1, (2) changes little, and a decoder that blurs, blurs as before.

Networks in single precision know each latent to a relative ε = 2⁻²³; independent errors of that size move the singular
values of Z_noise by about ε of the largest, so that directions below 10 ε are left out.
"""

import copy
from dataclasses import dataclass, replace
from functools import reduce
from operator import add

import numpy as np
import torch

from kdm.configuration import seeded_modules
from kdm.model import KoopmanDistillationModel
from kdm.operators import DenseOperator
from kdm.trajectories import IndexedPairs, Pairs
from koopman_analysis import Coordinates, FactorMoments, SnapshotPairs
from koopman_analysis.regression import ThresholdRank

RESOLUTION = 10 * float(torch.finfo(torch.float32).eps)
"""Share of the largest singular value of the latents below which singular values are rounding."""
BATCH = 1024
"""Pairs encoded at once."""


@dataclass(frozen=True)
class LeastSquares:
    """Equation (1)."""

    def matrix(self, moments: FactorMoments) -> np.ndarray:
        """K, shape (m, m)."""
        return moments.operator(rank=ThresholdRank(RESOLUTION))


@dataclass(frozen=True)
class MeasurePreserving:
    """Equation (2)."""

    def matrix(self, moments: FactorMoments) -> np.ndarray:
        """K, shape (m, m)."""
        return replace(moments, resolution=RESOLUTION).isometric_operator()


@dataclass(frozen=True, kw_only=True)
class Refit:
    """An operator in closed form.

    Attributes:
        solution: Equation (1) or (2).
        pairs: Training pairs that the moments are taken of, at most: the first.

    Raises:
        ValueError: If there are fewer than two.
    """

    solution: LeastSquares | MeasurePreserving
    pairs: int = 50_000

    def __post_init__(self) -> None:
        if self.pairs < 2:
            raise ValueError(f"expected moments of two pairs or more, got {self.pairs}")


def refitted(model: KoopmanDistillationModel, pairs: IndexedPairs, refit: Refit) -> KoopmanDistillationModel:
    """A copy of the model with its operator in closed form, from the first of these pairs.

    Raises:
        ValueError: If one encoder serves both ends, or there are fewer than two pairs.
    """
    if model.shared_encoder:
        raise ValueError(
            "expected an encoder for each end, got one for all times: with it K is a semigroup's, which no regression "
            "on end points finds"
        )
    fixed, device = copy.deepcopy(model).eval(), next(model.parameters()).device
    parts = torch.arange(min(len(pairs), refit.pairs)).split(BATCH)
    latents = (_latents(fixed, pairs[rows].to(device)) for rows in parts)
    moments = reduce(add, (FactorMoments.of(some, Coordinates()) for some in latents))
    return with_matrix(model, refit.solution.matrix(moments))


def with_matrix(model: KoopmanDistillationModel, matrix: np.ndarray) -> KoopmanDistillationModel:
    """A copy of the model with this K, shape (m, m), in a dense operator."""
    changed = copy.deepcopy(model)
    with seeded_modules(torch.Generator()):
        operator = DenseOperator(len(matrix))
    with torch.no_grad():
        operator.weight.copy_(torch.from_numpy(matrix.T.copy()))
    changed.operator = operator.to(next(model.parameters()).device)
    return changed.train(model.training)


@torch.no_grad()
def _latents(model: KoopmanDistillationModel, pairs: Pairs) -> SnapshotPairs:
    """Latents of both ends, without the offset."""
    before = model.encode_noise(pairs.noise, pairs.labels)
    offset = model.advance(torch.zeros_like(before), pairs.labels)
    after = model.encode_data(pairs.data, pairs.labels) - offset
    return SnapshotPairs(before=before.cpu().double().numpy(), after=after.cpu().double().numpy())
