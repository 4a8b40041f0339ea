import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from koopman_analysis.checks import outlier_correspondence, outliers_correspond
from koopman_analysis.checks.outliers import outlyingness
from koopman_analysis.claims import Verdict


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
    np.testing.assert_allclose(outlyingness(points), oracle, rtol=1e-9)


@hypothesis.given(seed=st.integers(0, 2**31))
def test_outlyingness_is_the_same_in_every_affine_gauge(seed):
    rng = np.random.default_rng(seed)
    points, gauge = rng.standard_normal((30, 3)), rng.standard_normal((3, 3))
    condition = np.linalg.cond(gauge)
    hypothesis.assume(condition < 1e4)
    redundant = points @ np.concatenate([gauge, gauge[:, :1]], axis=1) + rng.standard_normal(4)
    np.testing.assert_allclose(outlyingness(redundant), outlyingness(points), rtol=1e-12 * condition, atol=1e-9)


def test_objects_that_cannot_be_ranked_are_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="the same objects at both ends, got 5 at the source and 6"):
        outlier_correspondence(rng.standard_normal((5, 2)), rng.standard_normal((6, 2)), rng=rng)
    with pytest.raises(ValueError, match="more points than directions, got 5 points in 4 directions"):
        outlyingness(rng.standard_normal((5, 7)))
