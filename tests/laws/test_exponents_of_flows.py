"""What holds for the finite-time Lyapunov exponents of every map.

With λ_i the logarithms of the singular values of the Jacobian, in rows: those of x ↦ xA are of A; a composition has
DΦ DΨ, so exponents add at most, λ_1(Ψ∘Φ) ≤ λ_1(Φ) + λ_1(Ψ), and volumes exactly.
"""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from strategies import generators, well_conditioned_matrices

from koopman_analysis.sensitivity import (
    Linearisation,
    all_pairs,
    demanded_constant,
    leading_lyapunov_exponents,
    lyapunov_exponents,
)

ROUNDING = 1e-10
"""Of matrices of at most five rows, with singular values in [1/2, 2]."""

maps = st.integers(1, 5).flatmap(well_conditioned_matrices)
pairs_of_maps = st.integers(1, 5).flatmap(
    lambda size: st.tuples(well_conditioned_matrices(size), well_conditioned_matrices(size))
)


def curved(states: np.ndarray, matrix: np.ndarray) -> Linearisation:
    """The map x ↦ sinh(xA) and its derivative."""
    inner = states @ matrix
    return Linearisation(states=states, images=np.sinh(inner), jacobians=matrix * np.cosh(inner)[:, None, :])


@given(A=maps)
def test_the_exponents_of_a_linear_map_are_the_logarithms_of_its_singular_values(A):
    found = lyapunov_exponents(np.tile(A, (3, 1, 1)))
    np.testing.assert_allclose(found.spectrum, np.tile(np.log(np.linalg.svd(A)[1]), (3, 1)), rtol=0, atol=ROUNDING)
    np.testing.assert_allclose(found.centred, 0, atol=ROUNDING)


@given(matrices=pairs_of_maps, rng=generators())
def test_the_jacobian_of_a_composition_is_the_product_in_the_order_of_the_maps(matrices, rng):
    states = 0.3 * rng.standard_normal((4, len(matrices[0])))
    first = curved(states, matrices[0])
    second = curved(first.images, matrices[1])
    product = first.jacobians @ second.jacobians
    width = 1e-5
    for axis, row in zip(np.eye(states.shape[1]), np.swapaxes(product, 0, 1), strict=True):
        ahead, behind = (
            curved(curved(states + sign * width * axis, matrices[0]).images, matrices[1]).images for sign in (1, -1)
        )
        np.testing.assert_allclose((ahead - behind) / (2 * width), row, rtol=1e-5, atol=1e-5 * np.abs(product).max())


@given(matrices=pairs_of_maps, rng=generators())
def test_exponents_of_a_composition_add_at_most_and_volumes_add(matrices, rng):
    first = curved(rng.standard_normal((4, len(matrices[0]))) / 3, matrices[0])
    second = curved(first.images, matrices[1])
    one, two = lyapunov_exponents(first.jacobians), lyapunov_exponents(second.jacobians)
    both = lyapunov_exponents(first.jacobians @ second.jacobians)
    assert (both.leading <= one.leading + two.leading + ROUNDING).all()
    np.testing.assert_allclose(both.log_volume, one.log_volume + two.log_volume, rtol=1e-9, atol=1e-9)


@given(A=maps)
def test_the_sum_of_the_exponents_is_the_logarithm_of_the_volume(A):
    found = lyapunov_exponents(A[None])
    np.testing.assert_allclose(found.log_volume, np.linalg.slogdet(A)[1], rtol=0, atol=ROUNDING)


@given(A=maps, rng=generators())
def test_rotations_before_and_after_a_map_change_no_exponent(A, rng):
    before, after = (np.linalg.qr(rng.standard_normal(A.shape))[0] for _ in range(2))
    np.testing.assert_allclose(
        lyapunov_exponents((before @ A @ after)[None]).spectrum, lyapunov_exponents(A[None]).spectrum, atol=ROUNDING
    )


@given(A=maps, unit=st.floats(1e-3, 1e3))
def test_a_unit_shifts_every_exponent_and_what_is_read_not_at_all(A, unit):
    jacobians = np.stack([A, 2 * A, 3 * A])
    plain, scaled = lyapunov_exponents(jacobians), lyapunov_exponents(unit * jacobians)
    np.testing.assert_allclose(scaled.spectrum, plain.spectrum + np.log(unit), rtol=0, atol=ROUNDING)
    np.testing.assert_allclose(scaled.centred, plain.centred, rtol=0, atol=ROUNDING)


@given(A=maps, rng=generators())
def test_products_alone_never_exceed_the_largest_exponent_and_the_residual_bounds_what_is_missing(A, rng):
    found = leading_lyapunov_exponents(
        lambda rows: rows @ A, lambda rows: rows @ A.T, states=2, features=len(A), block=1, rounds=5, rng=rng
    )
    exponents, ritz = np.exp(lyapunov_exponents(A[None]).spectrum), np.exp(found.leading)
    assert (ritz <= exponents.max() * (1 + ROUNDING)).all()
    assert (np.abs(exponents - ritz[:, None]).min(axis=1) <= (found.residual + ROUNDING) * ritz).all()


@given(A=maps, rng=generators())
def test_no_pair_of_a_linear_map_demands_more_than_its_largest_stretching(A, rng):
    states = rng.standard_normal((12, len(A)))
    pairs = all_pairs(states, states @ A, np.zeros(12))
    largest = demanded_constant(pairs, share=1.0)
    assert np.log(largest) <= lyapunov_exponents(A[None]).leading[0] + ROUNDING
