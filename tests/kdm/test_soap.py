import pytest
import torch
from torch import nn

from kdm.training.soap import SOAP


def quadratic(weight: torch.Tensor, left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """½ ‖left W right‖²: its Hessian has exactly the Kronecker structure that SOAP looks for."""
    return (left @ weight @ right).square().sum() / 2


def ill_conditioned(size: int, *, seed: int) -> torch.Tensor:
    basis, _ = torch.linalg.qr(torch.randn(size, size, generator=torch.Generator().manual_seed(seed)))
    return basis @ torch.diag(torch.logspace(0, -2, size)) @ basis.T


def value_after(optimiser_of, steps: int) -> float:
    left, right = ill_conditioned(8, seed=0), ill_conditioned(6, seed=1)
    weight = nn.Parameter(torch.randn(8, 6, generator=torch.Generator().manual_seed(2)))
    optimiser = optimiser_of([weight])
    for step in range(steps):
        optimiser.param_groups[0]["lr"] = 0.05 * (1 - step / steps)
        optimiser.zero_grad()
        quadratic(weight, left, right).backward()
        optimiser.step()
    return quadratic(weight, left, right).item()


def test_a_rotated_ill_conditioned_quadratic_is_where_soap_beats_adam():
    adam = value_after(lambda parameters: torch.optim.Adam(parameters), 300)
    soap = value_after(lambda parameters: SOAP(parameters), 300)
    assert value_after(lambda parameters: torch.optim.SGD(parameters), 1) > 0.1, (
        "the problem is not solved at the start"
    )
    assert soap < adam / 10


def test_matrices_of_one_shape_do_not_mix():
    def trained(count: int) -> list[torch.Tensor]:
        weights = [
            nn.Parameter(torch.randn(4, 3, generator=torch.Generator().manual_seed(seed))) for seed in range(count)
        ]
        optimiser = SOAP(weights, lr=0.01)
        for _ in range(25):
            optimiser.zero_grad()
            sum((weight - seed).square().sum() + weight.pow(4).sum() for seed, weight in enumerate(weights)).backward()
            optimiser.step()
        return [weight.detach() for weight in weights]

    alone, together = trained(1), trained(3)
    torch.testing.assert_close(alone[0], together[0], atol=1e-5, rtol=1e-4)


def test_a_vector_gets_adam():
    def trained(optimiser_of) -> torch.Tensor:
        vector = nn.Parameter(torch.linspace(-1, 1, 5))
        optimiser = optimiser_of([vector])
        for _ in range(20):
            optimiser.zero_grad()
            (vector - 3).pow(4).sum().backward()
            optimiser.step()
        return vector.detach()

    adam = trained(lambda parameters: torch.optim.Adam(parameters, lr=0.01, betas=(0.95, 0.95)))
    torch.testing.assert_close(trained(lambda parameters: SOAP(parameters, lr=0.01)), adam)


def test_a_thin_matrix_gets_adam():
    def trained(optimiser_of) -> torch.Tensor:
        weight = nn.Parameter(torch.linspace(-1, 1, 6).view(2, 3))
        optimiser = optimiser_of([weight])
        for _ in range(20):
            optimiser.zero_grad()
            (weight - 3).pow(4).sum().backward()
            optimiser.step()
        return weight.detach()

    adam = trained(lambda parameters: torch.optim.Adam(parameters, lr=0.01, betas=(0.95, 0.95)))
    torch.testing.assert_close(trained(lambda parameters: SOAP(parameters, lr=0.01, smallest_side=3)), adam)
    assert not torch.allclose(trained(lambda parameters: SOAP(parameters, lr=0.01)), adam)


def test_its_state_restores_exactly():
    def model() -> nn.Linear:
        torch.manual_seed(0)
        return nn.Linear(4, 3)

    def run(module: nn.Linear, optimiser: SOAP, steps: range) -> None:
        for step in steps:
            inputs = torch.randn(16, 4, generator=torch.Generator().manual_seed(step))
            optimiser.zero_grad()
            module(inputs).square().mean().backward()
            optimiser.step()

    with torch.random.fork_rng():
        whole, first, second = model(), model(), model()
    optimiser = SOAP(whole.parameters())
    run(whole, optimiser, range(30))
    before = SOAP(first.parameters())
    run(first, before, range(17))
    second.load_state_dict(first.state_dict())
    after = SOAP(second.parameters())
    after.load_state_dict(before.state_dict())
    run(second, after, range(17, 30))
    assert torch.equal(whole.weight, second.weight)
    assert torch.equal(whole.bias, second.bias)


def test_a_parameter_of_more_than_two_dimensions_is_refused():
    with pytest.raises(ValueError, match="expected vectors and matrices"):
        SOAP([nn.Parameter(torch.zeros(2, 2, 2))])
