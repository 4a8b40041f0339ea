"""The conventions that every file relies on, each tested once."""

import numpy as np

from koopman_analysis.dictionaries import Coordinates
from koopman_analysis.estimators.edmd import EDMD
from koopman_analysis.estimators.latent import ArrayLatentModel
from koopman_analysis.snapshots import SnapshotPairs

# Not symmetric, so that K and its transpose differ.
K = np.array([[0.0, 1.0], [0.5, 0.25]])


def test_the_matrix_maps_rows():
    x = np.random.default_rng(0).standard_normal((20, 2))
    assert not np.allclose(K, K.T)
    pairs = SnapshotPairs(before=x, after=x @ K)
    np.testing.assert_allclose(EDMD(Coordinates()).fit(pairs).matrix_, K, atol=1e-13)


def test_a_latent_model_maps_rows_by_its_matrix():
    x = np.random.default_rng(1).standard_normal((20, 3))
    model = ArrayLatentModel(
        encode_noise=lambda states, _: states[:, :2],
        encode_data=lambda states, _: states[:, :2] @ K,
        matrix=K,
        decode=lambda latents, _: latents,
    )
    np.testing.assert_allclose(model.encode_noise(x) @ model.matrix, model.encode_data(x), atol=1e-14)
