from dataclasses import replace

import numpy as np
import pytest

from koopman_analysis.estimators.latent import ArrayLatentModel, LatentModel


def affine_model(**options) -> ArrayLatentModel:
    return ArrayLatentModel(
        encode_noise=lambda x, labels: 2 * x,
        encode_data=lambda y, labels: y,
        matrix=np.diag([0.5, 0.25]),
        decode=lambda z, labels: z,
        **options,
    )


def test_a_model_of_callables_is_a_latent_model_in_the_row_convention():
    model = affine_model()
    assert isinstance(model, LatentModel)
    x = np.array([[1.0, 1.0]])
    latents = model.encode_noise(x) @ model.matrix + model.offset()
    np.testing.assert_array_equal(model.decode(latents), [[1.0, 0.5]])
    np.testing.assert_array_equal(model.encode_data(x), x)


def test_the_control_receives_the_labels():
    model = affine_model(offset=lambda labels: np.stack([labels, -labels], axis=1).astype(float))
    np.testing.assert_array_equal(model.offset(np.array([1, 2])), [[1.0, -1.0], [2.0, -2.0]])


def test_callables_of_rows_alone_will_do_and_a_constant_offset():
    model = ArrayLatentModel(
        encode_noise=np.tanh,
        encode_data=lambda y: y,
        matrix=np.eye(2),
        decode=lambda z: z + 1,
        offset=np.array([3.0, 4.0]),
    )
    x, labels = np.array([[0.5, -0.5]]), np.array([7])
    assert isinstance(model, LatentModel)
    np.testing.assert_array_equal(model.encode_noise(x, labels), np.tanh(x))
    np.testing.assert_array_equal(model.encode_data(x, labels), x)
    np.testing.assert_array_equal(model.decode(x, labels), x + 1)
    np.testing.assert_array_equal(model.offset(labels), [3.0, 4.0])
    np.testing.assert_array_equal(replace(model, matrix=2 * np.eye(2)).encode_noise(x), np.tanh(x))


def test_a_matrix_that_is_not_a_matrix_is_refused():
    with pytest.raises(ValueError, match=r"\(m_in, m_out\), got shape \(3,\)"):
        ArrayLatentModel(
            encode_noise=lambda x, _: x, encode_data=lambda y, _: y, matrix=np.ones(3), decode=lambda z, _: z
        )
