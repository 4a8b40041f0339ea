import numpy as np
import pytest
import torch

from kdm.configuration import seeded_modules
from kdm.control import ConstantControl, NoControl
from kdm.operators import (
    DenseConfig,
    DenseOperator,
    IdentityConfig,
    IdentityOperator,
    IsometricConfig,
    IsometricOperator,
)
from kdm.training.ema import PowerLawAverage


@pytest.fixture
def operator() -> DenseOperator:
    operator = DenseOperator(5)
    with torch.no_grad():
        operator.weight.copy_(torch.randn(5, 5, generator=torch.Generator().manual_seed(0)))
    return operator


def test_an_operator_is_multiplication_by_its_matrix_from_the_right(operator):
    latents = torch.randn(7, 5, generator=torch.Generator().manual_seed(1))
    assert not torch.allclose(operator.matrix, operator.matrix.T), "a symmetric matrix would not tell rows from columns"
    torch.testing.assert_close(operator(latents), latents @ operator.matrix)
    torch.testing.assert_close(operator(latents), torch.nn.functional.linear(latents, operator.weight))


def test_an_operator_is_linear_and_so_has_no_bias(operator):
    first, second = torch.randn(2, 7, 5, generator=torch.Generator().manual_seed(2))
    torch.testing.assert_close(operator(2 * first - 3 * second), 2 * operator(first) - 3 * operator(second))
    assert torch.equal(operator(torch.zeros(1, 5)), torch.zeros(1, 5))


def test_a_dense_operator_starts_orthogonal():
    matrix = DenseOperator(6).matrix
    torch.testing.assert_close(matrix @ matrix.T, torch.eye(6), atol=1e-6, rtol=0)


def test_controls_are_zero_at_first_and_only_the_constant_one_learns():
    assert torch.equal(NoControl(3)(), torch.zeros(3))
    assert torch.equal(ConstantControl(3)(), torch.zeros(3))
    assert list(NoControl(3).parameters()) == []
    assert [tuple(parameter.shape) for parameter in ConstantControl(3).parameters()] == [(3,)]
    assert NoControl(3).state_dict() == {}


@pytest.mark.parametrize("dimension", [1, 5, 64])
def test_an_isometric_operator_keeps_lengths_to_rounding_however_far_it_was_turned(dimension):
    generator = torch.Generator().manual_seed(3)
    with seeded_modules(generator):
        operator = IsometricOperator(dimension)
    start = operator.matrix.detach().clone()
    free = next(operator.parameters())
    with torch.no_grad():
        free.copy_(3.0 * torch.randn(free.shape, generator=generator))
    matrix = operator.matrix.detach().double()
    if dimension > 1:
        assert (matrix - start).norm() > 0.5, "the premise: it was turned"
    # A solve and a product in single precision, of matrices with this condition.
    lower = free.detach().double().tril()
    condition = torch.linalg.cond(torch.eye(dimension, dtype=torch.float64) - (lower - lower.T) / 2)
    rounding = 4 * dimension * condition * torch.finfo(torch.float32).eps
    assert torch.linalg.matrix_norm(matrix @ matrix.T - torch.eye(dimension), 2) < rounding < 1e-2
    latents = torch.randn(7, dimension, generator=generator)
    torch.testing.assert_close(operator(latents).norm(dim=1), latents.norm(dim=1), rtol=float(rounding), atol=0)


def test_an_isometric_operator_is_the_cayley_map_of_its_docstring():
    with seeded_modules(torch.Generator().manual_seed(4)):
        operator = IsometricOperator(4)
    start = operator.matrix.detach().T.double().numpy()
    free = next(operator.parameters())
    with torch.no_grad():
        free.copy_(torch.randn(4, 4, generator=torch.Generator().manual_seed(5)))
    lower = np.tril(free.detach().double().numpy())
    skew = lower - lower.T
    assert np.abs(skew).max() > 0.5
    turned = start @ np.linalg.inv(np.eye(4) - skew / 2) @ (np.eye(4) + skew / 2)
    np.testing.assert_allclose(operator.matrix.detach().numpy(), turned.T, atol=1e-5)


def test_an_isometric_operator_starts_where_a_dense_one_does_and_learns():
    operators = []
    for kind in (DenseOperator, IsometricOperator):
        with seeded_modules(torch.Generator().manual_seed(6)):
            operators.append(kind(5))
    dense, isometric = operators
    torch.testing.assert_close(isometric.matrix, dense.matrix, atol=1e-6, rtol=0)
    turn = torch.randn(5, 5, generator=torch.Generator().manual_seed(7))
    target = dense.matrix.detach() @ torch.matrix_exp(0.3 * (turn - turn.T))
    optimiser = torch.optim.Adam(isometric.parameters(), lr=0.05)
    for _ in range(600):
        loss = (isometric.matrix - target).square().sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert (dense.matrix - target).norm() > 0.5
    assert (isometric.matrix - target).norm() < 0.1


def test_an_average_of_isometric_operators_is_isometric():
    with seeded_modules(torch.Generator().manual_seed(8)):
        operator = IsometricOperator(6)
    average = PowerLawAverage(operator, gamma=1.0)
    generator = torch.Generator().manual_seed(9)
    for _ in range(5):
        with torch.no_grad():
            next(operator.parameters()).add_(torch.randn(6, 6, generator=generator))
        average.update(operator)
    matrix = average.module.matrix
    assert (matrix - operator.matrix).norm() > 1e-2, "the premise: an average"
    torch.testing.assert_close(matrix @ matrix.T, torch.eye(6), atol=1e-5, rtol=0)


def test_the_identity_has_nothing_to_learn_and_nothing_to_store():
    operator = IdentityOperator(3)
    latents = torch.randn(4, 3, generator=torch.Generator().manual_seed(10))
    assert torch.equal(operator(latents), latents)
    assert list(operator.parameters()) == []
    assert operator.state_dict() == {}


@pytest.mark.parametrize(
    ("config", "kind"),
    [(DenseConfig(), DenseOperator), (IdentityConfig(), IdentityOperator), (IsometricConfig(), IsometricOperator)],
)
def test_a_choice_of_operator_builds_it(config, kind):
    operator = config.built(4)
    assert type(operator) is kind
    assert operator.matrix.shape == (4, 4)
