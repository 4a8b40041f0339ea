"""What every adapter owes: the peer's own prediction, and rows that the analysis takes."""

import numpy as np

from koopman_analysis.adapters import require_latent_model
from koopman_analysis.estimators.latent import LatentModel
from koopman_analysis.snapshots import SnapshotPairs

A = np.array([[0.9, 0.2, 0.0], [-0.3, 0.7, 0.1], [0.05, 0.0, 0.5]])


def generated(model: LatentModel, states: np.ndarray) -> np.ndarray:
    """D(E_noise(x) K + c)."""
    return model.decode(model.encode_noise(states) @ model.matrix + model.offset())


def affine_pairs(n: int = 200, *, seed: int = 0, bend: float = 0.0) -> SnapshotPairs:
    """y = x A + c + a bend, of real states away from the origin; A has a pair of complex eigenvalues."""
    rng = np.random.default_rng(seed)
    x = 2 + rng.standard_normal((n, 3)) * [3.0, 1.0, 0.5]
    y = x @ A + [1.0, -2.0, 0.5] + bend * np.tanh(x)
    return SnapshotPairs(before=x, after=y + 0.05 * rng.standard_normal(x.shape))


def trajectory(steps: int = 300, *, seed: int = 0) -> np.ndarray:
    """A noisy linear recursion in three features, one state a row."""
    rng = np.random.default_rng(seed)
    states = [rng.standard_normal(3)]
    for _ in range(steps):
        states.append(states[-1] @ A + 0.3 * rng.standard_normal(3))
    return np.array(states)


def assert_predicts(model: LatentModel, states: np.ndarray, expected: np.ndarray, *, digits: float = 1e-10) -> None:
    """The model is fit for the analysis and predicts what the peer does, to rounding times a conditioning."""
    assert np.abs(expected - states.mean(axis=0)).max() > 0.1, "a constant is easily predicted"
    require_latent_model(model, SnapshotPairs(before=states, after=expected))
    np.testing.assert_allclose(generated(model, states), expected, rtol=digits, atol=digits * np.abs(expected).max())
