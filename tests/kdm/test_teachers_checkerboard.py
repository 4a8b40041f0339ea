"""The checkerboard: its geometry, and its numerics against fifty digits."""

import mpmath
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kdm.teachers import Checkerboard, CheckerboardSupport

SIDE = st.floats(-7, 7)


def is_on(x, y, *, cell, half_width):
    return max(abs(x), abs(y)) < half_width and (x // cell + y // cell) % 2 == 0


def exact_denoiser(x, *, sigma, teacher):
    """E[x₀ | x] and log p_σ(x) by the definition, cell by cell, in arithmetic of 50 digits."""
    with mpmath.workdps(50):
        sigma, cell = mpmath.mpf(sigma), mpmath.mpf(teacher.cell)

        def mass(t, low):
            a, b = (low - t) / sigma, (low + cell - t) / sigma
            # On the side where the complementary error function is small, or 50 digits are not enough either.
            left, right = (-b, -a) if b < 0 else (a, b)
            weight = (mpmath.erfc(left / mpmath.sqrt(2)) - mpmath.erfc(right / mpmath.sqrt(2))) / 2
            return weight, t * weight + sigma * (mpmath.npdf(a) - mpmath.npdf(b))

        coordinates = [mpmath.mpf(float(value)) for value in x]
        total, moments = mpmath.mpf(0), [mpmath.mpf(0), mpmath.mpf(0)]
        for corner in teacher.support.corners.tolist():
            (w0, m0), (w1, m1) = (mass(t, mpmath.mpf(low)) for t, low in zip(coordinates, corner, strict=True))
            total += w0 * w1
            moments[0] += m0 * w1
            moments[1] += w0 * m1
        area = len(teacher.support.corners) * cell**2
        return [float(moment / total) for moment in moments], float(mpmath.log(total / area))


@pytest.mark.parametrize("sigma", [0.002, 0.03, 1.0, 80.0])
def test_denoiser_and_density_agree_with_fifty_digits(sigma, generator):
    teacher = Checkerboard()
    x = teacher.sample(6, sigma=sigma, generator=generator)
    # Far outside too: in an empty cell, on its centre, at an edge, beyond the board.
    x = torch.cat(
        [x, torch.tensor([[1.0, -1.0], [3.0, 0.5], [2.0, 0.3], [5.5, 4.7], [-6.0, 0.1]], dtype=torch.float64)]
    )
    denoised, log_density = teacher.denoise(x, sigma), teacher.log_density(x, sigma)
    for row, exact in enumerate(exact_denoiser(point, sigma=sigma, teacher=teacher) for point in x):
        assert denoised[row].tolist() == pytest.approx(exact[0], rel=1e-9, abs=1e-9)
        assert log_density[row].item() == pytest.approx(exact[1], rel=1e-10, abs=1e-10)


@pytest.mark.parametrize("cell", [1.0, 2.0, 20 / 9])
def test_the_support_is_the_even_cells(cell, generator):
    support = CheckerboardSupport(cell=cell, half_width=2 * cell)
    points = (torch.rand(2000, 2, dtype=torch.float64, generator=generator) - 0.5) * 6 * cell
    on = torch.tensor([is_on(x, y, cell=cell, half_width=2 * cell) for x, y in points.tolist()])
    assert 0.1 < on.double().mean() < 0.4
    torch.testing.assert_close(support.contains(points), on)
    assert bool((support.distance(points)[on] == 0).all())
    assert bool((support.distance(points)[~on] > 0).all())


@given(SIDE, SIDE)
def test_the_distance_is_that_to_the_nearest_of_a_fine_grid_of_support_points(x, y):
    support = CheckerboardSupport()
    fine = torch.linspace(0, support.cell, 41, dtype=torch.float64)
    inside = (support.corners[:, None] + torch.cartesian_prod(fine, fine)).flatten(0, 1)
    point = torch.tensor([[x, y]], dtype=torch.float64)
    nearest = torch.cdist(point, inside).min().item()
    distance = support.distance(point).item()
    assert distance <= nearest + 1e-12
    assert nearest - distance <= 0.05 / 2 * 2**0.5 + 1e-12


def test_cells_are_numbered_from_zero_and_off_the_support_the_nearest_counts():
    support = CheckerboardSupport()
    centres = support.corners + support.cell / 2
    assert support.cells(centres).tolist() == list(range(8))
    just_outside = centres + torch.tensor([1.1, 0.0], dtype=torch.float64)
    assert not support.contains(just_outside).any()
    assert support.cells(just_outside).tolist() == list(range(8))


@pytest.mark.parametrize("sigma", [0.002, 1.0, 80.0])
@pytest.mark.parametrize("symmetry", [[[0, 1], [1, 0]], [[-1, 0], [0, -1]], [[0, -1], [-1, 0]]])
def test_the_denoiser_has_the_symmetries_of_the_board(sigma, symmetry, generator):
    teacher = Checkerboard()
    matrix = torch.tensor(symmetry, dtype=torch.float64)
    x = teacher.sample(100, sigma=sigma, generator=generator)
    torch.testing.assert_close(
        teacher.denoise(x @ matrix, sigma), teacher.denoise(x, sigma) @ matrix, rtol=0, atol=1e-9
    )


def test_a_reflection_that_swaps_on_and_off_is_not_a_symmetry(generator):
    teacher = Checkerboard()
    mirror = torch.tensor([[-1.0, 0.0], [0.0, 1.0]], dtype=torch.float64)
    x = teacher.sample(100, sigma=0.3, generator=generator)
    assert (teacher.denoise(x @ mirror, 0.3) - teacher.denoise(x, 0.3) @ mirror).abs().max() > 0.1


def test_the_published_half_width_is_rounded_to_whole_cells():
    assert Checkerboard(cell=2.2222, half_width=4.444).half_width == 4.4444
    assert Checkerboard(cell=2.2222, half_width=4.444).number_of_labels == 8


@pytest.mark.parametrize(("cell", "half_width"), [(2.0, 3.0), (2.0, 0.5), (0.0, 1.0), (-1.0, 4.0)])
def test_a_board_of_broken_cells_is_refused(cell, half_width):
    with pytest.raises(ValueError, match="is not a whole number of cells"):
        CheckerboardSupport(cell=cell, half_width=half_width)
