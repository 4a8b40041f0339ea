import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

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


def test_it_is_the_average_that_torch_makes_and_reads_what_torch_has_written():
    """Older runs hold states of torch's own class: the same names, and the same bits from there on."""
    network, other = nn.Linear(3, 2), nn.Linear(3, 2)

    def average_of(averages, values, steps_before):
        share = 1.0 - (1.0 - 1.0 / (int(steps_before) + 1)) ** 3.0
        torch._foreach_lerp_(list(averages), list(values), share)

    torchs, ours = AveragedModel(network, multi_avg_fn=average_of, use_buffers=True), PowerLawAverage(other, gamma=2.0)
    for step in range(6):
        with torch.no_grad():
            network.weight.mul_(1.1).add_(step)
        torchs.update_parameters(network)
        if step == 2:
            ours.load_state_dict(torchs.state_dict())
        elif step > 2:
            ours.update(network)
    assert list(ours.state_dict()) == list(torchs.state_dict())
    for value, expected in zip(ours.state_dict().values(), torchs.state_dict().values(), strict=True):
        assert torch.equal(value, expected)
        assert value.dtype == expected.dtype


def test_weights_that_were_no_numbers_and_counters_are_taken_as_they_come():
    module = Weighted(float("nan"))
    module.register_buffer("count", torch.tensor([3]))
    average = PowerLawAverage(module, gamma=1.0)
    for value in (2.0, 4.0):
        with torch.no_grad():
            module.weight.fill_(value)
            module.count.fill_(int(value))
        average.update(module)
    assert average.module.count.tolist() == [4]
    assert 2.0 < average.module.weight.item() < 4.0


def test_a_power_that_is_not_positive_is_refused():
    with pytest.raises(ValueError, match="power γ > 0"):
        PowerLawAverage(Weighted(1.0), gamma=0.0)
