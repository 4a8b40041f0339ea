import numpy as np
import pytest
import scipy.special
from scipy.spatial.distance import cdist

from koopman_analysis.jackknife import Jackknife
from koopman_analysis.twosample import (
    CUBIC,
    NormalMoments,
    frechet_distance,
    frechet_distances,
    permutation_test,
    precision_recall,
    squared_frechet,
)
from koopman_analysis.twosample.precision import SPARE


def normal_laws(d: int, rng: np.random.Generator) -> tuple[NormalMoments, NormalMoments]:
    """Of common axes, the second a little narrower and elsewhere."""
    axes, variances = np.linalg.qr(rng.standard_normal((d, d)))[0], 1.0 / np.arange(1, d + 1)
    narrower = variances * np.linspace(0.7, 1.1, d)
    return (
        NormalMoments(mean=np.zeros(d), factor=np.sqrt(variances)[:, None] * axes.T),
        NormalMoments(mean=np.full(d, 0.1 / np.sqrt(d)), factor=np.sqrt(narrower)[:, None] * axes.T),
    )


def drawn(law: NormalMoments, n: int, rng: np.random.Generator) -> np.ndarray:
    return law.mean + rng.standard_normal((n, len(law.factor))) @ law.factor


def shares(x: np.ndarray, y: np.ndarray, k: int) -> float:
    """The share of x in the balls about y."""
    among = cdist(y, y)
    np.fill_diagonal(among, np.inf)
    return float((cdist(x, y) <= np.sort(among, axis=1)[:, k - 1]).any(axis=1).mean())


def coverage(laws, *, n: int, repetitions: int, rng: np.random.Generator) -> tuple[float, float]:
    """Of the extrapolated distance and of the plug-in."""
    truth = squared_frechet(*laws)
    found = [
        frechet_distances({"x": drawn(laws[0], n, rng)}, drawn(laws[1], n, rng), rng=rng) for _ in range(repetitions)
    ]
    return tuple(
        np.mean([truth in intervals["x"] for intervals in some])
        for some in ([one.extrapolated() for one in found], [one.plug_ins() for one in found])
    )


def test_the_extrapolated_distance_covers_the_truth_where_the_plug_in_never_does():
    rng = np.random.default_rng(0)
    laws = normal_laws(30, rng)
    assert squared_frechet(*laws) > 0.05
    extrapolated, plug_in = coverage(laws, n=400, repetitions=60, rng=rng)
    assert extrapolated > 0.85  # 95 % is 57 of 60, and fewer than 51 have a probability of 0.2 %
    assert plug_in < 0.1


def test_fewer_samples_than_features_are_on_no_line_and_are_not_extrapolated():
    rng = np.random.default_rng(12)
    x, y = rng.standard_normal((2, 64, 128))
    found = frechet_distances({"x": x}, y, rng=rng)
    blind = found.jackknife.unbiased()[0] - 3.0 * np.sqrt(found.jackknife.covariance()[0, 0])
    assert blind > 10.0  # the line would be far from the truth, 0, and sure of it
    message = "expected more than 63 samples beside each group, .* got 60: take 136 samples or more, .* the plug-in"
    for measure in (found.extrapolated, lambda: frechet_distance(x, y, rng=rng)):
        with pytest.raises(ValueError, match=message):
            measure()
    assert found.plug_ins()["x"].estimate > 10.0


def test_samples_of_few_directions_in_many_features_are_extrapolated():
    rng = np.random.default_rng(13)
    axes = rng.standard_normal((5, 64))
    assert 0.0 in frechet_distance(rng.standard_normal((60, 5)) @ axes, rng.standard_normal((60, 5)) @ axes, rng=rng)


def test_the_plug_in_of_one_law_is_on_a_line_in_one_over_n_where_both_samples_are_of_one_size():
    rng, d = np.random.default_rng(14), 40

    def mean(n: int, m: int) -> tuple[float, float]:
        found = [
            squared_frechet(*(NormalMoments.of(rng.standard_normal((size, d))) for size in (n, m))) for _ in range(60)
        ]
        return float(np.mean(found)), float(np.std(found) / np.sqrt(60))

    for n in (45, 80, 400):
        plug_in, error = mean(n, n)
        assert plug_in == pytest.approx(2.0 * d / n + d * d / n / 2.0, abs=5.0 * error + 0.01 * d * d / n)
    law = NormalMoments(mean=np.zeros(d), factor=np.eye(d))
    found = [squared_frechet(NormalMoments.of(rng.standard_normal((80, d))), law) for _ in range(60)]
    expected = d / 80 + 2.0 * d * (1.0 - scipy.special.hyp2f1(0.5, -0.5, 2.0, d / 79))
    assert np.mean(found) == pytest.approx(expected, rel=0.05)


def test_an_interval_against_a_law_reaches_up_as_far_as_the_line_may_fall_short():
    rng, d = np.random.default_rng(15), 96
    law = NormalMoments(mean=np.zeros(d), factor=np.eye(d))
    found = [frechet_distances({"x": drawn(law, 2 * d, rng)}, law, rng=rng) for _ in range(12)]
    assert found[0].shortfall == pytest.approx(d / 32 / 4 * 20 / 19)
    high = np.array([one.extrapolated()["x"].high for one in found])
    assert (high > 0.0).sum() >= 8
    assert (high - found[0].shortfall > 0.0).sum() <= 4
    with pytest.raises(ValueError, match=r"differ by 0\.5 or less .* got 0\.67: take as many of both, of a law 192"):
        frechet_distance(drawn(law, 144, rng), law, rng=rng)


@pytest.mark.slow
@pytest.mark.parametrize(("d", "n"), [(8, 300), (64, 1000), (64, 74)])
@pytest.mark.parametrize("equal", [True, False])
def test_the_interval_of_the_frechet_distance_covers_as_stated(d, n, equal):
    rng = np.random.default_rng(d)
    first, second = normal_laws(d, rng)
    extrapolated, _ = coverage((first, first if equal else second), n=n, repetitions=400, rng=rng)
    assert extrapolated > 0.95 - 3.0 * np.sqrt(0.95 * 0.05 / 400)


def test_precision_and_recall_are_their_definition_with_and_without_each_group():
    rng = np.random.default_rng(1)
    x, y = 1.3 * rng.standard_normal((150, 4)), rng.standard_normal((120, 4)) + 5.0  # more than are kept of each
    x += 5.0
    assert min(len(x), len(y)) > SPARE + 3
    found = precision_recall(x, y, groups=5, rng=np.random.default_rng(2))
    assert found.precision.estimate == shares(x, y, 3)
    assert found.recall.estimate == shares(y, x, 3)
    again = np.random.default_rng(2)
    groups = [again.permutation(len(some)) % 5 for some in (x, y)]
    without = [shares(x[groups[0] != g], y[groups[1] != g], 3) for g in range(5)]
    error = np.sqrt(4 / 5 * np.square(np.array(without) - np.mean(without)).sum())
    width = found.precision.estimate - found.precision.low
    assert width == pytest.approx(2.7764451 * error, rel=1e-6)  # t of four degrees of freedom


def test_samples_that_leave_data_out_have_less_recall_and_those_unlike_data_less_precision():
    rng = np.random.default_rng(3)
    x, y = rng.standard_normal((2, 400, 6))
    equal, narrow, wide = (precision_recall(scale * x, y, rng=rng) for scale in (1.0, 0.5, 2.0))
    assert min(equal.precision.estimate, equal.recall.estimate) > 0.85
    assert narrow.recall.high < equal.recall.low
    assert narrow.precision.estimate > 0.98
    assert wide.precision.high < equal.precision.low
    assert wide.precision.low >= 0.0
    assert wide.recall.high <= 1.0


def test_far_samples_have_neither_precision_nor_recall():
    x = np.random.default_rng(4).standard_normal((60, 2))
    far = precision_recall(x + 100.0, x, rng=np.random.default_rng(5))
    assert (far.precision.estimate, far.recall.estimate) == (0.0, 0.0)


def test_a_permutation_test_of_the_cubic_kernel_sees_a_difference_of_spread():
    x, y = np.random.default_rng(6).standard_normal((2, 80, 3))
    assert permutation_test(x, 2.0 * y, kernel=CUBIC, permutations=99, rng=np.random.default_rng(7)).p_value == 0.01
    assert permutation_test(x, y, kernel=CUBIC, permutations=99, rng=np.random.default_rng(7)).p_value > 0.05


def test_moments_that_were_stored_are_those_of_the_sample():
    x, y = np.random.default_rng(8).standard_normal((2, 50, 4)) * [1.0, 1e-3, 10.0, 1.0]
    stored = NormalMoments.of_covariance(y.mean(axis=0).astype(np.float32), np.cov(y.T).astype(np.float32), n=50)
    exact = squared_frechet(NormalMoments.of(x), NormalMoments.of(y))
    assert squared_frechet(NormalMoments.of(x), stored) == pytest.approx(exact, abs=1e-3)
    assert stored.n == 50


@pytest.mark.parametrize(
    ("mean", "covariance", "message"),
    [
        (np.zeros(2), np.array([[1.0, 0.5], [0.0, 1.0]]), "symmetric covariance, got one that differs"),
        (np.zeros(2), np.diag([1.0, -0.1]), "without negative variances, got one with -0.1"),
        (np.array([0.0, np.nan]), np.eye(2), "finite mean and covariance"),
    ],
)
def test_moments_that_are_none_are_refused(mean, covariance, message):
    with pytest.raises(ValueError, match=message):
        NormalMoments.of_covariance(mean, covariance)


def test_what_cannot_be_compared_is_refused_with_a_reason():
    rng = np.random.default_rng(9)
    x = rng.standard_normal((60, 3))
    law = NormalMoments(mean=np.zeros(3), factor=np.eye(3))
    with pytest.raises(ValueError, match="different extractors"):
        squared_frechet(law, NormalMoments(mean=np.zeros(2), factor=np.eye(2)))
    with pytest.raises(ValueError, match="known numbers of samples to merge, got 60 and 0"):
        NormalMoments.of(x) + law
    with pytest.raises(ValueError, match="at least 40 points in 'x', two a group, got 39"):
        frechet_distance(x[:39], law, rng=rng)
    with pytest.raises(ValueError, match="at least two points of width 3"):
        frechet_distance(x[:, :2], law, rng=rng)
    with pytest.raises(ValueError, match="at least 40 points in 'y' for 3 neighbours and 20 groups, got 39"):
        precision_recall(x, x[:39], rng=rng)
    with pytest.raises(ValueError, match="at least one neighbour and two groups, got 0 and 20"):
        precision_recall(x, x, neighbours=0, rng=rng)


def test_a_distance_from_a_law_removes_the_bias_of_the_sample_alone():
    rng = np.random.default_rng(10)
    law = normal_laws(20, rng)[0]
    found = [frechet_distances({"x": drawn(law, 400, rng)}, law, rng=rng) for _ in range(20)]
    plug_ins = [one.plug_ins()["x"].estimate for one in found]
    extrapolated = [one.extrapolated()["x"].estimate for one in found]
    assert min(plug_ins) > 0.0
    assert abs(np.mean(extrapolated)) < 0.2 * np.mean(plug_ins)


def test_a_jackknife_tells_the_variance_and_the_bias_of_its_statistics():
    x = np.random.default_rng(11).exponential(size=40)
    values = np.column_stack([(x.sum() - x) / 39, [np.delete(x, j).var() for j in range(40)]])
    found = Jackknife(estimate=np.array([x.mean(), x.var()]), replicates=values, units=40)
    assert found.covariance()[0, 0] == pytest.approx(x.var(ddof=1) / 40, rel=1e-10)
    np.testing.assert_allclose(found.unbiased(), [x.mean(), x.var(ddof=1)], rtol=1e-10)
