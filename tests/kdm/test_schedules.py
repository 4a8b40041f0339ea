import pytest
import torch

from kdm.schedules import edm_sigmas


def test_the_levels_are_those_of_the_published_formula():
    sigmas = edm_sigmas(18)
    formula = [(80 ** (1 / 7) + i / 18 * (0.002 ** (1 / 7) - 80 ** (1 / 7))) ** 7 for i in range(19)]
    torch.testing.assert_close(sigmas, torch.tensor(formula, dtype=torch.float64), rtol=1e-13, atol=0)


@pytest.mark.parametrize("steps", [1, 2, 64])
def test_the_levels_decrease_between_exact_ends(steps):
    sigmas = edm_sigmas(steps, sigma_noise=7.3, sigma_data=0.013)
    assert len(sigmas) == steps + 1
    assert sigmas[0].item() == 7.3
    assert sigmas[-1].item() == 0.013
    assert bool((sigmas.diff() < 0).all())


def test_halving_the_steps_keeps_every_second_level():
    torch.testing.assert_close(edm_sigmas(64)[::2], edm_sigmas(32), rtol=1e-12, atol=0)


def test_no_step_is_refused():
    with pytest.raises(ValueError, match="steps is 0: expected at least 1"):
        edm_sigmas(0)


@pytest.mark.parametrize(("noise", "data"), [(1.0, 1.0), (0.5, 1.0), (1.0, 0.0)])
def test_levels_that_do_not_decrease_to_a_positive_end_are_refused(noise, data):
    with pytest.raises(ValueError, match="expected 0 < data < noise"):
        edm_sigmas(4, sigma_noise=noise, sigma_data=data)
