import numpy as np
import pytest

from koopman_analysis.estimators.latent import ArrayLatentModel, LatentModel


def affine_model(**options) -> ArrayLatentModel:
    return ArrayLatentModel(
        noise_encoder=lambda x, labels: 2 * x,
        data_encoder=lambda y, labels: y,
        matrix=np.diag([0.5, 0.25]),
        decoder=lambda z, labels: z,
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
    model = affine_model(control=lambda labels: np.stack([labels, -labels], axis=1).astype(float))
    np.testing.assert_array_equal(model.offset(np.array([1, 2])), [[1.0, -1.0], [2.0, -2.0]])


def test_a_matrix_that_is_not_a_matrix_is_refused():
    with pytest.raises(ValueError, match=r"\(m_in, m_out\), got shape \(3,\)"):
        ArrayLatentModel(
            noise_encoder=lambda x, _: x, data_encoder=lambda y, _: y, matrix=np.ones(3), decoder=lambda z, _: z
        )
