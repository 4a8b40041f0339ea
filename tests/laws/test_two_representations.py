"""Statistics of two representations of the same objects: what repeats, what is blind to what, and where they end.

With copies written out and 𝒬 the quadruples of rows that are copies of four different objects,

    θ(n) = Σ_𝒬 a_ij (b_ij + b_kl − 2 b_ik),  normed,      n the numbers of copies,                              (1)
    Σ_π U(a, π b) = 0      over all relabellings π of the objects,                                           (2)
    dCor²(X, c X R + t) = 1      for rotations R,                                                             (3)
    trustworthiness(f(D), D) = 1      for increasing f.                                                       (4)

(2) holds since rows of ã and b̃ sum to zero, whatever a and b. Sources: Székely & Rizzo 2014 (equation (2));
Székely, Rizzo & Bakirov 2007 (equation (3)).
"""

import itertools

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st
from strategies import generators

from koopman_analysis.similarity import (
    Continuity,
    DebiasedCKA,
    DistanceCorrelation,
    NeighbourOverlap,
    Trustworthiness,
    euclidean_distances,
    plain_squared_distance_correlation,
    squared_distance_correlation,
    streamed_auroc,
    streamed_cka,
    streamed_distance_correlation,
    trustworthiness,
)

objects = st.integers(8, 24)


def related_points(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    x = rng.standard_normal((n, 3))
    return x, np.tanh(x @ rng.standard_normal((3, 4))) + 0.5 * rng.standard_normal((n, 4))


def quadruple_product(a: np.ndarray, b: np.ndarray, original: np.ndarray) -> float:
    return sum(
        a[i, j] * (b[i, j] + b[k, l] - 2 * b[i, k])
        for i, j, k, l in itertools.permutations(range(len(a)), 4)
        if len(set(original[[i, j, k, l]])) == 4
    )


@given(copies=st.permutations([2, 2, 1, 1, 1]), rng=generators())
def test_a_weight_is_a_number_of_copies_that_are_never_compared(copies, rng):
    x, y = related_points(5, rng)
    original = np.repeat(np.arange(5), copies)
    for statistic, power in ((DistanceCorrelation(), 1), (DebiasedCKA(), 2)):
        a, b = euclidean_distances(x), euclidean_distances(y)
        one, other = (matrix[np.ix_(original, original)] ** power for matrix in (a, b))
        scale = quadruple_product(one, one, original) * quadruple_product(other, other, original)
        assume(scale > 1e-3)
        expected = quadruple_product(one, other, original) / np.sqrt(scale)
        np.testing.assert_allclose(statistic.weighted(a, b)(np.array(copies)), expected, rtol=1e-8, atol=1e-8)


@given(n=st.integers(4, 5), rng=generators())
def test_over_all_relabellings_the_unbiased_correlation_averages_to_zero(n, rng):
    a, b = (euclidean_distances(points) for points in related_points(n, rng))
    every = [squared_distance_correlation(a, b[np.ix_(p, p)]) for p in map(list, itertools.permutations(range(n)))]
    plain = [
        plain_squared_distance_correlation(a, b[np.ix_(p, p)]) for p in map(list, itertools.permutations(range(n)))
    ]
    np.testing.assert_allclose(np.mean(every), 0.0, atol=1e-12)
    assert np.mean(plain) > 0.05


@given(n=objects, scale=st.floats(1e-3, 1e3), rng=generators())
def test_the_distance_correlation_of_a_similar_figure_is_one(n, scale, rng):
    x, y = related_points(n, rng)
    moved = scale * x @ np.linalg.qr(rng.standard_normal((3, 3)))[0] + rng.uniform(-3, 3, 3)
    for correlation in (squared_distance_correlation, plain_squared_distance_correlation):
        np.testing.assert_allclose(correlation(euclidean_distances(x), euclidean_distances(moved)), 1.0, rtol=1e-9)
        assert correlation(euclidean_distances(x), euclidean_distances(y)) < 1.0 - 1e-6


@given(n=objects, neighbours=st.integers(1, 3), power=st.floats(0.3, 3.0), rng=generators())
def test_neighbours_are_trusted_where_the_order_of_distances_is_kept(n, neighbours, power, rng):
    x, y = related_points(n, rng)
    D, other = euclidean_distances(x), euclidean_distances(y)
    copies = rng.integers(1, 4, n)
    assert trustworthiness(np.expm1(D**power), D, neighbours=neighbours) == 1.0
    assert NeighbourOverlap(neighbours=neighbours).weighted(np.expm1(D**power), D)(copies) == 1.0
    trusted = Trustworthiness(neighbours=neighbours).weighted(D, other)(copies)
    assert 0 <= trusted <= 1
    assert Continuity(neighbours=neighbours).weighted(other, D)(copies) == trusted


@given(n=objects, chunk=st.integers(1, 30), rng=generators())
def test_a_stream_knows_neither_its_chunks_nor_the_order_of_the_objects(n, chunk, rng):
    x, y = related_points(n, rng)
    labels, order = np.arange(n) % 3, rng.permutation(n)
    for stream in (
        lambda rows, size: streamed_distance_correlation([x[rows]], y[rows], chunk=size).unbiased,
        lambda rows, size: streamed_cka([x[rows]], y[rows], chunk=size).unbiased,
        lambda rows, size: streamed_auroc([x[rows]], labels[rows], chunk=size).auroc,
    ):
        whole, parts = stream(np.arange(n), n), stream(order, chunk)
        # Rounding may move a distance across the border of its bin: 2⁻¹⁶ of the largest.
        np.testing.assert_allclose(parts.estimate, whole.estimate, rtol=1e-8, atol=1e-10)
        np.testing.assert_allclose(parts.replicates, whole.replicates[order], rtol=1e-8, atol=1e-10)
