import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from koopman_analysis.checks import (
    edge_correspondence,
    outlier_correspondence,
    outliers_at_edges,
    outliers_correspond,
)
from koopman_analysis.claims import Verdict
from koopman_analysis.outliers import Beyond, Clusters, NotMeasurable, WithinCluster, mahalanobis_distances


def test_a_map_that_keeps_the_outside_outside_is_supported():
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((1000, 2))
    data = np.tanh(noise) @ np.array([[2.0, 0.3], [0.0, 1.0]]) + 0.1 * rng.standard_normal((1000, 2))
    correspondence = outlier_correspondence(noise, data, rng=rng)
    claim = outliers_correspond(correspondence)
    assert correspondence.outlier.sum() == 100
    assert claim.verdict is Verdict.SUPPORTED
    assert [control.behaves for control in claim.controls] == [True]
    assert correspondence.shuffled.estimate == pytest.approx(0.5, abs=0.01)
    # Mann and Whitney's standard deviation of the AUROC of unrelated scores, 100 outliers among 1000.
    spread = np.sqrt(1001 / (12 * 100 * 900))
    assert correspondence.shuffled.high - correspondence.shuffled.low == pytest.approx(2 * 1.96 * spread, rel=0.25)


def test_a_map_that_turns_the_inside_out_is_refuted():
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((1000, 2))
    radius = np.linalg.norm(noise, axis=1, keepdims=True)
    inverted = noise / radius * np.exp(-radius)
    assert outliers_correspond(outlier_correspondence(noise, inverted, rng=rng)).verdict is Verdict.REFUTED


def test_outlyingness_is_the_mahalanobis_distance():
    points = np.random.default_rng(0).standard_normal((50, 3)) @ np.diag([1.0, 5.0, 0.1])
    centred = points - points.mean(axis=0)
    oracle = np.sqrt(np.einsum("ij,jk,ik->i", centred, np.linalg.inv(np.cov(points.T)), centred))
    np.testing.assert_allclose(mahalanobis_distances(points), oracle, rtol=1e-9)


@hypothesis.given(seed=st.integers(0, 2**31))
def test_outlyingness_is_the_same_in_every_affine_gauge(seed):
    rng = np.random.default_rng(seed)
    points, gauge = rng.standard_normal((30, 3)), rng.standard_normal((3, 3))
    condition = np.linalg.cond(gauge)
    hypothesis.assume(condition < 1e4)
    redundant = points @ np.concatenate([gauge, gauge[:, :1]], axis=1) + rng.standard_normal(4)
    np.testing.assert_allclose(
        mahalanobis_distances(redundant), mahalanobis_distances(points), rtol=1e-12 * condition, atol=1e-9
    )


def test_objects_that_cannot_be_ranked_are_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="the same objects at both ends, got 5 at the source and 6"):
        outlier_correspondence(rng.standard_normal((5, 2)), rng.standard_normal((6, 2)), rng=rng)
    with pytest.raises(ValueError, match="more points than directions, got 5 points in 4 directions"):
        mahalanobis_distances(rng.standard_normal((5, 7)))


def supported(n, samples):
    """Share of samples of unrelated noise and data in which outliers are said to correspond."""
    verdicts = []
    for seed in range(samples):
        rng = np.random.default_rng(seed)
        noise, data = rng.standard_normal((2, n, 2))
        verdicts.append(
            outliers_correspond(outlier_correspondence(noise, data, resamples=99, shuffles=9, rng=rng)).verdict
        )
    return np.mean([verdict is Verdict.SUPPORTED for verdict in verdicts])


def test_unrelated_noise_is_supported_less_often_than_an_interval_may_err():
    assert supported(100, samples=150) <= 0.025


@pytest.mark.parametrize("n", [5, 10, 20, 90])
def test_fewer_than_ten_outliers_are_refused_whichever_the_claim(n):
    rng = np.random.default_rng(0)
    noise, data = rng.standard_normal((2, n, 2))
    marks = rf"at least 10 outliers and 10 others to resample, but outermost 10 %.* marks [1-9] of {n} objects"
    with pytest.raises(NotMeasurable, match=marks):
        outlier_correspondence(noise, data, rng=rng)
    with pytest.raises(NotMeasurable, match=marks):
        edge_correspondence(noise, data, Clusters.named(np.zeros(n, dtype=int)), rng=rng)


def test_integer_points_correspond_as_the_numbers_they_are():
    noise = np.random.default_rng(0).integers(-99, 99, (150, 2))
    whole, real = (
        outlier_correspondence(points, points**3, resamples=19, shuffles=9, rng=np.random.default_rng(1))
        for points in (noise, noise.astype(float))
    )
    assert whole.auroc == real.auroc


def test_points_without_a_place_are_refused_at_either_end():
    rng = np.random.default_rng(0)
    points = rng.standard_normal((150, 2))
    broken = np.where(points == points[0], np.nan, points)
    for source, data in ((broken, points), (points, broken)):
        with pytest.raises(ValueError, match="expected finite points, got 1 of 150"):
            outlier_correspondence(source, data, rng=rng)
    with pytest.raises(ValueError, match=r"expected points one a row, got shape \(150,\)"):
        outlier_correspondence(points[:, 0], points, rng=rng)


def test_fewer_than_ten_others_are_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(NotMeasurable, match="but outermost 95 % marks 95 of 100 objects"):
        outlier_correspondence(*rng.standard_normal((2, 100, 2)), share=0.95, rng=rng)


def halves(n, rng):
    """Uniform noise in a rectangle whose two halves a map with a gap carries to two clusters."""
    noise = rng.uniform([-2.0, -1.0], [2.0, 1.0], (n, 2))
    right = noise[:, 0] > 0
    return noise, noise + 2.0 * np.where(right, 1.0, -1.0)[:, None] * np.array([1.0, 0.0]), Clusters.named(1 * right)


def test_outliers_of_clusters_come_from_the_edges_of_regions_that_meet_in_the_middle():
    rng = np.random.default_rng(0)
    noise, data, clusters = halves(1500, rng)
    found = edge_correspondence(noise, data, clusters, rng=rng)
    claim = outliers_at_edges(found)
    assert clusters.count == 2
    assert found.outlier.sum() == 150
    assert claim.verdict is Verdict.SUPPORTED
    assert [(control.name, control.behaves) for control in claim.controls] == [
        ("exchanged within clusters", True), ("affine flow", True),
    ]  # fmt: skip
    at_the_border = np.abs(noise[found.outlier, 0]) < 0.25
    assert at_the_border.mean() > 0.3, "many of the outliers come from the middle of the noise"


def test_outliers_from_the_middle_of_their_region_are_refuted():
    rng = np.random.default_rng(0)
    data, clusters = rng.standard_normal((1000, 2)), Clusters.named(np.zeros(1000, dtype=int))
    radius = np.linalg.norm(data, axis=1, keepdims=True)
    assert outliers_at_edges(edge_correspondence(data / radius * np.exp(-radius), data, clusters, rng=rng)).verdict is (
        Verdict.REFUTED
    )


def test_clusters_without_outliers_have_no_edges_to_ask_about():
    rng = np.random.default_rng(0)
    noise, data, clusters = halves(200, rng)
    with pytest.raises(NotMeasurable, match="within cluster above 50 marks none of 200 objects"):
        edge_correspondence(noise, data, clusters, mark=Beyond(measure=WithinCluster(), threshold=50.0), rng=rng)
