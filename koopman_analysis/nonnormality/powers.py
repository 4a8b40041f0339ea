"""How far the powers of a matrix grow: sup_k ‖A^k‖, with the reason why no later power is larger.

Powers are multiplied out one by one. Let M_N = max_{k < N} ‖A^k‖. Because ‖A^{jN + k}‖ ≤ ‖A^N‖^j ‖A^k‖,

    ‖A^N‖ ≤ 1  ⇒  sup_k ‖A^k‖ = M_N, attained,                                                                   (1)

and otherwise, doubling by squares,

    sup_{k < 2^J N} ‖A^k‖ ≤ M_N Π_{j < J} max(1, ‖A^{2^j N}‖),  all of them once ‖A^{2^J N}‖ ≤ 1.                    (2)

Eigenvalues on the unit circle keep (1) and (2) from ever coming true; there, with the parts of `peripheral`,

    sup_k ‖A^k‖ ≤ ‖V‖ ‖W‖ + ‖S_2‖ ‖(S⁻¹)_2‖ sup_k ‖A_2^k‖,                                                          (3)

or ∞ where one is defective or lies outside. ‖·‖ is the spectral norm; the norm of Frobenius, which is larger, spares
most of its computations.

Source: Trefethen & Embree 2005, ch. 14 (powers and their transients).
"""

import math
from dataclasses import dataclass

import numpy as np

from koopman_analysis.magnitude import frobenius_norm
from koopman_analysis.nonnormality.peripheral import EPSILON, peripheral_part
from koopman_analysis.resampling import Interval
from koopman_analysis.shapes import Operator, require_square, require_whole

SQUARINGS = 60
"""Most squares in equation (2): powers beyond 2⁶⁰ belong to eigenvalues on the circle."""


@dataclass(frozen=True, kw_only=True)
class TransientGrowth:
    """The largest norm of a power.

    Attributes:
        norm: From the largest met to the bound on all; the two agree where it is attained.
        power: The power at which the largest was met.
        attained: Whether that is the supremum, by equation (1).
        because: What the upper end rests on.
    """

    norm: Interval
    power: int
    attained: bool
    because: str


def transient_growth(A: Operator, *, powers: int = 512) -> TransientGrowth:
    """sup_k ‖A^k‖ over k = 0, 1, 2, ….

    Args:
        A: A square matrix.
        powers: Most powers that are multiplied out.

    Raises:
        TypeError: If the number of powers is not whole.
        ValueError: If A is not a square matrix of finite numbers, or there is no power to look at.
    """
    require_square(A)
    require_whole("powers", powers)
    if powers < 1:
        raise ValueError(f"expected at least one power, got {powers}")
    one, largest, power = 1 + 10 * EPSILON * len(A), 1.0, 0
    A = A.astype(np.result_type(A, np.float64), copy=False)
    product = np.eye(len(A))
    for k in range(1, powers + 1):
        with np.errstate(over="ignore", invalid="ignore"):  # looked for below
            product = product @ A
        size = frobenius_norm(product)
        if not math.isfinite(size):
            return _growth(largest, math.inf, power, "a power is beyond the range of numbers")
        if largest < size or size <= math.sqrt(len(A)):  # otherwise ‖A^k‖ is neither the largest nor at most 1
            size = float(np.linalg.norm(product, 2))
            if size <= one:
                return _growth(largest, largest, power, f"‖A^{k}‖ ≤ 1")
            if size > largest:
                largest, power = size, k
    high, because = _beyond(A, product, largest, powers)
    return _growth(largest, high, power, because)


def _beyond(A: Operator, product: Operator, largest: float, powers: int) -> tuple[float, str]:
    """An upper end for all powers, from the last product."""
    part = peripheral_part(A)
    if part.unbounded:
        return math.inf, "an eigenvalue lies outside the unit circle, or is defective on it"
    if part.count:
        rest = transient_growth(part.rest, powers=powers).norm.high if part.rest.size else 0.0
        return max(largest, part.norm + part.rest_norm * rest), f"{part.count} eigenvalues lie on the unit circle"
    bound, exponent = largest, powers
    for _ in range(SQUARINGS):
        if (size := float(np.linalg.norm(product, 2))) <= 1:
            return bound, f"‖A^{exponent}‖ ≤ 1"
        with np.errstate(over="ignore", invalid="ignore"):
            bound, product, exponent = bound * size, product @ product, 2 * exponent
        if not np.isfinite(product).all():
            break
    return math.inf, "no power was found that shrinks everything"


def _growth(low: float, high: float, power: int, because: str) -> TransientGrowth:
    norm = Interval(estimate=low, low=low, high=high, level=1 - EPSILON, method="certified ends, up to rounding")
    return TransientGrowth(norm=norm, power=power, attained=low == high, because=because)
