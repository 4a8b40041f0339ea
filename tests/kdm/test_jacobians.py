"""The derivative of the flow against closed forms, finite differences and the volume that it changes."""

import numpy as np
import pytest
import torch

from kdm.flows import integrate
from kdm.jacobians import (
    _require_noise,
    _require_tangents,
    derivative_error,
    flow_derivative,
    flow_jvp,
    flow_vjp,
    volume_defect,
)
from kdm.teachers import Checkerboard, Empirical, Gaussian, GaussianMixture, Teacher

DOUBLE = torch.float64


def unequal() -> GaussianMixture:
    """Two modes of different, correlated spread."""
    return GaussianMixture(
        weights=torch.tensor([0.3, 0.7], dtype=DOUBLE),
        means=torch.tensor([[-2.0, 0.0], [1.0, 1.0]], dtype=DOUBLE),
        covariances=torch.tensor([[[0.5, 0.2], [0.2, 0.3]], [[0.1, 0.0], [0.0, 0.6]]], dtype=DOUBLE),
    )


def points(seed: int = 0, *, shape: tuple[int, ...] = (3,)) -> Empirical:
    generator = torch.Generator().manual_seed(seed)
    return Empirical(points=torch.randn(7, *shape, dtype=DOUBLE, generator=generator), bandwidth=0.3)


TEACHERS = {
    "gaussian": Gaussian.correlated(),
    "mixture": unequal(),
    "checkerboard": Checkerboard(),
    "empirical": points(),
    "images": points(shape=(2, 2)),
}
each_teacher = pytest.mark.parametrize("teacher", TEACHERS.values(), ids=TEACHERS)


def differences(function, x: torch.Tensor, width: float) -> torch.Tensor:
    """Row a: the central difference along axis a, flattened."""
    axes = torch.eye(x[0].numel(), dtype=x.dtype).unflatten(1, x.shape[1:])
    ends = [(function(x + width * axis), function(x - width * axis)) for axis in axes]
    return torch.stack([(ahead - behind).flatten(1) / (2 * width) for ahead, behind in ends], 1)


@each_teacher
@pytest.mark.parametrize("sigma", [0.1, 1.0, 40.0])
def test_the_velocity_has_the_derivative_of_its_differences_and_it_is_symmetric(teacher, sigma, generator):
    x = teacher.sample(30, sigma=sigma, generator=generator)
    velocity, jacobian = teacher.velocity_jacobian(x, sigma)
    torch.testing.assert_close(velocity, teacher.velocity(x, sigma), rtol=1e-12, atol=1e-12)
    width = 1e-5 * sigma
    expected = differences(lambda state: teacher.velocity(state, sigma), x, width)
    scale = float(expected.abs().max())
    torch.testing.assert_close(jacobian, expected, rtol=1e-5, atol=1e-6 * scale)
    torch.testing.assert_close(jacobian, jacobian.mT, rtol=0, atol=1e-10 * scale)


@each_teacher
def test_the_derivative_of_the_velocity_is_finite_from_one_end_of_the_flow_to_the_other(teacher, generator):
    for sigma in (teacher.sigma_noise, 1.0, teacher.sigma_data):
        for spread in (sigma, teacher.sigma_data, teacher.sigma_noise):
            x = teacher.sample(50, sigma=spread, generator=generator)
            assert teacher.velocity_jacobian(x, sigma)[1].isfinite().all(), (sigma, spread)


def test_on_an_edge_of_the_checkerboard_the_velocity_has_the_derivative_of_either_side():
    """An edge of the grid is an invariant line of the flow, and a grid of points is likely to hold it."""
    teacher = Checkerboard()
    edges = torch.tensor([[0.0, 0.7], [2.0, -1.3], [-4.0, 4.0], [0.0, 0.0]], dtype=DOUBLE)
    for sigma in (0.05, 1.0, 80.0):
        on, beside = (teacher.velocity_jacobian(edges + shift, sigma)[1] for shift in (0.0, 1e-7 * sigma))
        torch.testing.assert_close(on, beside, rtol=1e-4, atol=1e-5 * float(on.abs().max()))


@each_teacher
def test_forward_mode_and_the_closed_form_of_a_teacher_agree(teacher, generator):
    x = teacher.sample(20, sigma=0.5, generator=generator)
    closed, forward = (kind.velocity_jacobian(teacher, x, 0.5)[1] for kind in (type(teacher), Teacher))
    torch.testing.assert_close(closed, forward, rtol=1e-9, atol=1e-9)


@each_teacher
def test_the_derivative_of_the_flow_is_that_of_its_differences(teacher, generator):
    noise = teacher.sample_noise(20, generator=generator)
    found = flow_derivative(teacher, noise, steps=12, chunk=7)
    torch.testing.assert_close(found.data, integrate(teacher, noise, steps=12).data, rtol=1e-9, atol=1e-9)
    expected = differences(lambda x: integrate(teacher, x, steps=12).data, noise, 1e-4)
    torch.testing.assert_close(found.jacobian, expected, rtol=1e-4, atol=1e-6 * float(expected.abs().max()))


@each_teacher
def test_a_product_with_the_derivative_is_one_with_the_matrix_and_so_is_one_with_its_transpose(teacher, generator):
    noise = teacher.sample_noise(9, generator=generator)
    tangents = torch.randn(3, *noise.shape, dtype=DOUBLE, generator=generator)
    jacobian = flow_derivative(teacher, noise, steps=10).jacobian
    for product, matrix in ((flow_jvp, jacobian), (flow_vjp, jacobian.mT)):
        expected = (tangents.flatten(2)[:, :, None] @ matrix)[:, :, 0].reshape(tangents.shape)
        found = product(teacher, noise, tangents, steps=10)
        torch.testing.assert_close(found, expected, rtol=1e-8, atol=1e-8 * float(expected.abs().max()))


def test_the_derivative_of_a_gaussian_flow_is_its_matrix_up_to_the_error_of_the_solver(generator):
    teacher = Gaussian.correlated()
    noise = teacher.sample_noise(20, generator=generator)
    identity, zero = torch.eye(2, dtype=DOUBLE), torch.zeros(2, 2, dtype=DOUBLE)
    exact = teacher.flow(identity) - teacher.flow(zero)
    coarse, fine = ((flow_derivative(teacher, noise, steps=steps).jacobian - exact).abs().max() for steps in (32, 64))
    assert fine < 1e-2 * exact.abs().max()
    assert coarse / fine == pytest.approx(4, rel=0.1)


@each_teacher
def test_volume_changes_by_the_ratio_of_the_densities_up_to_the_order_of_the_solver(teacher, generator):
    noise = teacher.sample_noise(40, generator=generator)
    coarse, fine = (
        volume_defect(teacher, flow_derivative(teacher, noise, steps=steps)).abs().median() for steps in (32, 64)
    )
    assert teacher.log_density(noise, teacher.sigma_noise).median() < -5, "the premise: volume changes"
    assert fine < 0.01
    assert coarse / fine == pytest.approx(4, rel=0.2)


def test_a_derivative_that_is_wrong_is_found_by_its_volume(generator):
    teacher = unequal()
    right = flow_derivative(teacher, teacher.sample_noise(40, generator=generator), steps=32)
    wrong = type(right)(noise=right.noise, data=right.data, jacobian=1.1 * right.jacobian)
    assert volume_defect(teacher, right).abs().median() < 0.04
    assert volume_defect(teacher, wrong).abs().median() > 0.15


def test_the_measured_error_of_the_derivative_is_its_error(generator):
    teacher = Gaussian.correlated()
    noise = teacher.sample_noise(20, generator=generator)
    exact = teacher.flow(torch.eye(2, dtype=DOUBLE)) - teacher.flow(torch.zeros(2, 2, dtype=DOUBLE))
    found = flow_derivative(teacher, noise, steps=16).jacobian
    truth = (torch.linalg.matrix_norm(found, 2).log() - torch.linalg.matrix_norm(exact, 2).log()).abs()
    measured = derivative_error(teacher, noise, steps=16)
    assert measured.median == pytest.approx(float(truth.median()), rel=0.1)
    assert measured.largest >= measured.median
    assert (measured.steps, measured.reference_steps, measured.samples) == (16, 64, 20)


def test_single_precision_has_the_derivative_of_double(generator):
    teacher = points()
    noise = teacher.sample_noise(20, generator=generator)
    single, double = (flow_derivative(teacher, x, steps=32).jacobian for x in (noise.float(), noise))
    assert (single.dtype, double.dtype) == (torch.float32, DOUBLE)
    assert (single.double() - double).abs().median() < 1e-4 * double.abs().median()


@pytest.mark.parametrize(
    ("noise", "message"),
    [
        (torch.ones(4, 3, dtype=DOUBLE), r"at least one sample of shape \(2,\), got noise of shape \(4, 3\)"),
        (torch.ones(2, dtype=DOUBLE), r"got noise of shape \(2,\)"),
        (torch.ones(0, 2, dtype=DOUBLE), r"got noise of shape \(0, 2\)"),
        (torch.full((4, 2), torch.nan, dtype=DOUBLE), "finite noise, got NaN or ∞"),
    ],
)
def test_noise_that_a_teacher_cannot_carry_is_refused(noise, message):
    teacher, tangents = Gaussian.correlated(), torch.ones(1, 4, 2, dtype=DOUBLE)
    for differentiated in (flow_derivative, derivative_error):
        with pytest.raises(ValueError, match=message):
            differentiated(teacher, noise, steps=2)
    for product in (flow_jvp, flow_vjp):
        with pytest.raises(ValueError, match=message):
            product(teacher, noise, tangents, steps=2)


def test_no_chunk_is_refused():
    with pytest.raises(ValueError, match="chunks of at least one sample, got 0"):
        flow_derivative(Gaussian.correlated(), torch.ones(4, 2, dtype=DOUBLE), steps=2, chunk=0)


@pytest.mark.parametrize(
    ("tangents", "message"),
    [
        (torch.ones(4, 2, dtype=DOUBLE), r"tangents of shape \(k, 4, 2\), k at least 1, got \(4, 2\)"),
        (torch.ones(0, 4, 2, dtype=DOUBLE), r"got \(0, 4, 2\)"),
        (torch.full((1, 4, 2), torch.inf, dtype=DOUBLE), "finite tangents, got NaN or ∞"),
    ],
)
def test_tangents_that_do_not_fit_the_noise_are_refused(tangents, message):
    for product in (flow_jvp, flow_vjp):
        with pytest.raises(ValueError, match=message):
            product(Gaussian.correlated(), torch.ones(4, 2, dtype=DOUBLE), tangents, steps=2)


def test_arrays_that_are_no_tensors_are_refused():
    """The checks themselves: in the tests the annotations refuse an array before them."""
    with pytest.raises(TypeError, match="noise as a tensor, got ndarray: use torch.from_numpy"):
        _require_noise(Gaussian.correlated(), np.ones((4, 2)))
    with pytest.raises(TypeError, match="tangents as a tensor, got ndarray: use torch.from_numpy"):
        _require_tangents(torch.ones(4, 2, dtype=DOUBLE), np.ones((1, 4, 2)))
