import numpy as np
import pytest
from matplotlib.figure import Figure

from koopman_analysis.figures import draw_function, draw_pseudospectrum
from koopman_analysis.figures.spectrum import _round_levels
from koopman_analysis.pseudospectrum import matrix_pseudospectrum, window

EIGENVALUES = np.array([0.9 + 0j, 0.2 + 0j])


def axes():
    return Figure(figsize=(4, 3)).subplots()


def test_a_pseudospectrum_shows_trusted_eigenvalues_filled_the_circle_and_what_its_values_are():
    points = window(EIGENVALUES, resolution=21)
    found = matrix_pseudospectrum(np.diag(EIGENVALUES.real), points)
    ax = draw_pseudospectrum(
        axes(), found, eigenvalues=EIGENVALUES, trusted=np.array([True, False]), label="distance to singular"
    )
    circle, filled, hollow = ax.lines
    np.testing.assert_allclose(np.hypot(*circle.get_data()), 1.0)
    assert [filled.get_xdata()[0], hollow.get_xdata()[0]] == [0.9, 0.2]
    assert (hollow.get_markerfacecolor(), filled.get_markerfacecolor() == "none") == ("none", False)
    _, bar = ax.figure.axes
    assert bar.get_ylabel() == "distance to singular"
    everywhere = draw_pseudospectrum(axes(), found, eigenvalues=EIGENVALUES)
    assert len(everywhere.lines[1].get_xdata()) == 2


def test_a_matrix_whose_values_are_all_one_can_be_drawn():
    points = np.array([[-1.0, 1.0], [-1.0, 1.0]]) * 1j
    ax = draw_pseudospectrum(axes(), matrix_pseudospectrum(np.zeros((1, 1)), points), eigenvalues=np.zeros(1) + 0j)
    ax.figure.draw_without_rendering()


@pytest.mark.parametrize(("low", "high"), [(0.1, 2.0), (1e-8, 1.0), (0.03, 0.9), (1.0, 1.0), (1e-16, 3.0)])
def test_levels_are_round_few_and_inside(low, high):
    levels = _round_levels(low, high)
    assert 2 <= len(levels) <= 18
    assert np.all(np.diff(levels) > 0)
    if low < high:
        assert high / low > 20 or len(levels) > 5
        assert levels[0] >= low
        assert levels[-1] <= high
        mantissas = levels / 10.0 ** np.floor(np.log10(levels * (1 + 1e-9)))
        assert np.all(np.isclose(mantissas[:, None], [1, 1.5, 2, 3, 4, 5, 6, 8]).any(axis=1))


def test_a_function_that_is_real_up_to_a_factor_is_drawn_by_its_values_and_another_by_its_phase():
    side = np.linspace(-1.0, 1.0, 12)
    x, y = np.meshgrid(side, side)
    real = draw_function(axes(), np.exp(0.7j) * (x - y), x=side, y=side)
    assert not real.images
    turning = draw_function(axes(), x + 1j * y, x=side, y=side)
    (image,) = turning.images
    assert image.get_array().shape == (12, 12, 3)
    assert real.get_xlabel() == "x₁"
