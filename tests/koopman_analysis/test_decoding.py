import numpy as np
import pytest

from koopman_analysis.estimators import ArrayLatentModel
from koopman_analysis.estimators.decoding import UndefinedDecoder, read_directions


def decoding(decode) -> ArrayLatentModel:
    return ArrayLatentModel(encode_noise=lambda x: x, encode_data=lambda y: y, matrix=np.eye(3), decode=decode)


def test_a_linear_decoder_reads_the_variance_of_its_output():
    rng = np.random.default_rng(0)
    D, z = rng.standard_normal((3, 5)), rng.standard_normal((400, 3))
    values, directions = read_directions(decoding(lambda z: z @ D), z, np.eye(3), rng=rng)
    np.testing.assert_allclose(values, np.linalg.svd(D, compute_uv=False) ** 2, rtol=1e-9)
    np.testing.assert_allclose(np.abs(directions.T @ np.linalg.svd(D)[0]), np.eye(3), atol=1e-6)


def test_latents_at_the_edge_of_a_decoder_are_left_out_and_a_decoder_of_nothing_is_refused():
    rng = np.random.default_rng(0)
    z = rng.uniform(-0.9, 0.9, (100, 3))
    z[:50, 0] = 0.999
    model = decoding(np.arctanh)
    with np.errstate(all="ignore"):
        assert np.isnan(model.decode(z + 0.01)[:50, 0]).all()
    values, _ = read_directions(model, z, np.eye(3), rng=rng)
    slopes = 1 / (1 - np.square(z[50:])) ** 2
    np.testing.assert_allclose(values, np.sort(slopes.mean(axis=0))[::-1], rtol=0.05)
    with pytest.raises(UndefinedDecoder, match="finite values around the latents, got none within 0.01 standard"):
        read_directions(model, z[:50], np.eye(3), rng=rng)
