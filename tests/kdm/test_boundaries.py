"""The teacher's flow as the analysis sees it, and the derivative of a distilled model."""

import numpy as np
import pytest
import torch
from torch import nn

from kdm.control import ConstantControl
from kdm.flows import integrate
from kdm.latent_model import KDMLatentModel
from kdm.model import KoopmanDistillationModel, Scaling
from kdm.networks import PlainMLP
from kdm.operators import DenseOperator
from kdm.teachers import Checkerboard, ClassConditional, Empirical, Gaussian, GaussianMixture
from kdm.trajectories import collect
from kdm.verification.boundaries import known_flow
from koopman_analysis.checks import exponents_are_the_same
from koopman_analysis.sensitivity import lyapunov_exponents, model_linearised


def collected(teacher, folder, generator):
    return collect(teacher, 60, generator=generator, steps=24, out=folder)


def test_the_flow_of_a_teacher_is_differentiated_in_rows_and_says_how_well(tmp_path, generator):
    teacher = Checkerboard()
    pairs = collected(teacher, tmp_path / "data", generator)
    flow = known_flow(pairs)
    states = teacher.sample_noise(30, generator=generator).numpy()
    found = flow.linearised(states)
    images = integrate(teacher, torch.from_numpy(states), steps=24).data
    np.testing.assert_allclose(found.images, images.numpy(), atol=1e-9)
    np.testing.assert_array_equal(flow.classes(found.images), teacher.labels(images).numpy())
    assert found.jacobians.shape == (30, 2, 2)
    assert exponents_are_the_same(lyapunov_exponents(found.jacobians)) is None
    heldout = pairs.heldout()
    carried = flow.linearised(heldout.noise.double().numpy()).images
    np.testing.assert_allclose(carried, heldout.data.double().numpy(), atol=1e-4)
    assert flow.description.startswith("from σ = 80 to σ = 0.002 in 24 Heun steps, where they are right to")


def test_images_are_differentiated_flat_and_their_bandwidth_is_said(tmp_path, generator):
    points = torch.randn(20, 3, 3, dtype=torch.float64, generator=generator)
    teacher = Empirical(points=points, bandwidth=0.3, classes=torch.arange(20) % 2)
    flow = known_flow(collected(teacher, tmp_path / "data", generator))
    found = flow.linearised(teacher.sample_noise(5, generator=generator).flatten(1).numpy())
    assert found.jacobians.shape == (5, 9, 9)
    assert found.jacobians.dtype == np.float64
    assert set(flow.classes(found.images)) <= {0, 1}
    assert "bandwidth 0.3" in flow.description
    assert flow.affordable < 2000


def test_an_affine_flow_has_no_boundaries_and_no_classes(tmp_path, generator):
    teacher = Gaussian.correlated()
    flow = known_flow(collected(teacher, tmp_path / "data", generator))
    assert flow.classes is None
    exponents = lyapunov_exponents(flow.linearised(teacher.sample_noise(20, generator=generator).numpy()).jacobians)
    assert "no boundaries" in exponents_are_the_same(exponents)


def test_a_flow_of_many_features_is_not_offered(tmp_path, generator):
    points = torch.randn(5, 11, 10, dtype=torch.float64, generator=generator)
    assert known_flow(collected(Empirical(points=points, bandwidth=0.3), tmp_path / "data", generator)) is None


def test_a_flow_a_label_is_not_offered_as_one(generator):
    data = collect(ClassConditional(of=GaussianMixture.ring(3)), 30, generator=generator, steps=4)
    assert known_flow(data) is None


def model() -> KDMLatentModel:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        encoders = [PlainMLP([2, 16, 4], linear_end=True) for _ in range(2)]
        decoder = PlainMLP([4, 16, 2], linear_end=True)
        operator = DenseOperator(4)
    built = KoopmanDistillationModel(
        shape=(2,), noise_encoder=encoders[0], data_encoder=encoders[1], operator=operator, control=ConstantControl(4),
        decoder=decoder, normalisation=nn.Identity(), scaling=Scaling(noise=80.0, data_mean=0.5, data=3.0),
    )  # fmt: skip
    return KDMLatentModel(built.double(), batch=7)


@pytest.mark.parametrize("labels", [None, np.arange(20) % 3], ids=["without labels", "with labels"])
def test_a_distilled_model_has_the_derivative_of_its_differences(labels):
    some = model()
    noise = 80 * np.random.default_rng(0).standard_normal((20, 2))
    exact = model_linearised(some, noise, labels)

    def one_step(x):
        return some.decode(some.encode_noise(x, labels) @ some.matrix + some.offset(labels), labels)

    np.testing.assert_allclose(exact.images, one_step(noise), rtol=1e-12)
    for axis, row in zip(np.eye(2), np.swapaxes(exact.jacobians, 0, 1), strict=True):
        width = 1e-3
        expected = (one_step(noise + width * axis) - one_step(noise - width * axis)) / (2 * width)
        np.testing.assert_allclose(row, expected, rtol=1e-5, atol=1e-8)
        assert np.abs(row).max() > 1e-4
