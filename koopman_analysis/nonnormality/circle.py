"""The least value of a function on the unit circle, with a certificate that there is no lesser one.

Let f be continuous on |z| = 1, and let all angles at which f takes a given level be among the eigenvalues of a pencil,

    f(e^{iθ}) = α   ⇒   det(M_1 − e^{iθ} M_2) = 0,      M_1, M_2 of the level.                                  (1)

Below the least value there are no such angles; above it they cut the circle into arcs, of which the middle of one lies
below the level. So, from the least value α known so far, the level α − τ |α| is either reached at an eigenvalue or in
the middle between two, and these give a lesser α, or it is reached nowhere: then α is the least up to the share τ. Few
rounds are needed, for they converge as Newton's method does.

On the circle an eigenvalue is told from its neighbours by the Cayley transform with a pole p, |p| = 1,

    (M_1 − p M_2)⁻¹ (M_1 + p M_2) x = μ x,     μ = (z + p)/(z − p),     |z| = 1  ⇔  Re μ = 0,                        (2)

real where the matrices and p are. Rounding moves eigenvalues off the circle, so those next to it count, and f itself is
asked about each: a few too many do no harm. Where f is dear, an upper bound f⁺ of it that is not tells where to look:
what it says to be well below the level is below, and only if nothing is are all asked for f.

Sources: Boyd & Balakrishnan 1990, Bruinsma & Steinbuch 1990 (levels); Byers 1988 (pencils of singular values).
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.linalg
import scipy.optimize

from koopman_analysis.magnitude import unit_and_exponent
from koopman_analysis.shapes import Float, Inexact

BESIDE = 1e-4
"""|log |z|| up to which an eigenvalue counts as one on the circle."""

ROUNDS = 40
"""Most levels that are tried."""

STARTS, EVALUATIONS = 3, 12
"""How many angles are searched about before the first level, and with how many values of f⁺ each."""


@dataclass(frozen=True, kw_only=True)
class CircleMinimum:
    """The least value that was found on the circle.

    Attributes:
        value: f at the angle: an upper end of the minimum.
        angle: Where.
        certified: Whether no value is less than value − τ |value|.
    """

    value: float
    angle: float
    certified: bool


def circle_minimum(
    value: Callable[[float], float],
    crossings: Callable[[float], Float[np.ndarray, " k"]],
    *,
    start: Float[np.ndarray, " s"],
    tolerance: float,
    floor: float = -np.inf,
    above: Callable[[float], float] | None = None,
) -> CircleMinimum:
    """The minimum of a function of the angle.

    Args:
        value: f, of an angle.
        crossings: All angles at which f takes a level, and perhaps others.
        start: Angles to begin with.
        tolerance: τ.
        floor: What is not above this is zero to rounding, and is not pursued.
        above: f⁺; f where None.
    """
    above = value if above is None else above
    angle = _lowest(above, start)
    least = value(angle)
    for _ in range(ROUNDS):
        if least <= floor:
            break
        level = least - tolerance * abs(least)
        found = np.sort(crossings(level) % (2 * np.pi))
        if not len(found):
            return CircleMinimum(value=least, angle=float(angle), certified=True)
        between = (found + np.append(found[1:], found[0] + 2 * np.pi)) / 2
        angles = np.concatenate([found, between])
        best = min(angles, key=above)
        reached = value(best)
        if reached > level - tolerance * abs(level) and above is not value:
            best = min(angles, key=value)
            reached = value(best)
        if reached > level:
            return CircleMinimum(value=min(least, reached), angle=float(angle), certified=True)
        angle, least = best, reached
    return CircleMinimum(value=least, angle=float(angle), certified=False)


def _lowest(above: Callable[[float], float], start: Float[np.ndarray, " s"]) -> float:
    """An angle at which f⁺ is low: from the best of these, by a search next to each."""
    found = sorted(start, key=above)[:STARTS]
    step = np.pi / len(start)
    for angle in tuple(found):
        ends = (angle - step, angle + step)
        search = scipy.optimize.minimize_scalar(above, bounds=ends, method="bounded", options={"maxiter": EVALUATIONS})
        found.append(search.x)
    return float(min(found, key=above))


def angles_on_circle(
    left: Inexact[np.ndarray, "k k"], right: Inexact[np.ndarray, "k k"]
) -> Float[np.ndarray, " angles"]:
    """Angles of the eigenvalues of the pencil left − z right on |z| = 1: equation (2)."""
    (left, right), _ = unit_and_exponent(np.stack([left, right]))
    real = np.isrealobj(left) and np.isrealobj(right)
    turns = [*([1.0, -1.0] if real else []), *np.exp(1j * (0.7 + np.pi / 2 * np.arange(4)))]
    pole, factor = _factored(left, right, turns[:2])
    if factor is None and real:
        pole, factor = _factored(left, right, turns[2:4])
    if factor is None:
        return np.angle(turns)  # all are eigenvalues: f is asked there, and between them
    mu = np.linalg.eigvals(scipy.linalg.lu_solve(factor, left + pole * right, check_finite=False))
    ahead, behind = np.abs(mu + 1), np.abs(mu - 1)
    finite = (ahead > 0) & (behind > 0)
    ahead, behind, mu = ahead[finite], behind[finite], mu[finite]
    beside = np.abs(np.log(ahead / behind)) < BESIDE
    return np.angle(pole * (mu[beside] + 1) / (mu[beside] - 1))


def _factored(
    left: np.ndarray, right: np.ndarray, poles: Sequence[complex]
) -> tuple[complex, tuple[np.ndarray, np.ndarray] | None]:
    """The pole farther from all eigenvalues, whose matrix has the larger smallest pivot, and its factors, if any."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", scipy.linalg.LinAlgWarning)  # of pivots that are zero, which are looked at here
        factors = [scipy.linalg.lu_factor(left - pole * right, check_finite=False) for pole in poles]
    pivots = [np.abs(np.diag(factor)).min() for factor, _ in factors]
    chosen = int(np.argmax(pivots))
    return poles[chosen], factors[chosen] if pivots[chosen] > 0 else None
