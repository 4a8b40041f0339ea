import pytest
import torch

from kdm.networks import PlainMLPConfig, ResidualMLP, ResidualMLPConfig


def test_the_network_is_its_equation():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = ResidualMLP(3, 2, ResidualMLPConfig(width=8, blocks=2)).double()
        for parameter in network.parameters():
            torch.nn.init.normal_(parameter)
    state = network.state_dict()

    def normalised(h: torch.Tensor) -> torch.Tensor:
        return h / h.square().mean(1, keepdim=True).sqrt()

    def gelu(h: torch.Tensor) -> torch.Tensor:
        return h * torch.distributions.Normal(0.0, 1.0).cdf(h)

    u = torch.randn(5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    h = u @ state["inward.weight"].T + state["inward.bias"]
    for block in ("blocks.0", "blocks.1"):
        hidden = gelu(normalised(h) @ state[f"{block}.hidden.weight"].T + state[f"{block}.hidden.bias"])
        h = h + hidden @ state[f"{block}.outward.weight"].T + state[f"{block}.outward.bias"]
    expected = gelu(normalised(h)) @ state["outward.weight"].T + state["outward.bias"]
    torch.testing.assert_close(network(u), expected)


@pytest.mark.parametrize(("width", "blocks"), [(64, 1), (256, 8)])
def test_features_are_of_order_one_at_the_start_whatever_the_width_and_depth(width, blocks):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = ResidualMLP(4, 6, ResidualMLPConfig(width=width, blocks=blocks))
        with torch.no_grad():
            stream = network.blocks(network.inward(torch.randn(500, 4)))
            outputs = network.outward(torch.randn(500, width))
    assert 0.5 < stream.square().mean().sqrt() < 2.5
    assert 0.5 < outputs.square().mean().sqrt() < 2.0


@pytest.mark.parametrize(
    ("sizes", "message"),
    [({"width": 0}, "width >= 1"), ({"blocks": -1}, "blocks >= 0"), ({"dropout": 1.0}, "dropout share")],
)
def test_sizes_that_mean_nothing_are_refused(sizes, message):
    with pytest.raises(ValueError, match=message):
        ResidualMLPConfig(**sizes)


@pytest.mark.parametrize("widths", [(), (4, 0)])
def test_a_plain_network_without_a_hidden_feature_is_refused(widths):
    with pytest.raises(ValueError, match="at least one width, and widths >= 1"):
        PlainMLPConfig(widths=widths)


def test_a_residual_network_adds_a_vector_of_the_class_and_a_plain_one_has_no_place_for_it():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = ResidualMLPConfig(width=8, blocks=0).built((3,), (2,), classes=4)
    u, labels = torch.randn(5, 3, generator=torch.Generator().manual_seed(1)), torch.tensor([0, 1, 2, 3, 3])
    h = network.inward(u) + network.embedding.weight[labels]
    hidden = torch.nn.functional.gelu(h / h.square().mean(1, keepdim=True).sqrt())
    torch.testing.assert_close(network(u, labels), network.outward(hidden), atol=1e-5, rtol=1e-5)
    with pytest.raises(ValueError, match="expected no classes for a plain MLP, got 4"):
        PlainMLPConfig(widths=(3,)).built((3,), (2,), classes=4)
