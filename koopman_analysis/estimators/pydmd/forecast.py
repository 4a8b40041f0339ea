"""PyDMD's estimators on whole trajectories, as baselines: one linear flow, followed from noise to data.

Deviations from the mean obey the linear part of an affine flow, so that states are centred at each time. With x̄(t_k)
the means of the fitted trajectories and F the flow that a `TrajectoryMethod` fits to the deviations at all times,

    ŷ(x) = x̄(t_K) + (x − x̄(t_0)) F(t_K).                                                                     (1)

The clock is the caller's: a flow that is linear and autonomous in one time is not so in another. So are the
coordinates: squared errors are summed over all times, and where the scale of states changes with time (noise of
standard deviation σ), the largest states decide.
"""

import numpy as np

from koopman_analysis.estimators.base import NotFitted, require_width
from koopman_analysis.estimators.pydmd.on_trajectories import LinearFlow, OptimisedDMD, TrajectoryMethod
from koopman_analysis.regression import ConstantData
from koopman_analysis.shapes import Inexact, Operator, States
from koopman_analysis.snapshots import SnapshotTrajectories


class PyDMDForecast:
    """Equation (1) by any of PyDMD's algorithms on trajectories.

    Args:
        method: The algorithm; `OptimisedDMD()` where None.
    """

    def __init__(self, method: TrajectoryMethod | None = None) -> None:
        self.method = method or OptimisedDMD()
        self._flow: LinearFlow | None = None

    def fit(self, trajectories: SnapshotTrajectories) -> "PyDMDForecast":
        """Fits to these trajectories.

        Raises:
            ConstantData: If the initial states do not vary.
            UnevenTimes: If the method needs even times and these are not.
            ValueError: As the method says.
        """
        host = trajectories.on_host()
        means = host.states.mean(axis=0)
        deviations = host.states - means
        scale = np.linalg.norm(deviations[:, 0])
        if scale <= 1e-13 * np.linalg.norm(host.states[:, 0]):
            raise ConstantData(
                "expected initial states that vary, got constant ones: no operator is better than another"
            )
        self._mean_before, self._mean_after = means[0], means[-1]
        self._span = float(host.times[-1] - host.times[0])
        self._flow = self.method.flow(deviations / scale, (host.times - host.times[0]) / self._span)
        return self

    @property
    def matrix_(self) -> Operator:
        """F(t_K) of equation (1), shape (d, d)."""
        return self._fitted().operator

    @property
    def rates_(self) -> Inexact[np.ndarray, " r"]:
        """The rates ω of the flow, per unit of the trajectories' times."""
        return self._fitted().rates / self._span

    def predict(self, states: States) -> States:
        """ŷ of equation (1): where the flow takes these initial states by the last time.

        Raises:
            ValueError: If the states are of another width than the fitted ones.
        """
        F = self.matrix_
        require_width(states, len(F))
        return self._mean_after + (states - self._mean_before) @ F

    def _fitted(self) -> LinearFlow:
        if self._flow is None:
            raise NotFitted("expected a fitted PyDMDForecast, got one that has seen no trajectories: call fit() first")
        return self._flow
