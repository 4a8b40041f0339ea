"""Does the learned operator expand what the flow cannot?

With z = E_noise(x) K + c and z' = E_data(y), the best K leaves residuals z' − z that no linear function of E_noise(x)
predicts, so that Cov z' = Cov z + Cov(z' − z) and

    s² = max_v Var(v·z) / Var(v·z') ≤ 1,                                                                       (1)

s the largest singular value of S_noise^{1/2} K S_data^{−1/2}, with the covariances S of the latents at both ends: of
the best K they are canonical correlations. A learned K with s > 1 carries more variance to some direction than the data
have there. Unlike the singular values of K itself, s does not change with the coordinates of the latents.

v runs over the leading directions that the decoder reads (`dimension.latent_rank`), as many as hold a declared share of
what it makes of all of them: in directions that it never reads, training leaves K undetermined. Found on one part of
the pairs, they are fixed on the rest. There, the v̂ that is worst on one half is judged on the other, in turn, which
exceeds the maximum by chance alone and so may refute; the maximum over all v on the judged pairs is biased upwards, and
so may support:

    low     lower end of the mean of log s(v̂) over both halves, v̂ fixed,                                      (2)
    high    upper end of max_v log s(v), the maximum taken anew in each resample.                                (3)

Both resample whole units and keep z_i and z'_i together, whose fluctuations cancel where the latents agree.

Controls, in the same directions: K twice as large, and as much larger as makes log s exceed the bound by 1/4.
"""

from dataclasses import dataclass, replace

import numpy as np
import scipy.linalg

from koopman_analysis.claims import Claim, Side, Verdict
from koopman_analysis.dimension import LatentDirections, decoder_weighted_directions
from koopman_analysis.dimension.latent_rank import RESOLUTION
from koopman_analysis.estimators.latent import LatentModel, carried_latents
from koopman_analysis.resampling import Interval, object_bootstrap
from koopman_analysis.shapes import Float, Labels
from koopman_analysis.snapshots import SnapshotPairs

EXCESS = 0.25
"""How far beyond the bound the nearer control lies, in log s."""
SMALLEST = 1e-12
"""Share of the largest below which a variance counts as none."""


class UnreadLatents(ValueError):
    """The decoder makes the same of all latents, so that there is no direction to judge."""


class TooFewPairs(ValueError):
    """There are too few independent pairs to judge as many directions."""


def not_expanding(
    model: LatentModel,
    pairs: SnapshotPairs,
    *,
    labels: Labels | None = None,
    share: float = 0.999,
    bound: float = 0.1,
    resamples: int = 299,
    rng: np.random.Generator,
) -> Claim:
    """The claim that log s of equation (1) is at most a bound.

    Args:
        model: A fitted model.
        pairs: Pairs that it was not fitted to; a fifth of them finds the directions.
        labels: The label of each pair, where the model takes labels.
        share: Of what the decoder makes of all latent directions, which those looked at hold, in (0, 1].
        bound: Largest log s, positive; a K that is exact has 0.
        resamples: Number of bootstrap resamples.
        rng: Draws parts and resamples.

    Raises:
        ConstantData: If the latents do not vary.
        UnreadLatents: If the decoder does not distinguish the latents.
        TooFewPairs: If there are fewer than ten independent units in each half for each direction.
        ValueError: If the share or the bound is out of range.
    """
    if not 0 < share <= 1 or not bound > 0:
        raise ValueError(f"expected a share in (0, 1] and a positive bound, got {share} and {bound}")
    rows = rng.permutation(np.unique(pairs.unit, return_index=True)[1])
    some, others = np.split(rows, [len(rows) // 5])
    given = [None if labels is None else labels[part] for part in (some, others)]
    directions = decoder_weighted_directions(model, pairs.subset(some), labels=given[0], rng=rng)
    _require_read(directions, pairs)
    latents = _latents(model, pairs.subset(others), given[1], directions, share)
    seed = int(rng.integers(2**63))
    beyond = float(np.exp(bound + EXCESS - latents.worst(np.ones(len(others)))[0]))
    claim, *controls = (
        Claim.decided(
            id="not_expanding",
            hypothesis="The operator carries no more variance to any direction than the data have there.",
            quantity="log of the largest whitened singular value of K, in what the decoder reads",
            interval=_interval(latents.enlarged(factor), resamples, np.random.default_rng(seed)),
            side=Side.AT_MOST,
            bound=bound,
        )
        for factor in (1.0, 2.0, beyond)
    )
    return claim.with_controls(
        [
            control.as_control(name=name, expected=Verdict.REFUTED)
            for name, control in zip(("K twice as large", "K enlarged to just beyond"), controls, strict=True)
        ]
    )


def _require_read(directions: LatentDirections, pairs: SnapshotPairs) -> None:
    read, spread = float(directions.singular_values[0]), float(np.linalg.norm(pairs.on_host().after.std(axis=0)))
    if read <= RESOLUTION * spread:
        raise UnreadLatents(
            f"expected a decoder that reads the latents, got one whose output varies by {read:.2g} over all of them, "
            f"where the data vary by {spread:.2g}"
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class _Latents:
    """z and z' of equation (1) in the directions looked at, centred."""

    carried: Float[np.ndarray, "n r"]
    encoded: Float[np.ndarray, "n r"]

    def enlarged(self, factor: float) -> "_Latents":
        return replace(self, carried=factor * self.carried)

    def worst(self, counts: np.ndarray) -> tuple[float, np.ndarray]:
        """The maximum of log s(v), and its v, with these multiplicities of the rows."""
        above, below = (_covariance(latents, counts) for latents in (self.carried, self.encoded))
        scale = np.sqrt(np.maximum(np.diag(below), SMALLEST * max(np.diag(below).max(), np.diag(above).max())))
        ridge = SMALLEST * np.eye(len(scale))
        values, vectors = scipy.linalg.eigh(above / np.outer(scale, scale), below / np.outer(scale, scale) + ridge)
        return 0.5 * float(np.log(max(values[-1], SMALLEST))), vectors[:, -1] / scale

    def along(self, v: np.ndarray, counts: np.ndarray) -> float:
        """The logarithm of s(v)."""
        above, below = (float(v @ _covariance(latents, counts) @ v) for latents in (self.carried, self.encoded))
        return 0.5 * float(np.log(max(above, SMALLEST * below) / max(below, SMALLEST * above)))


def _latents(
    model: LatentModel, pairs: SnapshotPairs, labels: Labels | None, directions: LatentDirections, share: float
) -> _Latents:
    looked_at = directions.holding(share)
    onto = directions.onto[:, :looked_at]
    if pairs.n < 20 * looked_at:
        raise TooFewPairs(
            f"expected at least ten independent units in each half for each of {looked_at} directions, got {pairs.n} "
            "in all: give more pairs, or look at a smaller share"
        )
    carried = carried_latents(model, pairs.before, labels)
    encoded = model.encode_data(pairs.after, labels)
    parts = [np.asarray(part, dtype=np.float64) @ onto for part in (carried, encoded)]
    return _Latents(carried=parts[0] - parts[0].mean(axis=0), encoded=parts[1] - parts[1].mean(axis=0))


def _interval(latents: _Latents, resamples: int, rng: np.random.Generator) -> Interval:
    """From the lower end of equation (2) to the upper end of equation (3)."""
    n = len(latents.carried)
    first = np.arange(n) % 2 == 0  # the rows are in random order
    worst = [latents.worst(np.where(half, 1.0, 0.0))[1] for half in (first, ~first)]

    def statistics(counts: np.ndarray) -> np.ndarray:
        if counts.ndim > 1:
            return np.stack([statistics(row) for row in counts])
        judged = [latents.along(v, counts * half) for v, half in zip(worst, (~first, first), strict=True)]
        return np.array([np.mean(judged), latents.worst(counts)[0]])

    low, high = object_bootstrap(statistics, n, resamples=resamples, rng=rng).intervals()
    return replace(high, low=min(low.low, high.estimate), high=max(high.high, high.estimate))


def _covariance(latents: np.ndarray, counts: np.ndarray) -> np.ndarray:
    total = counts.sum()
    mean = counts @ latents / total
    return latents.T @ (counts[:, None] * latents) / total - np.outer(mean, mean)
