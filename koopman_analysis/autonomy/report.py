"""How well one semigroup carries a dictionary through all times of a flow, beside what it must be compared with.

A non-autonomous flow, such as that of a diffusion model, has a family of Koopman operators K_{T→t} and no reason to be
a semigroup. In *one* dictionary Ψ for all times, whose coordinates are declared and never rescaled by time (with one
free scale for each time two variances of a Gaussian become autonomous, three do not), and over trajectories that
nothing was fitted to, errors at time t_k, in units of the spread S_k = ‖Ψ(x_k) − mean Ψ(x_k)‖ at that time, are

    semigroup      ‖Ψ(x_k) − Ψ(x_0) exp(s_k A)‖ / S_k,               one A, one clock                              (1)
    straight line  ‖Ψ(x_k) − Ψ(x_0) (I + s_k B)‖ / S_k,              one B, a clock as free                        (2)
    independent    ‖Ψ(x_k) − Ψ(x_0) K_k‖ / S_k,                      a matrix for each time: the floor             (3)
    composed       ‖Ψ(x_K) − Ψ(x_0) K_k K_{k→K}‖ / S_K,              at the last time, by way of t_k               (4)

where Ψ has the constant 1, adjoined where it is not among its functions: no span without it has the mean of a flow
whose centre is not 0, and [1 x] ↦ [1 x] exp(s [0 b; 0 A]) is the affine x' = x A + b. The constant has no error of its
own. So predicting the mean has error 1, with A, B and the clocks by `autonomy.paths`, the K by least squares on the fit
trajectories. That (4) equals (3) at the last time says that the dictionary is closed on the way, not that the flow is
autonomous. Norms are over all held-out trajectories; intervals resample whole trajectories, and are simultaneous over
times and contenders (max-t).

For a model with two encoders there is nothing to ask: they fix only the endpoints, and a change of latent coordinates
at one end turns any interior path into any other.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from koopman_analysis.autonomy.paths import FittedPath, Semigroup, StraightLine, constant_functions, fitted_path
from koopman_analysis.dictionaries import Coordinates, Dictionary
from koopman_analysis.resampling import Bootstrap, Interval, ratio_bootstrap
from koopman_analysis.shapes import Float
from koopman_analysis.snapshots import SnapshotTrajectories

SEMIGROUP, STRAIGHT, INDEPENDENT, COMPOSED = "semigroup", "straight line", "independent operators", "composed operators"
TRAJECTORIES_PER_FUNCTION = 5
"""Fit trajectories for each function below which a matrix for each time interpolates rather than fits."""


@dataclass(frozen=True, kw_only=True, eq=False)
class AutonomyReport:
    """Held-out errors by time, equations (1) to (4).

    Attributes:
        times: t_0 … t_K, noise first.
        semigroup: The fitted semigroup with its clock.
        straight: The fitted straight line with its clock.
        errors: Errors in the order of `contenders`, each at t_1 … t_K, on the same resamples.
        fitted: Number of trajectories fitted to.
    """

    times: Float[np.ndarray, " times"]
    semigroup: FittedPath
    straight: FittedPath
    errors: Bootstrap
    fitted: int

    @property
    def contenders(self) -> tuple[str, ...]:
        """What the errors are of."""
        return SEMIGROUP, STRAIGHT, INDEPENDENT, COMPOSED

    @cached_property
    def by_contender(self) -> Mapping[str, tuple[Interval, ...]]:
        """The errors of each contender at t_1 … t_K, with simultaneous intervals."""
        intervals, count = self.errors.simultaneous(), len(self.times) - 1
        return {name: intervals[i * count : (i + 1) * count] for i, name in enumerate(self.contenders)}


def autonomy_report(
    trajectories: SnapshotTrajectories,
    *,
    dictionary: Dictionary | None = None,
    held_out: float = 0.5,
    starts: int = 4,
    resamples: int = 999,
    rng: np.random.Generator,
) -> AutonomyReport:
    """Fits the contenders to some of the trajectories, and measures their errors on the others.

    Args:
        trajectories: Independent trajectories in declared coordinates, noise first.
        dictionary: Ψ, of real functions, for all times; the coordinates where None. The constant is adjoined.
        held_out: Share of the trajectories to hold out.
        starts: Places from which each search for a path begins, those guessed from the data counted as one.
        resamples: Resamples of the bootstrap.
        rng: Draws the split, the starts and the resamples.

    Raises:
        ValueError: If the share lies outside (0, 1), there are too few trajectories for the functions, the features are
            complex, do not vary at a time, or are too many for the search.
    """
    if not 0 < held_out < 1:
        raise ValueError(f"expected a held-out share strictly between 0 and 1, got {held_out}")
    host = trajectories.on_host()
    features = lifted(host, dictionary or Coordinates())
    order = rng.permutation(len(features))
    count = round(held_out * len(features))
    fit, test = features[order[count:]], features[order[:count]]
    least = TRAJECTORIES_PER_FUNCTION * features.shape[2]
    if min(len(fit), len(test)) < least:
        raise ValueError(
            f"expected at least {least} trajectories to fit and as many to hold out for {features.shape[2]} functions, "
            f"the constant among them, got {len(fit)} and {len(test)}: give more, or fewer functions"
        )
    semigroup = fitted_path(Semigroup(), fit, starts=starts, rng=rng)
    straight = fitted_path(StraightLine(), fit, starts=starts, rng=rng)
    squares = _squared_errors(test, semigroup, straight, _operators_between(fit))
    spreads = np.square(test[:, 1:] - test[:, 1:].mean(axis=0)).sum(axis=2)
    below = np.concatenate([spreads, spreads, spreads, np.broadcast_to(spreads[:, -1:], spreads.shape)], axis=1)
    return AutonomyReport(
        times=host.times,
        semigroup=semigroup,
        straight=straight,
        errors=_rooted(ratio_bootstrap(squares, below, resamples=resamples, rng=rng)),
        fitted=len(fit),
    )


def lifted(trajectories: SnapshotTrajectories, dictionary: Dictionary) -> Float[np.ndarray, "n times m"]:
    """Ψ along trajectories in memory, with the constant 1 before it where it has none.

    Raises:
        ValueError: If the features are complex.
    """
    states = trajectories.states
    features = np.stack([dictionary(states[:, k]) for k in range(states.shape[1])], axis=1)
    if np.iscomplexobj(features):
        raise ValueError("expected real features, got complex ones: give real and imaginary parts as two functions")
    if constant_functions(features).any():
        return features
    return np.concatenate([np.ones_like(features[..., :1]), features], axis=2)


def _operators_between(features: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """K_k from the first time to t_k, and K_{k→K} from t_k to the last, for k = 1 … K."""
    first, last = features[:, 0], features[:, -1]
    later = range(1, features.shape[1])
    onward = [np.linalg.lstsq(features[:, k], last)[0] for k in later[:-1]]
    return [np.linalg.lstsq(first, features[:, k])[0] for k in later], [*onward, np.eye(features.shape[2])]


def _squared_errors(
    features: np.ndarray,
    semigroup: FittedPath,
    straight: FittedPath,
    between: tuple[list[np.ndarray], list[np.ndarray]],
) -> np.ndarray:
    """The squared error of each trajectory (rows), for each contender at each later time."""
    first, later, last = features[:, 0], features[:, 1:], features[:, -1]
    to, onward = between
    varying = ~constant_functions(features)
    single = [*semigroup.operators[1:], *straight.operators[1:], *to]
    errors = [later[:, position % len(to)] - first @ operator for position, operator in enumerate(single)]
    errors += [last - first @ there @ onto for there, onto in zip(to, onward, strict=True)]
    return np.stack([np.square(error[:, varying]).sum(axis=1) for error in errors], axis=1)


def _rooted(ratios: Bootstrap) -> Bootstrap:
    return Bootstrap(
        estimate=np.sqrt(ratios.estimate), replicates=np.sqrt(ratios.replicates), objects=ratios.objects
    )  # fmt: skip
