"""A linear map that is known by its modes, in real coordinates of the space that they span.

Modes Φ, (d, r) in columns, with multipliers λ take a state in a row one step, as PyDMD and deeptime predict,

    x ↦ x A,        Aᵀ = Φ diag(λ) Φ⁺.                                                                         (1)

With the orthonormal columns of Q, (d, r), spanning the real and imaginary parts of all modes, W = Qᵀ Φ,

    z = x Q,        K = (W⁺)ᵀ diag(λ) Wᵀ,        D(z) = z Qᵀ,        D(z K) = x A.                               (2)

Modes of real data come in conjugate pairs, so that K is real; its eigenvalues are the λ.
"""

import numpy as np

from koopman_analysis.adapters.conversion import NotAdaptable
from koopman_analysis.estimators.latent import ArrayLatentModel
from koopman_analysis.shapes import Inexact

CONJUGATE = 1e-6
"""Share of K that may be imaginary by rounding: modes of a nearly defective matrix keep half of their digits."""


def modal_model(modes: Inexact[np.ndarray, "d r"], multipliers: Inexact[np.ndarray, " r"]) -> ArrayLatentModel:
    """The model of equation (2), whose encoder is the same at both ends.

    Raises:
        NotAdaptable: If the modes do not come in conjugate pairs.
    """
    Q = _spanned(modes)
    W = Q.T @ modes
    K = (np.linalg.pinv(W).T * multipliers) @ W.T
    if np.linalg.norm(K.imag) > CONJUGATE * np.linalg.norm(K):
        raise NotAdaptable(
            "expected modes in conjugate pairs, got some without their conjugate: of complex data, take real and "
            "imaginary parts as features before fitting; if modes were switched off, switch them off in pairs"
        )

    def encode(states: np.ndarray) -> np.ndarray:
        return states @ Q

    return ArrayLatentModel(
        encode_noise=encode,
        encode_data=encode,
        matrix=np.ascontiguousarray(K.real),
        decode=lambda latents: latents @ Q.T,
        shared_encoder=True,
    )


def _spanned(modes: np.ndarray) -> np.ndarray:
    """An orthonormal basis, in columns, of the real and imaginary parts of all modes, whatever their lengths."""
    lengths = np.linalg.norm(modes, axis=0)
    unit = modes[:, lengths > 0] / lengths[lengths > 0]
    basis, values, _ = np.linalg.svd(np.hstack([unit.real, unit.imag]), full_matrices=False)
    kept = values > max(unit.shape) * np.finfo(np.float64).eps * values.max(initial=0.0)
    return basis[:, kept]
