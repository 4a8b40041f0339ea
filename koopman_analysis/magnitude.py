"""A matrix apart from its magnitude, so that no square of an entry leaves the range of numbers.

    A = 2^e B,        ½ ≤ max |Re b_jk|, |Im b_jk| < 1        (e = 0 where A is zero)                                (1)

changes exponents alone: B has the digits of A, but for entries of less than 2⁻¹⁰⁷⁴ of the largest. Numbers that are
homogeneous are taken from B and enlarged, f(A) = 2^{ke} f(B): norms, radii and departures with k = 1, conditions and
ranks with k = 0; log A = log B + e log 2. What then lies beyond the range of numbers is refused, not infinite.
"""

import math

import numpy as np

from koopman_analysis.shapes import Inexact


def unit_and_exponent(A: Inexact[np.ndarray, "*shape"]) -> tuple[Inexact[np.ndarray, "*shape"], int]:
    """B, in double precision, and e of equation (1)."""
    parts = (A.real, A.imag) if np.iscomplexobj(A) else (A,)
    _, exponent = math.frexp(max(float(np.abs(part).max(initial=0.0)) for part in parts))
    return _moved(A, -exponent), exponent


def in_double_precision(A: Inexact[np.ndarray, "*shape"]) -> Inexact[np.ndarray, "*shape"]:
    """A as an array of float64 or complex128, whatever numbers it was made of."""
    return _moved(A, 0)


def enlarged(value: float, exponent: int) -> float:
    """2^e times a number.

    Raises:
        ValueError: If that is beyond the range of numbers.
    """
    try:
        return math.ldexp(value, exponent)
    except OverflowError:
        raise _beyond(value, exponent) from None


def enlarged_array(values: Inexact[np.ndarray, "*shape"], exponent: int) -> Inexact[np.ndarray, "*shape"]:
    """2^e times each number.

    Raises:
        ValueError: If one is beyond the range of numbers.
    """
    with np.errstate(over="ignore"):  # looked for in the next line
        moved = _moved(values, exponent)
    if not np.isfinite(moved).all():
        raise _beyond(float(np.abs(values).max()), exponent)
    return moved


def frobenius_norm(A: Inexact[np.ndarray, "m n"]) -> float:
    """‖A‖_F; infinite if that is beyond the range of numbers."""
    if not np.isfinite(A).all():
        return math.inf
    unit, exponent = unit_and_exponent(A)
    with np.errstate(over="ignore"):
        return float(np.ldexp(np.linalg.norm(unit), exponent))


def _beyond(value: float, exponent: int) -> ValueError:
    return ValueError(
        f"expected a result within the range of numbers, got {value:.3g} · 2^{exponent}: choose a larger unit, so that "
        "entries are smaller"
    )


def _moved(values: np.ndarray, exponent: int) -> np.ndarray:
    if not np.iscomplexobj(values):
        return np.asarray(np.ldexp(values.astype(np.float64, copy=False), exponent))
    moved = np.empty(values.shape, np.complex128)
    moved.real, moved.imag = np.ldexp(values.real, exponent), np.ldexp(values.imag, exponent)
    return moved
