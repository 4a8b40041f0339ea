"""What dictionaries owe to their definitions: algebra, orthogonality, symmetries, and every array library."""

import operator
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from strategies import complex_dictionaries, dictionaries, generators, snapshot_pairs, widths

from koopman_analysis.dictionaries import (
    Chebyshev,
    ComplexFourier,
    Constant,
    Coordinates,
    Fourier,
    Gaussian,
    Hermite,
    Legendre,
    Monomials,
    RadialBasis,
    RandomFourier,
    ThinPlate,
    WithConjugates,
)
from koopman_analysis.moments import FactorMoments

simple = st.one_of(dictionaries(), complex_dictionaries())
nested = st.recursive(
    simple,
    lambda inner: st.builds(
        lambda a, b, combine: combine(a, b), inner, inner, st.sampled_from([operator.add, operator.mul])
    ),
    max_leaves=3,
)

# Features of a few normal states are of order at most 1e3, made by at most tens of operations.
CLOSE = {"rtol": 1e-10, "atol": 1e-10}


@st.composite
def normal_states(draw, width: int | None = None) -> np.ndarray:
    """A few standard normal states."""
    d = draw(widths) if width is None else width
    return draw(generators()).standard_normal((draw(st.integers(1, 12)), d))


# ---- one array library or another


@given(psi=nested, x=normal_states())
def test_tensors_are_lifted_as_arrays_are(psi, x):
    expected = psi(x)
    features = psi(torch.from_numpy(x))
    assert isinstance(features, torch.Tensor)
    assert features.numpy().dtype == expected.dtype
    np.testing.assert_allclose(features.numpy(), expected, **CLOSE)


@given(psi=simple, x=normal_states())
def test_single_precision_stays_single_and_means_the_same(psi, x):
    expected = psi(x)
    for single in (x.astype(np.float32), torch.from_numpy(x).float()):
        features = np.asarray(psi(single))
        assert features.dtype == (np.complex64 if np.iscomplexobj(expected) else np.float32)
        np.testing.assert_allclose(features, expected, rtol=1e-3, atol=1e-3)


@given(
    psi=nested, x=normal_states(), order=st.sampled_from("CF"), library=st.sampled_from([np.asarray, torch.from_numpy])
)
def test_features_are_the_same_wherever_they_are_written(psi, x, order, library):
    expected = psi(x)
    around = np.full((len(x), psi.size + 2), np.nan, dtype=expected.dtype, order=order)
    psi.lift_into(library(x), library(around)[:, 1:-1])
    np.testing.assert_allclose(around[:, 1:-1], expected, **CLOSE)
    assert np.isnan(around[:, [0, -1]]).all()


@given(psi=simple, x=normal_states(width=2), rng=generators())
def test_the_derivative_through_a_tensor_is_that_of_differences(psi, x, rng):
    direction = rng.standard_normal(x.shape)
    _, derivative = torch.autograd.functional.jvp(psi, torch.from_numpy(x), torch.from_numpy(direction))
    step = 1e-5
    differences = (psi(x + step * direction) - psi(x - step * direction)) / (2 * step)
    # The error of central differences: the third derivative times the step squared, and rounding over the step.
    scale = 1 + np.abs(derivative.numpy()).max()
    np.testing.assert_allclose(derivative.numpy(), differences, rtol=1e-6, atol=1e-6 * scale)


# ---- rows, names, and what a dictionary says of itself


@given(psi=nested, x=normal_states(), rng=generators())
def test_a_dictionary_sees_one_row_at_a_time(psi, x, rng):
    features, order = psi(x), rng.permutation(len(x))
    np.testing.assert_allclose(psi(x[order]), features[order], **CLOSE)
    np.testing.assert_allclose(np.concatenate([psi(row[None]) for row in x]), features, **CLOSE)


@given(psi=nested, x=normal_states())
def test_there_is_one_name_of_its_own_for_each_function(psi, x):
    features = psi(x)
    assert features.shape == (len(x), psi.size)
    assert len(psi.names) == len(set(psi.names)) == psi.size


@given(psi=nested, rng=generators(), d=widths)
def test_what_a_dictionary_says_of_its_constants_and_coordinates_is_true(psi, rng, d):
    x = rng.standard_normal((20, d))
    features = psi(x)
    # Not all of them: the product of a wave and its conjugate is constant, too.
    assert set(psi.constants) <= set(constant_columns(features))
    if psi.coordinates is not None:
        np.testing.assert_array_equal(features[:, list(psi.coordinates)], x)


@given(a=simple, b=simple, rng=generators(), d=widths)
def test_no_constant_and_no_state_is_forgotten_in_a_sum(a, b, rng, d):
    both = a + b
    np.testing.assert_array_equal(constant_columns(both(rng.standard_normal((20, d)))), both.constants)
    assert (both.coordinates is None) == (a.coordinates is None and b.coordinates is None)


def constant_columns(features: np.ndarray) -> np.ndarray:
    return np.flatnonzero(np.abs(features - features[0]).max(axis=0) < 1e-9)


# ---- sums and products


@given(a=simple, b=simple, c=simple, x=normal_states())
def test_sums_and_products_are_associative(a, b, c, x):
    for combine in (operator.add, operator.mul):
        left, right = combine(combine(a, b), c), combine(a, combine(b, c))
        np.testing.assert_allclose(left(x), right(x), **CLOSE)
        assert left.size == right.size == combine(combine(a.size, b.size), c.size)
        assert left.constants == right.constants
        assert left.coordinates == right.coordinates


@given(a=simple, b=simple, c=simple, x=normal_states())
def test_products_distribute_over_sums_up_to_the_order_of_columns(a, b, c, x):
    whole, parts = a * (b + c), (a * b) + (a * c)
    # Column (i, j) of a ⊗ (b ⊕ c) is in the first block of the parts where j < m_b, and in the second where not.
    whole(x)
    i, j = np.divmod(np.arange(whole.size), b.size + c.size)
    column = np.where(j < b.size, i * b.size + j, a.size * b.size + i * c.size + j - b.size)
    assert sorted(column) == list(range(parts(x).shape[1]))
    np.testing.assert_allclose(whole(x), parts(x)[:, column], **CLOSE)
    np.testing.assert_allclose(((a + b) * c)(x), (a * c + b * c)(x), **CLOSE)


# ---- polynomials


def nodes_of(family, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Gauss nodes and weights of a family's own probability measure, in its own coordinate."""
    rules = {
        Hermite: np.polynomial.hermite_e.hermegauss,
        Legendre: np.polynomial.legendre.leggauss,
        Chebyshev: np.polynomial.chebyshev.chebgauss,
    }
    nodes, weights = rules[family](count)
    return nodes, weights / weights.sum()


def placed(family, origin: np.ndarray, unit: np.ndarray) -> partial:
    """The family with its measure moved to origin + unit · t."""
    if family is Hermite:
        return partial(Hermite, mean=origin, scale=unit)
    return partial(family, low=origin - unit, high=origin + unit)


families = st.sampled_from([Hermite, Legendre, Chebyshev])


@pytest.mark.parametrize(("d", "largest"), [(1, 12), (3, 5)])
@given(family=families, share=st.floats(0, 1), rng=generators())
def test_polynomials_are_orthonormal_in_their_own_measure(d, largest, family, share, rng):
    degree = round(share * largest)
    # As many nodes integrate degree 2 · count − 1 exactly, and products of two features have degree 2p.
    nodes, weights = nodes_of(family, degree + 1)
    origin, unit = rng.uniform(-2, 2, d), rng.uniform(0.1, 3.0, d)
    grid = np.stack(np.meshgrid(*d * [nodes], indexing="ij"), axis=-1).reshape(-1, d) * unit + origin
    mass = np.stack(np.meshgrid(*d * [weights], indexing="ij"), axis=-1).reshape(-1, d).prod(axis=1)
    features = placed(family, origin, unit)(degree)(grid)
    # The states carry their own rounding, which a derivative of order degree² at the ends of a box passes on.
    np.testing.assert_allclose(features.T * mass @ features, np.eye(features.shape[1]), atol=1e-11)


@given(family=families, degree=st.integers(0, 4), d=widths, rng=generators())
def test_every_family_spans_the_polynomials_of_each_degree(family, degree, d, rng):
    x = rng.uniform(-1, 1, (200, d))
    monomials, polynomials = Monomials(degree), placed(family, rng.uniform(-1, 1, d), rng.uniform(0.5, 2.0, d))(degree)
    plain, others = monomials(x), polynomials(x)
    change, _, rank, _ = np.linalg.lstsq(plain, others)
    assert rank == plain.shape[1] == others.shape[1]
    np.testing.assert_allclose(plain @ change, others, rtol=1e-8, atol=1e-8)
    assert np.linalg.matrix_rank(change) == len(change)
    # Graded: no polynomial needs a monomial of a higher degree than its own.
    total = np.array(
        [sum(int(f.partition("^")[2] or 1) for f in n.split()) if n != "1" else 0 for n in monomials.names]
    )
    np.testing.assert_allclose(change[total[:, None] > total], 0, atol=1e-8)


@given(family=families, degree=st.integers(0, 3), x=normal_states(width=2), rng=generators())
def test_a_fitted_family_has_no_unit(family, degree, x, rng):
    x = np.concatenate([x, rng.standard_normal((2, 2))])
    scale, shift = rng.uniform(0.01, 100.0, 2), rng.uniform(-10, 10, 2)
    moved = x * scale + shift
    plain, other = family(degree).fitted(x)(x), family(degree).fitted(moved)(moved)
    np.testing.assert_allclose(other, plain, rtol=1e-6, atol=1e-6)


# ---- waves


@given(
    kind=st.sampled_from([RandomFourier, ComplexFourier]),
    x=normal_states(width=2),
    scale=st.floats(0.01, 100),
    rng=generators(),
)
def test_fitted_waves_have_no_unit(kind, x, scale, rng):
    x = np.concatenate([x, rng.standard_normal((2, 2))])
    seed = int(rng.integers(2**32))
    one, other = (kind.fitted(s, count=5, rng=np.random.default_rng(seed))(s) for s in (x, scale * x))
    np.testing.assert_allclose(other, one, rtol=1e-9, atol=1e-9)


@given(degree=st.integers(0, 3), d=widths, rng=generators())
def test_fourier_modes_are_orthonormal_over_a_period(degree, d, rng):
    period = rng.uniform(0.5, 4.0, d)
    # Frequencies up to 2p do not alias on 2p + 1 points a coordinate.
    points = np.arange(2 * degree + 1) / (2 * degree + 1)
    grid = rng.uniform(0, 1, d) + np.stack(np.meshgrid(*d * [points], indexing="ij"), axis=-1).reshape(-1, d)
    features = Fourier(degree, period=period)(grid * period)
    np.testing.assert_allclose(features.conj().T @ features / len(grid), np.eye(features.shape[1]), atol=1e-12)


@given(x=normal_states(), rng=generators(), degree=st.integers(0, 3))
def test_a_shift_turns_each_wave_by_a_phase(x, rng, degree):
    d = x.shape[1]
    shift, period = rng.standard_normal(d), rng.uniform(0.5, 4.0, d)
    modes, waves = Fourier(degree, period=period), ComplexFourier(6, rng=rng)
    turns = np.exp(2j * np.pi * np.asarray(modes.frequencies) @ (shift / period))
    np.testing.assert_allclose(modes(x + shift), modes(x) * turns, **CLOSE)
    np.testing.assert_allclose(waves(x + shift), waves(x) * np.exp(1j * shift @ waves.waves(d)), **CLOSE)
    np.testing.assert_allclose(modes(x + period), modes(x), **CLOSE)


@given(x=normal_states(), rng=generators())
def test_complex_waves_are_the_cosines_and_sines_of_their_waves(x, rng):
    waves = ComplexFourier(4, 0.7, rng=rng)
    phases = x @ waves.waves(x.shape[1])
    np.testing.assert_allclose(waves(x), np.cos(phases) + 1j * np.sin(phases), **CLOSE)
    both = WithConjugates(waves)(x)
    np.testing.assert_array_equal(both[:, 4:], both[:, :4].conj())


@given(pairs=snapshot_pairs(smallest=40, width=2), rng=generators())
def test_real_pairs_have_a_conjugate_symmetric_operator_in_waves_with_their_conjugates(pairs, rng):
    for psi, exchanged in (
        (WithConjugates(ComplexFourier(3, rng=rng)), [3, 4, 5, 0, 1, 2]),
        (Fourier(1, period=8.0), range(8, -1, -1)),
    ):
        features = psi(pairs.before)
        np.testing.assert_allclose(features[:, exchanged], features.conj(), atol=1e-14)
        operator_ = FactorMoments.of(pairs, psi).operator()
        assert np.abs(operator_.imag).max() > 1e-3, "the basis is complex, and so is the operator"
        np.testing.assert_allclose(operator_[np.ix_(exchanged, exchanged)], operator_.conj(), rtol=1e-6, atol=1e-6)
        eigenvalues = np.linalg.eigvals(operator_)
        distances = np.abs(eigenvalues[:, None].conj() - eigenvalues).min(axis=1)
        np.testing.assert_allclose(distances, 0, atol=1e-4)


# ---- radial basis functions


@given(
    radial=st.sampled_from([Gaussian(0.8), ThinPlate(1.5)]),
    x=normal_states(),
    rng=generators(),
    size=st.sampled_from([0.0, 1e3, 1e6]),
)
def test_radial_functions_move_with_their_centres(radial, x, rng, size):
    d = x.shape[1]
    centres, turn = rng.standard_normal((5, d)), np.linalg.qr(rng.standard_normal((d, d)))[0]
    shift = size * rng.standard_normal(d)
    plain, moved = RadialBasis(centres, radial)(x), RadialBasis(centres @ turn + shift, radial)(x @ turn + shift)
    # A shift rounds the states to its own last digit, size ε; the cancellation of squares that far out, size² ε.
    np.testing.assert_allclose(moved, plain, atol=1e-12 + 100 * np.finfo(float).eps * size)


@given(radial=st.sampled_from([Gaussian(0.8), ThinPlate(1.5)]), x=normal_states(), rng=generators())
def test_radial_functions_are_those_of_the_distances(radial, x, rng):
    centres = np.concatenate([rng.standard_normal((3, x.shape[1])), x[:1]])
    r = np.sqrt(np.square(x[:, None] - centres).sum(axis=2)) / radial.scale
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = np.exp(-(r**2) / 2) if isinstance(radial, Gaussian) else np.where(r > 0, r**2 * np.log(r), 0.0)
    np.testing.assert_allclose(RadialBasis(centres, radial)(x), expected, atol=1e-12)


@given(x=normal_states(), rng=generators(), extent=st.floats(1.0, 1e8))
def test_a_gaussian_is_at_most_one_however_far_the_states_lie_apart(x, rng, extent):
    centres = np.concatenate([x, rng.standard_normal((2, x.shape[1]))]) * extent
    features = RadialBasis(centres, Gaussian(1.0))(extent * x)
    assert np.all((features >= 0) & (features <= 1))


@given(a=simple, x=normal_states())
def test_a_constant_is_the_unit_of_the_product(a, x):
    for product in (Constant() * a, a * Constant()):
        np.testing.assert_allclose(product(x), a(x), **CLOSE)
        assert product.constants == a.constants


@given(x=normal_states(), rng=generators())
def test_products_of_coordinates_are_monomials(x, rng):
    squares, quadratic = (Coordinates() * Coordinates())(x), Monomials(2)(x)
    d = x.shape[1]
    pairs = [(i, j) for i in range(d) for j in range(d)]
    graded = [(i, j) for i, j in pairs if i <= j]
    column = [1 + d + graded.index((min(pair), max(pair))) for pair in pairs]
    np.testing.assert_allclose(squares, quadratic[:, column], **CLOSE)
