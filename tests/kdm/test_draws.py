import math

import pytest
import torch

from kdm.draws import Draws, mixed_bits, mixed_seed

WRAP = 2**64


def in_whole_numbers(key: int, counter: int) -> int:
    """Equation (1) without a word size, by its definition."""
    state = (key + (counter + 1) * 0x9E3779B97F4A7C15) % WRAP
    state = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9 % WRAP
    state = (state ^ (state >> 27)) * 0x94D049BB133111EB % WRAP
    return state ^ (state >> 31)


def test_bits_are_those_of_splitmix64():
    # The first outputs of the published C program for the seed 1234567.
    published = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431]
    assert [in_whole_numbers(1234567, counter) for counter in range(4)] == published
    for key in (1234567, 0, 2**63 - 1):
        counters = torch.tensor([0, 1, 2, 3, 10**6, 2**40])
        bits = [value % WRAP for value in mixed_bits(counters, key=key).tolist()]
        assert bits == [in_whole_numbers(key, counter) for counter in counters.tolist()]


def test_normal_numbers_are_those_of_the_formula():
    values = Draws(seed=3, step=5, first=2).normal_like(torch.zeros(4, 3, dtype=torch.float64), stream=1)
    key = mixed_seed(3, 5, 1)
    for row in range(4):
        for column in range(3):
            bits = in_whole_numbers(key, (2 + row) * 3 + column)
            u, v = ((half + 0.5) / 2**32 for half in (bits >> 32, bits % 2**32))
            expected = math.sqrt(-2 * math.log(u)) * math.cos(2 * math.pi * v)
            assert values[row, column].item() == pytest.approx(expected, abs=2e-5)  # the cosine of 24 bits of v


def test_normal_numbers_are_standard_normal_and_uncorrelated_between_streams_steps_and_columns():
    n = 40_000
    draws = {
        (step, stream): Draws(seed=0, step=step).normal_like(torch.zeros(n, 2), stream=stream).double()
        for step in (0, 1)
        for stream in (0, 1)
    }
    columns = torch.stack([column for values in draws.values() for column in values.unbind(1)])
    bound = 5 / math.sqrt(n)
    assert columns.mean(dim=1).abs().max() < bound
    assert (columns.square().mean(dim=1) - 1).abs().max() < bound * math.sqrt(2)
    assert (columns.pow(4).mean(dim=1) - 3).abs().max() < bound * math.sqrt(96)
    correlation = torch.corrcoef(columns) - torch.eye(len(columns), dtype=torch.float64)
    assert correlation.abs().max() < bound
    assert torch.isfinite(columns).all()
    assert columns.abs().max() > 3.5


def test_draws_have_the_shape_and_type_of_what_they_are_added_to():
    draws = Draws(seed=0, step=0)
    assert draws.normal_like(torch.zeros(3, 2, 2, dtype=torch.float64), stream=0).shape == (3, 2, 2)
    assert draws.normal_like(torch.zeros(3, 2, dtype=torch.bfloat16), stream=0).dtype == torch.bfloat16
    assert draws.normal_like(torch.zeros(0, 2), stream=0).shape == (0, 2)


@pytest.mark.gpu
def test_a_device_draws_what_the_cpu_draws():
    draws = Draws(seed=1, step=2, first=3)
    here, there = (draws.normal_like(torch.zeros(500, 20, device=device), stream=0).cpu() for device in ("cpu", "cuda"))
    torch.testing.assert_close(here, there, atol=1e-5, rtol=1e-5)
