"""What logarithms and powers of every operator owe to the semigroup that they come from."""

import numpy as np
import pytest
import scipy.linalg
from hypothesis import assume, given
from hypothesis import strategies as st
from strategies import generators, well_conditioned_matrices

from koopman_analysis.matrix_functions import NoPrincipalLogarithm, fractional_power, generator
from koopman_analysis.systems import LinearMap

ROUNDING = 1e-8
"""Of operators of at most six rows, that e^{‖L‖} ≤ e^{8} and their condition leave."""


@st.composite
def fields(draw) -> np.ndarray:
    """L, real or complex, at times defective, turning by less than 3 in a lag and neither growing nor decaying far."""
    rng, m = draw(generators()), draw(st.integers(1, 6))
    L = rng.standard_normal((m, m)) + draw(st.sampled_from([0, 1j])) * rng.standard_normal((m, m))
    L = np.real_if_close(L) if draw(st.booleans()) else draw(st.floats(-1, 1)) * np.eye(m) + np.eye(m, k=1)
    return L * draw(st.floats(0.1, 2.5)) / max(np.linalg.norm(L, 2), 1.0)


@given(L=fields(), lag=st.floats(0.1, 10.0))
def test_the_generator_of_a_semigroup_is_its_field(L, lag):
    np.testing.assert_allclose(generator(scipy.linalg.expm(L), lag), L / lag, atol=ROUNDING / lag)


@given(L=fields())
def test_the_exponential_of_the_logarithm_is_the_operator_and_real_where_that_is(L):
    K = scipy.linalg.expm(L)
    found = generator(K, 1.0)
    assert np.isrealobj(found) == np.isrealobj(K)
    np.testing.assert_allclose(scipy.linalg.expm(found), K, atol=ROUNDING)
    assert np.abs(np.linalg.eigvals(found).imag).max() < np.pi


@given(L=fields(), s=st.floats(-2.0, 2.0), t=st.floats(-2.0, 2.0))
def test_powers_add_and_commute(L, s, t):
    K = scipy.linalg.expm(L)
    one, other = fractional_power(K, s), fractional_power(K, t)
    size = np.linalg.norm(one) * np.linalg.norm(other)
    np.testing.assert_allclose(one @ other, fractional_power(K, s + t), atol=ROUNDING * size)
    np.testing.assert_allclose(one @ other, other @ one, atol=ROUNDING * size)


@given(L=fields(), k=st.integers(2, 5))
def test_the_power_of_a_root_is_the_operator(L, k):
    K = scipy.linalg.expm(L)
    np.testing.assert_allclose(np.linalg.matrix_power(fractional_power(K, 1 / k), k), K, atol=ROUNDING)


@given(L=fields(), s=st.floats(0.1, 1.0))
def test_the_generator_of_a_power_is_the_share_of_the_generator(L, s):
    K = scipy.linalg.expm(L)
    np.testing.assert_allclose(generator(fractional_power(K, s), s), generator(K, 1.0), atol=ROUNDING / s)


@given(L=fields(), S=well_conditioned_matrices(6))
def test_generators_and_powers_change_coordinates_as_the_operator_does(L, S):
    S = S[: len(L), : len(L)] + 3 * np.eye(len(L))
    K = scipy.linalg.expm(L)
    changed = np.linalg.solve(S, K @ S)
    np.testing.assert_allclose(generator(changed, 1.0), np.linalg.solve(S, generator(K, 1.0) @ S), atol=ROUNDING)
    np.testing.assert_allclose(
        fractional_power(changed, 0.3), np.linalg.solve(S, fractional_power(K, 0.3) @ S), atol=ROUNDING
    )


@given(L=fields())
def test_rows_and_columns_have_transposed_generators(L):
    K = scipy.linalg.expm(L)
    np.testing.assert_allclose(generator(K.T, 1.0), generator(K, 1.0).T, atol=ROUNDING)


@given(rng=generators(), degree=st.integers(1, 3))
def test_the_generator_of_a_linear_flow_is_closed_in_polynomials_with_its_sums_of_rates(rng, degree):
    field = rng.uniform(-0.5, 0.5, (2, 2))
    flow = LinearMap(transition=scipy.linalg.expm(field), degree=degree)
    found = generator(flow.matrix, 1.0)
    np.testing.assert_allclose(found[1:3, 1:3], field, atol=ROUNDING)
    first, second = np.linalg.eigvals(field)
    sums = [j * first + k * second for j in range(degree + 1) for k in range(degree + 1 - j)]
    np.testing.assert_allclose(np.poly(found), np.poly(sums), atol=1e-6)


@given(S=well_conditioned_matrices(4), rng=generators(), position=st.floats(-2.0, 0.0))
def test_an_operator_with_an_eigenvalue_on_the_cut_is_refused(S, rng, position):
    others = rng.uniform(0.2, 1.0, 3) * np.exp(1j * rng.uniform(-2.0, 2.0, 3))
    K = np.linalg.solve(S, np.append(others, position)[:, None] * S)
    assume(np.abs(others[:, None] - others[None, :])[np.triu_indices(3, 1)].min() > 1e-3)
    with pytest.raises(NoPrincipalLogarithm):
        generator(K, 1.0)
    with pytest.raises(NoPrincipalLogarithm):
        fractional_power(K, 0.5)
