import pytest
import torch
from torch import nn

from kdm.training.ema import PowerLawAverage


class Weighted(nn.Module):
    def __init__(self, value: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([value], dtype=torch.float64))
        self.register_buffer("seen", torch.tensor([value], dtype=torch.float64))


def averaged(values: list[float], gamma: float) -> PowerLawAverage:
    module = Weighted(1e6)
    average = PowerLawAverage(module, gamma=gamma)
    for value in values:
        with torch.no_grad():
            module.weight.fill_(value)
            module.seen.fill_(2 * value)
        average.update(module)
    return average


@pytest.mark.parametrize("gamma", [1.0, 6.94, 16.0])
def test_the_average_weighs_step_t_by_a_power_of_t_and_forgets_the_initial_weights(gamma):
    """Unrolled independently: the weight of θ_s after t steps is (1 − β_s) Π_{r=s+1..t} β_r, and β_1 = 0."""
    values = [0.3, -1.0, 2.0, 0.7, 5.0]
    betas = [(1 - 1 / t) ** (gamma + 1) for t in range(1, 6)]
    expected = 0.0
    for s, value in enumerate(values):
        weight = 1 - betas[s]
        for beta in betas[s + 1 :]:
            weight *= beta
        expected += weight * value
    average = averaged(values, gamma)
    assert average.module.weight.item() == pytest.approx(expected, rel=1e-12)
    assert abs(average.module.weight.item()) < 10, "the initial weight was a million"


def test_buffers_are_averaged_too():
    average = averaged([1.0, 3.0], gamma=1.0)
    assert average.module.seen.item() == pytest.approx(2 * average.module.weight.item())


def test_the_averaged_module_is_a_copy_in_evaluation_mode():
    module = Weighted(1.0)
    average = PowerLawAverage(module, gamma=1.0)
    assert not average.module.training
    assert module.training
    assert module.weight.requires_grad
    assert not average.module.weight.requires_grad


def test_a_power_that_is_not_positive_is_refused():
    with pytest.raises(ValueError, match="power γ > 0"):
        PowerLawAverage(Weighted(1.0), gamma=0.0)
