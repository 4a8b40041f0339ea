"""Where in the plane something behaves like an eigenvalue, by how much it misses, and how sure the data are of it.

**Of a matrix** A,

    σ_min(A − z) ≤ ε    iff    z is an eigenvalue of A + E for some ‖E‖ ≤ ε;                                    (1)

1/σ_min is the norm of the resolvent, at least 1/dist(z, spectrum), and equal to it for all z iff A is normal.

**Of a Koopman operator** seen through one dictionary Ψ at both ends, with functions φ = Ψ v,

    res(z) = min over v of  ‖(Ψ(y) − z Ψ(x)) v‖ / ‖Ψ(x) v‖,                                                    (2)

norms over the pairs. It is the least residual of any function of the dictionary, whether or not the matrix K has an
eigenvalue at z, so that it cannot be spurious: the pseudospectrum of the operator itself, restricted to the dictionary,
and from above. The pseudospectrum (1) of the matrix K knows nothing of what the dictionary misses and can be small
where (2) is not.

With R_x = Q T, Q orthonormal, and Qᴴ R_y T⁺ = U S Uᴴ (Schur: S triangular), the rest of R_y T⁺ U having the triangular
factor C, (2) is

    res(z) = σ_min [ S − z ]                                                                                    (3)
                   [   C   ],

never the root of a difference of Gram matrices, which is floored at 2·10⁻⁸. C = 0 where the dictionary is closed. Two
triangles stacked are reduced to one in (2/3) r³ operations (LAPACK's `tpqrt`), and its least singular value is found by
Lanczos iteration with its inverse, from the vector of the point before; of few functions all points are decomposed
together. Where S comes from real functions conjugate points have one value.

**How sure.** In sample (2) is too small, and zero once there are as many functions as pairs. So v is found on the pairs
of the fit and measured on others, where ‖(Ψ(y) − z Ψ(x)) v‖ / ‖Ψ(x) v‖ is, for any v, an upper bound of (2) up to its
sampling error, of which `residual_intervals` gives an interval: with the in-sample value below it, a bracket.

Sources: Trefethen & Embree 2005, ch. 2, 39 (equation (1), inverse Lanczos on a Schur form); Colbrook & Townsend 2024,
Colbrook, Ayton & Szőke 2023 (equation (2); here unsquared, and compressed).
"""

from koopman_analysis.pseudospectrum.maps import (
    Pseudospectrum,
    matrix_pseudospectrum,
    residual_intervals,
    residual_pseudospectrum,
    window,
)
from koopman_analysis.pseudospectrum.pencil import Pencil

__all__ = [
    "Pencil",
    "Pseudospectrum",
    "matrix_pseudospectrum",
    "residual_intervals",
    "residual_pseudospectrum",
    "window",
]
