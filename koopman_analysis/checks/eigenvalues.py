"""Are the eigenvalues of a model's K those of the flow?

Only where one encoder Ψ serves both ends: then an eigenvector K v = λ v is an eigenfunction φ = Ψ v, and

    r(λ, v) = ‖φ(y) − λ φ(x)‖ / ‖φ(x)‖                                                                        (1)

on pairs that the model was not fitted to says how far λ is from an eigenvalue of the flow on them: λ lies in its
r-pseudospectrum (`spectrum`, equation (1)). The claim is that the residuals of *all* eigenpairs are at most a bound;
the list that comes with it says which are. Eigenvectors are those of K in coordinates that are white over x, where they
depend neither on the units nor on the correlation of the latents. Latents that do not span their dimensions, or are
fewer pairs than those, have no such coordinates. In the directions that they do span, K would be compressed, T K T⁺, to
a matrix whose eigenvalues need not be those of K; and of the others no pair says anything. So they are refused.

Intervals resample pairs, or whole units where those are named, and are simultaneous over the eigenpairs (max-t). The
control that must be refuted: pairs that have nothing to do with each other.

Source: Colbrook & Townsend 2024 (residuals of eigenpairs).
"""

from dataclasses import dataclass, replace

import numpy as np

from koopman_analysis.claims import Claim, Side, Verdict
from koopman_analysis.dictionaries import Coordinates
from koopman_analysis.moments import FactorMoments
from koopman_analysis.resampling import Bootstrap, Interval, largest, ratio_bootstrap
from koopman_analysis.shapes import Operator, require_square_on
from koopman_analysis.snapshots import SnapshotPairs
from koopman_analysis.spectrum import Eigenpairs, eigenpairs_of


class DependentLatents(ValueError):
    """Latents that do not span their dimensions, in which no coordinates are white."""


@dataclass(frozen=True, kw_only=True, eq=False)
class EigenvalueResiduals:
    """The eigenpairs of a K and what held-out pairs say of each.

    Attributes:
        eigenpairs: Those with the smallest residual first.
        residuals: Equation (1) of each, in that order.
    """

    eigenpairs: Eigenpairs
    residuals: Bootstrap

    @property
    def intervals(self) -> tuple[Interval, ...]:
        """The residual of each eigenpair, with simultaneous intervals."""
        return self.residuals.simultaneous()


def eigenvalue_residuals(
    K: Operator, latents: SnapshotPairs, *, resamples: int = 999, rng: np.random.Generator
) -> EigenvalueResiduals:
    """Measures the residuals of all eigenpairs.

    Args:
        K: The model's, square.
        latents: Features Ψ(x) before and Ψ(y) after, of held-out pairs in one dictionary.
        resamples: Resamples of the bootstrap.
        rng: Draws the resamples.

    Raises:
        DependentLatents: If the latents before do not span their dimensions.
        ValueError: If K is not a square matrix of finite numbers on these latents, or there are fewer than two units.
    """
    host = latents.on_host()
    require_square_on(K, host.before.shape[1])
    moments = FactorMoments.of(host, Coordinates())
    found = eigenpairs_of(K, moments, judge=moments, held_out=True, remark="residuals on held-out pairs")
    if len(found) < len(K):
        raise DependentLatents(
            f"expected latents that span their {len(K)} dimensions, got {host.n} pairs that span {len(found)}: of the "
            "other eigenvalues of K they say nothing"
        )
    before, after = host.before @ found.coefficients, host.after @ found.coefficients
    weights = np.ones(host.n) if host.weights is None else host.weights
    above = weights[:, None] * np.square(np.abs(after - before * found.eigenvalues))
    below = weights[:, None] * np.square(np.abs(before))
    squared = ratio_bootstrap(above, below, unit=host.unit, resamples=resamples, rng=rng)
    roots = replace(squared, estimate=np.sqrt(squared.estimate), replicates=np.sqrt(squared.replicates))
    return EigenvalueResiduals(eigenpairs=found, residuals=roots)


def eigenvalues_of_the_flow(
    measured: EigenvalueResiduals, *, bound: float = 0.05, shuffled: EigenvalueResiduals | None = None
) -> Claim:
    """The claim that no eigenpair of K has a residual above the bound.

    Args:
        measured: On held-out pairs.
        bound: Largest residual.
        shuffled: The same on `latents.shuffled(rng=...)`, as the control that must be refuted.
    """
    intervals = measured.intervals
    within = sum(interval.high <= bound for interval in intervals)
    claim = Claim.decided(
        id="eigenvalues",
        hypothesis="The eigenvalues of K are those of the flow.",
        quantity="largest residual of an eigenpair",
        interval=largest(intervals),
        side=Side.AT_MOST,
        bound=bound,
    )
    claim = replace(claim, because=f"{claim.because}; {within} of {len(intervals)} eigenpairs are within it")
    if shuffled is None:
        return claim
    control = eigenvalues_of_the_flow(shuffled, bound=bound).as_control(name="shuffled pairs", expected=Verdict.REFUTED)
    return claim.with_controls([control])
