"""What every teacher must satisfy, whatever its law."""

import json
import math

import pytest
import torch

from kdm import teachers
from kdm.teachers import Checkerboard, ClassConditional, Digits, Empirical, Gaussian, GaussianMixture


def skewed_mixture() -> GaussianMixture:
    return GaussianMixture(
        weights=torch.tensor([0.2, 0.5, 0.3], dtype=torch.float64),
        means=torch.tensor([[0.0, 1.0], [2.0, -1.0], [-1.5, 0.5]], dtype=torch.float64),
        covariances=torch.tensor(
            [[[0.5, 0.2], [0.2, 0.3]], [[0.1, 0.0], [0.0, 0.4]], [[0.3, -0.1], [-0.1, 0.2]]], dtype=torch.float64
        ),
    )


def four_points() -> Empirical:
    points = torch.tensor([[0.0, 0.0], [1.0, 0.5], [-1.0, 2.0], [2.0, -1.0]], dtype=torch.float64)
    return Empirical(points=points, bandwidth=0.3, classes=torch.tensor([0, 1, 1, 2]))


PLANAR = {
    "gaussian": Gaussian.correlated(),
    "mixture": skewed_mixture(),
    "ring": GaussianMixture.ring(),
    "checkerboard": Checkerboard(),
    "published checkerboard": Checkerboard(cell=2.2222, half_width=4.444),
    "empirical": four_points(),
}
EVERY = {**PLANAR, "digits": Digits(), "digits, conditional": ClassConditional(of=Digits())}


@pytest.fixture(params=PLANAR.values(), ids=PLANAR.keys())
def planar(request):
    return request.param


@pytest.fixture(params=EVERY.values(), ids=EVERY.keys())
def teacher(request):
    return request.param


@pytest.mark.parametrize("sigma", [0.002, 0.05, 1.0, 80.0])
def test_the_score_is_the_gradient_of_the_log_density(teacher, sigma, generator):
    x = teacher.sample(200, sigma=sigma, generator=generator).requires_grad_()
    (gradient,) = torch.autograd.grad(teacher.log_density(x, sigma).sum(), x)
    score = teacher.score(x.detach(), sigma)
    assert score.norm() > 0
    # (D − x) / σ² cancels: D and x agree to about σ, each with a rounding of their size.
    rounding = 1e3 * torch.finfo(torch.float64).eps * x.abs().max().item() / sigma**2
    torch.testing.assert_close(score, gradient, rtol=1e-8, atol=rounding)


@pytest.mark.parametrize("sigma", [0.3, 2.0])
def test_the_density_integrates_to_one(planar, sigma):
    reach = 6 + 8 * sigma
    axis = torch.linspace(-reach, reach, 301, dtype=torch.float64)
    density = planar.log_density(torch.cartesian_prod(axis, axis), sigma).exp()
    assert float(density.sum() * (axis[1] - axis[0]) ** 2) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("sigma", [0.3, 2.0])
def test_samples_have_the_law_of_the_density(planar, sigma, generator):
    """Mean and covariance by quadrature of the density, against samples, in standard errors."""
    n = 20_000
    reach = 6 + 8 * sigma
    axis = torch.linspace(-reach, reach, 301, dtype=torch.float64)
    grid = torch.cartesian_prod(axis, axis)
    mass = planar.log_density(grid, sigma).exp()
    mass /= mass.sum()
    samples = planar.sample(n, sigma=sigma, generator=generator)
    for statistic in (lambda x: x, lambda x: x**2, lambda x: x[:, :1] * x[:, 1:], lambda x: (x > 0.4).double()):
        values = statistic(samples)
        expected = (mass[:, None] * statistic(grid)).sum(0)
        # The indicator jumps inside a cell of the grid: a quadrature error of the order of its width times the density.
        allowance = 4.5 * values.std(0) / math.sqrt(n) + (axis[1] - axis[0]) * 0.25 * (values.unique().numel() == 2)
        assert bool(((values.mean(0) - expected).abs() < allowance).all())


def test_the_denoiser_is_the_conditional_mean(planar, generator):
    """Among clean samples of p₀, weighted by the likelihood of one noisy observation."""
    sigma, n = 0.7, 200_000
    clean = planar.sample(n, sigma=0.0, generator=generator)
    for x in planar.sample(5, sigma=sigma, generator=generator):
        weights = (-((x - clean) ** 2).sum(-1) / (2 * sigma**2)).softmax(0)
        effective = 1 / (weights**2).sum()
        assert effective > 500
        spread = (weights[:, None] * (clean - x) ** 2).sum(0).sqrt().max()
        monte_carlo = (weights[:, None] * clean).sum(0)
        assert (planar.denoise(x[None], sigma)[0] - monte_carlo).abs().max() < 5 * spread / effective.sqrt()


def test_score_and_velocity_are_two_forms_of_the_denoiser(teacher, generator):
    sigma = 1.7
    x = teacher.sample(50, sigma=sigma, generator=generator)
    torch.testing.assert_close(teacher.velocity(x, sigma), -sigma * teacher.score(x, sigma), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(x - sigma * teacher.velocity(x, sigma), teacher.denoise(x, sigma), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("sigma", [0.01, 1.0, 80.0])
def test_single_precision_is_kept_and_close_to_double(teacher, sigma, generator):
    x = teacher.sample(200, sigma=sigma, generator=generator).float()
    single, double = teacher.denoise(x, sigma), teacher.denoise(x.double(), sigma)
    assert single.dtype == torch.float32
    assert double.dtype == torch.float64
    # Rounding of a product of the state with a constant, divided by the variance that scales it.
    size = float(x.abs().max() * double.abs().max() * math.sqrt(math.prod(teacher.shape)))
    rounding = torch.finfo(torch.float32).eps * size * (1 + 1 / max(sigma**2, 0.01))
    assert (single - double).abs().max() < 50 * rounding * double.abs().max()


def test_the_ends_are_the_law_noised_to_both_levels(teacher):
    for sigma, sample in ((teacher.sigma_noise, teacher.sample_noise), (teacher.sigma_data, teacher.sample_data)):
        expected = teacher.sample(20, sigma=sigma, generator=torch.Generator().manual_seed(3))
        torch.testing.assert_close(sample(20, generator=torch.Generator().manual_seed(3)), expected, rtol=0, atol=0)
    assert teacher.sample_noise(20, generator=torch.Generator().manual_seed(3)).std() > 10


def test_a_configuration_survives_json_and_makes_the_same_teacher(teacher, generator):
    again = teachers.teacher_from_config(json.loads(json.dumps(teacher.config())))
    assert type(again) is type(teacher)
    assert again.config() == teacher.config()
    x = teacher.sample(20, sigma=0.5, generator=generator)
    torch.testing.assert_close(again.denoise(x, 0.5), teacher.denoise(x, 0.5), rtol=0, atol=0)


def test_labels_are_whole_numbers_below_their_number(teacher, generator):
    data = teacher.sample_data(300, generator=generator)
    labels = teacher.labels(data)
    if teacher.number_of_labels == 0:
        assert labels is None
    else:
        assert set(labels.tolist()) == set(range(teacher.number_of_labels))


def test_the_label_of_a_sample_of_the_ring_is_the_nearest_mode(generator):
    ring = GaussianMixture.ring()
    data = ring.sample_data(500, generator=generator)
    torch.testing.assert_close(ring.labels(data), torch.cdist(data, ring.means).argmin(1))


def test_the_label_of_a_digit_is_the_class_of_the_nearest_training_digit(generator):
    digits = Digits()
    data = digits.sample_data(200, generator=generator)
    nearest = torch.cdist(data.flatten(1), digits.points.flatten(1)).argmin(1)
    torch.testing.assert_close(digits.labels(data), digits.classes[nearest])
    torch.testing.assert_close(digits.labels(digits.points), digits.classes)


def test_digits_are_pixels_between_minus_one_and_one():
    digits = Digits()
    assert digits.shape == (8, 8)
    assert (digits.points.min(), digits.points.max()) == (-1, 1)


def test_points_may_have_any_shape(generator):
    flat = torch.randn(7, 6, dtype=torch.float64, generator=generator)
    shaped = Empirical(points=flat.reshape(7, 1, 2, 3), bandwidth=0.2)
    x = shaped.sample(5, sigma=0.5, generator=generator)
    assert x.shape == (5, 1, 2, 3)
    expected = Empirical(points=flat, bandwidth=0.2).denoise(x.flatten(1), 0.5)
    torch.testing.assert_close(shaped.denoise(x, 0.5).flatten(1), expected, rtol=0, atol=0)


def test_one_round_mode_is_a_gaussian(generator):
    mean, covariance = torch.tensor([0.3, -2.0], dtype=torch.float64), 0.49 * torch.eye(2, dtype=torch.float64)
    gaussian = Gaussian(mean=mean, covariance=covariance)
    one = torch.ones(1, dtype=torch.float64)
    x = gaussian.sample(50, sigma=2.0, generator=generator)
    for same in (
        GaussianMixture(weights=one, means=mean[None], covariances=covariance[None]),
        Empirical(points=mean[None], bandwidth=0.7),
    ):
        torch.testing.assert_close(same.denoise(x, 2.0), gaussian.denoise(x, 2.0), rtol=1e-10, atol=1e-10)
        torch.testing.assert_close(same.log_density(x, 2.0), gaussian.log_density(x, 2.0), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", ["gaussian", "mixture", "checkerboard", "digits", "patches32"])
def test_the_command_line_knows_the_teacher_by_its_kind(name):
    assert teachers.named(name).kind == name


def test_an_unknown_name_is_refused_with_the_known_ones():
    known = "gaussian, mixture, .*, digits-conditional, patches32, or the folder of a diffusers pipeline"
    with pytest.raises(ValueError, match=f"no teacher is called 'chess': expected one of {known}"):
        teachers.named("chess")


def test_a_configuration_of_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="no teacher of kind 'chess': expected one of gaussian"):
        teachers.teacher_from_config({"kind": "chess"})


def test_points_without_classes_have_no_labels():
    points = Empirical(points=torch.zeros(3, 2), bandwidth=0.1)
    assert points.number_of_labels == 0
    assert points.labels(torch.zeros(5, 2)) is None


def test_ends_in_the_wrong_order_are_refused():
    with pytest.raises(ValueError, match=r"sigma_data is 2\.0, sigma_noise 1\.0: expected 0 < data < noise"):
        Checkerboard(sigma_data=2.0, sigma_noise=1.0)


@pytest.mark.parametrize(
    ("covariance", "message"),
    [
        ([[1.0, 0.5], [0.0, 1.0]], "not symmetric and finite"),
        ([[1.0, math.nan], [math.nan, 1.0]], "not symmetric and finite"),
        ([[1.0, 2.0], [2.0, 1.0]], "has the eigenvalue -1: expected none below 0"),
    ],
)
def test_a_matrix_that_is_no_covariance_is_refused(covariance, message):
    with pytest.raises(ValueError, match=message):
        Gaussian(mean=torch.zeros(2), covariance=torch.tensor(covariance))


@pytest.mark.parametrize("weights", [[0.5, 0.6], [1.5, -0.5]])
def test_weights_that_are_no_probabilities_are_refused(weights):
    with pytest.raises(ValueError, match="expected positive weights that sum to 1"):
        GaussianMixture(
            weights=torch.tensor(weights), means=torch.zeros(2, 1), covariances=torch.ones(2, 1, 1, dtype=torch.float32)
        )


def test_a_negative_bandwidth_is_refused():
    with pytest.raises(ValueError, match=r"bandwidth is -0\.1: expected at least 0"):
        Empirical(points=torch.zeros(3, 2), bandwidth=-0.1)


def test_classes_that_are_not_one_a_point_are_refused():
    with pytest.raises(ValueError, match="2 classes for 3 points: expected one a point"):
        Empirical(points=torch.zeros(3, 2), bandwidth=0.1, classes=torch.tensor([0, 1]))
