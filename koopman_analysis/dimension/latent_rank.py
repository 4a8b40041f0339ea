"""How many latent directions a fitted model uses: its quality when K is truncated to rank r.

Singular values of K itself, "modes" and shares of latent variance belong to a choice of latent coordinates: with two
encoders, (E_noise, K, E_data, D) → (E_noise B, B⁻¹ K A, E_data A, z ↦ D(z A⁻¹)) changes all of them and no sample.
What stays is K between two metrics that the model and the data bring along: the covariance of the latents that enter,
and how much of the decoder's output each direction moves where latents arrive, z = E_noise(x) K + c,

    S = Cov E_noise(x),      W = E[J_D(z) J_D(z)ᵀ],      S^{1/2} K W^{1/2} = Σ_i u_i s_i v_iᵀ.                    (1)

To first order in what is left out, its truncation loses least of the output among all of rank r,

    E‖D(z) − D(z_r)‖² ≈ Σ_{i > r} s_i²,      z_r = z̄ + (z − z̄) Π_r,                                              (2)

with Π_r a projection of rank r in the latents, so that K Π_r is the truncated operator and c Π_r + z̄ (1 − Π_r) its
offset: a model of the same form. No root of W is taken, which is singular where the decoder reads few directions: with
z − z̄ = u Q, u white, the v_i W^{1/2} come of the eigenvectors of Q W Qᵀ = E[J_u J_uᵀ], which is measured by central
differences of D along the white directions. Directions of z that vary less than single precision resolves are left out
of Π_r.

Whitening both ends by their own covariances instead orders directions by how well they are predicted, whatever they are
worth: its truncation changes with the threshold above which an output direction counts, and that of (2) has none.

Each rank has the decoder-weighted defect and the state error of `koopman_analysis.closure.decoder_weighted`, and its
paired error, the root of the latter; all on the same resamples of pairs that gave no direction. Against the whole
model,

    ratio_r = paired error at rank r / paired error of the untruncated model,                                   (3)

where an error below 10 ε of the data's deviation counts as that.

Source: Constantine, Dow & Wang 2014 (active subspaces, here of the decoder in white latents).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from koopman_analysis.dimension.sweep import Curve
from koopman_analysis.estimators.decoding import read_directions
from koopman_analysis.estimators.latent import ArrayLatentModel, LatentModel, carried_latents
from koopman_analysis.regression import ConstantData
from koopman_analysis.resampling import Bootstrap, ratio_bootstrap
from koopman_analysis.shapes import Float, Labels, Operator
from koopman_analysis.snapshots import SnapshotPairs

RESOLUTION = 10 * float(np.finfo(np.float32).eps)
"""Share of the largest deviation below which a direction is rounding: most encoders compute in single precision."""

ROUNDING = (10 * float(np.finfo(np.float64).eps)) ** 2
"""State error that is rounding."""


@dataclass(frozen=True, kw_only=True, eq=False)
class LatentDirections:
    """The directions of equation (1) at the data end of a model, by what the decoder makes of them.

    Attributes:
        mean: z̄, shape (m,).
        onto: The coordinate of each direction as a function of z − z̄, one a column, shape (m, k).
        back: The directions, one a row, shape (k, m).
        singular_values: s_i, decreasing, in the units of the data.
    """

    mean: Float[np.ndarray, " m"]
    onto: Float[np.ndarray, "m k"]
    back: Float[np.ndarray, "k m"]
    singular_values: Float[np.ndarray, " k"]

    def projection(self, rank: int) -> Operator:
        """Π_r of equation (2).

        Raises:
            ValueError: If there are fewer directions.
        """
        if not 0 <= rank <= len(self.singular_values):
            raise ValueError(f"expected a rank from 0 to the {len(self.singular_values)} directions, got {rank}")
        return self.onto[:, :rank] @ self.back[:rank]

    def holding(self, share: float) -> int:
        """How many of the first directions hold this share, in (0, 1], of Σ s_i²."""
        squares = np.square(self.singular_values)
        return 1 + int(np.searchsorted(np.cumsum(squares), share * squares.sum() * (1 - 1e-12)))


@dataclass(frozen=True, kw_only=True, eq=False)
class RankSweep:
    """The quality of a model truncated to each of several ranks.

    Attributes:
        directions: What the ranks count.
        defect: Decoder-weighted defect, as a share of the data's variance.
        state_error: E‖y − D(z_r)‖² as a share of the data's variance.
        paired_error: Its root.
        ratio: Equation (3).
    """

    directions: LatentDirections
    defect: Curve
    state_error: Curve
    paired_error: Curve
    ratio: Curve

    @property
    def ranks(self) -> tuple[int, ...]:
        """The ranks, rising."""
        return self.ratio.dimensions

    def sufficient_rank(self, margin: float = 0.1) -> int | None:
        """The smallest rank whose paired error is known to exceed the whole model's by no more than this share.

        From the largest rank downwards, stopping at the first that is not known to; None where the largest is not.

        Raises:
            ValueError: If the margin is not positive: no data show two errors equal.
        """
        if not margin > 0:
            raise ValueError(f"expected a positive margin, got {margin}: no data show that two errors are equal")
        found = None
        for rank, interval in zip(reversed(self.ranks), reversed(self.ratio.intervals), strict=True):
            if not interval.high <= 1 + margin:
                break
            found = rank
        return found


def decoder_weighted_directions(
    model: LatentModel, pairs: SnapshotPairs, *, labels: Labels | None = None, rng: np.random.Generator
) -> LatentDirections:
    """The directions of equation (1), of the latents to which a model carries these states.

    Args:
        model: The model.
        pairs: Pairs to take directions from; their states after are not looked at.
        labels: The label of each pair, where the model takes labels.
        rng: Chooses the latents at which the decoder is differentiated.

    Raises:
        ConstantData: If the latents do not vary.
        UndefinedDecoder: If the decoder has no finite values around them.
    """
    host = pairs.on_host()
    arrived = carried_latents(model, pairs.before, labels)
    weights = np.ones(host.n) if host.weights is None else host.weights
    mean = np.average(arrived, axis=0, weights=weights)
    root = np.sqrt(weights / weights.sum())[:, None]
    _, deviations, right = np.linalg.svd(root * (arrived - mean), full_matrices=False)
    kept = int(np.count_nonzero(deviations > RESOLUTION * np.linalg.norm(root * arrived)))
    if not kept:
        raise ConstantData("expected latents that vary where K carries the noise, got one: the model has collapsed")
    Q = deviations[:kept, None] * right[:kept]
    values, turn = read_directions(model, arrived, Q, labels=labels, weights=weights, rng=rng)
    return LatentDirections(
        mean=mean,
        onto=right[:kept].T / deviations[:kept] @ turn,
        back=turn.T @ Q,
        singular_values=np.sqrt(values),
    )


def truncated_model(model: LatentModel, directions: LatentDirections, rank: int) -> ArrayLatentModel:
    """The model with K of this rank: equation (2).

    Raises:
        ValueError: If there are fewer directions.
    """
    projection = directions.projection(rank)
    rest = directions.mean - directions.mean @ projection
    return ArrayLatentModel(
        encode_noise=model.encode_noise,
        encode_data=model.encode_data,
        matrix=model.matrix @ projection,
        offset=lambda labels: model.offset(labels) @ projection + rest,
        decode=model.decode,
        shared_encoder=model.shared_encoder,
    )


def rank_sweep(
    model: LatentModel,
    pairs: SnapshotPairs,
    *,
    directions: LatentDirections,
    ranks: Sequence[int],
    labels: Labels | None = None,
    resamples: int = 999,
    rng: np.random.Generator,
) -> RankSweep:
    """The quality of a model against the rank of its truncated operator.

    Args:
        model: The model.
        pairs: Pairs that neither it nor its directions were made from.
        directions: Of this model, from other pairs.
        ranks: Ranks, rising from 0 or more.
        labels: The label of each pair, where the model takes labels.
        resamples: Resamples of the pairs' units.
        rng: Draws them.

    Raises:
        ValueError: If the ranks do not rise or exceed the directions, the states after do not vary, or there are fewer
            than two independent units.
    """
    if not ranks or any(after <= before for before, after in pairwise(ranks)):
        raise ValueError(f"expected ranks that rise, got {list(ranks)}")
    host = pairs.on_host()
    if not np.ptp(host.after, axis=0).any():
        raise ValueError(f"expected states after that vary, got one state {host.n} times")
    arrived = carried_latents(model, pairs.before, labels)
    reconstructed = model.decode(model.encode_data(pairs.after, labels), labels)
    truncated = (directions.mean + (arrived - directions.mean) @ directions.projection(rank) for rank in ranks)
    predictions = [model.decode(latents, labels) for latents in (arrived, *truncated)]
    above = [_squares(host.after - predicted) for predicted in predictions]
    above += [_squares(reconstructed - predicted) for predicted in predictions[1:]]
    spread = _squares(host.after - np.average(host.after, axis=0, weights=host.weights))
    weights = (np.ones(host.n) if host.weights is None else host.weights)[:, None]
    terms = weights * np.column_stack(above)
    below = np.broadcast_to(weights * spread[:, None], terms.shape)
    shares = ratio_bootstrap(terms, below, unit=host.unit, resamples=resamples, rng=rng)
    return _sweep(directions, ranks, shares)


def _sweep(directions: LatentDirections, ranks: Sequence[int], shares: Bootstrap) -> RankSweep:
    """From the state error of the whole model and of each rank, then the defect of each rank."""
    state, defect = slice(1, 1 + len(ranks)), slice(1 + len(ranks), None)
    whole = slice(0, 1)
    paired = _transformed(shares, lambda values: np.sqrt(values[..., state]))
    # Logarithms of ratios are nearer to symmetric; their intervals are carried back.
    above = _transformed(shares, lambda values: np.maximum(values, ROUNDING))
    logarithm = _transformed(above, lambda values: np.log(values[..., state] / values[..., whole]) / 2)
    ratio = _transformed(logarithm, np.exp)
    ratios = tuple(
        replace(interval, low=float(np.exp(interval.low)), estimate=float(middle), high=float(np.exp(interval.high)))
        for interval, middle in zip(logarithm.simultaneous(), ratio.estimate, strict=True)
    )
    return RankSweep(
        directions=directions,
        defect=Curve.of_shares(
            "decoder-weighted defect (share of variance)",
            ranks,
            _transformed(shares, lambda values: values[..., defect]),
        ),
        state_error=Curve.of_shares(
            "state error (share of variance)", ranks, _transformed(shares, lambda values: values[..., state])
        ),
        paired_error=Curve.of_shares("paired error", ranks, paired),
        ratio=Curve(
            quantity="paired error over that of the whole model",
            dimensions=tuple(ranks),
            intervals=ratios,
            bootstrap=ratio,
        ),
    )


def _transformed(bootstrap: Bootstrap, function: Callable[[np.ndarray], np.ndarray]) -> Bootstrap:
    return replace(bootstrap, estimate=function(bootstrap.estimate), replicates=function(bootstrap.replicates))


def _squares(differences: np.ndarray) -> np.ndarray:
    return np.square(differences, dtype=np.float64).sum(axis=1)
