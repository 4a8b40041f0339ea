"""The published picture of outliers, measured on the published trajectories and with the published model's latents."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from kdm.importing.checkpoints import published_checkerboard
from kdm.importing.layouts import CHECKERBOARD
from kdm.latent_model import KDMLatentModel
from koopman_analysis.outliers import (
    Edge,
    FixedRadius,
    LongestPlateau,
    Outermost,
    Overall,
    Unclustered,
    WithinCluster,
    predicted_outliers,
    read_latents,
)
from koopman_analysis.snapshots import SnapshotPairs

COUNT = 10_000
MARKS = (Outermost(), Unclustered())
MEASURES = (Overall(), WithinCluster(), Edge())


@pytest.fixture(scope="module")
def pairs(reference_data) -> SnapshotPairs:
    states = np.load(reference_data / "checkerboard_flow_matching.npy", mmap_mode="r")[:, -COUNT:].astype(float)
    return SnapshotPairs(before=states[0], after=states[-1])


@pytest.fixture(scope="module")
def clusters(pairs):
    """Clusters of the longest plateau, with what the published radius leaves apart."""
    apart = FixedRadius(radius=0.15, neighbours=4).clusters(pairs.after).apart
    return replace(LongestPlateau().clusters(pairs.after), apart=apart)


@pytest.fixture(scope="module")
def predictions(pairs, clusters, reference_data):
    rng = np.random.default_rng(0)
    model = KDMLatentModel(published_checkerboard(reference_data / "published_checkerboard_model.pt"))
    sources = {"noise": pairs.before, "latent": read_latents(model, pairs, rng=rng)}
    return predicted_outliers(sources, pairs.after, clusters, marks=MARKS, measures=MEASURES, resamples=199, rng=rng)


@pytest.mark.reference
def test_the_cells_are_eight_clusters_and_the_published_rule_marks_strays_between_them(pairs, clusters):
    assert CHECKERBOARD.support is not None
    cells = CHECKERBOARD.support.cells(torch.from_numpy(pairs.after)).numpy()
    majority = sum(np.bincount(cells[clusters.labels == k]).max() for k in range(clusters.count))
    assert clusters.count == 8
    assert majority > 0.98 * COUNT
    assert 10 <= clusters.apart.sum() <= 100
    inside = CHECKERBOARD.support.contains(torch.from_numpy(pairs.after[clusters.apart])).numpy()
    assert inside.mean() < 0.2, "they lie outside the cells"
    deviations = np.abs(pairs.after - pairs.after.mean(axis=0)) / pairs.after.std(axis=0)
    assert deviations.max() < 3, "z-scores over the whole sample mark none"


@pytest.mark.slow
@pytest.mark.reference
def test_outliers_come_from_the_edges_of_regions_and_hardly_from_the_outskirts_of_all_noise(predictions):
    for source in ("noise", "latent"):
        edge, overall = (
            predictions.find(mark=MARKS[0].name, source=source, measure=measure).auroc
            for measure in ("edge", "overall")
        )
        assert edge.low > 0.8
        assert overall.high < 0.7


@pytest.mark.slow
@pytest.mark.reference
def test_the_published_strays_come_from_the_edges_of_regions(predictions):
    for source in ("noise", "latent"):
        found = predictions.find(mark=MARKS[1].name, source=source, measure="edge")
        assert found.auroc.low > 0.9
        assert found.exchanged.low < 0.5 < found.exchanged.high
