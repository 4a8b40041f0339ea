"""Linear maps: any square matrix, normal or not, defective or not, with real eigenvalues or complex ones.

In the row convention the state x, a row, is carried to

    y = x A        (in columns: x ↦ Aᵀ x).                                                                     (1)

Monomials of degree at most p are closed: (x A)^α = Π_i (Σ_j x_j A_ji)^{α_i}. In Ψ(x A) = Ψ(x) K the column of x^α, with
α_i > 0, follows from that of x^{α − e_i}, one degree lower,

    K[γ, α] = Σ_j A_ji K[γ − e_j, α − e_i],     K[0, 0] = 1,                                                      (2)

and the eigenvalues of K are all products of degree at most p of those of A:

    Π_i λ_i^{α_i},     |α| ≤ p.                                                                                (3)

K is defective where A is, with longer blocks: rounding moves an eigenvalue in a Jordan block of size b by ε^{1/b}, so
compare K itself there. A triangular A with strict part N, and so in Schur form, has Henrici's departure from normality

    (‖A‖_F² − Σ|λ_i|²)^{1/2} = ‖N‖_F.                                                                          (4)

Sources: Henrici 1962 (equation (4)); Trefethen & Embree 2005 (what non-normality does to spectra).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np

from koopman_analysis.dictionaries import Monomials
from koopman_analysis.shapes import Float, Inexact, States
from koopman_analysis.systems.base import ClosedFlow


@dataclass(frozen=True, kw_only=True, eq=False)
class LinearMap(ClosedFlow):
    """The map of equation (1), under normal states of mean zero.

    Attributes:
        transition: A, real and square, shape (d, d); it multiplies rows from the right.
        covariance: Covariance of the states before, symmetric positive definite, shape (d, d); I where None.
        degree: Degree p ≥ 1 of the closed dictionary.

    Raises:
        ValueError: If A is not a real square matrix, the covariance not one of its size, or the degree below 1.
    """

    transition: Sequence[Sequence[float]] | np.ndarray
    covariance: Sequence[Sequence[float]] | np.ndarray | None = None
    degree: int = 1

    def __post_init__(self) -> None:
        A = np.asarray(self.transition)
        if A.ndim != 2 or A.shape[0] != A.shape[1] or A.size == 0 or np.iscomplexobj(A) or not np.isfinite(A).all():
            raise ValueError(f"expected a transition that is a finite, real, square matrix, got {self.transition}")
        covariance = self._covariance
        if covariance.shape != A.shape or not np.allclose(covariance, covariance.T):
            raise ValueError(f"expected a symmetric covariance of shape {A.shape}, got {self.covariance}")
        spectrum = np.linalg.eigvalsh(covariance)
        if not spectrum[0] > 1e-12 * spectrum[-1]:
            raise ValueError(
                f"expected a positive definite covariance, got {self.covariance}: drop directions that do not vary"
            )
        if self.degree < 1:
            raise ValueError(f"expected a degree of at least 1, got {self.degree}")

    @classmethod
    def rotation_scaling(cls, *, radius: float = 0.95, angle: float = 0.5, degree: int = 1) -> "LinearMap":
        """The plane turned by an angle and scaled by a radius: normal, with eigenvalues radius e^{±i angle}.

        Raises:
            ValueError: If the radius is not positive.
        """
        if not radius > 0:
            raise ValueError(f"expected a positive radius, got {radius}: a half turn is the angle π")
        cosine, sine = radius * np.cos(angle), radius * np.sin(angle)
        return cls(transition=np.array([[cosine, sine], [-sine, cosine]]), degree=degree)

    @classmethod
    def jordan_block(cls, *, eigenvalue: float = 0.8, size: int = 3, degree: int = 1) -> "LinearMap":
        """One Jordan block: an eigenvalue of this multiplicity with one eigenvector.

        Raises:
            ValueError: If the size is below 2.
        """
        if size < 2:
            raise ValueError(f"expected a Jordan block of size at least 2, got {size}: a smaller one is not defective")
        return cls(transition=eigenvalue * np.eye(size) + np.eye(size, k=1), degree=degree)

    @classmethod
    def non_normal(
        cls, *, eigenvalues: Sequence[float] = (0.9, 0.5), departure: float = 10.0, degree: int = 1
    ) -> "LinearMap":
        """An upper triangular matrix with these eigenvalues and this departure, all of it next to the diagonal.

        Args:
            eigenvalues: The diagonal, two at least.
            departure: Equation (4), at least 0.
            degree: Degree of the closed dictionary.

        Raises:
            ValueError: If there are fewer than two eigenvalues, or the departure is negative.
        """
        size = len(eigenvalues)
        if size < 2:
            raise ValueError(f"expected at least two eigenvalues, got {size}: every map of one coordinate is normal")
        if not departure >= 0:
            raise ValueError(f"expected a departure from normality of at least 0, got {departure}")
        above = departure / np.sqrt(size - 1) * np.eye(size, k=1)
        return cls(transition=np.diag(np.asarray(eigenvalues, dtype=float)) + above, degree=degree)

    @property
    def dictionary(self) -> Monomials:
        """Monomials of degree at most p."""
        return Monomials(self.degree, dimension=len(self._transition))

    @property
    def eigenvalues(self) -> Inexact[np.ndarray, " m"]:
        """All products of equation (3), real where those of A are; of a defective A as far as LAPACK resolves them."""
        return self.dictionary(np.linalg.eigvals(self._transition)[None, :])[0]

    @property
    def matrix(self) -> Float[np.ndarray, "m m"]:
        """K of equation (2), in the order of the dictionary."""
        A, size = self._transition, self.dictionary.size
        monomials = [alpha for k in range(self.degree + 1) for alpha in combinations_with_replacement(range(len(A)), k)]
        position = {alpha: i for i, alpha in enumerate(monomials)}
        K = np.zeros((size, size))
        K[0, 0] = 1.0
        for alpha in monomials[1:]:
            i, parent = alpha[0], alpha[1:]
            for beta in (beta for beta in monomials if len(beta) == len(parent)):
                for j in range(len(A)):
                    above = position[tuple(sorted((*beta, j)))]
                    K[above, position[alpha]] += A[j, i] * K[position[beta], position[parent]]
        return K

    def flow(self, states: States) -> States:
        """Equation (1)."""
        return states @ self._transition

    def sampled(self, count: int, *, rng: np.random.Generator) -> Float[np.ndarray, "n d"]:
        """States from N(0, covariance)."""
        root = np.linalg.cholesky(self._covariance)
        return rng.standard_normal((count, len(root))) @ root.T

    @property
    def _transition(self) -> np.ndarray:
        return np.asarray(self.transition, dtype=float)

    @property
    def _covariance(self) -> np.ndarray:
        if self.covariance is None:
            return np.eye(len(self.transition))
        return np.asarray(self.covariance, dtype=float)
