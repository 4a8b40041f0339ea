"""What the operators of a model owe to linear algebra, and the objectives on their spectrum to the set of eigenvalues.

An operator is a matrix K that may be applied without being formed, and a spectrum that may be known without being
computed. With B(M) the real form of a complex matrix, in rows,

    operator(z) = z K,      eigenvalues = spec K,      B(MN) = B(M) B(N),      spec B(M) = spec M ∪ conj spec M.     (1)

Declared and computed eigenvalues of K = P B P⁻¹, B normal, differ by rounding times κ(P): once from the computation of
K, once from that of its eigenvalues.

Source: Bauer & Fike 1960.
"""

import numpy as np
import rounding
import scipy.optimize
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from strategies import generators

from kdm.configuration import seeded_modules
from kdm.operators import (
    DenseConfig,
    FreeBasisConfig,
    IdentityBasisConfig,
    IdentityConfig,
    IsometricConfig,
    KoopmanOperator,
    LowRankConfig,
    OrthogonalBasisConfig,
    SpectralConfig,
    real_form,
)
from kdm.operators.bases import FreeBasis
from kdm.operators.spectral import SpectralOperator
from kdm.spectral_objectives import MatchedDistribution, OnTheCircle, Stability

dimensions = st.integers(1, 9)
bases = st.sampled_from([IdentityBasisConfig(), OrthogonalBasisConfig(), FreeBasisConfig()])
kinds = st.one_of(
    st.sampled_from([DenseConfig(), IdentityConfig(), IsometricConfig()]),
    st.just(LowRankConfig(rank=1)),
    bases.map(lambda basis: SpectralConfig(basis=basis)),
)
objectives = st.sampled_from([Stability(), OnTheCircle(), MatchedDistribution(inner=0.3, outer=1.2)])
ROUNDING = rounding.OPERATIONS * rounding.EPSILON


def drawn(config, dimension: int, rng: np.random.Generator) -> KoopmanOperator:
    """An operator as it starts, in double precision and without gradients."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)  # an orthogonal matrix is one to the precision in which it was drawn
    try:
        with seeded_modules(torch.Generator().manual_seed(int(rng.integers(2**32)))):
            return config.built(dimension).requires_grad_(False)
    finally:
        torch.set_default_dtype(before)


def built(config, dimension: int, rng: np.random.Generator) -> KoopmanOperator:
    """An operator somewhere else in the space of its parameters."""
    operator = drawn(config, dimension, rng)
    for parameter in operator.parameters():
        parameter += torch.from_numpy(0.5 * rng.standard_normal(parameter.shape))
    return operator


def condition_of(operator: KoopmanOperator) -> float:
    """κ(P); 1 of a basis that is orthogonal, or where there is none."""
    free = isinstance(operator, SpectralOperator) and isinstance(operator.basis, FreeBasis)
    condition = float(torch.linalg.cond(operator.basis.columns)) if free else 1.0
    assume(condition < 1e3)
    return condition


def complex_matrix(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.standard_normal(shape) + 1j * rng.standard_normal(shape)


def close_under_conjugation(values: np.ndarray) -> bool:
    return rounding.spectral_distance(values, values.conj()) == 0.0


@given(config=kinds, dimension=dimensions, rng=generators())
def test_an_operator_is_multiplication_by_its_matrix(config, dimension, rng):
    operator = built(config, dimension, rng)
    latents = torch.from_numpy(rng.standard_normal((4, dimension)))
    matrix = operator.matrix
    assert matrix.shape == (dimension, dimension)
    tolerance = rounding.small(ROUNDING * condition_of(operator)) * (1.0 + float(torch.linalg.matrix_norm(matrix)))
    torch.testing.assert_close(operator(latents), latents @ matrix, rtol=0, atol=tolerance)


@given(basis=bases, dimension=dimensions, rng=generators())
def test_declared_eigenvalues_are_those_of_the_matrix(basis, dimension, rng):
    operator = built(SpectralConfig(basis=basis), dimension, rng)
    declared, computed = operator.eigenvalues.numpy(), np.linalg.eigvals(operator.matrix.numpy())
    assert len(declared) == dimension
    tolerance = rounding.small(ROUNDING * condition_of(operator) ** 2)
    assert rounding.spectral_distance(declared, computed) <= tolerance


@given(basis=bases, dimension=dimensions, rng=generators())
def test_a_declared_spectrum_is_closed_under_conjugation_and_within_the_circle(basis, dimension, rng):
    operator = built(SpectralConfig(basis=basis), dimension, rng)
    declared = operator.eigenvalues.numpy()
    assert close_under_conjugation(declared)
    assert np.abs(declared).max() <= 1.0 + rounding.EPSILON


@given(
    basis=st.sampled_from([IdentityBasisConfig(), OrthogonalBasisConfig()]), dimension=dimensions, rng=generators()
)  # fmt: skip
def test_in_an_orthogonal_basis_the_operator_is_normal_and_its_norm_the_largest_modulus(basis, dimension, rng):
    operator = built(SpectralConfig(basis=basis), dimension, rng)
    matrix = operator.matrix
    torch.testing.assert_close(matrix @ matrix.T, matrix.T @ matrix, rtol=0, atol=ROUNDING)
    norm = float(torch.linalg.matrix_norm(matrix, 2))
    np.testing.assert_allclose(norm, operator.eigenvalues.abs().max(), atol=ROUNDING)


@given(dimension=dimensions, rng=generators(), data=st.data())
def test_an_operator_of_low_rank_has_its_rank_and_the_eigenvalues_of_its_matrix(dimension, rng, data):
    rank = data.draw(st.integers(1, dimension))
    config = LowRankConfig(rank=rank)
    values = torch.linalg.svdvals(drawn(config, dimension, rng).matrix).numpy()
    np.testing.assert_allclose(values, [1.0] * rank + [0.0] * (dimension - rank), atol=ROUNDING)
    operator = built(config, dimension, rng)
    matrix = operator.matrix.numpy()
    assert np.linalg.matrix_rank(matrix) == rank
    # Characteristic polynomials, as zeros repeated may be defective: det(I − s K) at a few points.
    for point in np.exp(2j * np.pi * np.arange(3) / 3) / (1.0 + np.linalg.norm(matrix, 2)):
        by_eigenvalues = np.prod(1.0 - point * operator.eigenvalues.numpy())
        np.testing.assert_allclose(by_eigenvalues, np.linalg.det(np.eye(dimension) - point * matrix), atol=ROUNDING)


@given(sizes=st.tuples(*[st.integers(1, 4)] * 3), rng=generators())
def test_the_real_form_of_a_product_is_the_product_of_the_real_forms(sizes, rng):
    p, q, r = sizes
    M, N, w = complex_matrix(rng, p, q), complex_matrix(rng, q, r), complex_matrix(rng, 2, p)
    forms = [real_form(torch.from_numpy(each)).numpy() for each in (M, N, M @ N, M.conj().T)]
    np.testing.assert_allclose(forms[0] @ forms[1], forms[2], atol=ROUNDING)
    np.testing.assert_array_equal(forms[3], forms[0].T)
    in_reals = np.concatenate([w.real, w.imag], axis=1) @ forms[0]
    np.testing.assert_allclose(in_reals[:, :q] + 1j * in_reals[:, q:], w @ M, atol=ROUNDING)


@given(size=st.integers(1, 6), rng=generators())
def test_the_spectrum_of_a_real_form_is_that_of_the_matrix_with_its_conjugate(size, rng):
    M = complex_matrix(rng, size, size)
    expected, vectors = np.linalg.eig(M)
    found = np.linalg.eigvals(real_form(torch.from_numpy(M)).numpy())
    tolerance = rounding.small(ROUNDING * np.linalg.cond(vectors) * np.linalg.norm(M, 2))
    assert rounding.spectral_distance(found, np.concatenate([expected, expected.conj()])) <= tolerance


@given(objective=objectives, size=st.integers(1, 12), rng=generators())
def test_an_objective_on_the_spectrum_knows_neither_order_nor_the_sign_of_phases(objective, size, rng):
    values = complex_matrix(rng, size)
    order, mirrored = rng.permutation(size), rng.random(size) < 0.5
    other = np.where(mirrored, values.conj(), values)[order]
    one, another = (objective(torch.from_numpy(each)) for each in (values, other))
    torch.testing.assert_close(one, another, rtol=ROUNDING, atol=ROUNDING)


@given(objective=objectives, basis=bases, dimension=dimensions, rng=generators())
def test_an_objective_on_the_spectrum_is_the_same_of_declared_and_of_computed_eigenvalues(
    objective, basis, dimension, rng
):
    operator = built(SpectralConfig(basis=basis), dimension, rng)
    declared = objective(operator.eigenvalues)
    computed = objective(torch.linalg.eigvals(operator.matrix))
    assert operator.eigenvalues.abs().min() > 0.5, "the premise: phases are as well known as eigenvalues"
    tolerance = rounding.small(10 * ROUNDING * condition_of(operator) ** 2)
    torch.testing.assert_close(declared, computed, rtol=0, atol=tolerance)


@given(size=st.integers(1, 12), rng=generators())
def test_the_matching_of_moduli_and_phases_is_the_one_of_least_cost(size, rng):
    target, values = MatchedDistribution(inner=0.3, outer=1.2), complex_matrix(rng, size)
    shares = (np.arange(size) + 0.5) / size
    moduli, phases = np.sqrt(0.3**2 + shares * (1.2**2 - 0.3**2)), shares
    costs = [
        np.subtract.outer(given, wanted) ** 2
        for given, wanted in ((np.abs(values), moduli), (np.abs(np.angle(values)) / np.pi, phases))
    ]
    least = sum(cost[scipy.optimize.linear_sum_assignment(cost)].mean() for cost in costs)
    np.testing.assert_allclose(target(torch.from_numpy(values)).item(), least, rtol=ROUNDING, atol=ROUNDING)


@given(size=st.integers(1, 12), rng=generators())
def test_objectives_on_the_spectrum_vanish_where_they_must_and_nowhere_else(size, rng):
    phases = np.exp(1j * rng.uniform(-np.pi, np.pi, size))
    within, on = phases * rng.uniform(0.0, 0.9, size), phases
    beyond = np.concatenate([within, [1.5]])
    for objective, zero, positive in (
        (Stability(), within, beyond),
        (OnTheCircle(), on, within),
        (MatchedDistribution(inner=1.0), np.exp(1j * np.pi * (np.arange(size) + 0.5) / size), within),
    ):
        assert float(objective(torch.from_numpy(zero))) <= ROUNDING
        assert float(objective(torch.from_numpy(positive))) > 1e-4
