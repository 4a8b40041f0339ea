"""Encoders and an operator that still need a decoder; complex latents as real ones.

Of E_data(y) ≈ E_noise(x) K + c many estimators know everything but the decoder. If it is linear, it is the readout

    D(z) = z B + b,        (B, b) = argmin Σ w ‖y − E_data(y) B − b‖²,                                         (1)

of pairs. Complex latents z, on which K acts as z K, are carried as the real ones

    (Re z, Im z) [ Re K   Im K ]  =  (Re zK, Im zK),                                                           (2)
                 [ −Im K  Re K ]

whose matrix has the eigenvalues of K and their conjugates, with the eigenfunctions of K and theirs.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from koopman_analysis.estimators.latent import ArrayLatentModel
from koopman_analysis.shapes import Float, Inexact, Operator
from koopman_analysis.snapshots import SnapshotPairs

Function = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, kw_only=True, eq=False)
class EncodedModel:
    """E_noise, E_data, K and c, of real states.

    Attributes:
        encode_noise: States at the noise end to latents, (n, d) to (n, m_in), real or complex.
        encode_data: States at the data end to latents, (n, d) to (n, m_out).
        matrix: K.
        shared_encoder: Whether both encoders are one.
    """

    encode_noise: Function
    encode_data: Function
    matrix: Operator
    shared_encoder: bool

    def real(self) -> "EncodedModel":
        """The same model with the latents of equation (2) where K is complex, itself where it is real."""
        if not np.iscomplexobj(self.matrix):
            return self
        K = self.matrix
        return EncodedModel(
            encode_noise=lambda x: real_parts(self.encode_noise(x)),
            encode_data=lambda y: real_parts(self.encode_data(y)),
            matrix=np.block([[K.real, K.imag], [-K.imag, K.real]]),
            shared_encoder=self.shared_encoder,
        )

    def read_by(self, readout: Inexact[np.ndarray, "m_out d"]) -> ArrayLatentModel:
        """The latent model with the decoder z ↦ Re(z B): states are real."""
        if np.iscomplexobj(self.matrix):
            return self._decoded(np.vstack([readout.real, -readout.imag]))
        return self._decoded(np.ascontiguousarray(readout.real))

    def read_from(self, pairs: SnapshotPairs) -> ArrayLatentModel:
        """The latent model with the decoder of equation (1), fitted to these pairs.

        Raises:
            TypeError: If the states after are complex.
        """
        host = pairs.on_host()
        if np.iscomplexobj(host.after):
            raise TypeError("expected real states, got complex ones: pass real and imaginary parts as features")
        # scikit-learn takes seconds to import and serves only this method.
        from sklearn.linear_model import LinearRegression

        real = self.real()
        fitted = LinearRegression().fit(real.encode_data(host.after), host.after, sample_weight=host.weights)
        return real._decoded(fitted.coef_.T, fitted.intercept_)

    def _decoded(
        self, readout: Float[np.ndarray, "m d"], intercept: Float[np.ndarray, " d"] | float = 0.0
    ) -> ArrayLatentModel:
        real = self.real()
        return ArrayLatentModel(
            encode_noise=real.encode_noise,
            encode_data=real.encode_data,
            matrix=real.matrix,
            decode=lambda z: z @ readout + intercept,
            shared_encoder=self.shared_encoder,
        )


def real_parts(latents: np.ndarray) -> Float[np.ndarray, "n m2"]:
    """Real parts and, beside them, imaginary ones."""
    return np.hstack([latents.real, latents.imag])
