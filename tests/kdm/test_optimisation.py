import math

import pytest
import torch
from torch import nn

from kdm.training.optimisation import AdamConfig, ConstantRate, CosineDecay, LinearDecay, SOAPConfig


def test_the_rate_rises_then_falls_linearly_to_one_step_before_zero():
    factors = [LinearDecay().factor(step, steps=100, warmup=10) for step in range(100)]
    assert factors[0] == pytest.approx(0.1)
    assert max(factors) == factors[9] == factors[10] == 1.0
    assert factors[55] == pytest.approx(0.5)
    assert factors[99] == pytest.approx(1 / 90)
    assert LinearDecay().factor(0, steps=10, warmup=0) == 1.0


def test_a_constant_rate_rises_and_stays():
    factors = [ConstantRate().factor(step, steps=100, warmup=10) for step in range(100)]
    assert factors[:10] == pytest.approx([(step + 1) / 10 for step in range(10)])
    assert set(factors[9:]) == {1.0}
    assert ConstantRate().factor(0, steps=10, warmup=0) == 1.0


def test_a_cosine_rises_then_falls_slowly_fast_and_slowly():
    factors = [CosineDecay().factor(step, steps=110, warmup=10) for step in range(110)]
    assert factors[:10] == pytest.approx([(step + 1) / 10 for step in range(10)])
    assert factors[60] == pytest.approx(0.5)
    assert factors[35] == pytest.approx((1 + math.sqrt(0.5)) / 2)
    assert 0 < factors[109] < 1e-3
    assert CosineDecay().factor(0, steps=10, warmup=0) == 1.0


@pytest.mark.parametrize("schedule", [LinearDecay(), ConstantRate(), CosineDecay()])
def test_no_schedule_leaves_zero_and_one_wherever_warm_up_ends(schedule):
    for steps, warmup in ((1, 0), (1, 5), (7, 7), (20, 3)):
        assert all(0 < schedule.factor(step, steps=steps, warmup=warmup) <= 1 for step in range(steps))


def test_matrices_decay_and_vectors_do_not():
    module = nn.Linear(3, 2)
    before = {name: value.clone() for name, value in module.named_parameters()}
    optimiser = AdamConfig(learning_rate=0.1, weight_decay=0.5).built(module)
    for parameter in module.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimiser.step()
    torch.testing.assert_close(module.weight.detach(), 0.95 * before["weight"])
    torch.testing.assert_close(module.bias.detach(), before["bias"])


@pytest.mark.parametrize("config", [AdamConfig(), SOAPConfig()])
def test_every_parameter_is_optimised(config):
    module = nn.Sequential(nn.Linear(40, 50), nn.Linear(50, 2))
    optimised = {id(parameter) for group in config.built(module).param_groups for parameter in group["params"]}
    assert optimised == {id(parameter) for parameter in module.parameters()}
