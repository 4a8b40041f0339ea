"""How many latent directions the published checkerboard model uses, measured in no latent coordinates in particular."""

import numpy as np
import pytest

from kdm.importing.checkpoints import published_checkerboard
from kdm.latent_model import KDMLatentModel
from koopman_analysis.dimension import RankSweep, decoder_weighted_directions, rank_sweep
from koopman_analysis.snapshots import SnapshotPairs

RANKS = (1, 2, 3, 4, 5, 6, 8, 16)


@pytest.fixture(scope="module")
def sweep(reference_data) -> RankSweep:
    """On pairs that gave no direction; the model was trained on all of them."""
    states = np.load(reference_data / "checkerboard_flow_matching.npy", mmap_mode="r")
    pairs = SnapshotPairs(before=states[0].astype(float), after=states[-1].astype(float))
    model = KDMLatentModel(published_checkerboard(reference_data / "published_checkerboard_model.pt"))
    rng = np.random.default_rng(0)
    directions = decoder_weighted_directions(model, pairs.subset(np.arange(5000)), rng=rng)
    held_out = pairs.subset(np.arange(5000, 15_000))
    return rank_sweep(model, held_out, directions=directions, ranks=RANKS, resamples=199, rng=rng)


@pytest.mark.reference
def test_five_directions_are_as_good_as_all_and_three_are_not(sweep):
    ratio = dict(zip(sweep.ranks, sweep.ratio.intervals, strict=True))
    assert ratio[5].high < 1.1
    assert ratio[3].low > 2
    assert sweep.sufficient_rank() == 5
