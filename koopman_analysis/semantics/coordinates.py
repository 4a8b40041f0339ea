"""What DMD and EDMD offer as a latent space: the leading canonical coordinates of two dictionaries.

For centred dictionaries Ψ_in(x) and Ψ_out(y) let φ_i = Ψ_in a_i be the canonical directions, of unit variance, and σ_i
their correlations with their partners Ψ_out b_i: the whitened singular value decomposition of the operator of least
squares. The representation of a noise x in m coordinates is

    z(x) = ( σ_1 φ_1(x), …, σ_m φ_m(x) ).                                                                   (1)

With all of them ‖z(x) − z(x')‖ is the distance of the predictions Ψ_in(x) K and Ψ_in(x') K in the white coordinates of
Ψ_out, so it is what the linear method itself calls near, and (1) its best m dimensions. With the coordinates as both
dictionaries it is DMD, with others EDMD. It does not depend on the basis of either dictionary.

Directions are found on the pairs given, columns normalised and what lies below 1e-12 of the largest singular value left
out. Hundreds of nearly dependent functions need a ridge ρ: with the singular values s of the m_in normalised columns,
the input side is whitened by

    1/√(s² + ρ Σ s²/m_in)    in the place of    1/s.                                                        (2)
"""

from dataclasses import dataclass

import numpy as np

from koopman_analysis.dictionaries import Coordinates
from koopman_analysis.moments import FACTOR_RESOLUTION, Lift
from koopman_analysis.shapes import Float, Latents, States
from koopman_analysis.snapshots import SnapshotPairs


@dataclass(frozen=True, kw_only=True, eq=False)
class CanonicalCoordinates:
    """Equation (1), a function of rows.

    Attributes:
        inputs: Ψ_in.
        mean: Of its functions.
        directions: σ_i a_i, one a column.
        correlations: All σ_i, the largest first.
    """

    inputs: Lift
    mean: Float[np.ndarray, " m_in"]
    directions: Float[np.ndarray, "m_in m"]
    correlations: Float[np.ndarray, " r"]

    def __call__(self, states: States) -> Latents:
        """The rows z of equation (1)."""
        return (self.inputs(states) - self.mean) @ self.directions


def canonical_coordinates(
    pairs: SnapshotPairs, *, inputs: Lift | None = None, outputs: Lift | None = None, dimension: int,
    ridge: float = 0.0,
) -> CanonicalCoordinates:  # fmt: skip
    """The leading coordinates of equation (1), or all there are where there are fewer.

    Args:
        pairs: What to find them on.
        inputs: Ψ_in; the coordinates where None, as in DMD.
        outputs: Ψ_out; the coordinates where None.
        dimension: m.
        ridge: ρ of equation (2), at least 0.

    Raises:
        ValueError: If the dimension is below 1, the ridge negative, or one of the dictionaries does not vary.
    """
    if dimension < 1:
        raise ValueError(f"expected at least one coordinate, got {dimension}")
    if not ridge >= 0:
        raise ValueError(f"expected a ridge of at least 0, got {ridge}")
    host = pairs.on_host()
    lift = inputs or Coordinates()
    features = lift(host.before)
    mean = features.mean(axis=0)
    white, back = _whitened(features - mean, ridge)
    after = (outputs or Coordinates())(host.after)
    partners, _ = _whitened(after - after.mean(axis=0), 0.0)
    left, correlations, _ = np.linalg.svd(white.T @ partners, full_matrices=False)
    kept = slice(min(dimension, len(correlations)))
    scale = np.sqrt(len(features)) * correlations[kept]
    return CanonicalCoordinates(
        inputs=lift, mean=mean, directions=back @ (left[:, kept] * scale), correlations=correlations
    )


def _whitened(centred: np.ndarray, ridge: float) -> tuple[np.ndarray, np.ndarray]:
    """White columns that span the centred features, orthonormal without a ridge, and the matrix that makes them."""
    norms = np.linalg.norm(centred, axis=0)
    varying = norms > FACTOR_RESOLUTION * norms.max(initial=0.0)
    if not varying.any():
        raise ValueError("expected functions that vary over the pairs, got none: a constant has no direction")
    basis, triangle = np.linalg.qr(centred[:, varying] / norms[varying])
    left, values, rows = np.linalg.svd(triangle, full_matrices=False)
    kept = values > FACTOR_RESOLUTION * values[0]
    damped = np.sqrt(np.square(values[kept]) + ridge * np.square(values).mean())
    back = np.zeros((len(norms), len(damped)))
    back[varying] = (rows[kept].T / damped) / norms[varying, None]
    return basis @ (left[:, kept] * (values[kept] / damped)), back
