"""The closure spectrum of a learned dictionary: a curve against output rank, in the order in which the decoder reads.

With w the data latents z = E_data(y) in white coordinates, z = z̄ + w W⁺, the decoder reads a direction as far as it
changes with it,

    C = E[J Jᵀ],     J = ∂D(z̄ + w W⁺)/∂w,          C u_j = λ_j u_j,     λ_1 ≥ λ_2 ≥ …                             (1)

Of a linear decoder λ_j is the variance that it reads along u_j, and Σ λ_j all that it reads. Another encoder z A with
D(· A⁻¹) turns w by an orthogonal matrix, so that λ_j and u_j·w stay. With r the part of w that the noise latents do not
predict on held-out pairs (`koopman_analysis.closure.estimation`, equation (3)),

    defect(q) = Σ_{j ≤ q} E(u_j·r)² / q,          read-out share(q) = Σ_{j ≤ q} λ_j / Σ_j λ_j:                       (2)

a direction that is never read may be as open as it likes, and stands at the end of the curve. Only what is below 1e-12
of the largest latent direction is left out; of what D reads, that is the share

    E‖D(z) − D(z̄ + (z − z̄) W W⁺)‖² / tr Cov D(z).                                                                  (3)

C is estimated by `estimators.decoding`. Source: Constantine 2015 (equation (1): active subspaces).
"""

from dataclasses import dataclass, replace

import numpy as np

from koopman_analysis.closure.decoder_weighted import varying_directions
from koopman_analysis.closure.folds import Folds, judged_folds
from koopman_analysis.closure.sample import lifted_sample
from koopman_analysis.dictionaries import Coordinates
from koopman_analysis.estimators.decoding import read_directions
from koopman_analysis.estimators.latent import LatentModel
from koopman_analysis.resampling import Interval, jackknife_intervals
from koopman_analysis.shapes import Labels
from koopman_analysis.snapshots import SnapshotPairs


@dataclass(frozen=True, kw_only=True)
class DecoderWeightedSpectrum:
    """Equations (2) and (3).

    Attributes:
        defect: The share of variance of the first q = 1, 2, … directions that is not predicted; none where the data
            encoder has collapsed.
        readout_share: The share of the read-out's variation in them, rising to 1.
        dropped_share: Equation (3).
    """

    defect: tuple[Interval, ...]
    readout_share: tuple[float, ...]
    dropped_share: float

    @property
    def dimension(self) -> int:
        """Number of directions in which the data latents vary."""
        return len(self.defect)

    def rank_read(self, share: float = 0.99) -> int:
        """The least rank with this share of the read-out; 0 where there is no direction."""
        return min(int(np.searchsorted(self.readout_share, share)) + 1, self.dimension)


def decoder_weighted_spectrum(
    model: LatentModel, pairs: SnapshotPairs, *, labels: Labels | None = None, rng: np.random.Generator
) -> DecoderWeightedSpectrum:
    """The curve of a fitted model, on pairs that it was not fitted to.

    Args:
        model: The model; its own K plays no part.
        pairs: Half of their units fits what the other half judges. Cut few long trajectories by `pairs.in_blocks`.
        labels: The label of each pair, where the model takes labels.
        rng: Decides the halves, and where the decoder is differentiated.

    Raises:
        ConstantData: If the noise latents do not vary.
        ValueError: If there are fewer than four independent units.
    """
    encoded = model.encode_data(pairs.after, labels)
    if varying_directions(encoded) == 0:
        return DecoderWeightedSpectrum(defect=(), readout_share=(), dropped_share=0.0)
    latents = replace(pairs, before=model.encode_noise(pairs.before, labels), after=encoded)
    folds = judged_folds(lifted_sample(latents, Coordinates(), Coordinates(), rng))
    basis, weights, z = folds.basis_out, latents.on_host().weights, np.asarray(encoded, dtype=np.float64)
    read, directions = read_directions(model, z, basis.back, labels=labels, weights=weights, rng=rng)
    share = np.full(pairs.n, 1 / pairs.n) if weights is None else weights / weights.sum()
    return DecoderWeightedSpectrum(
        defect=_curve(folds, directions, units=pairs.units),
        readout_share=tuple(np.cumsum(read) / read.sum()) if read.any() else (1.0,) * len(read),
        dropped_share=_lost(model, z, labels, share, basis.matrix @ basis.back),
    )


def _lost(
    model: LatentModel, latents: np.ndarray, labels: Labels | None, share: np.ndarray, projection: np.ndarray
) -> float:
    """Equation (3)."""
    mean = share @ latents
    read, kept = (
        np.asarray(model.decode(z, labels), dtype=np.float64) for z in (latents, mean + (latents - mean) @ projection)
    )
    variance = share @ np.square(read - share @ read).sum(axis=1)
    return float(share @ np.square(read - kept).sum(axis=1) / variance) if variance else 0.0


def _curve(folds: Folds, directions: np.ndarray, *, units: int) -> tuple[Interval, ...]:
    """The defect of equation (2), the lower ends as cautious as those of the estimate."""
    sums = np.concatenate([judgement.along(directions.T).T for judgement in folds.judgements])
    weight = np.concatenate([judgement.weight for judgement in folds.judgements])
    rank = np.arange(1, len(directions) + 1)
    unpredicted = np.cumsum(sums, axis=1) / rank
    estimate = unpredicted.sum(axis=0) / weight.sum()
    replicates = (unpredicted.sum(axis=0) - unpredicted) / (weight.sum() - weight)[:, None]
    return tuple(
        replace(interval, low=max(0.0, folds.caution * interval.low))
        for interval in jackknife_intervals(estimate, replicates, n=units)
    )
