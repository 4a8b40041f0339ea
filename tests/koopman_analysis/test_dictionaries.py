from math import comb

import numpy as np
import pytest
import torch

from koopman_analysis.dictionaries import (
    Constant,
    Coordinates,
    EncoderDictionary,
    FunctionDictionary,
    Hermite,
    Monomials,
    RandomFourier,
)

STATES = np.random.default_rng(0).standard_normal((40, 3))


def first(states):
    return states[:, 0]


def zoo():
    rng = np.random.default_rng(1)
    return [
        Constant(),
        Coordinates(),
        Monomials(0),
        Monomials(3),
        Hermite(0),
        Hermite(3, mean=0.2, scale=np.array([1.0, 2.0, 3.0])),
        RandomFourier(1, 2.0, rng=rng),
        RandomFourier(7, 2.0, rng=rng),
        FunctionDictionary([first]),
        EncoderDictionary(lambda x: x[:, :2]),
        Monomials(2) + RandomFourier(4, 1.0, rng=rng),
        Monomials(1) * Hermite(2),
    ]


@pytest.mark.parametrize("psi", zoo(), ids=lambda psi: type(psi).__name__)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_dictionary_has_one_name_for_each_feature_and_keeps_the_precision(psi, dtype):
    features = psi(STATES.astype(dtype))
    assert features.shape == (40, psi.size)
    assert len(set(psi.names)) == psi.size
    assert features.dtype == dtype


@pytest.mark.parametrize("psi", zoo(), ids=lambda psi: type(psi).__name__)
def test_tensors_are_lifted_as_arrays_are(psi):
    expected = psi(STATES)
    features = psi(torch.from_numpy(STATES))
    assert isinstance(features, torch.Tensor)
    np.testing.assert_allclose(features.numpy(), expected, rtol=1e-13, atol=1e-13)
    assert psi(torch.from_numpy(STATES).float()).dtype == torch.float32


@pytest.mark.parametrize("psi", zoo(), ids=lambda psi: type(psi).__name__)
def test_what_a_dictionary_says_of_its_constants_and_coordinates_is_true(psi):
    features = psi(STATES)
    constant = [j for j in range(psi.size) if np.ptp(features[:, j]) < 1e-12]
    assert list(psi.constants) == constant
    if psi.coordinates is not None:
        np.testing.assert_array_equal(features[:, list(psi.coordinates)], STATES)


def test_monomials_are_every_product_of_powers_once():
    psi = Monomials(4)
    features = psi(STATES)
    assert psi.size == comb(3 + 4, 4)
    for name, column in zip(psi.names, features.T, strict=True):
        expected = np.ones(len(STATES))
        for factor in name.split() if name != "1" else []:
            variable, _, power = factor.partition("^")
            expected = expected * STATES[:, int(variable[1:]) - 1] ** int(power or 1)
        np.testing.assert_allclose(column, expected, rtol=1e-12)
    assert Monomials(2, dimension=2).names == ("1", "x1", "x2", "x1^2", "x1 x2", "x2^2")


def test_hermite_polynomials_are_orthonormal_in_their_own_normal_law():
    nodes, weights = np.polynomial.hermite_e.hermegauss(8)
    mean, scale = np.array([1.0, -2.0]), np.array([0.5, 3.0])
    grid = np.stack(np.meshgrid(nodes, nodes), axis=-1).reshape(-1, 2) * scale + mean
    mass = np.multiply.outer(weights, weights).ravel() / weights.sum() ** 2
    features = Hermite(5, mean=mean, scale=scale)(grid)
    # Eight nodes integrate polynomials of degree 15 exactly; products of two features have degree 10.
    np.testing.assert_allclose(features.T * mass @ features, np.eye(comb(7, 5)), atol=1e-11)


def test_a_fitted_hermite_dictionary_has_the_moments_of_the_states():
    states = 5 + 3 * STATES
    features = Hermite(1).fitted(states)(states)
    np.testing.assert_allclose(features[:, 1:].mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(features[:, 1:].std(axis=0), 1, rtol=1e-12)


def test_random_fourier_features_approach_the_gaussian_kernel():
    x = STATES[:10]
    features = RandomFourier(40_000, 1.5, rng=np.random.default_rng(2))(x)
    kernel = np.exp(-np.square(x[:, None] - x[None]).sum(axis=2) / (2 * 1.5**2))
    # A mean of 20 000 bounded terms: five standard errors of at most 1 / sqrt(2 · 20 000).
    np.testing.assert_allclose(features @ features.T / 20_000, kernel, atol=0.025)


def test_random_waves_come_from_the_generator_alone_and_leave_the_global_seed():
    before = np.random.get_state()[1].copy()  # noqa: NPY002 - the global state is what must not change
    one, same, other = (RandomFourier(6, rng=np.random.default_rng(seed))(STATES) for seed in (3, 3, 4))
    np.testing.assert_array_equal(one, same)
    assert not np.allclose(one, other)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_a_sum_concatenates_and_a_product_multiplies_everything():
    a, b = Monomials(1), FunctionDictionary([first, lambda x: np.cos(x[:, 1])], names=["f", "g"])
    np.testing.assert_array_equal((a + b)(STATES), np.concatenate([a(STATES), b(STATES)], axis=1))
    np.testing.assert_array_equal(
        (a * b)(STATES), np.einsum("ni,nj->nij", a(STATES), b(STATES)).reshape(len(STATES), -1)
    )
    assert (a + b).names == ("1", "x1", "x2", "x3", "f", "g")
    assert (a * b).names[2:4] == ("x1 f", "x1 g")
    assert (RandomFourier(2, rng=np.random.default_rng(0), dimension=3) + a).coordinates == (3, 4, 5)


def test_names_may_be_had_before_any_state_is_seen():
    assert FunctionDictionary([first], dimension=1).size == 1
    assert (EncoderDictionary(lambda x: x, size=2, dimension=3) + Coordinates()).names == ("z1", "z2", "x1", "x2", "x3")
    assert (FunctionDictionary([first], names=["f"]) * Coordinates(dimension=2)).names == ("f x1", "f x2")


def test_a_dictionary_belongs_to_states_of_one_width():
    psi = Monomials(2)
    with pytest.raises(ValueError, match="call the dictionary once, or say dimension="):
        _ = psi.size
    psi(STATES)
    with pytest.raises(ValueError, match="expected states of 3 features"):
        psi(STATES[:, :2])
    with pytest.raises(ValueError, match="two dictionaries on states of one width"):
        psi + Coordinates(dimension=2)
    with pytest.raises(ValueError, match="one a row"):
        Coordinates()(STATES[0])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Monomials(-1), "degree of at least 0"),
        (lambda: Hermite(-1), "degree of at least 0"),
        (lambda: Hermite(1, scale=0.0), "positive scales"),
        (lambda: Hermite(1).fitted(np.ones((5, 2))), "drop coordinates that do not vary"),
        (lambda: RandomFourier(0, rng=np.random.default_rng(0)), "at least one function"),
        (lambda: RandomFourier(1, -1.0, rng=np.random.default_rng(0)), "positive length scale"),
        (lambda: FunctionDictionary([]), "at least one function"),
        (lambda: FunctionDictionary([first], names=["a", "b"]), "a name for each"),
        (lambda: FunctionDictionary([lambda x: x])(STATES), "one value per state"),
        (lambda: Coordinates(dimension=0), "at least one feature"),
        (lambda: EncoderDictionary(lambda x: x).size, "say size="),
        (lambda: EncoderDictionary(lambda x: x[0])(STATES), "latents of shape"),
        (lambda: EncoderDictionary(lambda x: x, size=2)(STATES), r"latents of shape \(40, 2\)"),
    ],
)
def test_a_dictionary_that_means_nothing_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
