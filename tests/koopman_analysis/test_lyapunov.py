"""Finite-time Lyapunov exponents against linear algebra, and derivatives of maps against closed forms."""

import numpy as np
import pytest

from koopman_analysis.estimators import ArrayLatentModel
from koopman_analysis.sensitivity import (
    KnownFlow,
    Linearisation,
    exponent_field,
    leading_lyapunov_exponents,
    lyapunov_exponents,
    model_linearised,
)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def matrices(n: int = 20, d: int = 6, e: int = 6) -> np.ndarray:
    return rng().standard_normal((n, d, e))


def products(jacobians: np.ndarray):
    return (lambda rows: rows @ jacobians), (lambda rows: rows @ np.swapaxes(jacobians, 1, 2))


def test_exponents_are_logarithms_of_singular_values_and_their_sum_is_that_of_the_volume():
    found = lyapunov_exponents(matrices())
    expected = np.log([np.linalg.svd(matrix)[1] for matrix in matrices()])
    np.testing.assert_allclose(found.spectrum, expected, rtol=0, atol=1e-12)
    np.testing.assert_allclose(found.log_volume, np.linalg.slogdet(matrices())[1], rtol=0, atol=1e-11)
    assert (found.residual < 1e-14).all()
    assert found.features == 6


def test_what_is_read_is_the_leading_exponent_less_its_median():
    found = lyapunov_exponents(matrices())
    assert np.median(found.centred) == pytest.approx(0, abs=1e-12)
    np.testing.assert_allclose(found.centred + found.median, found.leading, rtol=1e-12)
    scaled = lyapunov_exponents(matrices() / 80)
    assert scaled.median == pytest.approx(found.median - np.log(80))
    np.testing.assert_allclose(scaled.centred, found.centred, rtol=0, atol=1e-12)
    np.testing.assert_allclose(found.subset(np.array([3, 1])).leading, found.leading[[3, 1]])


def test_an_exponent_is_the_growth_of_the_fastest_of_all_directions():
    jacobians = matrices(3, 2, 2)
    angles = np.linspace(0, np.pi, 20_001)
    directions = np.column_stack([np.cos(angles), np.sin(angles)])
    growth = np.linalg.norm(directions @ jacobians, axis=2).max(axis=1)
    np.testing.assert_allclose(lyapunov_exponents(jacobians).leading, np.log(growth), rtol=0, atol=1e-7)


@pytest.mark.parametrize("shape", [(20, 40, 40), (20, 40, 12), (20, 2, 2)])
def test_products_alone_give_the_leading_exponent(shape):
    jacobians = rng(1).standard_normal(shape)
    found = leading_lyapunov_exponents(*products(jacobians), states=shape[0], features=shape[1], rounds=200, rng=rng(2))
    assert (found.residual <= 1e-3).all()
    exact = lyapunov_exponents(jacobians).leading
    assert (found.leading <= exact + 1e-12).all(), "a Ritz value is never above the largest"
    # Its error is of the order of the residual squared, unless the residual found another singular value.
    np.testing.assert_allclose(found.leading, exact, rtol=0, atol=1e-3)


def test_a_residual_bounds_the_distance_to_a_singular_value_even_when_the_rounds_were_too_few():
    jacobians = rng(1).standard_normal((20, 40, 40))
    found = leading_lyapunov_exponents(
        *products(jacobians), states=20, features=40, block=2, rounds=3, tolerance=0.0, rng=rng(2)
    )
    assert found.residual.max() > 0.05, "the premise: the rounds were too few"
    values = np.exp(lyapunov_exponents(jacobians).spectrum)
    ritz = np.exp(found.leading)
    nearest = np.abs(values - ritz[:, None]).min(axis=1)
    assert (nearest <= found.residual * ritz * (1 + 1e-9)).all()


def test_what_has_no_exponents_or_no_volume_is_refused():
    with pytest.raises(ValueError, match="Jacobians other than 0, got 1 of 3"):
        lyapunov_exponents(np.stack([np.eye(2), np.zeros((2, 2)), np.eye(2)]))
    leading = leading_lyapunov_exponents(*products(matrices()), states=20, features=6, rng=rng())
    with pytest.raises(ValueError, match="all 6 exponents for a volume, got 1"):
        _ = leading.log_volume
    with pytest.raises(ValueError, match="at least one round, got 0"):
        leading_lyapunov_exponents(*products(matrices()), states=20, features=6, rounds=0, rng=rng())
    with pytest.raises(ValueError, match="derivative other than 0"):
        leading_lyapunov_exponents(*products(0 * matrices()), states=20, features=6, rng=rng())


K = np.array([[0.5, 1.0], [0.0, 0.25]])


def curved(**own) -> ArrayLatentModel:
    """The model x ↦ tanh((2x) K)."""
    return ArrayLatentModel(
        encode_noise=lambda x: 2 * x, encode_data=lambda y: y, matrix=K, decode=np.tanh, **own
    )  # fmt: skip


def derivative(x: np.ndarray) -> np.ndarray:
    return 2 * K[None] * (1 - np.tanh(2 * x @ K) ** 2)[:, None, :]


def test_a_model_is_differentiated_by_differences_in_rows():
    x = 80 * rng().standard_normal((50, 2)) / 100
    found = model_linearised(curved(), x)
    np.testing.assert_allclose(found.images, np.tanh(2 * x @ K), rtol=1e-12)
    np.testing.assert_allclose(found.jacobians, derivative(x), rtol=0, atol=1e-4)
    assert abs(found.jacobians[0, 1, 0]) < 1e-4 < abs(found.jacobians[0, 0, 1]), "row a is along axis a"


def test_a_model_that_brings_its_derivative_is_asked_for_it():
    class WithDerivative(ArrayLatentModel):
        def jacobians(self, noise, labels=None):
            return derivative(noise)

    some = curved()
    model = WithDerivative(
        encode_noise=some.encode_noise, encode_data=some.encode_data, matrix=K, decode=some.decode
    )  # fmt: skip
    x = rng().standard_normal((5, 2))
    np.testing.assert_array_equal(model_linearised(model, x).jacobians, derivative(x))


def test_a_linearisation_of_other_shapes_or_without_numbers_is_refused():
    x = np.ones((3, 2))
    with pytest.raises(ValueError, match=r"Jacobians of shape \(3, 2, 2\), got 3 images and shape \(3, 2, 1\)"):
        Linearisation(states=x, images=x, jacobians=np.ones((3, 2, 1)))
    broken = np.ones((3, 2, 2))
    broken[1, 0, 0] = np.nan
    with pytest.raises(ValueError, match="one that is not at state 1"):
        Linearisation(states=x, images=x, jacobians=broken)


def test_a_field_has_a_row_for_each_second_coordinate():
    def linearised(x):
        y = np.column_stack([x[:, 0], x[:, 1] ** 2])
        jacobians = np.zeros((len(x), 2, 2))
        jacobians[:, 0, 0], jacobians[:, 1, 1] = 0.1, 1 + np.abs(x[:, 1])
        return Linearisation(states=x, images=y, jacobians=jacobians)

    flow = KnownFlow(linearised=linearised, classes=lambda y: (y[:, 0] > 0).astype(int))
    field = exponent_field(flow, half_width=3, points=7, reference=0.5)
    np.testing.assert_allclose(field.exponents, np.log(1 + np.abs(field.coordinates))[:, None] + np.zeros(7) - 0.5)
    np.testing.assert_array_equal(field.classes, np.tile(field.coordinates > 0, (7, 1)))
    low, high = field.limits
    assert field.exponents.min() <= low < high <= field.exponents.max()
    assert exponent_field(KnownFlow(linearised=linearised), half_width=3, points=4).classes is None
    with pytest.raises(ValueError, match="at least two points on each axis, got 1"):
        exponent_field(flow, half_width=3, points=1)


def test_jacobians_in_single_precision_are_decomposed_in_double_and_their_residual_says_theirs():
    single = matrices().astype(np.float32)
    found = lyapunov_exponents(single)
    np.testing.assert_array_equal(found.spectrum, lyapunov_exponents(single.astype(np.float64)).spectrum)
    assert found.spectrum.dtype == np.float64
    np.testing.assert_allclose(found.residual, 6 * np.finfo(np.float32).eps)


def test_jacobians_and_products_without_numbers_are_refused():
    for broken in (np.nan, np.inf):
        with pytest.raises(ValueError, match="finite Jacobians, got NaN or ∞"):
            lyapunov_exponents(np.full((2, 2, 2), broken))
        with pytest.raises(ValueError, match="finite products, got NaN or ∞"):
            leading_lyapunov_exponents(
                *[lambda rows, value=broken: np.full_like(rows, value)] * 2, states=20, features=6, rng=rng()
            )
    with pytest.raises(ValueError, match=r"at least one Jacobian of shape \(d, e\)"):
        lyapunov_exponents(np.ones((0, 2, 2)))
    with pytest.raises(ValueError, match="a block of at least one row, got 0"):
        leading_lyapunov_exponents(*products(matrices()), states=20, features=6, block=0, rng=rng())


def test_images_of_one_axis_or_without_numbers_are_refused():
    x = np.ones((3, 2))
    with pytest.raises(ValueError, match="one feature is an axis too"):
        Linearisation(states=x, images=np.ones(3), jacobians=np.ones((3, 2, 1)))
    with pytest.raises(ValueError, match="finite images .* with NaN or ∞"):
        Linearisation(states=x, images=np.nan * x, jacobians=np.ones((3, 2, 2)))


@pytest.mark.parametrize("half_width", [0.0, -1.0, np.nan, np.inf])
def test_a_square_without_a_side_has_no_field(half_width):
    with pytest.raises(ValueError, match="a half width above 0 and finite, got"):
        exponent_field(KnownFlow(linearised=lambda x: None), half_width=half_width)


def test_differences_need_states_that_vary():
    with pytest.raises(ValueError, match="two or more states, whose spread is the unit of differences, got 1"):
        model_linearised(curved(), np.ones((1, 2)))
    with pytest.raises(ValueError, match=r"got constant features \[1\]"):
        model_linearised(curved(), np.array([[0.0, 1.0], [2.0, 1.0]]))


def test_a_flow_that_can_be_differentiated_nowhere_is_refused():
    with pytest.raises(ValueError, match="at least one affordable state, got 0"):
        KnownFlow(linearised=lambda x: None, affordable=0)
