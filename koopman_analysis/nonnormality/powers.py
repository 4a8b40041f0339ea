"""How far the powers of a matrix grow: sup_k ‖A^k‖, with the reason why no later power is larger.

Powers are multiplied out one by one. Let M_N = max_{k < N} ‖A^k‖. Because ‖A^{jN + k}‖ ≤ ‖A^N‖^j ‖A^k‖,

    ‖A^N‖ ≤ 1  ⇒  sup_k ‖A^k‖ = M_N, attained,                                                                   (1)

and otherwise, doubling by squares,

    sup_{k < 2^J N} ‖A^k‖ ≤ M_N Π_{j < J} max(1, ‖A^{2^j N}‖),  all of them once ‖A^{2^J N}‖ ≤ 1.                    (2)

The product says much too much where powers decay slowly; then two other bounds are less,

    sup_k ‖A^k‖ ≤ κ(V)      and      sup_k ‖A^k‖ ≤ e m K(A),                                                       (3)

equation (1) of `peripheral` and equation (2) of `kreiss`; the least is taken, and the largest norm met among the
squares is the lower end. Eigenvalues on the unit circle keep (1) and (2) from ever coming true; there (3) holds, and
with the parts of `peripheral`

    sup_k ‖A^k‖ ≤ ‖V‖ ‖W‖ + ‖S_2‖ ‖(S⁻¹)_2‖ sup_k ‖A_2^k‖,                                                          (4)

or ∞ where one is defective to rounding or lies outside. ‖·‖ is the spectral norm; the norm of Frobenius, which is
larger, spares most of its computations.

**Rounding.** Each product is off by ε ‖A^{i−1}‖ ‖A‖, and that is multiplied on, so that the power k is off by up to

    e_k = ε ‖A‖ Σ_{i=2}^k ‖A^{i−1}‖ ‖A^{k−i}‖,    of a square    e_{2k} = 2 e_k ‖A^k‖ + e_k² + m ε ‖A^k‖²,           (5)

norms of Frobenius; k m ε ‖A^k‖, if that is less, where no entry is negative. (1) and (2) ask for ‖A^N‖ + e_N ≤ 1, and a
norm is met where e_k is a thousandth of it at most: far from normal, what grew may be rounding alone.

Sources: Trefethen & Embree 2005, ch. 14 (powers and their transients); Spijker 1991 (e m K).
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from koopman_analysis.magnitude import frobenius_norm, in_double_precision
from koopman_analysis.nonnormality.kreiss import kreiss_constant
from koopman_analysis.nonnormality.peripheral import Peripheral, peripheral_part
from koopman_analysis.resampling import Interval
from koopman_analysis.shapes import Operator, require_square, require_whole
from koopman_analysis.spectrum import EPSILON

SQUARINGS = 60
"""Most squares in equation (2): powers beyond 2⁶⁰ belong to eigenvalues on the circle."""
WORTH_ASKING = 4
"""Share of its least value, e m, that another bound must exceed for e m K(A) to be asked."""
RELIABLE = 1e-3
"""Largest share of rounding in a norm that counts as met."""


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
    met = _multiplied(in_double_precision(A), powers)
    if met.because:
        return _growth(met.largest, met.high, met.power, met.because)
    part = peripheral_part(A)
    if part.outside:
        return _growth(met.largest, math.inf, met.power, "an eigenvalue lies outside the unit circle")
    bounds = [(math.inf, "no power was found that shrinks everything"), (part.condition, "the eigenvectors’ condition")]
    if part.defective:
        bounds = [(math.inf, "to rounding, an eigenvalue on the unit circle is defective")]
    elif part.count:
        bounds.append(_on_the_circle(part, powers))
    else:
        met = _by_squares(met)
        bounds.append((met.high, met.because))
    if min(bounds)[0] > WORTH_ASKING * math.e * len(A):  # K(A) is at least 1, and dear
        bounds.append((math.e * len(A) * kreiss_constant(A).high, "e m K(A)"))
    high, because = min(bounds, key=lambda bound: bound[0])  # the first of several that are infinite says why
    return _growth(met.largest, max(met.largest, high), met.power, because)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Met:
    """What powers of a matrix up to one of them have told.

    Attributes:
        product: The last power.
        exponent: Which.
        error: How far it may be off: equation (5).
        largest: The largest norm met.
        power: Where.
        high: An upper end of all norms, where one is known; ∞ otherwise.
        because: Why; empty where none is known yet.
    """

    product: Operator
    exponent: int
    error: float
    largest: float
    power: int
    high: float = math.inf
    because: str = ""


def _multiplied(A: Operator, powers: int) -> _Met:
    """Powers one by one, until one has no norm above 1 or there are as many: equation (1)."""
    one, largest, power, error = 1 + 10 * EPSILON * len(A), 1.0, 0, 0.0
    product, sizes, first = np.eye(len(A)), [1.0], frobenius_norm(A)
    positive = np.isrealobj(A) and bool((A >= 0).all())
    for k in range(1, powers + 1):
        with np.errstate(over="ignore", invalid="ignore"):  # looked for below
            product = product @ A
        size = frobenius_norm(product)
        if not math.isfinite(size):
            because = "a power is beyond the range of numbers"
            return _Met(product=product, exponent=k, error=error, largest=largest, power=power, because=because)
        with np.errstate(over="ignore"):  # as good as infinite
            error = EPSILON * float(np.dot(sizes[1:], sizes[-2::-1])) * first
        error = min(error, k * len(A) * EPSILON * size) if positive else error
        sizes.append(size)
        if largest < size or size <= math.sqrt(len(A)):  # otherwise ‖A^k‖ is neither the largest nor at most 1
            size = float(np.linalg.norm(product, 2))
            if size + error <= one:
                return _Met(
                    product=product, exponent=k, error=error, largest=largest, power=power, high=largest,
                    because=f"‖A^{k}‖ ≤ 1",
                )  # fmt: skip
            if size > largest and error <= RELIABLE * size:
                largest, power = size, k
    return _Met(product=product, exponent=powers, error=error, largest=largest, power=power)


def _on_the_circle(part: Peripheral, powers: int) -> tuple[float, str]:
    """The upper end of equation (4)."""
    rest = transient_growth(part.rest, powers=powers).norm.high if part.rest.size else 0.0
    return part.norm + part.rest_norm * rest, f"{part.count} eigenvalues lie on the unit circle"


def _by_squares(met: _Met) -> _Met:
    """The same with the squares of the last power: equation (2)."""
    product, exponent, error, largest, power = met.product, met.exponent, met.error, met.largest, met.power
    bound, because = largest, "no power was found that shrinks everything"
    for _ in range(SQUARINGS):
        size = float(np.linalg.norm(product, 2))
        if size > largest and error <= RELIABLE * size:
            largest, power = size, exponent
        if size + error <= 1:
            because = f"‖A^{exponent}‖ ≤ 1"
            break
        with np.errstate(over="ignore", invalid="ignore"):
            bound, product, exponent = bound * (size + error), product @ product, 2 * exponent
            error = error * (2 * size + error) + EPSILON * len(product) * size * size
        if not (np.isfinite(product).all() and math.isfinite(error)):
            break
    high = max(largest, bound) if because.startswith("‖") else math.inf
    return replace(met, largest=largest, power=power, high=high, because=because)


def _growth(low: float, high: float, power: int, because: str) -> TransientGrowth:
    norm = Interval(estimate=low, low=low, high=high, level=1 - EPSILON, method="certified ends, up to rounding")
    return TransientGrowth(norm=norm, power=power, attained=low == high, because=because)
