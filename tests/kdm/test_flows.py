"""The flow against everything that is known about it without the solver."""

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp
from scipy.optimize import brentq
from scipy.stats import norm

from kdm.flows import integrate, kept_times, solver_error
from kdm.teachers import Checkerboard, Digits, Gaussian, GaussianMixture


def errors(teacher, noise, exact, steps):
    return (integrate(teacher, noise, steps=steps).data - exact).norm(dim=1)


def one_dimensional_mixture() -> GaussianMixture:
    return GaussianMixture(
        weights=torch.tensor([0.3, 0.7], dtype=torch.float64),
        means=torch.tensor([[-1.0], [1.5]], dtype=torch.float64),
        covariances=torch.tensor([[[0.2]], [[0.5]]], dtype=torch.float64),
    )


def quantile_map(teacher: GaussianMixture, noise: torch.Tensor) -> torch.Tensor:
    """Φ = F_data⁻¹ ∘ F_noise: in one dimension the flow is the increasing map between its two laws."""

    def distribution(x, sigma):
        scales = np.sqrt(teacher.covariances.numpy()[:, 0, 0] + sigma**2)
        return float((teacher.weights.numpy() * norm.cdf((x - teacher.means.numpy()[:, 0]) / scales)).sum())

    def image(x):
        level = distribution(x, teacher.sigma_noise)
        return brentq(lambda y: distribution(y, teacher.sigma_data) - level, -10, 10, xtol=1e-13)

    return torch.tensor([[image(x)] for x in noise[:, 0].tolist()], dtype=torch.float64)


def test_a_gaussian_flows_by_its_affine_map(generator):
    teacher = Gaussian.correlated()
    noise = teacher.sample_noise(500, generator=generator)
    exact = teacher.flow(noise)
    assert (exact - teacher.mean).norm(dim=1).median() > 0.5
    # Of order 2: the error of 512 steps, extrapolated from 256, is all that separates them.
    coarse, fine = errors(teacher, noise, exact, 256).median(), errors(teacher, noise, exact, 512).median()
    assert coarse / fine == pytest.approx(4, rel=0.02)
    assert fine < 1e-4


def test_the_affine_map_carries_the_law_of_the_noise_to_that_of_the_data(generator):
    teacher = Gaussian.correlated()
    identity = torch.eye(2, dtype=torch.float64)
    linear = teacher.flow(identity) - teacher.flow(torch.zeros(2, 2, dtype=torch.float64))
    noised = teacher.covariance + teacher.sigma_noise**2 * identity
    torch.testing.assert_close(
        linear.T @ noised @ linear, teacher.covariance + teacher.sigma_data**2 * identity, rtol=1e-9, atol=1e-9
    )
    torch.testing.assert_close(teacher.flow(teacher.mean[None])[0], teacher.mean, rtol=0, atol=1e-12)


def test_the_median_error_divides_by_four_when_the_steps_double(generator):
    teacher = one_dimensional_mixture()
    noise = teacher.sample_noise(200, generator=generator)
    exact = quantile_map(teacher, noise)
    medians = [float(errors(teacher, noise, exact, steps).median()) for steps in (72, 144, 288)]
    assert medians[0] / medians[1] == pytest.approx(4, rel=0.15)
    assert medians[1] / medians[2] == pytest.approx(4, rel=0.15)


def test_in_one_dimension_the_flow_is_the_quantile_map(generator):
    teacher = one_dimensional_mixture()
    noise = teacher.sample_noise(200, generator=generator)
    exact = quantile_map(teacher, noise)
    assert (exact < 0).double().mean() == pytest.approx(0.3, abs=0.12)
    assert errors(teacher, noise, exact, 512).max() < 1e-3


@pytest.mark.parametrize("teacher", [GaussianMixture.ring(), Checkerboard()], ids=["ring", "checkerboard"])
def test_the_flow_agrees_with_an_adaptive_solver_of_order_eight(teacher, generator):
    noise = teacher.sample_noise(4, generator=generator)

    def velocity(log_sigma, x):
        sigma = float(np.exp(log_sigma))
        return sigma * teacher.velocity(torch.tensor(x).reshape(1, 2), sigma)[0].numpy()

    ends = np.log([teacher.sigma_noise, teacher.sigma_data])
    oracle = [solve_ivp(velocity, ends, x, method="DOP853", rtol=1e-8, atol=1e-9) for x in noise.numpy()]
    assert all(solution.success for solution in oracle)
    exact = torch.tensor(np.stack([solution.y[:, -1] for solution in oracle]))
    medians = [float(errors(teacher, noise, exact, steps).median()) for steps in (144, 288, 576)]
    assert medians[2] < 2e-4
    assert medians[0] > 2.5 * medians[1] > 6 * medians[2]


@pytest.mark.parametrize("teacher", [GaussianMixture.ring(), Checkerboard()], ids=["ring", "checkerboard"])
def test_the_flow_changes_volume_by_the_ratio_of_the_densities(teacher, generator):
    """log |det DΦ(x)| = log p_noise(x) − log p_data(Φ(x)), with DΦ by central differences."""
    width, noise = 1e-3, teacher.sample_noise(60, generator=generator)
    around = [noise + sign * width * axis for axis in torch.eye(2, dtype=torch.float64) for sign in (1, -1)]
    here, *images = integrate(teacher, torch.cat([noise, *around]), steps=288).data.split(60)
    columns = [(images[0] - images[1]) / (2 * width), (images[2] - images[3]) / (2 * width)]
    volume = torch.stack(columns, -1).det().abs().log()
    expected = teacher.log_density(noise, teacher.sigma_noise) - teacher.log_density(here, teacher.sigma_data)
    assert expected.median() < -4
    # Of order 2 as the flow is: a part in a hundred at the median.
    assert (volume - expected).abs().median() < 0.01


@pytest.mark.parametrize("symmetry", [[[0, 1], [1, 0]], [[-1, 0], [0, -1]]])
def test_the_flow_of_the_checkerboard_has_its_symmetries(symmetry, generator):
    teacher, matrix = Checkerboard(), torch.tensor(symmetry, dtype=torch.float64)
    noise = teacher.sample_noise(100, generator=generator)
    direct, mirrored = (integrate(teacher, x, steps=32).data for x in (noise, noise @ matrix))
    # Basin boundaries magnify rounding without bound: nearly all, not all.
    assert ((mirrored - direct @ matrix).norm(dim=1) < 1e-6).double().mean() > 0.97


def test_the_flow_fills_the_cells_evenly_and_leaves_the_empty_squares_empty(generator):
    teacher, n = Checkerboard(), 4000
    data = integrate(teacher, teacher.sample_noise(n, generator=generator), steps=64).data
    exact = teacher.sample_data(n, generator=generator)
    assert teacher.support.distance(data).quantile(0.99) < 3 * teacher.sigma_data
    off, off_exact = ((~teacher.support.contains(x)).double().mean() for x in (data, exact))
    assert off < 0.005
    assert off_exact < 0.005
    counts = torch.bincount(teacher.labels(data), minlength=8)
    assert ((counts - n / 8).abs() < 4.5 * (n / 8 * 7 / 8) ** 0.5).all()


def test_single_precision_follows_double(generator):
    teacher = Checkerboard()
    noise = teacher.sample_noise(200, generator=generator).float()
    single, double = (integrate(teacher, x, steps=64).data for x in (noise, noise.double()))
    assert (single.dtype, double.dtype) == (torch.float32, torch.float64)
    difference = (single - double).norm(dim=1)
    assert difference.median() < 1e-4
    assert difference.median() < 0.05 * solver_error(teacher, noise.double(), steps=64).median


def test_kept_states_are_those_of_the_flow_and_both_ends_are_always_kept(generator):
    teacher = GaussianMixture.ring()
    noise = teacher.sample_noise(20, generator=generator)
    every = integrate(teacher, noise, steps=8, keep=range(9))
    assert every.states.shape == (20, 9, 2)
    some = integrate(teacher, noise, steps=8, keep=[4])
    torch.testing.assert_close(some.states, every.states[:, [0, 4, 8]], rtol=0, atol=0)
    torch.testing.assert_close(some.sigmas, every.sigmas[[0, 4, 8]], rtol=0, atol=0)
    torch.testing.assert_close(some.noise, noise, rtol=0, atol=0)
    torch.testing.assert_close(some.data, every.states[:, -1], rtol=0, atol=0)


def test_chunks_change_nothing_but_rounding(generator):
    teacher = GaussianMixture.ring()
    noise = teacher.sample_noise(50, generator=generator)
    whole, parts = integrate(teacher, noise, steps=16), integrate(teacher, noise, steps=16, chunk=7)
    torch.testing.assert_close(parts.states, whole.states, rtol=1e-9, atol=1e-9)


def test_the_flow_ends_where_the_noise_it_forgets_is_small():
    """The last state is a sample of p₀ * N(0, σ_data²), so denoising it moves it by about σ_data."""
    teacher = Digits()
    noise = teacher.sample_noise(50, generator=torch.Generator().manual_seed(0)).float()
    data = integrate(teacher, noise, steps=12).data
    moved = (teacher.denoise(data, teacher.sigma_data) - data).flatten(1).norm(dim=1)
    assert moved.median() < 8 * teacher.sigma_data
    assert noise.flatten(1).norm(dim=1).median() > 500


@pytest.mark.gpu
def test_the_flow_on_a_gpu_is_the_flow(generator):
    for teacher in (Checkerboard(), GaussianMixture.ring(), Digits()):
        noise = teacher.sample_noise(500, generator=generator)
        here, there = integrate(teacher, noise, steps=16), integrate(teacher, noise.cuda(), steps=16)
        assert there.data.is_cuda
        assert ((there.data.cpu() - here.data).flatten(1).norm(dim=1) < 1e-6).double().mean() > 0.97


def test_the_measured_error_of_the_solver_is_its_error(generator):
    teacher = Gaussian.correlated()
    noise = teacher.sample_noise(500, generator=generator)
    distances = errors(teacher, noise, teacher.flow(noise), 64)
    measured = solver_error(teacher, noise, steps=64)
    # The reference has a sixteenth of the error itself.
    assert measured.median == pytest.approx(float(distances.median()), rel=0.08)
    assert measured.rmse == pytest.approx(float(distances.square().mean().sqrt()), rel=0.08)
    assert (measured.steps, measured.reference_steps, measured.samples) == (64, 256, 500)


def test_progress_is_drawn_on_the_error_stream_only_when_asked_for(generator, capfd):
    teacher = GaussianMixture.ring()
    noise = teacher.sample_noise(5, generator=generator)
    integrate(teacher, noise, steps=2)
    assert capfd.readouterr() == ("", "")
    integrate(teacher, noise, steps=2, progress=True)
    out, drawn = capfd.readouterr()
    assert out == ""
    assert "integrating" in drawn


@pytest.mark.parametrize(("keep", "wrong"), [([-1], "-1"), ([3, 9], "9")])
def test_a_time_that_does_not_exist_is_refused(keep, wrong):
    with pytest.raises(ValueError, match=rf"from 0 \(noise\) to 8 \(data, after the last step\), got \[{wrong}\]"):
        kept_times(keep, steps=8)
