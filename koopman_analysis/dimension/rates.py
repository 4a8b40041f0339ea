"""How fast a curve falls with the dimension: as a power of it, exponentially, or in neither way.

    q(m) = C m^(−r)        power law,       a(m) = log m,
    q(m) = C e^(−r m)      exponential,     a(m) = m,                                                            (1)

each a straight line, log q = log C − r a(m), fitted by ordinary least squares. Rate and residuals are linear in the
logarithms, so they are contrasts of the curve on its own resamples, which know how its members depend on each other:

    log q* = log q + (q* − q)/q,                                                                               (2)

the logarithm linearised, since a resample of a small share may be negative. A law *holds* where the simultaneous
intervals of all its residuals contain 0. Whether it does or not, its misfit is the mean square of the residuals e, and
the law that fits better is the one of smaller misfit, if the interval of

    mean e_exp² − mean e_pow²,                                                                                 (3)

from resamples that are centred on it, leaves out 0; otherwise the two are not told apart. Many pairs refute every law
of two numbers: then neither holds, and the misfit says how far off the better one is, √(mean e²) = 0.1 being about ten
per cent.

A rate belongs to the named family and to the dimensions that were measured: it promises nothing beyond the largest.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from koopman_analysis.dimension.sweep import Curve
from koopman_analysis.resampling import Bootstrap, Interval
from koopman_analysis.shapes import Float

LEAST_DIMENSIONS = 4
"""Two numbers are fitted; fewer than two residuals could hardly contradict them."""


@dataclass(frozen=True)
class DecayLaw:
    """One law of equation (1).

    Attributes:
        name: What a reader calls it.
        abscissa: a, of an array of dimensions.
    """

    name: str
    abscissa: Callable[[np.ndarray], np.ndarray]


POWER_LAW = DecayLaw("power law", np.log)
EXPONENTIAL = DecayLaw("exponential", lambda m: m)


@dataclass(frozen=True, kw_only=True)
class FittedLaw:
    """A law with the numbers that fit a curve best.

    Attributes:
        law: The law.
        rate: r, positive where the curve falls.
        factor: C.
        misfit: √(mean e²), in natural logarithms.
        holds: Whether no residual is known to differ from 0.
    """

    law: DecayLaw
    rate: Interval
    factor: float
    misfit: float
    holds: bool

    def at(self, dimensions: Float[np.ndarray, " k"]) -> np.ndarray:
        """q(m) at these dimensions."""
        return self.factor * np.exp(-self.rate.estimate * self.law.abscissa(dimensions))


@dataclass(frozen=True, kw_only=True)
class FittedRates:
    """Both laws, and how they compare.

    Attributes:
        power_law: The power law.
        exponential: The exponential.
        difference: Equation (3): positive where the power law fits better.
    """

    power_law: FittedLaw
    exponential: FittedLaw
    difference: Interval

    @property
    def better(self) -> FittedLaw | None:
        """The law that fits better; None where the two are not told apart."""
        if self.difference.low > 0:
            return self.power_law
        return self.exponential if self.difference.high < 0 else None

    @property
    def conclusion(self) -> str:
        """One sentence that a reader can quote."""
        better = self.better
        falling = [fitted for fitted in (self.power_law, self.exponential) if fitted.rate.low > 0]
        if not falling:
            rate = self.power_law.rate
            return (
                f"the curve is not known to fall: rate {rate.estimate:.3g} [{rate.low:.3g}, {rate.high:.3g}] of a power"
            )
        if better is None:
            held = [fitted.law.name for fitted in (self.power_law, self.exponential) if fitted.holds]
            return f"the two laws are not told apart; {' and '.join(held) or 'neither'} within the intervals"
        rate = better.rate
        told = f"the {better.law.name} fits better, rate {rate.estimate:.3g} [{rate.low:.3g}, {rate.high:.3g}]"
        return told if better.holds else f"{told}, and neither holds: misfit {better.misfit:.2g} in natural logarithms"


def fitted_rates(curve: Curve) -> FittedRates:
    """Both laws of equation (1), fitted to a curve.

    Args:
        curve: A quantity that is positive at each of at least four dimensions.

    Raises:
        ValueError: If there are fewer, or a value is not positive.
    """
    if len(curve.dimensions) < LEAST_DIMENSIONS or not (curve.estimates > 0).all():
        raise ValueError(
            f"expected positive values at {LEAST_DIMENSIONS} dimensions or more, got {curve.estimates.tolist()}: leave "
            "out members that are closed"
        )
    logarithms = _logarithms(curve.bootstrap)
    dimensions = np.array(curve.dimensions, dtype=float)
    (power_law, power_residuals), (exponential, residuals) = (
        _fitted(law, dimensions, logarithms) for law in (POWER_LAW, EXPONENTIAL)
    )
    misfits, others = (np.square(some.replicates).mean(axis=1) for some in (residuals, power_residuals))
    gap = np.mean(residuals.estimate**2) - np.mean(power_residuals.estimate**2)
    change = misfits - others
    # A square of a resample is larger than that of the estimate, by its variance.
    centred = gap + change - change.mean()
    difference = replace(logarithms, estimate=np.array([gap]), replicates=centred[:, None]).intervals()[0]
    return FittedRates(power_law=power_law, exponential=exponential, difference=difference)


def _logarithms(bootstrap: Bootstrap) -> Bootstrap:
    """Equation (2)."""
    estimate = np.log(bootstrap.estimate)
    return replace(bootstrap, estimate=estimate, replicates=estimate + bootstrap.replicates / bootstrap.estimate - 1)


def _fitted(law: DecayLaw, dimensions: np.ndarray, logarithms: Bootstrap) -> tuple[FittedLaw, Bootstrap]:
    """The law, and its residuals on the resamples."""
    design = np.column_stack([np.ones(len(dimensions)), -law.abscissa(dimensions)])
    solution = np.linalg.pinv(design)
    residuals = logarithms.contrasts(np.eye(len(dimensions)) - design @ solution)
    level, _ = solution @ logarithms.estimate
    fitted = FittedLaw(
        law=law,
        rate=logarithms.contrasts(solution[1:]).intervals()[0],
        factor=float(np.exp(level)),
        misfit=float(np.sqrt(np.mean(residuals.estimate**2))),
        holds=all(0.0 in interval for interval in residuals.simultaneous()),
    )
    return fitted, residuals
