"""PyDMD's algorithms on whole trajectories: the operator from the first time to the last, of one flow for all.

    optimised       rates and projectors of least squares over all times, which need not be even                   (1)
    higher order    G_{k+s} from G_k, …, G_{k+s−1}, for its multipliers; amplitudes of the first s times           (2)
    stepwise        an operator on pairs of consecutive states, to the power K                                     (3)

(1) and (2) are fitted to the fundamental series G (`fundamental`), which is all that trajectories of one flow share.
(1) may be bagged over the times; then operators are averaged, which have no gauge, while PyDMD averages modes whose
order and phase differ between bags. In the sample no flow is better at t_K than F_K, affine regression: what all three
test is whether one linear flow passes through all the times.

Sources: (1) Askham & Kutz 2018, Sashidhar & Kutz 2022 (bagging); (2) Le Clainche & Vega 2017.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np

from koopman_analysis.estimators.pydmd.bridge import (
    expected_warnings_ignored,
    imported_pydmd,
    real_where,
    spanned_directions,
)
from koopman_analysis.estimators.pydmd.fundamental import FundamentalSeries
from koopman_analysis.estimators.pydmd.on_pairs import PairMethod
from koopman_analysis.regression import Rank, require_settings
from koopman_analysis.shapes import Float, Inexact, Operator

VARIABLE_PROJECTION = {
    "init_lambda": 1.0,
    "maxlam": 52,
    "lamup": 2.0,
    "use_levmarq": True,
    "maxiter": 100,
    "tol": 1e-12,
    "eps_stall": 1e-12,
    "use_fulljac": True,
    "verbose": False,
}
"""PyDMD's options, all stated; its own would stop at a residual of 1e-6, or after 30 iterations."""

E_FOLDS = -float(np.log(np.finfo(np.float64).eps))
"""Growth that leaves of what was there before a rounding error."""

EVEN = 1e-3
"""Share of a time step by which the steps of an even clock may differ."""


class UnevenTimes(ValueError):
    """The times are not evenly spaced, as the method needs them."""


@dataclass(frozen=True, kw_only=True, eq=False)
class LinearFlow:
    """What a method makes of trajectories.

    Attributes:
        operator: F(t_K), in rows; real where the states are.
        rates: ω, on a clock that runs from 0 to 1.
    """

    operator: Operator
    rates: Inexact[np.ndarray, " r"]


class TrajectoryMethod(ABC):
    """One of PyDMD's algorithms on trajectories."""

    @abstractmethod
    def flow(self, states: Inexact[np.ndarray, "n times d"], clock: Float[np.ndarray, " times"]) -> LinearFlow:
        """The flow of states centred at each time, on a clock that runs from 0 to 1.

        Raises:
            UnevenTimes: If the method needs even times and the clock's are not.
            ValueError: If the method has no flow for these data.
        """


@dataclass(frozen=True, kw_only=True, eq=False)
class OptimisedDMD(TrajectoryMethod):
    """Equation (1): `pydmd.BOPDMD`.

    Attributes:
        rank: Number of rates; as many as features, or fewer where the data hold fewer, where None.
        bags: Random subsets of the times, each with both ends, over which to average; the fit to all times alone where
            0.
        share: Of the times in each bag.
        rng: Draws the bags; needed where there are any.

    Raises:
        TypeError: If the rank is not a whole number.
        ValueError: If the rank is below 1, bags are asked for without an rng, or the share is not in (0, 1); in use, if
            the rank exceeds what the data hold.
    """

    rank: Rank = None
    bags: int = 0
    share: float = 0.8
    rng: np.random.Generator | None = None

    def __post_init__(self) -> None:
        require_settings(0.0, self.rank)
        if self.bags and self.rng is None:
            raise ValueError(f"expected an rng to draw {self.bags} bags, got None")
        if not 0 < self.share < 1:
            raise ValueError(f"expected a share of the times strictly between 0 and 1, got {self.share}")

    def flow(self, states: Inexact[np.ndarray, "n times d"], clock: Float[np.ndarray, " times"]) -> LinearFlow:
        """The flow of equation (1)."""
        series = FundamentalSeries.of(states)
        rank = series.kept_rank(self.rank, most=len(clock) - 1)
        whole = _optimised(series.coordinates, clock, rank, start=None)
        ends = [whole.forecast([1.0])[:, 0]]
        if self.bags and self.rng is not None:
            count = round(self.share * len(clock))
            if count <= rank:
                raise ValueError(
                    f"expected bags of more times than rates, got bags of {count} of {len(clock)} times for {rank} "
                    "rates: take a larger share, or a lower rank"
                )
            last = len(clock) - 1
            inside = [np.sort(1 + self.rng.permutation(last - 1)[: count - 2]) for _ in range(self.bags)]
            bags = [np.r_[0, bag, last] for bag in inside]
            fits = [_optimised(series.coordinates[bag], clock[bag], rank, start=whole.eigs) for bag in bags]
            ends = [fit.forecast([1.0])[:, 0] for fit in fits]
        return LinearFlow(
            operator=real_where(series.operator(np.mean(ends, axis=0)), states),
            rates=np.asarray(whole.eigs, dtype=np.complex128),
        )


@dataclass(frozen=True, kw_only=True)
class HigherOrderDMD(TrajectoryMethod):
    """Equation (2): `pydmd.HankelDMD`, which is `HODMD` without its projection (the coordinates are projected already).

    Attributes:
        delays: s, the number of consecutive times in a state of the recursion.
        rank: Number of multipliers; as many as features, or fewer where the data hold fewer, where None.

    Raises:
        TypeError: If the rank is not a whole number.
        ValueError: If the rank or the delays are below 1; in use, if the rank exceeds what the data hold, or there are
            fewer than two more times than delays.
    """

    delays: int
    rank: Rank = None

    def __post_init__(self) -> None:
        require_settings(0.0, self.rank)
        if self.delays < 1:
            raise ValueError(f"expected at least 1 delay, got {self.delays}")

    def flow(self, states: Inexact[np.ndarray, "n times d"], clock: Float[np.ndarray, " times"]) -> LinearFlow:
        """The flow of equation (2)."""
        _require_even(clock, "HigherOrderDMD")
        pairs = len(clock) - self.delays
        if pairs < 2:
            raise ValueError(
                f"expected at least two times more than the {self.delays} delays, got {len(clock)} times: "
                "take fewer delays"
            )
        series = FundamentalSeries.of(states)
        delayed = np.hstack([series.coordinates[lag : lag + pairs] for lag in range(self.delays)])
        rank = series.kept_rank(self.rank, most=pairs, held=spanned_directions(delayed))
        fitted = imported_pydmd().HankelDMD(
            svd_rank=rank, tlsq_rank=0, exact=False, opt=False, d=self.delays, reconstruction_method="first"
        )
        with expected_warnings_ignored():
            fitted.fit(series.coordinates.T)
        return LinearFlow(
            operator=real_where(series.operator(fitted.reconstructed_data[:, -1]), states),
            rates=_rates(fitted.eigs, steps=len(clock) - 1),
        )


@dataclass(frozen=True, kw_only=True)
class StepwiseDMD(TrajectoryMethod):
    """Equation (3).

    Attributes:
        method: The algorithm for pairs of consecutive states.
    """

    method: PairMethod

    def flow(self, states: Inexact[np.ndarray, "n times d"], clock: Float[np.ndarray, " times"]) -> LinearFlow:
        """The flow of equation (3)."""
        _require_even(clock, "StepwiseDMD")
        steps, d = len(clock) - 1, states.shape[2]
        K = self.method.operator(states[:, :-1].reshape(-1, d), states[:, 1:].reshape(-1, d))
        return LinearFlow(
            operator=np.linalg.matrix_power(K, steps), rates=_rates(np.linalg.eigvals(K), steps=steps)
        )  # fmt: skip


def _optimised(coordinates: np.ndarray, clock: np.ndarray, rank: int, *, start: np.ndarray | None) -> Any:
    # What grows or decays by more is rounding at the other end, or one time later; PyDMD's steps go there and overflow.
    fastest_growth, fastest_decay = E_FOLDS, E_FOLDS / np.diff(clock).min()

    def bounded(rates: np.ndarray) -> np.ndarray:
        return np.clip(rates.real, -fastest_decay, fastest_growth) + 1j * rates.imag

    fit = imported_pydmd().BOPDMD(
        svd_rank=rank, use_proj=False, init_alpha=start, num_trials=0, eig_sort="real", eig_constraints=bounded,
        varpro_opts_dict=VARIABLE_PROJECTION, varpro_flag=True,
    )  # fmt: skip
    # At a minimum the improvement promised and the one obtained are both zero, and PyDMD divides them.
    with expected_warnings_ignored(), np.errstate(invalid="ignore", divide="ignore"):
        return fit.fit(coordinates.T, clock)


def _rates(multipliers: np.ndarray, *, steps: int) -> np.ndarray:
    """The rates of multipliers per step, those of zero left out."""
    return steps * np.log(multipliers[multipliers != 0].astype(np.complex128))


def _require_even(clock: np.ndarray, name: str) -> None:
    lengths = np.diff(clock)
    if np.ptp(lengths) > EVEN * np.abs(lengths).mean():
        raise UnevenTimes(
            f"expected even times for {name}, got steps from {lengths.min():.3g} to {lengths.max():.3g} of the whole: "
            "declare a clock on which they are even, or take OptimisedDMD"
        )
