import pytest
import torch

from kdm.control import ConstantControl, NoControl
from kdm.operators import DenseOperator


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
