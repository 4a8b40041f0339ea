"""The numerical range between two polygons: one inside it, one around it.

W(A) = {xᴴAx : ‖x‖ = 1} is convex (Toeplitz, Hausdorff) and compact, and the same for A and for its transpose. In the
direction e^{iθ} it reaches as far as the largest eigenvalue of a Hermitian matrix,

    h(θ) = max Re e^{−iθ} W(A) = λ_max( (e^{−iθ} A + e^{iθ} Aᴴ) / 2 ),                                            (1)

and with x an eigenvector of length one that belongs to it, p(θ) = xᴴAx lies in W(A), on the supporting line
Re e^{−iθ} z = h(θ). For angles θ_1 < … < θ_n around the circle, at distances δ_j = θ_{j+1} − θ_j < π,

    hull of the p(θ_j) ⊆ W(A) ⊆ polygon of the corners c_j = e^{iθ_j} (h_j + i (h_{j+1} − h_j cos δ_j)/sin δ_j),     (2)

c_j being where neighbouring lines meet. No point of W(A) is farther from the inner polygon than the farthest corner is
from the chord p_j p_{j+1} next to it; that distance falls as n⁻² where the boundary bends, as n⁻¹ along a flat side.

Sources: Johnson 1978 (both polygons); Horn & Johnson 1991, ch. 1 (all of W).
"""

from dataclasses import dataclass

import numpy as np
import scipy.linalg

from koopman_analysis.magnitude import enlarged, enlarged_array, unit_and_exponent
from koopman_analysis.shapes import Complex, Float, Inexact, Operator, require_finite, require_square, require_whole


@dataclass(frozen=True, kw_only=True, eq=False)
class NumericalRange:
    """What lines all around tell of W(A).

    Attributes:
        angles: θ_j, increasing, from 0.
        support: h(θ_j).
        points: p(θ_j), on the boundary of W(A): the inner polygon.
        corners: c_j, where the lines of θ_j and θ_{j+1} meet: the outer polygon.
    """

    angles: Float[np.ndarray, " n"]
    support: Float[np.ndarray, " n"]
    points: Complex[np.ndarray, " n"]
    corners: Complex[np.ndarray, " n"]

    @property
    def gap(self) -> float:
        """The farthest that a point of W(A) can lie from the inner polygon."""
        (start, corners), exponent = unit_and_exponent(np.stack([self.points, self.corners]))
        way = np.roll(start, -1) - start
        square = np.abs(way) ** 2
        along = (np.conj(way) * (corners - start)).real
        share = np.clip(np.divide(along, square, out=np.zeros_like(along), where=square > 0), 0, 1)
        return enlarged(float(np.abs(corners - start - share * way).max()), exponent)

    def beyond(self, z: Inexact[np.ndarray, " k"]) -> Float[np.ndarray, " k"]:
        """How far each z lies beyond the line that it is farthest beyond: what is above zero is not in W(A).

        Raises:
            ValueError: If a point is not finite.
        """
        require_finite(z)
        both, exponent = unit_and_exponent(np.concatenate([self.support, z]))
        support, z = both[: len(self.support)].real, both[len(self.support) :]
        beyond = (np.exp(-1j * self.angles)[:, None] * z - support[:, None]).real.max(axis=0)
        return enlarged_array(beyond, exponent)


def numerical_range(A: Operator, *, count: int = 64) -> NumericalRange:
    """W(A) between the polygons of equation (2).

    Args:
        A: A square matrix.
        count: Number n of lines, at equal angles.

    Raises:
        TypeError: If the number of lines is not whole.
        ValueError: If A is not a square matrix of finite numbers, there are fewer than three lines, or their ends lie
            beyond the range of numbers.
    """
    require_square(A)
    require_whole("lines", count)
    if count < 3:
        raise ValueError(f"expected at least three lines, got {count}: fewer enclose nothing")
    unit, exponent = unit_and_exponent(A)
    angles = 2 * np.pi * np.arange(count) / count
    support, points = np.empty(count), np.empty(count, dtype=complex)
    for j, turn in enumerate(np.exp(-1j * angles)):
        turned = (turn * unit + np.conj(turn) * unit.conj().T) / 2
        values, vectors = scipy.linalg.eigh(turned, subset_by_index=[len(A) - 1, len(A) - 1])
        support[j], points[j] = values[0], vectors[:, 0].conj() @ unit @ vectors[:, 0]
    step, following = 2 * np.pi / count, np.roll(support, -1)
    corners = np.exp(1j * angles) * (support + 1j * (following - support * np.cos(step)) / np.sin(step))
    support, points, corners = (enlarged_array(values, exponent) for values in (support, points, corners))
    return NumericalRange(angles=angles, support=support, points=points, corners=corners)
