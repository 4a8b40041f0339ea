"""PyDMD's algorithms on pairs: K with y ≈ x K for centred states in rows, PyDMD's matrix A = Kᵀ acting on columns.

With X = U Σ Vᴴ and Y the pairs in columns, and the subscript r for the leading r singular vectors,

    least squares       A = Φ diag(λ) Φ⁺, the exact modes of       A_r = Y V_r Σ_r⁻¹ U_rᴴ                      (1)
    reduced rank        A = argmin ‖Y − A X‖ of rank ≤ r                                                       (2)
    forward-backward    A = U_r (B⁻¹ F)^½ U_rᴴ,  U_rᴴ y ≈ F U_rᴴ x, U_rᴴ x ≈ B U_rᴴ y                          (3)
    compressed          A = Φ diag(λ) Φ⁺, with the λ of     C y ≈ Ã C x,   Φ lifted to y                       (4)
    structured          A = argmin ‖Y − A X‖ of a structure                                                    (5)

In full rank (1) and (2) are the same A of least squares, if it can be diagonalised. In a lower one, (1) has only its
modes: it loses what x has outside of their span, so that (2), which predicts best in the sample, may be far better.
(3) is for noise at both ends: least squares takes noise in x for a contraction, backwards as an expansion, and the
geometric mean of both has neither. In one dimension it is λ = σ_y/σ_x, whatever the correlation.

Where PyDMD's own class cannot be taken as it is:
  - `OptDMD`, which is (2), fails to predict from its eigenvectors (an attribute is missing); its SVD form is right.
  - `FbDMD` multiplies F in the basis of X by B in that of Y. On snapshots of one trajectory these nearly agree, on
    pairs from noise to data they do not, and exact linear data are not recovered. Here (3) is made of two `DMD`s.
  - `CDMD` takes one time series; its operator takes pairs.
  - `PiDMD` ignores ranks for most structures: here it has none.

Least squares does not change when (X, Y) is multiplied by a unitary matrix from the right, so that PyDMD is given the
triangular factor of the pairs, 2d columns instead of n; and its tolerances are absolute, so that states have unit norm.

Sources: (1) Tu, Rowley, Luchtenburg, Brunton & Kutz 2014; (2) Héas & Herzet 2022; (3) Dawson, Hemati, Williams & Rowley
2016; (4) Erichson, Brunton & Kutz 2019; (5) Baddoo, Herrmann, McKeon, Kutz & Brunton 2023.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.linalg

from koopman_analysis.estimators.pydmd.bridge import (
    expected_warnings_ignored,
    imported_pydmd,
    modal_operator,
    real_where,
    spanned_directions,
)
from koopman_analysis.estimators.pydmd.structures import Structure
from koopman_analysis.regression import ConstantData, Rank, require_settings
from koopman_analysis.shapes import Inexact, Operator


class PairMethod(ABC):
    """One of PyDMD's algorithms on pairs."""

    def operator(self, before: Inexact[np.ndarray, "n d"], after: Inexact[np.ndarray, "n d"]) -> Operator:
        """K, from centred states in rows (each times the root of its weight); real where they are.

        Raises:
            ConstantData: If the states before are zero.
            ValueError: If the method has no operator for these data.
        """
        norm = float(np.linalg.norm(before))
        if not norm:
            raise ConstantData(
                "expected states before that vary, got constant ones: no operator is better than another"
            )
        d = before.shape[1]
        factor = np.asarray(np.linalg.qr(np.hstack([before, after]), mode="r")) / norm
        with expected_warnings_ignored():
            K = self._operator(factor[:, :d], factor[:, d:])
        return real_where(K, before, after)

    @abstractmethod
    def _operator(self, before: np.ndarray, after: np.ndarray) -> Operator:
        """K, from rows with the Gram matrices of the states and unit norm before."""


@dataclass(frozen=True, kw_only=True)
class ModalDMD(PairMethod):
    """Any class of PyDMD that fits pairs by least squares and then has modes and eigenvalues, as it is.

    Attributes:
        make: Takes a rank, PyDMD's `svd_rank`, to an unfitted object.
        rank: Number of modes; all above rounding where None.

    Raises:
        TypeError: If the rank is not a whole number.
        ValueError: If the rank is below 1; in use, if it exceeds the number of features.
    """

    make: Callable[[int], Any]
    rank: Rank = None

    def __post_init__(self) -> None:
        require_settings(0.0, self.rank)

    def _operator(self, before: np.ndarray, after: np.ndarray) -> Operator:
        fitted = self.make(kept_rank(self.rank, before)).fit(before.T, after.T)
        return modal_operator(fitted.modes, fitted.eigs)


@dataclass(frozen=True, kw_only=True)
class LeastSquaresDMD(PairMethod):
    """Equation (1): exact DMD, `pydmd.DMD`.

    Attributes:
        rank: r; all directions above rounding where None.

    Raises:
        TypeError: If the rank is not a whole number.
        ValueError: If the rank is below 1; in use, if it exceeds the number of features.
    """

    rank: Rank = None

    def __post_init__(self) -> None:
        require_settings(0.0, self.rank)

    def _operator(self, before: np.ndarray, after: np.ndarray) -> Operator:
        make = imported_pydmd().DMD
        return ModalDMD(make=lambda rank: make(svd_rank=rank, exact=True), rank=self.rank)._operator(before, after)


@dataclass(frozen=True, kw_only=True)
class ReducedRankDMD(PairMethod):
    """Equation (2): `pydmd.OptDMD`.

    Attributes:
        rank: r.

    Raises:
        TypeError: If the rank is not a whole number.
        ValueError: If the rank is below 1; in use, if it exceeds the number of features.
    """

    rank: Rank = None

    def __post_init__(self) -> None:
        require_settings(0.0, self.rank)

    def _operator(self, before: np.ndarray, after: np.ndarray) -> Operator:
        rank = kept_rank(self.rank, after)
        fitted = imported_pydmd().OptDMD(factorization="svd", svd_rank=rank).fit(before.T, after.T)
        return fitted.predict(np.eye(before.shape[1])).T


@dataclass(frozen=True, kw_only=True)
class ForwardBackwardDMD(PairMethod):
    """Equation (3), by least squares in both directions with `pydmd.DMD`.

    The root with eigenvalues in the right half-plane is taken, so that a map is refused which turns a direction by more
    than a quarter of a circle.

    Attributes:
        rank: r; all directions above rounding where None.

    Raises:
        TypeError: If the rank is not a whole number.
        ValueError: If the rank is below 1; in use, if it exceeds the number of features, if the states after do not
            span as many directions, or if the map turns too far.
    """

    rank: Rank = None

    def __post_init__(self) -> None:
        require_settings(0.0, self.rank)

    def _operator(self, before: np.ndarray, after: np.ndarray) -> Operator:
        rank = kept_rank(self.rank, before)
        basis = np.linalg.svd(before, full_matrices=False)[2][:rank].conj().T
        x, y = before @ basis, after @ basis
        if spanned_directions(y) < rank:
            raise ValueError(
                f"expected states after that span {rank} directions as those before, got {spanned_directions(y)}: "
                "no backward operator exists; take a lower rank, or LeastSquaresDMD"
            )
        forward, backward = LeastSquaresDMD().operator(x, y), LeastSquaresDMD().operator(y, x)
        squared = np.linalg.solve(backward, forward)
        values = np.concatenate([np.linalg.eigvals(forward), np.sqrt(np.linalg.eigvals(squared).astype(complex))])
        if (values.real <= 1e-8 * np.abs(values)).any():
            raise ValueError(
                "expected a map that turns no direction by more than a quarter of a circle, got eigenvalues "
                f"{values[:rank]}: the square root cannot tell λ from −λ; take a shorter lag, or LeastSquaresDMD"
            )
        return basis @ scipy.linalg.sqrtm(squared) @ basis.conj().T


@dataclass(frozen=True, kw_only=True, eq=False)
class CompressedDMD(PairMethod):
    """Equation (4): the operator of `pydmd.CDMD`.

    Attributes:
        sketch: C, a matrix (p, d) that compresses d features to p, such as one of standard normal numbers.
        rank: Number of modes; all above rounding in the compressed states where None.

    Raises:
        TypeError: If the rank is not a whole number.
        ValueError: If the sketch is not a matrix, or the rank is not one of 1 to p; in use, if the sketch is not for
            states of that width, or the rank exceeds it.
    """

    sketch: np.ndarray
    rank: Rank = None

    def __post_init__(self) -> None:
        if self.sketch.ndim != 2:
            raise ValueError(f"expected a sketch of shape (p, d), got shape {self.sketch.shape}")
        require_settings(0.0, self.rank, largest=len(self.sketch))

    def _operator(self, before: np.ndarray, after: np.ndarray) -> Operator:
        if self.sketch.shape[1] != before.shape[1]:
            raise ValueError(
                f"expected a sketch of shape (p, {before.shape[1]}) for states of that width, "
                f"got shape {self.sketch.shape}"
            )
        require_settings(0.0, self.rank, largest=before.shape[1])
        x, y = (self.sketch @ states.T for states in (before, after))
        compressed = imported_pydmd().CDMD(svd_rank=kept_rank(self.rank, x.T)).operator
        compressed.compute_operator(x, y, after.T)
        return modal_operator(compressed.modes, compressed.eigenvalues)


@dataclass(frozen=True, kw_only=True)
class StructuredDMD(PairMethod):
    """Equation (5): `pydmd.PiDMD`.

    Attributes:
        structure: One of those in `koopman_analysis.estimators.pydmd.structures`.

    Raises:
        ValueError: In use, if states are complex where PyDMD's solution is for real ones, or if the states before do
            not span their space.
    """

    structure: Structure

    def _operator(self, before: np.ndarray, after: np.ndarray) -> Operator:
        d = before.shape[1]
        if not self.structure.complex_states and (np.iscomplexobj(before) or np.iscomplexobj(after)):
            raise ValueError(
                f"expected real states, got complex ones: PyDMD's solution for {self.structure.manifold} operators "
                "does not minimise for complex states"
            )
        if spanned_directions(before) < d:
            raise ValueError(
                f"expected states before that span their {d} dimensions, got {spanned_directions(before)}: "
                "the structure leaves the operator undetermined"
            )
        make = imported_pydmd().PiDMD
        fitted = make(self.structure.manifold, manifold_opt=self.structure.option, compute_A=True, svd_rank=-1)
        return fitted.fit(before.T, after.T).A.T


def kept_rank(rank: Rank, rows: Inexact[np.ndarray, "n d"]) -> int:
    """The number of directions to keep of those that the rows span: PyDMD's `svd_rank`, always stated.

    Raises:
        TypeError: If the rank is not a whole number.
        ValueError: If it exceeds the number of features.
    """
    require_settings(0.0, rank, largest=rows.shape[1])
    spanned = spanned_directions(rows)
    return spanned if rank is None else min(spanned, int(rank))
