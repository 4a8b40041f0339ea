"""How long a stationary series remembers, and so how many independent values its mean is worth.

The mean of n values f_t of one series with autocorrelations ρ_k has the variance of a mean of n/τ independent ones,

    Var f̄ ≈ τ Var f / n,          τ = 1 + 2 Σ_{k ≥ 1} ρ_k.                                                        (1)

Over trajectories j, about the mean f̄ of all, and with the sum cut off where it holds more noise than signal,

    ρ_k = Σ_j Σ_t (f_jt − f̄)(f_j,t+k − f̄) / Σ_j Σ_t (f_jt − f̄)²,                                                   (2)
    τ(M) = 1 + 2 Σ_{1 ≤ k ≤ M} ρ_k,          M the least with M ≥ 5 τ(M).                                         (3)

Of a memory e^{−k/m}, m large, τ = 2 m, and the window leaves out e^{−10} of it. Estimates from fewer than 50 τ values
are too small; twenty blocks of ten τ are 200.

Sources: Sokal 1997 (window (3)); Goodman & Weare 2010, Foreman-Mackey et al. 2013 (its use over several series).
"""

import numpy as np
import scipy.signal

from koopman_analysis.shapes import Float, Int

WINDOW = 5.0
"""Autocorrelation times after which the sum is cut off."""


def integrated_autocorrelation_time(
    series: Float[np.ndarray, " n"], *, trajectory: Int[np.ndarray, " n"] | None = None
) -> float:
    """The τ of equation (3), in steps of the series, at least 1.

    Args:
        series: f, the values of each trajectory in the order of time.
        trajectory: The trajectory of each value, numbered from 0; all are one where None.
    """
    deviations = series - series.mean()
    rows = [deviations] if trajectory is None else _by_trajectory(deviations, trajectory)
    covariances = np.zeros(max(len(row) for row in rows))
    for row in rows:
        covariances[: len(row)] += scipy.signal.correlate(row, row, mode="full", method="fft")[len(row) - 1 :]
    if not covariances[0] > 0:
        return 1.0
    times = 2 * np.cumsum(covariances / covariances[0]) - 1
    enough = np.arange(len(times)) >= WINDOW * times
    return max(1.0, float(times[np.argmax(enough) if enough.any() else -1]))


def _by_trajectory(values: np.ndarray, trajectory: np.ndarray) -> list[np.ndarray]:
    order = np.argsort(trajectory, kind="stable")
    return np.split(values[order], np.cumsum(np.bincount(trajectory))[:-1])
