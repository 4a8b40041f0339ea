"""Linear CKA: how alike the inner products of two representations are.

    CKA = HSIC(K, L) / √( HSIC(K, K) HSIC(L, L) ),     K = XXᵀ, L = YYᵀ.                                      (1)

With the biased HSIC, (7) of `koopman_analysis.similarity.products`, the CKA of independent data is .56 at n = 200 with
256 features; with the unbiased one, (1) there, it is centred on zero. In the population both are
‖Σ_xy‖² / (‖Σ_xx‖ ‖Σ_yy‖), with Σ the covariances and Frobenius norms.

The unbiased HSIC of ⟨xᵢ, xⱼ⟩ is that of −½ ‖xᵢ − xⱼ‖²: from *Euclidean* distances (1) is the CKA of the points behind
them, and of any other distances d it is the correlation of the similarities −½ d².                            (2)

Sources: Kornblith, Norouzi, Lee & Hinton 2019; Nguyen, Raghu & Kornblith 2021 (unbiased).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from koopman_analysis.shapes import Distances, Float, require_distances
from koopman_analysis.similarity.products import centred_rows, cosine_of, unbiased_correlation, weighted_correlation


def linear_cka(x: Float[np.ndarray, "n p"], y: Float[np.ndarray, "n q"]) -> float:
    """Debiased linear CKA: equation (1) with the unbiased HSIC.

    Raises:
        ValueError: If there are fewer than four objects.
    """
    first, second = (centred @ centred.T for centred in (centred_rows(x), centred_rows(y)))
    return unbiased_correlation(first, second)


def plain_linear_cka(x: Float[np.ndarray, "n p"], y: Float[np.ndarray, "n q"]) -> float:
    """Linear CKA with the biased HSIC: of independent data it is far from zero where features are many."""
    first, second = (centred @ centred.T for centred in (centred_rows(x), centred_rows(y)))
    return cosine_of(first, second)


@dataclass(frozen=True, kw_only=True)
class DebiasedCKA:
    """Equation (1), from distances by (2)."""

    name: str = "debiased linear CKA"

    def weighted(self, distances: Distances, semantic: Distances) -> Callable[[np.ndarray], float]:
        """The CKA as a function of the objects' multiplicities; copies of one object are never paired.

        Raises:
            ValueError: If there are fewer than four objects, or the matrices differ in size, are not symmetric or not
                finite.
        """
        require_distances(distances, semantic)
        return weighted_correlation(np.square(distances), np.square(semantic))
