from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from latent_model_laws import affine_pairs, generated

from koopman_analysis import EDMD, Constant, Coordinates, SnapshotPairs, as_latent_model
from koopman_analysis.adapters import EncodedModel
from koopman_analysis.adapters.conversion import adapted_by_class


def turned(x):
    return np.column_stack([x, np.exp(1j * x[:, :1])])


def complex_model(K):
    return EncodedModel(encode_noise=turned, encode_data=turned, matrix=K, shared_encoder=True)


@given(seed=st.integers(0, 1000), m_out=st.integers(1, 4))
def test_real_latents_are_carried_as_the_complex_ones(seed, m_out):
    rng = np.random.default_rng(seed)
    K = rng.standard_normal((4, m_out)) + 1j * rng.standard_normal((4, m_out))
    x = rng.standard_normal((7, 3))
    z = turned(x) @ K
    real = complex_model(K).real()
    np.testing.assert_allclose(real.encode_noise(x) @ real.matrix, np.hstack([z.real, z.imag]), atol=1e-13)


def test_a_real_model_is_its_own_real_form():
    model = EncodedModel(encode_noise=np.tanh, encode_data=np.tanh, matrix=np.eye(3), shared_encoder=True)
    assert model.real() is model


@pytest.mark.parametrize("K", [np.eye(4), np.eye(4) * np.exp(0.5j)], ids=["real", "complex"])
def test_a_readout_gives_the_real_part(K):
    rng = np.random.default_rng(0)
    B = rng.standard_normal((4, 2)) + 1j * rng.standard_normal((4, 2))
    encoded = (
        complex_model(K) if np.iscomplexobj(K) else replace(complex_model(K), encode_noise=lambda x: turned(x).real)
    )
    x = rng.standard_normal((5, 3))
    np.testing.assert_allclose(generated(encoded.read_by(B), x), (encoded.encode_noise(x) @ K @ B).real, atol=1e-13)


def test_a_decoder_fitted_to_pairs_is_weighted_least_squares_with_a_constant():
    pairs = affine_pairs(bend=0.5)
    weights = np.random.default_rng(0).uniform(0.1, 2.0, pairs.n)
    weighted = SnapshotPairs(before=pairs.before, after=pairs.after, weights=weights)

    def narrow(y):
        return y[:, :2] ** 2

    encoded = EncodedModel(encode_noise=narrow, encode_data=narrow, matrix=np.eye(2), shared_encoder=True)
    model = encoded.read_from(weighted)
    features = np.column_stack([np.ones(pairs.n), narrow(pairs.after)])
    root = np.sqrt(weights)[:, None]
    expected = features @ np.linalg.lstsq(root * features, root * pairs.after)[0]
    np.testing.assert_allclose(model.decode(model.encode_data(pairs.after)), expected, rtol=1e-9, atol=1e-9)


def test_complex_states_have_no_decoder_here():
    pairs = affine_pairs()
    states = SnapshotPairs(before=pairs.before + 0j, after=pairs.after * 1j)
    with pytest.raises(TypeError, match="expected real states, got complex ones"):
        complex_model(np.eye(4) * 1j).read_from(states)


def test_pairs_are_asked_for_where_there_is_no_decoder_and_ignored_where_there_is():
    class Features:
        pass

    adapted_by_class.register(Features)(lambda model: complex_model(np.eye(4) * 1j))
    pairs = affine_pairs()
    with pytest.raises(ValueError, match=r"expected pairs to fit a decoder to, got none: a Features predicts features"):
        as_latent_model(Features())
    model = as_latent_model(Features(), pairs=pairs)
    np.testing.assert_allclose(model.decode(model.encode_data(pairs.after)), pairs.after, atol=1e-9)
    edmd = EDMD(Constant() + Coordinates()).fit(pairs)
    x = pairs.before
    np.testing.assert_array_equal(generated(as_latent_model(edmd, pairs=pairs), x), generated(as_latent_model(edmd), x))
