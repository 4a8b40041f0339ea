"""Exact dynamic mode decomposition of many features and few pairs, without ever forming K.

With the pairs as rows of X and Y, (n, d), and X = U Σ Vᴴ truncated to rank r, the operator of least squares is

    K = V M,      M = Σ⁻¹ Uᴴ Y,                                                                                (1)

of shape (d, d) but kept as its factors, (d, r) and (r, d). Its eigenvalues are those of the small M V, and

    eigenfunctions    φ_j(x) = x V w_j,        (M V) w_j = λ_j w_j,                                              (2)
    exact modes       ξ_j = u_j M / λ_j,       u_j (M V) = λ_j u_j,  u_j w_j = 1,       x ≈ Σ_j φ_j(x) ξ_j,       (3)

(rows ξ_j; left eigenvectors of K, so that they are the same whatever the truncation leaves in the row space of X). For
fewer pairs than features the singular value decomposition is taken of the triangular factor of Xᴴ = Q R, and Q is
applied to r vectors instead of being formed: one QR factorisation is nearly all there is to pay, and no digit is lost
to the squared condition number of X Xᴴ (method of snapshots).

Source: Tu, Rowley, Luchtenburg, Brunton & Kutz 2014 (their matrices are the transposes of ours).
"""

import numpy as np
import scipy.linalg

from koopman_analysis.estimators.base import NotFitted, require_one_space, require_width
from koopman_analysis.moments import FACTOR_RESOLUTION
from koopman_analysis.regression import ConstantData, Rank, kept_rank, require_settings
from koopman_analysis.shapes import Complex, Inexact, States
from koopman_analysis.snapshots import SnapshotPairs
from koopman_analysis.snapshots.pairs import require_pairs

DEFECTIVE = 1e7
"""Condition number of eigenvectors from which half of the digits of the modes are lost."""


class ExactDMD:
    """Equations (1) to (3) in memory; for more pairs than fit there, `EDMD(Coordinates())` is the same as a stream.

    Args:
        rank: Number of directions of X to keep, or a rule for it such as `EnergyRank(0.999)`; all above rounding where
            None.

    Raises:
        TypeError: If the rank is neither a whole number nor a rule.
        ValueError: If the rank is below 1.
    """

    def __init__(self, rank: Rank = None) -> None:
        require_settings(0.0, rank)
        self.rank = rank
        self._factors: tuple[np.ndarray, np.ndarray] | None = None

    def fit(self, pairs: SnapshotPairs) -> "ExactDMD":
        """Fits to these pairs alone.

        Raises:
            ConstantData: If the states before do not vary.
            ValueError: If there are fewer than two pairs, states of different width before and after, or the rank
                exceeds the smaller of both dimensions of X.
        """
        require_pairs(pairs)
        host = pairs.on_host()
        require_one_space(host)
        require_settings(0.0, self.rank, largest=min(host.before.shape))
        if not np.ptp(host.before.real, axis=0).any() and not np.ptp(host.before.imag, axis=0).any():
            raise ConstantData("expected states before that vary, got one state only: no operator is better")
        root = None if host.weights is None else np.sqrt(host.weights)[:, None]
        X, Y = (states if root is None else root * states for states in (host.before, host.after))
        U, values, V = _truncated_svd(X, self.rank)
        self._factors = V, (U.conj().T @ Y) / values[:, None]
        return self

    @property
    def factors_(self) -> tuple[Inexact[np.ndarray, "d r"], Inexact[np.ndarray, "r d"]]:
        """V and M of equation (1): K = V M."""
        if self._factors is None:
            raise NotFitted("expected a fitted ExactDMD, got one that has seen no pairs: call fit(pairs) first")
        return self._factors

    @property
    def eigenvalues_(self) -> Complex[np.ndarray, " r"]:
        """The eigenvalues of K that are not zero by construction, the largest modulus first."""
        V, M = self.factors_
        eigenvalues = np.linalg.eigvals(M @ V).astype(np.complex128)
        return eigenvalues[np.argsort(-np.abs(eigenvalues), kind="stable")]

    @property
    def modes_(self) -> Complex[np.ndarray, "r d"]:
        """The exact modes ξ_j of equation (3), one a row; where λ_j = 0, V's projection of one.

        Raises:
            ValueError: If K is defective to rounding: then eigenvectors do not span.
        """
        return self._decomposed()[2]

    def eigenfunctions(self, states: States) -> Complex[np.ndarray, "n r"]:
        """φ_j of equation (2), one a column.

        Raises:
            ValueError: If the states are of another width than the fitted ones, or K is defective to rounding.
        """
        require_width(states, len(self.factors_[0]))
        return states @ self._decomposed()[1]

    def predict(self, states: States) -> States:
        """The states after, x K.

        Raises:
            ValueError: If the states are of another width than the fitted ones.
        """
        V, M = self.factors_
        require_width(states, len(V))
        return (states @ V) @ M

    def _decomposed(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        V, M = self.factors_
        eigenvalues, W = np.linalg.eig(M @ V)
        order = np.argsort(-np.abs(eigenvalues), kind="stable")
        eigenvalues, W = eigenvalues[order].astype(np.complex128), W[:, order].astype(np.complex128)
        condition = float(np.linalg.cond(W))
        if not condition < DEFECTIVE:
            raise ValueError(
                f"expected a basis of eigenvectors, got some with the condition number {condition:.1e}: the operator "
                "is defective to rounding, and has no modes; use factors_ or predict"
            )
        left = np.linalg.inv(W)
        kept = np.abs(eigenvalues) > np.finfo(np.float64).eps * np.abs(eigenvalues).max(initial=0.0)
        modes = left @ V.conj().T
        modes[kept] = (left[kept] @ M) / eigenvalues[kept, None]
        return eigenvalues, V @ W, modes


def _truncated_svd(X: np.ndarray, rank: Rank) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """U, Σ and V of the largest singular values of X, those above rounding at most; by QR of the long side."""
    wide = X.shape[0] < X.shape[1]
    tall = X.conj().T if wide else X
    (geqrf,) = scipy.linalg.get_lapack_funcs(("geqrf",), (tall,))
    short = tall.shape[1]
    # LAPACK's default work space makes it factorise a column at a time.
    reflectors, scales, _, _ = geqrf(tall, lwork=64 * short)
    inner, values, outer = np.linalg.svd(np.triu(reflectors[:short]))
    above = int(np.count_nonzero(values > FACTOR_RESOLUTION * values[0]))
    kept = min(above, kept_rank(rank, values))
    long_side = _reflected(reflectors, scales, inner[:, :kept])
    short_side = outer[:kept].conj().T
    return (short_side, values[:kept], long_side) if wide else (long_side, values[:kept], short_side)


def _reflected(reflectors: np.ndarray, scales: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Q times these vectors, from the reflectors of Q."""
    name = "unmqr" if np.iscomplexobj(reflectors) else "ormqr"
    (mqr,) = scipy.linalg.get_lapack_funcs((name,), (reflectors,))
    padded = np.zeros((len(reflectors), vectors.shape[1]), reflectors.dtype, order="F")
    padded[: len(vectors)] = vectors
    work = mqr("L", "N", reflectors, scales, padded, -1)[1]
    product, _, _ = mqr("L", "N", reflectors, scales, padded, int(work[0].real), overwrite_c=1)
    return product
