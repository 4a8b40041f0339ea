import pytest
import torch
from torch.nn import functional

from kdm.networks import ResidualMLP, ResidualMLPConfig


def test_the_network_is_its_equation():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = ResidualMLP(3, 2, ResidualMLPConfig(width=8, blocks=2)).double()
        for parameter in network.parameters():
            torch.nn.init.normal_(parameter)
    state = network.state_dict()

    def normalised(h: torch.Tensor, name: str) -> torch.Tensor:
        centred = h - h.mean(1, keepdim=True)
        return (
            centred / (centred.square().mean(1, keepdim=True) + 1e-5).sqrt() * state[f"{name}.weight"]
            + state[f"{name}.bias"]
        )

    u = torch.randn(5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    h = u @ state["inward.weight"].T + state["inward.bias"]
    for block in ("blocks.0", "blocks.1"):
        hidden = normalised(h, f"{block}.norm") @ state[f"{block}.hidden.weight"].T + state[f"{block}.hidden.bias"]
        swish = hidden / (1 + torch.exp(-hidden))
        h = h + swish @ state[f"{block}.outward.weight"].T + state[f"{block}.outward.bias"]
    expected = normalised(h, "norm") @ state["outward.weight"].T + state["outward.bias"]
    torch.testing.assert_close(network(u), expected)
    assert torch.allclose(functional.silu(torch.tensor(1.0)), torch.tensor(1.0) / (1 + torch.exp(torch.tensor(-1.0))))


@pytest.mark.parametrize(
    ("sizes", "message"),
    [({"width": 0}, "width >= 1"), ({"blocks": -1}, "blocks >= 0"), ({"dropout": 1.0}, "dropout share")],
)
def test_sizes_that_mean_nothing_are_refused(sizes, message):
    with pytest.raises(ValueError, match=message):
        ResidualMLPConfig(**sizes)
