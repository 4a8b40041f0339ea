"""What holds for outlyingness of every sample and every clustering.

With A invertible and b any vector, π a permutation of the objects, σ one of the clusters' numbers,

    o(x A + b, c) = o(x, c)       for every measure but the z-score, which knows the axes: there A is diagonal,   (1)
    o(π x, π c)   = π o(x, c),                                                                                  (2)
    o(x, σ(c))    = o(x, c),                                                                                    (3)
    s = o at the data, marked by its outermost share   ⟹   AUROC = 1, ρ = 1,                                    (4)
    AUROC(s) and ρ(s) know s up to any increasing function, and AUROC(−s) = 1 − AUROC(s),                       (5)
    0 ≤ edge ≤ 1,  0 ≤ margin ≤ 1,  mean o² = k (n − 1)/n  for k directions, o the Mahalanobis distance.         (6)

Source: Mahalanobis 1936 ((1) and (6) of the distance of this name).
"""

from dataclasses import dataclass

import hypothesis
import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from strategies import generators

from koopman_analysis.outliers import (
    Clusters,
    Edge,
    LargestDeviation,
    Margin,
    Outermost,
    Overall,
    Sparseness,
    WithinCluster,
    mahalanobis_distances,
    predicted_outliers,
)

AFFINE = (Overall(), WithinCluster(), Sparseness(neighbours=3), Edge(neighbours=5), Margin(neighbours=2))
MEASURES = (*AFFINE, LargestDeviation())

sizes = st.integers(30, 60)
dimensions = st.integers(1, 3)


def objects(n, d, rng):
    """Points in three clusters, at least eight in each."""
    clusters = rng.permutation(np.arange(n) % 3)
    return rng.standard_normal((n, d)) * rng.uniform(0.5, 2.0, (n, 1)) + 1.5 * clusters[:, None], clusters


@dataclass(frozen=True)
class Given:
    """Outlyingness as it is: the first coordinate."""

    name: str = "given"

    def of(self, points, clusters):
        return points[:, 0]


def numbers(source, data, clusters, measure, mark):
    (found,) = predicted_outliers(
        {"source": source}, data, Clusters.named(clusters), marks=[mark], measures=[measure], resamples=2, exchanges=1,
        rng=np.random.default_rng(0),
    ).each  # fmt: skip
    return np.array([found.auroc.estimate, found.spearman.estimate])


@given(n=sizes, d=dimensions, rng=generators())
def test_no_affine_change_of_coordinates_alters_outlyingness(n, d, rng):
    points, clusters = objects(n, d, rng)
    matrix = rng.standard_normal((d, d))
    condition = np.linalg.cond(matrix)
    hypothesis.assume(condition < 1e3)
    moved = points @ matrix + rng.standard_normal(d)
    for measure in AFFINE:
        np.testing.assert_allclose(
            measure.of(moved, clusters), measure.of(points, clusters), rtol=1e-11 * condition, atol=1e-9,
            err_msg=measure.name,
        )  # fmt: skip


@given(n=sizes, d=dimensions, rng=generators())
def test_no_change_of_units_alters_the_z_score(n, d, rng):
    points, clusters = objects(n, d, rng)
    units = rng.uniform(0.1, 10, d) * rng.choice([-1, 1], d)
    moved = points * units + rng.standard_normal(d)
    np.testing.assert_allclose(
        LargestDeviation().of(moved, clusters), LargestDeviation().of(points, clusters), rtol=1e-9, atol=1e-12
    )


@given(n=sizes, d=dimensions, rng=generators())
def test_neither_the_order_of_the_objects_nor_the_numbers_of_the_clusters_matter(n, d, rng):
    points, clusters = objects(n, d, rng)
    order, numbering = rng.permutation(n), rng.permutation(10)[:3]
    for measure in MEASURES:
        far = measure.of(points, clusters)
        np.testing.assert_allclose(
            measure.of(points[order], clusters[order]), far[order], rtol=1e-9, atol=1e-12, err_msg=measure.name
        )
        np.testing.assert_allclose(measure.of(points, numbering[clusters]), far, rtol=1e-12, err_msg=measure.name)


@given(n=st.integers(100, 130), d=st.integers(2, 3), rng=generators())
def test_data_that_are_their_own_source_tell_all(n, d, rng):
    """On a line the edge has few values, and so many ties that none may be outermost."""
    points, clusters = objects(n, d, rng)
    for measure in MEASURES:
        found = numbers(points, points, clusters, measure, Outermost(measure=measure))
        np.testing.assert_allclose(found, 1.0, rtol=1e-12, err_msg=measure.name)


@given(n=sizes, rng=generators())
def test_only_the_order_of_outlyingness_counts(n, rng):
    points, clusters = objects(n, 2, rng)
    source = np.round(rng.standard_normal((n, 1)) + points[:, :1], 1)
    mark = Outermost(measure=Given(), share=0.5)
    plain = numbers(source, points, clusters, Given(), mark)
    np.testing.assert_allclose(numbers(np.exp(source), points, clusters, Given(), mark), plain, rtol=1e-12)
    opposite = numbers(-source, points, clusters, Given(), mark)
    np.testing.assert_allclose(opposite, [1 - plain[0], -plain[1]], rtol=1e-9, atol=1e-12)


@given(n=sizes, d=dimensions, rng=generators())
def test_edges_and_margins_are_shares_and_mahalanobis_distances_have_a_fixed_mean_square(n, d, rng):
    points, clusters = objects(n, d, rng)
    for measure in (Edge(neighbours=5), Margin(neighbours=2)):
        far = measure.of(points, clusters)
        assert far.min() >= 0
        assert far.max() <= 1 + 1e-12
    np.testing.assert_allclose(np.square(mahalanobis_distances(points)).mean(), d * (n - 1) / n, rtol=1e-9)
