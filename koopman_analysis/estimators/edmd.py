"""Extended dynamic mode decomposition, in one dictionary or two.

With dictionaries Ψ_in at the states before and Ψ_out at the states after, in the row convention,

    K = argmin Σ w ‖Ψ_out(y) − Ψ_in(x) K‖²  (+ ridge).                                                        (1)

With Ψ = (x_1, …, x_d) this is dynamic mode decomposition, and with a constant added it is DMD on centred pairs, that is
affine regression. The isometric variant looks only among the K that preserve norms, each end's in its own measure,

    ‖Ψ_in K g‖ = ‖Ψ_out g‖ for all g,                                                                          (2)

as the Koopman operator of a flow does that carries one measure to the other. Its eigenvalues lie on the unit circle
where both measures are one: right for iterating, while (1) predicts better.

Sources: Williams, Kevrekidis & Rowley 2015 (one dictionary; two are its least-squares problem unchanged); Colbrook 2023
(equation (2) in one measure).
"""

from koopman_analysis.estimators.base import MomentEstimator, Moments
from koopman_analysis.moments import FactorMoments, GramMoments, Lift
from koopman_analysis.regression import Rank, require_settings
from koopman_analysis.shapes import Operator


class EDMD(MomentEstimator):
    """Equation (1).

    Args:
        inputs: Ψ_in, a dictionary or any function from states (n, d) to features (n, m_in).
        outputs: Ψ_out; Ψ_in where None.
        ridge: Regularisation relative to the mean square of the input features; no unit.
        rank: Number of directions of Ψ_in to keep, or a rule for it such as `EnergyRank(0.999)`; all above rounding
            where None.
        moments: `FactorMoments`, or the faster `GramMoments`.

    Raises:
        TypeError: If the rank is neither a whole number nor a rule.
        ValueError: If the ridge is negative or the rank below 1.
    """

    def __init__(
        self,
        inputs: Lift,
        outputs: Lift | None = None,
        ridge: float = 0.0,
        rank: Rank = None,
        *,
        moments: type[FactorMoments] | type[GramMoments] = FactorMoments,
    ) -> None:
        require_settings(ridge, rank)
        super().__init__(inputs, outputs, moments)
        self.ridge, self.rank = ridge, rank

    def _operator(self, moments: Moments) -> Operator:
        return moments.operator(ridge=self.ridge, rank=self.rank)


class IsometricEDMD(MomentEstimator):
    """The least-squares fit among the K of equation (2).

    Args:
        inputs: Ψ_in, a dictionary or any function from states (n, d) to features (n, m_in).
        outputs: Ψ_out; Ψ_in where None.
        moments: `FactorMoments`, or the faster `GramMoments`.
    """

    def __init__(
        self,
        inputs: Lift,
        outputs: Lift | None = None,
        *,
        moments: type[FactorMoments] | type[GramMoments] = FactorMoments,
    ) -> None:
        super().__init__(inputs, outputs, moments)

    def _operator(self, moments: Moments) -> Operator:
        return moments.isometric_operator()
