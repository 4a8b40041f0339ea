"""What a source tells of the outliers of the data: against oracles, on cases with a known answer, and its coverage."""

import numpy as np
import pytest
import scipy.stats
from sklearn.metrics import roc_auc_score

from koopman_analysis.estimators.latent import ArrayLatentModel
from koopman_analysis.outliers import (
    Beyond,
    Clusters,
    Edge,
    LargestDeviation,
    Margin,
    NotMeasurable,
    Outermost,
    Overall,
    Sparseness,
    Unclustered,
    WithinCluster,
    predicted_outliers,
    read_latents,
)
from koopman_analysis.snapshots import SnapshotPairs
from koopman_analysis.systems import GaussianFlow

MARK, WITHIN = Outermost(), WithinCluster()


def two_clouds(n, rng):
    """Noise, data that are a blurred image of it, and the clusters of the data."""
    labels = np.arange(n) % 2
    noise = rng.standard_normal((n, 2)) + 1.5 * labels[:, None]
    data = np.tanh(noise - 1.5 * labels[:, None]) + 0.2 * rng.standard_normal((n, 2)) + 8.0 * labels[:, None]
    return noise, data, Clusters.named(labels)


def measured(sources, data, clusters, *, marks=(MARK,), measures=(WITHIN,), resamples=99, seed=0, **rest):
    return predicted_outliers(
        sources, data, clusters, marks=marks, measures=measures, resamples=resamples,
        rng=np.random.default_rng(seed), **rest,
    )  # fmt: skip


def test_both_numbers_are_those_of_others():
    noise, data, clusters = two_clouds(400, np.random.default_rng(0))
    noise[:50] = np.round(noise[:50])
    found = measured({"noise": noise}, data, clusters, measures=(WithinCluster(), Overall()))
    far = WithinCluster().of(data, clusters.labels)
    outlier = far > np.quantile(far, 0.9)
    for prediction, measure in zip(found.each, (WithinCluster(), Overall()), strict=True):
        at_source = measure.of(noise, clusters.labels)
        assert prediction.auroc.estimate == pytest.approx(roc_auc_score(outlier, at_source))
        assert prediction.spearman.estimate == pytest.approx(scipy.stats.spearmanr(at_source, far).statistic)
        assert prediction.outliers == outlier.sum() == 40


def test_under_an_affine_flow_the_outliers_of_the_data_are_those_of_the_noise():
    """Gaussian data: the flow is affine, so that Mahalanobis distances at both ends are one."""
    flow = GaussianFlow(mean=np.array([1.0, -2.0]), covariance=np.array([[2.0, 0.5], [0.5, 0.3]]))
    pairs = flow.pairs(500, rng=np.random.default_rng(0))
    clusters = Clusters.named(np.zeros(500, dtype=int))
    (overall, within) = measured(
        {"noise": pairs.before}, pairs.after, clusters, measures=(Overall(), WithinCluster())
    ).each  # fmt: skip
    for prediction in (overall, within):
        assert (prediction.auroc.low, prediction.auroc.high) == (1.0, 1.0)
        assert prediction.spearman.low == pytest.approx(1.0)
        assert prediction.exchanged.high < 0.65


def test_unrelated_sources_tell_nothing():
    noise, data, clusters = two_clouds(600, np.random.default_rng(0))
    stranger = np.random.default_rng(1).permutation(noise[clusters.labels == 0])
    unrelated = np.empty_like(noise)
    unrelated[clusters.labels == 0], unrelated[clusters.labels == 1] = stranger, stranger + 1.5
    (found,) = measured({"noise": unrelated}, data, clusters).each
    assert found.auroc.low < 0.5 < found.auroc.high
    assert found.spearman.low < 0 < found.spearman.high
    assert found.exchanged.low < found.auroc.estimate < found.exchanged.high


def test_exchanged_within_clusters_what_the_cluster_tells_remains():
    """All outliers of the whole are in a far cluster whose noise is far out, too, and related to nothing else."""
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], [450, 50])
    noise, data = (rng.standard_normal((500, 2)) + 9.0 * labels[:, None] for _ in range(2))
    found = measured({"noise": noise}, data, Clusters.named(labels), marks=(Outermost(measure=Overall()),),
                     measures=(Overall(), WithinCluster()))  # fmt: skip
    overall, within = found.each
    assert overall.auroc.low > 0.8
    assert overall.exchanged.low > 0.8, "so the AUROC is that of the clusters"
    assert within.auroc.low < 0.5 < within.auroc.high


def test_a_source_leads_over_another_by_the_difference_on_the_same_resamples():
    rng = np.random.default_rng(0)
    noise, data, clusters = two_clouds(400, rng)
    blurred = noise + rng.standard_normal((400, 2))
    found = measured({"noise": noise, "blurred": blurred}, data, clusters)
    lead = found.lead(mark=MARK.name, measure="within cluster", source="noise", over="blurred")
    a, b = found.each
    assert lead.estimate == pytest.approx(a.auroc.estimate - b.auroc.estimate)
    assert lead.low > 0
    itself = found.lead(mark=MARK.name, measure="within cluster", source="noise", over="noise")
    assert (itself.low, itself.high) == (0.0, 0.0)
    with pytest.raises(KeyError, match="expected a prediction that was measured, got"):
        found.find(mark=MARK.name, source="latent", measure="edge")


def test_what_cannot_be_measured_is_named_with_its_reason_and_the_rest_is_measured():
    noise, data, _ = two_clouds(300, np.random.default_rng(0))
    one = Clusters.named(np.zeros(300, dtype=int))
    marks = (
        MARK, *(Beyond(measure=LargestDeviation(), threshold=threshold) for threshold in (99.0, 0.0)), Unclustered(),
        Outermost(measure=Margin()),
    )  # fmt: skip
    found = measured({"noise": noise}, data, one, marks=marks, measures=(WithinCluster(), Margin()))
    assert [(prediction.mark, prediction.measure) for prediction in found.each] == [(MARK.name, "within cluster")]
    assert found.unmeasured["z-score above 99"].endswith("z-score above 99 marks none of 300 objects")
    assert found.unmeasured["z-score above 0"].endswith("z-score above 0 marks all of 300 objects")
    assert found.unmeasured["in no cluster (DBSCAN)"].endswith("marks none of 300 objects")
    assert "at least two clusters" in found.unmeasured["noise, margin"]
    assert "at least two clusters" in found.unmeasured["outermost 10 %, margin"]


@pytest.mark.parametrize("outliers", [9, 291])
def test_outliers_or_others_too_few_to_resample_are_not_measured(outliers):
    noise, data, clusters = two_clouds(300, np.random.default_rng(0))
    few, enough = (Outermost(share=share) for share in (outliers / 300, 10 / 300))
    found = measured({"noise": noise}, data, clusters, marks=(few, enough))
    assert [(prediction.mark, prediction.outliers) for prediction in found.each] == [(enough.name, 10)]
    assert found.unmeasured[few.name] == (
        f"expected at least 10 outliers and 10 others to resample, but {few.name} marks {outliers} of 300 objects"
    )


def test_nothing_to_predict_or_to_predict_it_by_is_an_error_with_the_reasons():
    noise, data, clusters = two_clouds(300, np.random.default_rng(0))
    with pytest.raises(NotMeasurable, match="expected outliers, and sources to predict them by: .* marks none of 300"):
        measured({"noise": noise}, data, clusters, marks=(Unclustered(),))
    with pytest.raises(NotMeasurable, match="expected outliers, and sources .* at least two clusters"):
        measured({"noise": noise}, data, Clusters.named(np.zeros(300, dtype=int)), measures=(Margin(),))
    with pytest.raises(NotMeasurable, match="marks none of 300"):
        measured({"noise": noise}, np.zeros((300, 2)), clusters)
    with pytest.raises(ValueError, match="the same 300 objects everywhere, got 299 in 'noise'"):
        measured({"noise": noise[1:]}, data, clusters)
    with pytest.raises(ValueError, match="expected finite points, got 1 of 300"):
        measured({"noise": np.where(np.arange(600).reshape(300, 2) == 7, np.nan, noise)}, data, clusters)


def test_a_collapsed_source_tells_nothing_and_has_no_rank_correlation():
    _, data, clusters = two_clouds(300, np.random.default_rng(0))
    (found,) = measured({"latent": np.ones((300, 2))}, data, clusters).each
    assert found.auroc.estimate == found.exchanged.estimate == 0.5
    assert np.isnan(found.spearman.estimate)


def test_the_same_generator_gives_the_same_numbers():
    noise, data, clusters = two_clouds(200, np.random.default_rng(0))
    first, second = (measured({"noise": noise}, data, clusters, measures=(Edge(), Sparseness())) for _ in range(2))
    assert first.each == second.each


def test_latents_as_the_decoder_reads_them_leave_out_what_it_does_not_read():
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((400, 2))
    pairs = SnapshotPairs(before=noise, after=np.tanh(noise))
    mixing = rng.standard_normal((5, 5))

    def model(gauge):
        inverse = np.linalg.inv(gauge)
        unread = np.array([[3.0, 1.0, -4.0], [1.0, 5.0, 9.0]])
        return ArrayLatentModel(
            encode_noise=lambda x: np.column_stack([np.tanh(x), np.sin(x @ unread)]) @ gauge,
            encode_data=lambda y: np.column_stack([y, np.zeros((len(y), 3))]) @ gauge,
            matrix=np.eye(5), decode=lambda z: (z @ inverse)[:, :2],
        )  # fmt: skip

    plain, mixed = (read_latents(model(gauge), pairs, rng=np.random.default_rng(1)) for gauge in (np.eye(5), mixing))
    assert plain.shape == (400, 2)
    np.testing.assert_allclose(np.abs(mixed), np.abs(plain), rtol=1e-3, atol=1e-3)
    clusters = np.zeros(400, dtype=int)
    np.testing.assert_allclose(Overall().of(plain, clusters), Overall().of(np.tanh(noise), clusters), rtol=0.05)
    with pytest.raises(ValueError, match=r"expected a share in \(0, 1\], got 0"):
        read_latents(model(np.eye(5)), pairs, share=0.0, rng=rng)


@pytest.mark.slow
def test_the_intervals_cover_the_truth():
    """Clusters, marks and outlyingness of a sample are estimates, too: the truth is what they tend to."""
    truth = measured(dict(zip(["noise"], two_clouds(200_000, np.random.default_rng(1))[:1], strict=True)),
                     *two_clouds(200_000, np.random.default_rng(1))[1:], resamples=2, exchanges=1).each[0]  # fmt: skip
    covered = np.zeros(2)
    samples = 1000
    for seed in range(samples):
        noise, data, clusters = two_clouds(400, np.random.default_rng(seed + 10))
        (found,) = measured({"noise": noise}, data, clusters, resamples=299, exchanges=1, seed=seed).each
        for place, name in enumerate(("auroc", "spearman")):
            interval = getattr(found, name)
            covered[place] += interval.low <= getattr(truth, name).estimate <= interval.high
    assert np.all(np.abs(covered / samples - 0.95) < 0.025), covered / samples
