"""The Kreiss constant of a matrix, between certified ends.

    K(A) = sup_{|z| > 1} (|z| − 1) ‖(z − A)⁻¹‖ = sup_{r > 1} (r − 1) h(r),     h(r) = max_{|z| = r} ‖(z − A)⁻¹‖,     (1)

is at least 1 (|z| → ∞), and ∞ where an eigenvalue lies outside the unit circle or is defective on it. It says how far
powers grow before they decay,

    K(A) ≤ sup_k ‖A^k‖ ≤ e m K(A),     A of m rows (Spijker 1991).                                                (2)

**On one circle** h(r) is one over the least of σ_min(z − A), found with its certificate by the levels of `circle`:
σ_min(z − A) = ε r at z = r u, |u| = 1, only where

    [A/r  εI; 0  I] w = u [I  0; εI  Aᴴ/r] w.                                                                       (3)

**Between circles.** log ‖(z − A)⁻¹‖ is subharmonic outside the spectrum, so that log h is a convex function of log r
(Hadamard's three circles). Between two radii a < b it lies below its chord,

    (r − 1) h(r) ≤ (r − 1) h(a) (r/a)^{−p},     p = log(h(a)/h(b)) / log(b/a),                                    (4)

largest at r = p/(p − 1) or at an end; and far out (r − 1) h(r) ≤ (r − 1)/(r − ‖A‖) falls to 1, below what was met
elsewhere. So few circles bound the supremum over all of them: the largest (r − 1) h(r) met is the lower end, the
largest (4) the upper one, and the next circle is where (4) is largest, until both agree to the tolerance. After |z| = 1
the first is put where values from below (`resolvent`) are large. Where rounding hides h, the edge of what it hides is
searched for, since the lower end is largest there, and the upper one is ∞.

**Next to the unit circle**, eigenvalues within rounding of it make h(1) infinite. With the part A_1 that belongs to
them split off, A = S diag(A_1, A_2) S⁻¹ = V Λ Wᴴ + S_2 A_2 S_2⁻¹, and where A_1 is diagonalisable

    (r − 1) h(r) ≤ c(r) + (r − 1) ‖S_2‖ ‖S_2⁻¹‖ h_2(1),     1 < r ≤ b,                                              (5)

c(r) the lesser of ‖V‖ ‖W‖ and of equation (3) of `peripheral`, which falls to the largest projector as r does to 1. So
b is put where little of the fall is left, and no closer than 10⁻⁵, from where it takes few circles. Of many eigenvalues
on the circle c is ‖V‖ ‖W‖, which is certain, and far.

Where eigenvectors are a good basis, K(A) ≤ κ(V) spares what circles cannot see (equation (1) of `peripheral`).

Ends hold up to rounding: a σ_min that rounding could make zero has the upper end ∞. The lower end is ∞ only where an
eigenvalue is outside the unit circle farther than rounding moves any: of one that is defective on it, or next to it,
rounding knows no more than that K(A) is at least what was met.

Sources: Kreiss 1962; Trefethen & Embree 2005, ch. 18 and eq. 14.7; Mitchell 2020 (levels on circles).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from koopman_analysis.magnitude import in_double_precision
from koopman_analysis.nonnormality.circle import angles_on_circle, circle_minimum
from koopman_analysis.nonnormality.conditioning import reach_of_rounding
from koopman_analysis.nonnormality.peripheral import Peripheral, peripheral_part
from koopman_analysis.nonnormality.resolvent import Resolvent
from koopman_analysis.resampling import Interval
from koopman_analysis.shapes import Operator, require_square, require_whole
from koopman_analysis.spectrum import EPSILON

CLOSEST = 1e-5
"""Distance from the unit circle at which the first circle of equation (5) is put at the closest."""

EIGENVALUES, ANGLES = 16, 32
"""Directions of the largest eigenvalues, and others, in which h is looked for first."""


@dataclass(frozen=True, kw_only=True)
class Circle:
    """What is known of h on one circle.

    Attributes:
        radius: r.
        low: Lower end of h(r).
        high: Upper end of h(r).
        angle: Where the lower end was met.
    """

    radius: float
    low: float
    high: float
    angle: float


def kreiss_constant(A: Operator, *, tolerance: float = 0.01, circles: int = 24) -> Interval:
    """K(A) of equation (1) between certified ends.

    Args:
        A: A square matrix.
        tolerance: Relative distance of the ends at which the search stops.
        circles: Most circles that are looked at; with fewer than it takes, the ends lie farther apart.

    Raises:
        TypeError: If the number of circles is not whole.
        ValueError: If A is not a square matrix of finite numbers, the tolerance is not positive, there is no circle, or
            the norm of A is beyond the range of numbers.
    """
    require_square(A)
    require_whole("circles", circles)
    if not 0 < tolerance < math.inf or circles < 1:
        raise ValueError(f"expected a positive tolerance and at least one circle, got {tolerance} and {circles}")
    A = in_double_precision(A)
    resolvent = Resolvent.of(A)
    if resolvent.norm <= 1 + 10 * EPSILON * len(A):
        return _certified(1.0, 1.0)  # contractions: von Neumann's inequality
    first, beyond = _circle(resolvent, 1.0, tolerance), 0.0
    hidden = not math.isfinite(first.high)
    if abs(resolvent.eigenvalues[0]) >= 1 + (reach_of_rounding(A) if hidden else 0.0):
        return _certified(math.inf, math.inf)
    if not hidden:
        found = _between(resolvent, first, beyond, tolerance, circles)
        if found.high <= (1 + 2 * tolerance) * found.low:
            return found
    part = peripheral_part(A)
    if hidden:
        if part.count and not part.unbounded:
            first, beyond = _beside_the_circle(resolvent, part, tolerance)
        found = _between(resolvent, first, beyond, tolerance, circles)
    high = min(found.high, math.inf if part.unbounded else part.condition)
    return _certified(found.low, max(found.low, high))


def _beside_the_circle(resolvent: Resolvent, part: Peripheral, tolerance: float) -> tuple[Circle, float]:
    """The first circle b of equation (5), and that bound on (1, b]."""
    inner = 0.0
    if part.rest.size:
        inner = part.rest_norm * _circle(Resolvent.of(part.rest), 1.0, tolerance).high
    slope = inner + (float(part.far.max()) if part.resolvent(0.0) < part.norm else 0.0)
    gap = min(0.1, max(CLOSEST, tolerance * part.resolvent(0.0) / slope) if slope > 0 else 0.1)
    return _circle(resolvent, 1 + gap, tolerance), part.resolvent(gap) + gap * inner


def _between(resolvent: Resolvent, first: Circle, beyond: float, tolerance: float, circles: int) -> Interval:
    """The ends of the supremum, from circles put where equation (4) is largest, after one where h may be."""
    seen, radius, near = [first], _summit(resolvent, first.radius), [first.angle]
    for _ in range(circles):
        seen = sorted([*seen, _circle(resolvent, radius, tolerance, near)], key=lambda circle: circle.radius)
        low = max(1.0, *((circle.radius - 1) * circle.low for circle in seen))
        far = _far(resolvent.norm, (1 + tolerance / 2) * low)
        known = [*(circle for circle in seen if circle.radius < far.radius), far]
        chords = [(*_chord(a, b), a, b) for a, b in pairwise(known)]
        # Of several that rounding leaves without a bound, the last: there the lower end is to be had.
        high, radius, a, b = max(
            reversed(chords), key=lambda chord: chord[0], default=((1 + tolerance) * low, 0, far, far)
        )
        if high <= (1 + tolerance) * low or _hidden(a, b, tolerance):
            break
        near = [a.angle, b.angle]
    return _certified(low, max(low, beyond, high))


def _summit(resolvent: Resolvent, inner: float) -> float:
    """A radius beyond `inner` at which (r − 1) h(r) seems to be large."""
    others = np.linspace(0, 2 * np.pi, 8, endpoint=False)
    turns = np.exp(1j * np.concatenate([np.angle(resolvent.eigenvalues[:8]), others]))
    least = EPSILON * (1 + resolvent.norm)

    def height(gap: float) -> float:
        return gap / max(least, min(resolvent.above((1 + gap) * turn) for turn in turns))

    gaps = resolvent.norm * np.geomspace(1e-4, 1, 9)
    return 1 + float(max(gaps[gaps > inner - 1], key=height, default=resolvent.norm))


def _far(norm: float, bound: float) -> Circle:
    """The circle outside which (r − 1)/(r − ‖A‖) is below the bound."""
    radius = (norm - 1 / bound) / (1 - 1 / bound)
    return Circle(radius=radius, low=0.0, high=(bound - 1) / (norm - 1), angle=0.0)


def _hidden(a: Circle, b: Circle, tolerance: float) -> bool:
    """Whether rounding hides all circles up to a, and those between a and b can raise the lower end by no more."""
    return not math.isfinite(a.high) and (b.radius - 1) <= (1 + 10 * tolerance) * (a.radius - 1)


def _circle(resolvent: Resolvent, radius: float, tolerance: float, angles: Sequence[float] = ()) -> Circle:
    """The function h on one circle, with the certificate of equation (3); it is looked for at these angles, too."""
    A, m = resolvent.matrix / radius, len(resolvent.matrix)
    identity, share = np.eye(m), tolerance / 10
    rounding = 10 * EPSILON * math.sqrt(m) * (radius + resolvent.norm)

    def crossings(level: float) -> np.ndarray:
        left = np.block([[A, level / radius * identity], [0 * identity, identity]])
        right = np.block([[identity, 0 * identity], [level / radius * identity, A.conj().T]])
        return angles_on_circle(left, right)

    found = circle_minimum(
        lambda angle: resolvent.smallest(radius * np.exp(1j * angle)),
        crossings,
        start=np.concatenate(
            [angles, np.angle(resolvent.eigenvalues[:EIGENVALUES]), np.linspace(0, 2 * np.pi, ANGLES, endpoint=False)]
        ),
        tolerance=share,
        floor=rounding,
        above=lambda angle: resolvent.above(radius * np.exp(1j * angle)),
    )
    least = (1 - share) * found.value - rounding if found.certified else 0.0
    return Circle(
        radius=radius,
        low=1 / (found.value + rounding),
        high=1 / least if least > 0 else math.inf,
        angle=found.angle,
    )


def _chord(a: Circle, b: Circle) -> tuple[float, float]:
    """The bound of equation (4) between two circles, and the radius at which to look next."""
    middle = 1 + math.sqrt(max(a.radius - 1, 1e-3 * (b.radius - 1))) * math.sqrt(b.radius - 1)
    if not (math.isfinite(a.high) and math.isfinite(b.high)):
        return math.inf, middle
    p = (math.log(a.high) - math.log(b.high)) / math.log(b.radius / a.radius)

    def bound(radius: float) -> float:
        return (radius - 1) * a.high * (radius / a.radius) ** -p

    best = p / (p - 1) if p > 1 else b.radius
    best = min(max(best, a.radius), b.radius)
    value = max(bound(best), (b.radius - 1) * b.high)
    share = math.log(best / a.radius) / math.log(b.radius / a.radius)
    return value, best if 0.02 < share < 0.98 else middle


def _certified(low: float, high: float) -> Interval:
    """An interval that holds for certain, up to rounding."""
    return Interval(estimate=low, low=low, high=high, level=1 - EPSILON, method="certified ends, up to rounding")
