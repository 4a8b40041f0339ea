from functools import partial
from math import comb

import numpy as np
import pytest
import torch
from scipy import special
from scipy.interpolate import RBFInterpolator

from koopman_analysis.dictionaries import (
    Chebyshev,
    ComplexFourier,
    Constant,
    Coordinates,
    EncoderDictionary,
    Fourier,
    FunctionDictionary,
    Gaussian,
    Hermite,
    Legendre,
    Monomials,
    RadialBasis,
    RandomFourier,
    Sum,
    ThinPlate,
    WithConjugates,
    rbf,
)

STATES = np.random.default_rng(0).standard_normal((40, 3))
TENSOR = torch.from_numpy(STATES)


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
        Legendre(0),
        Legendre(3, low=-3.0, high=np.array([2.0, 3.0, 4.0])),
        Chebyshev(2, low=-3.0, high=3.0),
        RadialBasis(STATES[:5], Gaussian(1.5)),
        RadialBasis(STATES[:5], ThinPlate(1.5)),
        RandomFourier(1, 2.0, rng=rng),
        RandomFourier(7, 2.0, rng=rng),
        FunctionDictionary([first]),
        EncoderDictionary(lambda x: x[:, :2]),
        Monomials(2) + RandomFourier(4, 1.0, rng=rng),
        Monomials(1) * Hermite(2),
        RandomFourier(4, rng=rng) + (RandomFourier(4, rng=rng) + Constant()),
    ]


def complex_zoo():
    rng = np.random.default_rng(2)
    return [
        ComplexFourier(4, 2.0, rng=rng),
        Fourier(0, period=1.0),
        Fourier(2, period=np.array([4.0, 5.0, 6.0])),
        WithConjugates(Constant() * ComplexFourier(2, rng=rng)),
        Coordinates() + ComplexFourier(2, rng=rng),
        Monomials(1) * ComplexFourier(2, rng=rng),
    ]


every = pytest.mark.parametrize("psi", zoo() + complex_zoo(), ids=lambda psi: type(psi).__name__)


@every
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_dictionary_has_one_name_for_each_feature_and_keeps_the_precision(psi, dtype):
    features = psi(STATES.astype(dtype))
    assert features.shape == (40, psi.size)
    assert len(psi.names) == len(set(psi.names)) == psi.size
    assert features.real.dtype == dtype


@every
def test_tensors_are_lifted_as_arrays_are(psi):
    expected = psi(STATES)
    features = psi(torch.from_numpy(STATES))
    assert isinstance(features, torch.Tensor)
    np.testing.assert_allclose(features.numpy(), expected, rtol=1e-13, atol=1e-13)
    assert psi(torch.from_numpy(STATES).float()).real.dtype == torch.float32


@pytest.mark.gpu
@every
def test_features_stay_on_the_device_of_the_states(psi):
    states = TENSOR.to("cuda")
    features = psi(states)
    assert features.device == states.device
    np.testing.assert_allclose(features.cpu().numpy(), psi(STATES), rtol=1e-12, atol=1e-12)
    out = torch.empty_like(features)
    psi.lift_into(states, out)
    np.testing.assert_allclose(out.cpu().numpy(), psi(STATES), rtol=1e-12, atol=1e-12)


@every
def test_features_may_be_written_into_a_place(psi):
    expected = psi(STATES)
    for buffer in (np.empty((psi.size, 40), expected.dtype), torch.empty((psi.size, 40), dtype=psi(TENSOR).dtype)):
        assert psi.lift_into(STATES if isinstance(buffer, np.ndarray) else TENSOR, buffer.T) is None
        np.testing.assert_allclose(np.asarray(buffer).T, expected, rtol=1e-13, atol=1e-13)


@every
def test_the_functions_of_a_dictionary_lie_side_by_side(psi):
    features = psi(STATES)
    if psi.size > 1 and not isinstance(psi, Coordinates | EncoderDictionary):  # those return what they are given
        assert features.flags.f_contiguous


@every
def test_what_a_dictionary_says_of_its_constants_and_coordinates_is_true(psi):
    features = psi(STATES)
    constant = [j for j in range(psi.size) if np.ptp(features[:, j].real) + np.ptp(features[:, j].imag) < 1e-12]
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


@pytest.mark.parametrize(
    ("psi", "symbol", "univariate"),
    [
        (Hermite(4), "h", lambda k, t: special.eval_hermitenorm(k, t) / special.factorial(k) ** 0.5),
        (Legendre(4), "P", lambda k, t: (2 * k + 1) ** 0.5 * special.eval_legendre(k, t)),
        (Chebyshev(4), "T", lambda k, t: (2 if k else 1) ** 0.5 * special.eval_chebyt(k, t)),
    ],
    ids=["Hermite", "Legendre", "Chebyshev"],
)
def test_orthonormal_polynomials_are_the_classical_ones_and_named_so(psi, symbol, univariate):
    features = psi(STATES)
    assert np.abs(STATES).max() > 2, "some states lie outside the box"
    assert psi.names[4:7] == (f"{symbol}2(x1)", f"{symbol}1(x1) {symbol}1(x2)", f"{symbol}1(x1) {symbol}1(x3)")
    for name, column in zip(psi.names[1:], features[:, 1:].T, strict=True):
        expected = np.ones(len(STATES))
        for factor in name.split():
            degree, variable = factor[1:-1].split("(x")
            expected = expected * univariate(int(degree), STATES[:, int(variable) - 1])
        np.testing.assert_allclose(column, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("family", [Legendre, Chebyshev])
def test_a_fitted_box_holds_the_states_with_the_margin_of_uniform_draws(family):
    rng, n = np.random.default_rng(4), 11
    draws = [family(1).fitted(rng.uniform(-2, 6, (n, 1))) for _ in range(2000)]
    # Ends with that margin are unbiased: a mean of 2000 gaps, each of deviation about 8 / n.
    np.testing.assert_allclose(np.mean([psi.low for psi in draws]), -2, atol=5 * 8 / n / 2000**0.5)
    np.testing.assert_allclose(np.mean([psi.high for psi in draws]), 6, atol=5 * 8 / n / 2000**0.5)
    psi = family(1).fitted(TENSOR)
    assert psi.dimension == 3
    np.testing.assert_allclose(psi.low, STATES.min(axis=0) - np.ptp(STATES, axis=0) / 39)


def test_random_fourier_features_approach_the_gaussian_kernel():
    x = STATES[:10]
    features = RandomFourier(40_000, 1.5, rng=np.random.default_rng(2))(x)
    kernel = np.exp(-np.square(x[:, None] - x[None]).sum(axis=2) / (2 * 1.5**2))
    # A mean of 20 000 bounded terms: five standard errors of at most 1 / sqrt(2 · 20 000).
    np.testing.assert_allclose(features @ features.T / 20_000, kernel, atol=0.025)


def test_complex_waves_approach_the_gaussian_kernel_with_as_many_waves_as_functions():
    x = STATES[:10]
    features = ComplexFourier(20_000, 1.5, rng=np.random.default_rng(2))(x)
    kernel = np.exp(-np.square(x[:, None] - x[None]).sum(axis=2) / (2 * 1.5**2))
    np.testing.assert_allclose(features @ features.conj().T / 20_000, kernel, atol=0.025)


def test_fitted_waves_have_the_median_distance_as_their_length():
    rng = np.random.default_rng(5)
    states = 3 * rng.standard_normal((1500, 2))
    psi = RandomFourier.fitted(states, count=10, rng=rng)
    # The distance of two normal points of the plane has the median 3 · 2 · √(log 2).
    assert isinstance(psi, RandomFourier)
    assert psi.size == 10
    assert psi.scale == pytest.approx(6 * np.log(2) ** 0.5, rel=0.05)
    assert isinstance(ComplexFourier.fitted(TENSOR, count=3, rng=rng), ComplexFourier)


def test_waves_are_drawn_once():
    psi = RandomFourier(6, rng=np.random.default_rng(3))
    assert psi.waves(2) is psi.waves(2)
    assert psi.waves(3).shape == (3, 3)


def test_lattice_modes_are_named_by_their_frequencies_and_read_backwards_as_conjugates():
    psi = Fourier(1, period=2.0, dimension=2)
    assert psi.names[0] == "exp i(-1,-1)·θ"
    assert psi.names[4] == "1"
    assert psi.constants == (4,)
    theta = np.pi * STATES[:, :2]
    np.testing.assert_allclose(psi(STATES[:, :2])[:, 5], np.exp(1j * theta[:, 1]), atol=1e-14)
    np.testing.assert_array_equal(psi(STATES[:, :2])[:, ::-1], psi(STATES[:, :2]).conj())


def test_centres_are_found_where_the_states_are_with_the_scale_of_their_spacing():
    rng = np.random.default_rng(6)
    corners = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0], [4.0, 4.0]])
    states = np.repeat(corners, 100, axis=0) + 0.01 * rng.standard_normal((400, 2))
    psi = RadialBasis.fitted(torch.from_numpy(states), count=4, overlap=0.5, rng=rng)
    nearest = np.linalg.norm(psi.centres[:, None] - corners, axis=2).min(axis=0)
    np.testing.assert_allclose(nearest, 0, atol=0.01)
    assert isinstance(psi.radial, Gaussian)
    assert psi.radial.scale == pytest.approx(2.0, rel=0.01)
    same = [RadialBasis.fitted(states, count=7, radial=ThinPlate, rng=np.random.default_rng(7)) for _ in range(2)]
    np.testing.assert_array_equal(same[0].centres, same[1].centres)
    assert isinstance(same[0].radial, ThinPlate)


def test_more_values_than_a_block_holds_are_the_same():
    psi = RadialBasis(np.random.default_rng(8).standard_normal((40, 3)), Gaussian(1.0))
    states = np.random.default_rng(9).standard_normal((30_000, 3))
    assert states.shape[0] * psi.size > 2 * rbf.BLOCK
    out = np.empty((psi.size, 30_000)).T
    psi.lift_into(states, out)
    np.testing.assert_allclose(out, psi(states), atol=1e-13)


def test_thin_plates_with_affine_functions_interpolate_as_scipy_does():
    centres, values = STATES[:20, :2], np.cos(STATES[:20, 0])
    psi = Constant() + Coordinates() + RadialBasis(centres, ThinPlate(1.0))
    system = np.zeros((23, 23))
    system[:20], system[20:, 3:] = psi(centres), psi(centres)[:, :3].T
    weights = np.linalg.solve(system, np.append(values, np.zeros(3)))
    expected = RBFInterpolator(centres, values, kernel="thin_plate_spline")(STATES[20:, :2])
    np.testing.assert_allclose(psi(STATES[20:, :2]) @ weights, expected, rtol=1e-9, atol=1e-9)


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


def test_a_sum_of_sums_is_one_sum_and_its_names_do_not_repeat():
    a, b = (RandomFourier(2, rng=np.random.default_rng(seed), dimension=1) for seed in (0, 1))
    psi = (a + b) + (Constant() + a)
    assert isinstance(psi, Sum)
    assert psi.parts[:2] == (a, b)
    assert len(psi.parts) == 4
    assert psi.names[::2] == ("cos w1·x", "cos w1·x (2)", "1", "sin w1·x (3)")
    assert ((a + b) * Coordinates()).names[2] == "cos w1·x (2) x1"


def test_functions_without_names_are_numbered():
    psi = FunctionDictionary([lambda x: x[:, 0], first, first, partial(first)])
    assert psi.names == ("f1", "first", "first (2)", "f4")


def test_a_real_part_becomes_complex_beside_a_complex_one():
    waves = ComplexFourier(2, rng=np.random.default_rng(0))
    features = (Coordinates() + waves)(STATES.astype(np.float32))
    assert features.dtype == np.complex64
    np.testing.assert_array_equal(features[:, :3], STATES.astype(np.float32))
    np.testing.assert_allclose((Coordinates() * waves)(STATES)[:, 1], STATES[:, 0] * waves(STATES)[:, 1])


def test_a_width_is_agreed_on_by_all_parts_or_by_none():
    free, other = Monomials(1), Hermite(1)
    psi = free + (Constant() * other)
    with pytest.raises(ValueError, match="expected states of 2 features"):
        (psi + FunctionDictionary([first], dimension=2))(STATES)
    free, other = Monomials(1), Hermite(1)
    psi = free + (Constant() * other)
    other(STATES)
    with pytest.raises(ValueError, match="expected states of 3 features"):
        psi(STATES[:, :2])
    assert free.dimension is None
    psi(STATES)
    assert free.dimension == 3
    assert Legendre(1, low=np.zeros(2)).dimension == Fourier(1, period=np.ones(2)).dimension == 2


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
    with pytest.raises(ValueError, match=r"dictionaries on states of one width, got widths \[2, 3\]"):
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
        (lambda: Hermite(1, mean=np.zeros((2, 2))), "a number or one for each coordinate"),
        (lambda: Hermite(1, mean=np.zeros(2), scale=np.ones(3)), "a number or one for each coordinate"),
        (lambda: Hermite(1, mean=np.zeros(2), dimension=3), "coordinate.* for states of 3 features"),
        (lambda: Legendre(1, low=1.0, high=1.0), "low < high in each coordinate"),
        (lambda: Chebyshev(1).fitted(np.ones((5, 2))), "drop coordinates that do not vary"),
        (lambda: Legendre(1).fitted(STATES[:1]), "drop coordinates that do not vary"),
        (lambda: Fourier(-1, period=1.0), "degree of at least 0"),
        (lambda: Fourier(1, period=0.0), "positive periods"),
        (lambda: RandomFourier.fitted(np.ones((5, 2)), count=2, rng=np.random.default_rng(0)), "say scale="),
        (lambda: RandomFourier.fitted(STATES[:1], count=2, rng=np.random.default_rng(0)), "say scale="),
        (lambda: Gaussian(0.0), "positive length scale"),
        (lambda: ThinPlate(-1.0), "positive length scale"),
        (lambda: RadialBasis(STATES[0], Gaussian(1.0)), "centres of shape"),
        (lambda: RadialBasis(np.full((2, 2), np.nan), Gaussian(1.0)), "NaN or Inf"),
        (lambda: RadialBasis.fitted(STATES, count=1, rng=np.random.default_rng(0)), "from 2 centres"),
        (lambda: RadialBasis.fitted(np.ones((9, 2)), count=2, rng=np.random.default_rng(0)), r"different states \(1\)"),
        (lambda: WithConjugates(Coordinates())(STATES), "complex functions to conjugate"),
        (lambda: Sum(), "at least one dictionary"),
        (lambda: Monomials(1).lift_into(STATES, np.empty((39, 4))), r"`out` of shape \(40, m\)"),
        (lambda: Monomials(1).lift_into(STATES, np.empty(40)), r"`out` of shape \(40, m\)"),
        (lambda: Monomials(1).lift_into(STATES, np.empty((40, 3))), "a column for each of 4 functions, got 3"),
        (lambda: Monomials(1).lift_into(STATES, np.empty((40, 5))), "a column for each of 4 functions, got 5"),
        (lambda: RandomFourier(0, rng=np.random.default_rng(0)), "at least one function"),
        (lambda: RandomFourier(1, -1.0, rng=np.random.default_rng(0)), "positive length scale"),
        (lambda: FunctionDictionary([]), "at least one function"),
        (lambda: FunctionDictionary([first], names=["a", "b"]), "a name for each"),
        (lambda: FunctionDictionary([first, first], names=["a", "a"]), "different names"),
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


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: Monomials(1) + first,
            "another dictionary to combine with, got function: wrap functions in FunctionDictionary",
        ),
        (lambda: Monomials(1) * 2.0, "another dictionary to combine with, got float"),
        (lambda: Monomials(1)([[1.0, 2.0]]), "an array of states.* got list"),
        (lambda: Monomials(1)(np.ones((2, 2), dtype=int)), "floating or complex numbers, got dtype int64"),
        (lambda: Monomials(1)(np.ones((2, 2), dtype=object)), "floating or complex numbers, got dtype object"),
        (lambda: RadialBasis(STATES, Gaussian(1.0))(STATES + 0j), "real states"),
        (lambda: Monomials(1).lift_into(STATES, np.empty((40, 4), np.float32)), "`out` of dtype float64"),
        (lambda: complex_zoo()[0].lift_into(STATES, np.empty((40, 4))), "`out` of dtype complex128"),
    ],
)
def test_what_is_no_dictionary_and_no_state_is_named(make, message):
    with pytest.raises(TypeError, match=message):
        make()
