"""The generator of a Koopman matrix and its fractional powers, or the reason why there are none.

If Ψ(x_t) = Ψ(x_0) e^{tL} along a flow, the matrix of one dictionary over a lag is K = e^{lag L}; what one wants back is

    L = log K / lag          (rows: d/dt Ψ(x_t) = Ψ(x_t) L; of Kᵀ it is the transpose),                           (1)
    K^s = e^{s log K},       the matrix over s lags.                                                            (2)

log is the principal logarithm, whose eigenvalues have imaginary parts in (−π, π). It exists, a polynomial in K and real
where K is, if and only if no eigenvalue lies on (−∞, 0]. With an eigenvalue 0 there is no logarithm at all, for e^{tL}
has an inverse; on the negative axis there are several with equal right; and next to it small errors of K exchange
turning one way for turning the other. That is *aliasing*: a pair e^{a ± ib} with b > π gives the same K as one with
b − 2π, and only a shorter lag tells them apart. So |arg λ| must stay clear of π by a margin, and λ of (−∞, 0] by what
rounding can do, the lesser radius of equation (2) of `nonnormality.conditioning`: a Jordan block far from the cut has a
logarithm, and one near it has none. What passes is exponentiated back, and refused unless it gives K. All this is asked
of K apart from its `magnitude`: log 2^e B = log B + e log 2. No error tells of a zero eigenvalue otherwise: SciPy's
`logm(diag(.5, .2, 0))` is finite, −46 in the corner.

Whole powers need no logarithm: K² is always there, K⁻¹ where no eigenvalue is 0 to rounding.

Sources: Higham 2008, ch. 1.7 and 11 (the principal logarithm); Al-Mohy & Higham 2012 (the algorithm in
SciPy); Mauroy & Goncalves 2020 (generators from snapshots, and their aliasing).
"""

import warnings

import numpy as np
import scipy.linalg

from koopman_analysis.magnitude import frobenius_norm, unit_and_exponent
from koopman_analysis.nonnormality.conditioning import reach_of_rounding
from koopman_analysis.shapes import Inexact, Operator, require_square

MARGIN = 0.01
"""How far |arg λ| must stay from π, in radians."""

ROUND_TRIP = 1e-6
"""Largest relative error of what is exponentiated back."""


class NoPrincipalLogarithm(ValueError):
    """There is no logarithm of this matrix that one may rely on, and the message says why."""


def generator(K: Operator, lag: float, *, margin: float = MARGIN) -> Inexact[np.ndarray, "m m"]:
    """L of equation (1), real where K is.

    Args:
        K: The matrix of one dictionary at both ends.
        lag: The time from before to after.
        margin: How far |arg λ| must stay from π, in radians.

    Raises:
        ValueError: If K is not a square matrix of finite numbers, the lag not positive, the margin not in [0, π), or a
            rate beyond all numbers.
        NoPrincipalLogarithm: If an eigenvalue is within rounding of (−∞, 0] or within the margin of its angle, or the
            logarithm does not give K back.
    """
    if not 0 < lag < np.inf:
        raise ValueError(f"expected a positive, finite lag, got {lag}: it is the time from before to after")
    unit, exponent, logarithm = _logarithm(K, margin)
    with np.errstate(over="ignore"):  # looked for in the next line
        rates = (logarithm + exponent * np.log(2.0) * np.eye(len(unit))) / lag
    if not np.isfinite(rates).all():
        raise ValueError(f"expected rates within the range of numbers, got one beyond it at lag {lag:g}: in what unit?")
    return rates


def fractional_power(K: Operator, s: float, *, margin: float = MARGIN) -> Inexact[np.ndarray, "m m"]:
    """K^s of equation (2), real where K is.

    Args:
        K: The matrix of one dictionary at both ends.
        s: The exponent; whole ones need no logarithm.
        margin: How far |arg λ| must stay from π, in radians.

    Raises:
        ValueError: If K is not a square matrix of finite numbers, s not finite, the margin not in [0, π), or the power
            beyond all numbers.
        NoPrincipalLogarithm: As `generator` does; with a whole s < 0 only if an eigenvalue is 0 within rounding.
    """
    if not np.isfinite(s):
        raise ValueError(f"expected a finite exponent, got {s}: it counts lags")
    require_square(K)
    _require_margin(margin)
    with np.errstate(over="ignore", invalid="ignore"):  # looked for below
        power = _whole_power(K, int(s))
        if not float(s).is_integer():
            power = power @ _broken_power(K, s - int(s), margin)
    if not np.isfinite(power).all():
        raise ValueError(f"expected a power within the range of numbers, got one beyond it at exponent {s:g}")
    return power


def _whole_power(K: Operator, s: int) -> np.ndarray:
    if s >= 0:
        return np.linalg.matrix_power(K.astype(np.result_type(K, np.float64)), s)
    unit, exponent = unit_and_exponent(K)
    _require_no_zero(np.linalg.eigvals(unit), reach_of_rounding(unit), exponent)
    return np.linalg.matrix_power(_enlarged(np.linalg.inv(unit), -exponent), -s)


def _broken_power(K: Operator, s: float, margin: float) -> np.ndarray:
    """K^s with |s| < 1, whose entries neither vanish nor overflow together."""
    unit, exponent, logarithm = _logarithm(K, margin)
    computed = _as_real_as(K, scipy.linalg.fractional_matrix_power(unit, s))
    return _enlarged(_agreed(computed, scipy.linalg.expm(s * logarithm)), exponent * s)


def _enlarged(values: np.ndarray, exponent: float) -> np.ndarray:
    """2^e times each; infinite where that is beyond the range of numbers."""
    whole = int(np.clip(np.floor(exponent), -5000, 5000))
    parts = (np.ldexp(2.0 ** (exponent - np.floor(exponent)) * part, whole) for part in (values.real, values.imag))
    real, imaginary = parts
    return real + 1j * imaginary if np.iscomplexobj(values) else real


def _require_margin(margin: float) -> None:
    if not 0 <= margin < np.pi:
        raise ValueError(
            f"expected a margin in [0, π), got {margin}: it is how far |arg λ| must stay from π, in radians"
        )


def _logarithm(K: Operator, margin: float) -> tuple[np.ndarray, int, np.ndarray]:
    """K apart from its magnitude, that, and the logarithm of the former."""
    require_square(K)
    _require_margin(margin)
    unit, exponent = unit_and_exponent(K)
    _require_logarithm(unit, exponent, margin)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of doubts about the accuracy, which is looked at here
        logarithm = _as_real_as(K, scipy.linalg.logm(unit))
    _agreed(scipy.linalg.expm(logarithm), unit)
    return unit, exponent, logarithm


def _require_logarithm(unit: np.ndarray, exponent: int, margin: float) -> None:
    eigenvalues, reach = np.linalg.eigvals(unit), reach_of_rounding(unit)
    _require_no_zero(eigenvalues, reach, exponent)
    away = np.where(eigenvalues.real > 0, np.abs(eigenvalues), np.abs(eigenvalues.imag))
    if (on_cut := away <= reach).any():
        raise NoPrincipalLogarithm(
            f"expected eigenvalues away from (−∞, 0], got {_told(eigenvalues[on_cut][0], reach, exponent)}: there are "
            "several logarithms, with equal right; choose a shorter lag, or leave the direction out"
        )
    if (aliased := np.pi - np.abs(np.angle(eigenvalues)) <= margin).any():
        raise NoPrincipalLogarithm(
            f"expected eigenvalues that turn by less than π − {margin:.2g} in a lag, got "
            f"{_enlarged(eigenvalues[aliased][:1], exponent)[0]:.3g}, which may as well turn the other way: choose a "
            "shorter lag"
        )


def _told(eigenvalue: complex, reach: float, exponent: int) -> str:
    value, moved = _enlarged(np.array([eigenvalue, reach]), exponent)
    value = value if np.iscomplexobj(eigenvalue) else value.real
    return f"{value:.3g}, which rounding moves by up to {moved.real:.1g}"


def _require_no_zero(eigenvalues: np.ndarray, reach: float, exponent: int) -> None:
    smallest = eigenvalues[np.argmin(np.abs(eigenvalues))]
    if abs(smallest) <= reach:
        raise NoPrincipalLogarithm(
            f"expected eigenvalues other than 0, got {_told(smallest, reach, exponent)}: what the operator forgets no "
            "power brings back; leave the direction out"
        )


def _as_real_as(K: Operator, computed: np.ndarray) -> np.ndarray:
    """Without the imaginary part that rounding left where K has none; whether it was rounding, the way back shows."""
    return computed.real if np.isrealobj(K) else computed


def _agreed(computed: np.ndarray, expected: np.ndarray) -> np.ndarray:
    error = frobenius_norm(computed - expected) / frobenius_norm(expected)
    if not error <= ROUND_TRIP:
        raise NoPrincipalLogarithm(
            f"expected a logarithm that gives the matrix back to {ROUND_TRIP:.0e}, got it back with a relative error "
            f"of {error:.1e}: it is too far from normal for double precision"
        )
    return computed
