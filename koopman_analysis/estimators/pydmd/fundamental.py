"""The fundamental series: many trajectories of one linear flow as the single one that PyDMD can fit.

PyDMD fits one trajectory. Given many, joining them end to end makes jumps into steps, and stacking them as further rows
shares the rates but gives each trajectory modes of its own, from which nothing follows for a new one. What trajectories
of one linear flow do share is its fundamental matrix: for centred states in rows,

    x_i(t_k) = x_i(t_0) F(t_k),      F(t) = Σ_l e^{ω_l (t − t_0)} P_l,       F(t_0) = 1,                            (1)

with rates ω_l (the eigenvalues of the generator) and spectral projectors P_l. It is estimated by least squares,

    F_k = argmin_F Σ_i ‖x_i(t_k) − x_i(t_0) F‖² = R⁻¹ G_k,       X_0 = Q R,   G_k = Qᴴ X_k,                        (2)

and G is one trajectory, of d² features, whose squared error is that of all states but for what no linear flow reaches:

    Σ_i ‖x_i(t_k) − x_i(t_0) F‖² = ‖G_k − R F‖² + Σ_i ‖x_i(t_k) − x_i(t_0) F_k‖².                                 (3)

PyDMD is given the columns vec(G_k), in their principal coordinates; its reconstruction at the last time is R F(t_K).
By superposition that is what a fit to the d trajectories from the unit vectors says of a new initial state.
"""

from dataclasses import dataclass

import numpy as np

from koopman_analysis.estimators.pydmd.bridge import ROUNDING, spanned_directions
from koopman_analysis.regression import Rank
from koopman_analysis.shapes import Inexact, Operator


@dataclass(frozen=True, kw_only=True, eq=False)
class FundamentalSeries:
    """G of equation (2), as one trajectory in its principal coordinates.

    Attributes:
        coordinates: Of vec(G_k), a time a row, as many as are above rounding.
        axes: The principal axes, one a row.
        initial: R.
    """

    coordinates: Inexact[np.ndarray, "times k"]
    axes: Inexact[np.ndarray, "k entries"]
    initial: Inexact[np.ndarray, "d d"]

    @classmethod
    def of(cls, states: Inexact[np.ndarray, "n times d"]) -> "FundamentalSeries":
        """The series of trajectories centred at each time.

        Raises:
            ValueError: If the initial states do not span their space.
        """
        n, times, d = states.shape
        spanned = spanned_directions(states[:, 0])
        if spanned < d:
            raise ValueError(
                f"expected initial states that span their {d} dimensions about their mean, got {spanned} in {n} "
                "trajectories: a flow is known on what they span; cut a long trajectory into shorter ones that overlap"
            )
        Q, R = np.linalg.qr(states[:, 0])
        G = np.tensordot(Q.conj(), states, axes=(0, 0)).transpose(1, 0, 2).reshape(times, d * d)
        left, values, axes = np.linalg.svd(G, full_matrices=False)
        kept = int(np.count_nonzero(values > ROUNDING * values[0]))
        return cls(coordinates=left[:, :kept] * values[:kept], axes=axes[:kept], initial=R)

    def operator(self, end: Inexact[np.ndarray, " k"]) -> Operator:
        """F(t_K), from the coordinates of R F(t_K)."""
        return np.linalg.solve(self.initial, (end @ self.axes).reshape(self.initial.shape))

    def kept_rank(self, rank: Rank, *, most: int, held: int | None = None) -> int:
        """The number of rates to fit: PyDMD's `svd_rank`, always stated.

        Args:
            rank: What was asked for; None for as many as features.
            most: The number of time steps to fit them to.
            held: What the data hold; the number of coordinates where None.

        Raises:
            ValueError: If more are asked for than the data determine.
        """
        largest = min(most, self.coordinates.shape[1] if held is None else held)
        if rank is None:
            return min(len(self.initial), largest)
        if rank > largest:
            raise ValueError(
                f"expected a rank of at most {largest}, the number of rates that these trajectories determine, "
                f"got {rank}"
            )
        return int(rank)
