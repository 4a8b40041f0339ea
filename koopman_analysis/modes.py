"""The modes of a fitted model: pairs of functions, one at each end, between which K acts as a number.

With z = E_noise(x) K + c the latents that arrive, the directions of `dimension.latent_rank` diagonalise K between the
covariance of what enters and what the decoder makes of what arrives, S^{1/2} K W^{1/2} = Σ_i u_i s_i v_iᵀ. With the
columns ω_i of `LatentDirections.onto` they are functions of the states at either end,

    f_i(x) = (E_noise(x) K + c − z̄) ω_i,     g_i(y) = (E_data(y) − z̄) ω_i,                                         (1)

the f_i of variance one and uncorrelated. If the model is exact, g_i(Φ(x)) = f_i(x). Neither changes with the
coordinates of the latents at either end, as eigenvectors and singular vectors of K do. Of each mode,

    size            s_i: how far the output moves, to first order, with one standard deviation of f_i             (2)
    contribution    E‖D(z) − D(z − f_i(x) β_i)‖² / tr Cov(y): what is lost without it, β_i the direction           (3)
    unpredicted     E(g_i(y) − f_i(x))² / Var g_i(y): what the other end has of it that K does not bring.          (4)

**Whitened singular values.** In the leading directions, as many as hold a share of Σ s_i², the singular values of
S_noise^{1/2} K S_data^{−1/2} are the roots of the generalised eigenvalues of

    Cov(z ω) v = σ² Cov(E_data(y) ω) v:                                                                              (5)

canonical correlations where K is the best one, at most 1 then, and numbers of no coordinates either way.

Source: theory of `dimension.latent_rank`; Noé & Clementi 2015, Wu & Noé 2020 (singular functions of Koopman operators).
"""

from dataclasses import dataclass

import numpy as np
import scipy.linalg

from koopman_analysis.dimension import LatentDirections
from koopman_analysis.estimators.latent import LatentModel, carried_latents
from koopman_analysis.regression import ConstantData
from koopman_analysis.resampling import Interval, ratio_bootstrap
from koopman_analysis.shapes import Float, Labels, Latents, States, require_whole
from koopman_analysis.snapshots import SnapshotPairs


@dataclass(frozen=True, kw_only=True, eq=False)
class OperatorModes:
    """The leading modes of a model, the largest first.

    Attributes:
        directions: All of them.
        contributions: Equation (3) of each mode looked at.
        unpredicted: Equation (4) of each.
    """

    directions: LatentDirections
    contributions: tuple[Interval, ...]
    unpredicted: tuple[Interval, ...]

    def __len__(self) -> int:
        return len(self.contributions)

    @property
    def sizes(self) -> Float[np.ndarray, " r"]:
        """Equation (2) of each mode looked at, in the units of the data."""
        return self.directions.singular_values[: len(self)]

    @property
    def shares(self) -> Float[np.ndarray, " r"]:
        """Of Σ s_i² over all directions, the part of each mode looked at."""
        squares = np.square(self.directions.singular_values)
        return squares[: len(self)] / squares.sum()

    def at_noise(self, model: LatentModel, noise: States, labels: Labels | None = None) -> Float[np.ndarray, "n r"]:
        """The values f_i of equation (1)."""
        return self._values(carried_latents(model, noise, labels))

    def at_data(self, model: LatentModel, data: States, labels: Labels | None = None) -> Float[np.ndarray, "n r"]:
        """The values g_i of equation (1)."""
        return self._values(model.encode_data(data, labels))

    def _values(self, latents: Latents) -> np.ndarray:
        return (latents - self.directions.mean) @ self.directions.onto[:, : len(self)]


def operator_modes(
    model: LatentModel,
    pairs: SnapshotPairs,
    *,
    directions: LatentDirections,
    count: int,
    labels: Labels | None = None,
    resamples: int = 199,
    rng: np.random.Generator,
) -> OperatorModes:
    """The leading modes of a model, each with what it is worth on pairs that it was not found on.

    Args:
        model: The model.
        pairs: Pairs that neither the model nor its directions were made from.
        directions: Of this model, from other pairs.
        count: Number of modes looked at.
        labels: The label of each pair, where the model takes labels.
        resamples: Resamples of the pairs' units.
        rng: Draws them.

    Raises:
        TypeError: If the number of modes is not whole.
        ValueError: If there are fewer directions than modes asked for, the states after do not vary, or there are fewer
            than two independent units.
    """
    require_whole("modes", count)
    found = len(directions.singular_values)
    if not 1 <= count <= found:
        raise ValueError(f"expected from 1 to {found} modes, the directions there are, got {count}")
    host = pairs.on_host()
    if not np.ptp(host.after, axis=0).any():
        raise ValueError(f"expected states after that vary, got one state {host.n} times")
    arrived = carried_latents(model, pairs.before, labels)
    onto, back = directions.onto[:, :count], directions.back[:count]
    f, g = ((z - directions.mean) @ onto for z in (arrived, model.encode_data(pairs.after, labels)))
    whole = model.decode(arrived, labels)
    lost = [
        np.square(whole - model.decode(arrived - f[:, [i]] * back[i], labels), dtype=np.float64).sum(axis=1)
        for i in range(count)
    ]
    weights = (np.ones(host.n) if host.weights is None else host.weights)[:, None]
    spread = np.square(host.after - np.average(host.after, axis=0, weights=weights[:, 0])).sum(axis=1)
    above = weights * np.column_stack([*lost, np.square(g - f)])
    variances = np.square(g - np.average(g, axis=0, weights=weights[:, 0]))
    below = weights * np.column_stack([np.broadcast_to(spread[:, None], (host.n, count)), variances])
    intervals = ratio_bootstrap(above, below, unit=host.unit, resamples=resamples, rng=rng).intervals()
    return OperatorModes(directions=directions, contributions=intervals[:count], unpredicted=intervals[count:])


def whitened_singular_values(
    model: LatentModel,
    pairs: SnapshotPairs,
    *,
    directions: LatentDirections,
    share: float = 0.999,
    labels: Labels | None = None,
) -> Float[np.ndarray, " r"]:
    """The σ of equation (5), falling.

    Args:
        model: The model.
        pairs: Pairs that it was not fitted to.
        directions: Of this model.
        share: Of Σ s_i², which the directions looked at hold, in (0, 1].
        labels: The label of each pair, where the model takes labels.

    Raises:
        ValueError: If the share is out of range.
        ConstantData: If the latents of the data do not vary in a direction looked at.
    """
    if not 0 < share <= 1:
        raise ValueError(f"expected a share in (0, 1], got {share}")
    count = directions.holding(share)
    carried = carried_latents(model, pairs.before, labels)
    weights = pairs.on_host().weights
    above, below = (
        np.atleast_2d(np.cov((z @ directions.onto[:, :count]).T, aweights=weights, bias=True))
        for z in (carried, model.encode_data(pairs.after, labels))
    )
    scale = np.sqrt(np.diag(below))
    if not scale.all():
        raise ConstantData("expected latents of the data that vary in what the decoder reads, got a constant direction")
    try:
        values = scipy.linalg.eigvalsh(above / np.outer(scale, scale), below / np.outer(scale, scale))
    except np.linalg.LinAlgError as error:
        raise ConstantData(
            f"expected latents of the data that vary in all of {count} directions that the decoder reads, got fewer: "
            "look at a smaller share"
        ) from error
    return np.sqrt(np.maximum(values[::-1], 0.0))
