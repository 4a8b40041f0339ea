"""One-step samples of models that are told classes."""

import numpy as np
import pytest
import torch

from kdm.configuration import Architecture, ModelConfig, built_model
from kdm.control import LabelControl, LabelControlConfig
from kdm.latent_model import KDMLatentModel
from kdm.model import Scaling
from kdm.networks import ResidualMLPConfig
from kdm.sampling import sample
from koopman_analysis.estimators.latent import carried_latents


@pytest.fixture
def model():
    """Of points of the plane in three classes."""
    network = ResidualMLPConfig(width=8, blocks=1)
    architecture = Architecture(
        latent=5, noise_encoder=network, data_encoder=network, decoder=network, control=LabelControlConfig(), classes=3
    )
    config = ModelConfig(architecture=architecture, shape=(2,), scaling=Scaling(noise=2.0, data_mean=0.0, data=1.0))
    model = built_model(config, generator=torch.Generator().manual_seed(0)).double()
    with torch.no_grad():
        model.control.offsets.normal_(generator=torch.Generator().manual_seed(1))
    return model


def drawn(model, n: int, labels: torch.Tensor | None = None) -> torch.Tensor:
    return sample(model, n, generator=torch.Generator().manual_seed(3), labels=labels)


def test_all_classes_in_turn_unless_some_are_asked_for(model):
    model = model.float()
    torch.testing.assert_close(drawn(model, 5), drawn(model, 5, torch.tensor([0, 1, 2, 0, 1])))
    assert (drawn(model, 5)[1] - drawn(model, 5, torch.full((5,), 2))[1]).abs().max() > 1e-3


@pytest.mark.parametrize("labels", [[0, 1], [0, 1, 3], [0, -1, 2]])
def test_labels_that_are_not_n_of_the_classes_are_refused(model, labels):
    with pytest.raises(ValueError, match="expected 3 labels of 0 to 2, got"):
        drawn(model.float(), 3, torch.tensor(labels))


def test_labels_for_a_model_without_classes_are_refused(model):
    model.classes = 0
    with pytest.raises(ValueError, match="expected no labels for a model that is told no classes"):
        drawn(model.float(), 3, torch.tensor([0, 1, 2]))


def test_the_analysis_sees_every_class_or_one(model):
    noise, labels = 2 * np.random.default_rng(0).standard_normal((7, 2)), np.array([0, 1, 2, 1, 1, 0, 2])
    every, one = KDMLatentModel(model, batch=3), KDMLatentModel(model, batch=3, label=1)
    expected = model.generate(torch.from_numpy(noise), torch.from_numpy(labels)).detach().numpy()
    of_all = every.decode(carried_latents(every, noise, labels), labels)
    np.testing.assert_allclose(of_all, expected, rtol=1e-12)
    np.testing.assert_allclose(one.decode(carried_latents(one, noise))[labels == 1], expected[labels == 1], rtol=1e-12)
    assert one.offset().shape == (5,)
    np.testing.assert_allclose(every.jacobians(noise, labels)[labels == 1], one.jacobians(noise)[labels == 1])
    with pytest.raises(ValueError, match="expected a label below 3 for each sample, got none"):
        every.encode_noise(noise)


def test_a_class_that_the_model_does_not_know_is_refused(model):
    with pytest.raises(ValueError, match="expected a class that the model knows, one of 0 to 2; got 3"):
        KDMLatentModel(model, label=3)
    model.classes = 0
    with pytest.raises(ValueError, match="none: it is told no classes; got 0"):
        KDMLatentModel(model, label=0)


def test_a_control_by_label_wants_classes_and_labels():
    with pytest.raises(ValueError, match="expected classes for a control by label, got 0"):
        LabelControl(3, classes=0)
    with pytest.raises(ValueError, match="expected the label of each sample, got none"):
        LabelControl(3, classes=2)()
