import numpy as np
import pytest
import scipy.stats
import skbio.stats.distance

from koopman_analysis.correlation import mantel, mantel_family, pair_ranks, spearman, spearman_bootstrap
from koopman_analysis.similarity import euclidean_distances


def related(n=40, noise=0.5, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, 3))
    return euclidean_distances(x), euclidean_distances(x + noise * rng.standard_normal((n, 3)))


@pytest.mark.parametrize("n", [3, 7, 40, 129, 200])
def test_the_mantel_statistic_and_p_value_are_those_of_scikit_bio_on_the_same_relabellings(n):
    first, second = related(n=n, noise=6.0)
    oracle, oracle_p, _ = skbio.stats.distance.mantel(first, second, permutations=199, seed=1)
    measured = mantel(first, second, 199, rng=np.random.default_rng(1))
    assert oracle_p > 0.005 or n == 3
    assert measured.statistic == pytest.approx(oracle, rel=1e-10)
    assert measured.p_value == pytest.approx(oracle_p, abs=1e-15)


def test_the_mantel_test_of_ranks_is_scikit_bios_of_spearmans_correlation():
    first, second = related(n=30, noise=6.0)
    oracle, oracle_p, _ = skbio.stats.distance.mantel(first, second, method="spearman", permutations=199, seed=1)
    measured = mantel(pair_ranks(first), pair_ranks(second), 199, rng=np.random.default_rng(1))
    assert measured.statistic == pytest.approx(oracle, rel=1e-10)
    assert measured.p_value == pytest.approx(oracle_p, abs=1e-15)


def test_threads_change_no_p_value():
    first, second = related(n=20, noise=4.0)
    alone, together = (mantel(first, second, 1199, rng=np.random.default_rng(3), threads=threads) for threads in (1, 3))
    assert alone == together


def test_the_mantel_test_keeps_its_level_and_has_power():
    rng = np.random.default_rng(0)
    p_values = []
    for _ in range(200):
        unrelated = [euclidean_distances(rng.standard_normal((12, 2))) for _ in range(2)]
        p_values.append(mantel(*unrelated, permutations=19, rng=rng).p_value)
    assert 1 <= np.sum(np.array(p_values) <= 0.05) <= 20  # 10 expected
    assert mantel(*related(), permutations=99, rng=rng).p_value == 0.01


def test_a_relabelling_that_changes_nothing_counts_as_a_tie():
    # All relabellings of an equilateral-like pattern give the same |r|: nothing may be called rare.
    distances = np.array([[0.0, 1.0, 1.0], [1.0, 0.0, 0.1], [1.0, 0.1, 0.0]])
    p_values = {mantel(distances, distances, permutations=99, rng=np.random.default_rng(s)).p_value for s in range(3)}
    assert all(0.15 < p < 0.55 for p in p_values)  # one third of the relabellings are symmetries


def test_spearman_over_pairs_is_that_of_scipy_and_covers_by_objects():
    first, second = related()
    upper = np.triu_indices(40, 1)
    oracle = scipy.stats.spearmanr(first[upper], second[upper]).statistic
    interval = spearman(first, second, rng=np.random.default_rng(0))
    assert interval.estimate == pytest.approx(oracle, abs=1e-12)
    assert interval.low < oracle < interval.high
    assert interval.n == 40
    pairs_as_objects = 2 * 1.96 / np.sqrt(len(upper[0]) - 3)
    assert interval.high - interval.low > pairs_as_objects * (1 - oracle**2)


def test_spearman_weighs_ties_and_copies_as_if_they_were_written_out():
    rng = np.random.default_rng(0)
    points = rng.integers(4, size=(15, 2)).astype(float)
    first, second = euclidean_distances(points), euclidean_distances(points + rng.standard_normal((15, 2)))
    replicate = spearman_bootstrap([first], second, resamples=2, rng=np.random.default_rng(7)).replicates[0, 0]
    counts = np.bincount(np.random.default_rng(7).integers(15, size=15), minlength=15)
    drawn = np.repeat(np.arange(15), counts)
    a, b = np.triu_indices(15, 1)
    kept = drawn[a] != drawn[b]
    assert not kept.all()
    index = drawn[a[kept]], drawn[b[kept]]
    assert replicate == pytest.approx(scipy.stats.spearmanr(first[index], second[index]).statistic, abs=1e-12)


def test_differences_of_correlations_share_their_resamples():
    first, second = related(noise=0.3)
    worse = related(noise=0.3, seed=1)[1]
    bootstrap = spearman_bootstrap([first, worse], second, rng=np.random.default_rng(0))
    difference = bootstrap.contrasts(np.array([[1.0, -1.0]])).intervals()[0]
    assert difference.low > 0.3
    twin = spearman_bootstrap([first, first], second, rng=np.random.default_rng(0))
    assert twin.contrasts(np.array([[1.0, -1.0]])).intervals()[0].high == 0.0


def test_matrices_that_are_no_distances_of_the_same_objects_are_refused():
    rng = np.random.default_rng(0)
    first, second = related(n=5)
    with pytest.raises(ValueError, match="expected symmetric distance matrices"):
        mantel(np.triu(first), second, rng=rng)
    with pytest.raises(ValueError, match="expected finite distances, got NaN or infinity"):
        mantel(np.where(first == first.max(), np.inf, first), second, rng=rng)
    with pytest.raises(ValueError, match="expected symmetric distance matrices"):
        pair_ranks(np.triu(first))
    with pytest.raises(ValueError, match="distances that vary, got all equal"):
        mantel(1 - np.eye(5), second, rng=rng)
    with pytest.raises(ValueError, match="the same three or more objects, got shapes"):
        spearman(first[:2, :2], second[:2, :2], rng=rng)


def test_relabellings_and_threads_that_are_none_are_refused():
    first, second = related(n=8)
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="zero relabellings or more and one thread or more, got -1 and 1: choose 999"):
        mantel(first, second, -1, rng=rng)
    with pytest.raises(ValueError, match="zero relabellings or more and one thread or more, got 19 and 0"):
        mantel(first, second, 19, rng=rng, threads=0)
    with pytest.raises(ValueError, match="expected one relabelling or more, got 0: choose 999"):
        mantel_family([first], second, 0, rng=rng)
    assert mantel(first, second, 0, rng=rng).p_value == 1.0
