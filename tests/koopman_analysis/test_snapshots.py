from itertools import pairwise

import numpy as np
import pytest
import torch

from koopman_analysis.snapshots import DoublePairs, SnapshotPairs, SnapshotTrajectories


def numbered(n: int, trajectory: np.ndarray | None = None) -> SnapshotPairs:
    """Pairs whose states are their own row numbers."""
    rows = np.arange(n, dtype=float)[:, None]
    return SnapshotPairs(before=rows, after=-rows, trajectory=trajectory, weights=np.arange(1.0, n + 1))


@pytest.mark.parametrize(
    ("before", "error", "message"),
    [
        (np.array([[1.0], [np.nan]]), ValueError, "finite states before"),
        (np.array([[1.0], [np.inf]]), ValueError, "finite states before"),
        (np.empty((0, 1)), ValueError, "at least one state before"),
        (np.empty((2, 0)), ValueError, "with one feature"),
        (np.ones(2), ValueError, "one state a row"),
        (np.ones((2, 1, 1)), ValueError, "3-D shape"),
        (np.ones((3, 1)), ValueError, "3 before and 2 after"),
        (np.ones((2, 1), dtype=int), TypeError, "floating or complex"),
        (np.ones((2, 1), dtype=object), TypeError, "floating or complex"),
        ([[1.0], [2.0]], TypeError, "got list"),
        (torch.ones((2, 1), dtype=torch.int64), TypeError, "floating or complex"),
    ],
)
def test_states_that_are_not_finite_rows_of_floats_are_refused(before, error, message):
    with pytest.raises(error, match=message):
        SnapshotPairs(before=before, after=np.ones((2, 1)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lag": 0.0}, "positive, finite lag"),
        ({"lag": -1.0}, "positive, finite lag"),
        ({"lag": float("nan")}, "positive, finite lag"),
        ({"weights": np.ones(3)}, "one weight per pair"),
        ({"weights": np.array([1.0, -1.0])}, "non-negative weights"),
        ({"weights": np.zeros(2)}, "not all zero"),
        ({"weights": np.array([1.0, np.nan])}, "finite"),
        ({"trajectory": np.zeros(3, dtype=int)}, "one trajectory name per pair"),
    ],
)
def test_lags_weights_and_names_that_mean_nothing_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        SnapshotPairs(before=np.ones((2, 1)), after=np.ones((2, 1)), **options)


def test_states_and_weights_of_two_libraries_or_devices_are_refused():
    states, tensors = np.ones((2, 1)), torch.ones((2, 1), dtype=torch.float64)
    with pytest.raises(TypeError, match="one array library, got .*numpy.*torch"):
        SnapshotPairs(before=states, after=tensors)
    with pytest.raises(TypeError, match="one array library"):
        SnapshotPairs(before=tensors, after=tensors, weights=np.ones(2))
    with pytest.raises(ValueError, match="on one device, got .*cpu.*meta"):
        SnapshotPairs(before=tensors, after=tensors.to("meta"))
    with pytest.raises(ValueError, match="on one device"):
        SnapshotPairs(before=tensors, after=tensors, weights=torch.ones(2, device="meta"))
    SnapshotPairs(before=tensors, after=tensors, weights=torch.ones(2), trajectory=np.arange(2))


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1.0, 1.0], "array of weights, .* got list"),
        (np.ones(2, dtype=complex), "weights of real numbers, got dtype complex128"),
        (np.ones(2, dtype=object), "weights of real numbers, got dtype object"),
    ],
)
def test_weights_that_are_no_array_of_real_numbers_are_refused(weights, message):
    with pytest.raises(TypeError, match=message):
        SnapshotPairs(before=np.ones((2, 1)), after=np.ones((2, 1)), weights=weights)


def test_a_unit_is_a_pair_or_a_whole_trajectory():
    assert numbered(6).units == 6
    named = numbered(6, trajectory=np.array([7, 7, 3, 3, 3, 9]))
    assert named.units == 3
    assert named.unit.tolist() == [1, 1, 0, 0, 0, 2]
    assert len(named) == 6


def test_only_pairs_of_positive_weight_count():
    pairs = SnapshotPairs(before=torch.arange(3.0)[:, None], after=torch.ones(3, 1), weights=torch.tensor([0.0, 2, 1]))
    counted = pairs.of_positive_weight()
    assert counted.before.ravel().tolist() == [1, 2]
    assert counted.weights.tolist() == [2, 1]
    plain = SnapshotPairs(before=pairs.before, after=pairs.after)
    assert plain.of_positive_weight() is plain


def test_consecutive_states_of_trajectories_become_pairs_of_one_unit_each():
    first, second = np.arange(3.0)[:, None], 10 + np.arange(2.0)[:, None]
    pairs = SnapshotPairs.from_trajectories([first, second], lag=0.5)
    assert pairs.before.ravel().tolist() == [0, 1, 10]
    assert pairs.after.ravel().tolist() == [1, 2, 11]
    assert pairs.unit.tolist() == [0, 0, 1]
    assert pairs.lag == 0.5


@pytest.mark.parametrize(
    ("widths", "lengths", "message"),
    [((1, 2), (3, 3), "one width"), ((2, 2), (3, 1), "at least two states"), ((), (), "one width")],
)
def test_trajectories_of_different_width_or_of_one_state_are_refused(widths, lengths, message):
    with pytest.raises(ValueError, match=message):
        SnapshotPairs.from_trajectories([np.ones((t, d)) for t, d in zip(lengths, widths, strict=True)])


def test_a_split_shares_no_unit_and_loses_no_pair():
    pairs = numbered(60, trajectory=np.repeat(np.arange(12), 5))
    split = pairs.split(held_out=0.25, rng=np.random.default_rng(0))
    fit, held = split.fit, split.held_out
    assert held.units == 3
    assert not set(np.asarray(fit.trajectory)) & set(np.asarray(held.trajectory))
    assert sorted(np.concatenate([fit.before, held.before]).ravel()) == list(range(60))
    np.testing.assert_array_equal(held.after, -held.before)
    np.testing.assert_array_equal(held.weights, held.before.ravel() + 1)


def test_folds_hold_every_pair_out_exactly_once():
    folds = numbered(11).folds(3, rng=np.random.default_rng(1))
    held = np.concatenate([fold.held_out.before.ravel() for fold in folds])
    assert sorted(held) == list(range(11))
    assert all(fold.fit.n + fold.held_out.n == 11 for fold in folds)


def test_splits_are_decided_by_the_generator_alone():
    first, again, other = (
        numbered(50).split(held_out=0.5, rng=np.random.default_rng(seed)).held_out.before for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("share", [0.0, 1.0, -0.5])
def test_a_share_outside_the_unit_interval_is_refused(share):
    with pytest.raises(ValueError, match="held-out share"):
        numbered(4).split(held_out=share, rng=np.random.default_rng(0))


def test_one_unit_can_be_neither_split_nor_folded_nor_shuffled():
    one = numbered(4, trajectory=np.zeros(4, dtype=int))
    with pytest.raises(ValueError, match="at least two independent units"):
        one.split(rng=np.random.default_rng(0))
    with pytest.raises(ValueError, match="as many as there are units"):
        one.folds(2, rng=np.random.default_rng(0))
    with pytest.raises(ValueError, match="no unrelated copy"):
        one.shuffled(rng=np.random.default_rng(0))


def test_a_trajectory_is_cut_into_blocks_with_gaps_between_them():
    # One of 103, one of 7, interleaved; each in the order of its rows.
    trajectory = np.where(np.isin(np.arange(110), np.arange(5, 110, 15)), 4, -2)
    pairs = numbered(110, trajectory)
    blocks = pairs.in_blocks(10, gap=3)
    rows = blocks.before[:, 0].astype(int)
    np.testing.assert_array_equal(blocks.weights, rows + 1.0)
    assert blocks.units == 8 + 1
    short = rows[trajectory[rows] == 4]
    np.testing.assert_array_equal(short, np.flatnonzero(trajectory == 4))
    assert len(set(blocks.unit[trajectory[rows] == 4])) == 1
    place = np.cumsum(trajectory == -2) - 1
    long = trajectory[rows] == -2
    starts = []
    for unit in np.unique(blocks.unit[long]):
        inside = place[rows[(blocks.unit == unit) & long]]
        np.testing.assert_array_equal(np.diff(inside), 1)
        assert len(inside) >= 10
        starts.append((inside[0], inside[-1]))
    starts.sort()
    assert starts[0][0] == 0
    assert starts[-1][1] == 102
    assert [after[0] - before[1] for before, after in pairwise(starts)] == [4] * 7


def test_blocks_of_pairs_without_names_are_of_one_trajectory():
    blocks = numbered(12).in_blocks(4)
    np.testing.assert_array_equal(blocks.unit, np.repeat([0, 1, 2], 4))
    assert numbered(12).in_blocks(13).units == 1


@pytest.mark.parametrize(("length", "gap"), [(0, 0), (1, -1)])
def test_blocks_without_pairs_are_refused(length, gap):
    with pytest.raises(ValueError, match="blocks of at least one pair"):
        numbered(5).in_blocks(length, gap=gap)


def test_a_shuffled_copy_keeps_no_partner_from_its_own_unit():
    names = np.array([0, 0, 0, 1, 1, 2, 3, 3])
    pairs = numbered(8, trajectory=names)
    for seed in range(20):
        shuffled = pairs.shuffled(rng=np.random.default_rng(seed))
        partner = (-shuffled.after.ravel()).astype(int)
        assert sorted(partner) == list(range(8))
        assert (names[partner] != names).all()
    alone = numbered(5).shuffled(rng=np.random.default_rng(0))
    assert (alone.after != -alone.before).all()


def test_two_draws_after_different_states_are_refused():
    pairs = numbered(5)
    DoublePairs(first=pairs, second=SnapshotPairs(before=pairs.before, after=2 * pairs.after))
    with pytest.raises(ValueError, match="two draws after the same states before"):
        DoublePairs(first=pairs, second=pairs.subset(np.arange(5)[::-1]))
    with pytest.raises(ValueError, match=r"shapes \(5, 1\) and \(4, 1\)"):
        DoublePairs(first=pairs, second=pairs.subset(np.arange(4)))


def test_tensors_stay_tensors_until_they_are_asked_onto_the_host():
    pairs = SnapshotPairs(
        before=torch.ones(4, 2), after=torch.zeros(4, 2), weights=torch.ones(4), trajectory=torch.arange(4)
    )
    part = pairs.subset(np.array([True, False, True, True]))
    assert isinstance(part.before, torch.Tensor)
    host = part.on_host()
    assert host.before.dtype == np.float64
    assert host.n == host.units == 3
    assert SnapshotPairs(before=np.ones((1, 1), complex), after=np.ones((1, 1))).on_host().before.dtype == complex


def test_trajectories_have_pairs_of_ends():
    states = np.arange(12.0).reshape(2, 3, 2)
    ends = SnapshotTrajectories(states=states, times=np.array([5.0, 4.0, 1.0])).ends
    np.testing.assert_array_equal(ends.before, states[:, 0])
    np.testing.assert_array_equal(ends.after, states[:, -1])
    assert ends.lag == 4.0


def test_trajectories_come_to_the_host_in_double_precision():
    states = torch.arange(12.0).reshape(2, 3, 2)
    host = SnapshotTrajectories(states=states, times=np.arange(3)).on_host()
    assert host.states.dtype == host.times.dtype == np.float64
    np.testing.assert_array_equal(host.states, states.numpy())


@pytest.mark.parametrize(
    ("states", "times", "message"),
    [
        (np.ones((2, 3)), np.arange(3), "shape \\(n, times, d\\), got shape \\(2, 3\\)"),
        (np.full((2, 3, 1), np.nan), np.arange(3), "finite states on trajectories"),
        (np.ones((2, 3, 1)), np.arange(2), "one for each of the 3 states"),
        (np.ones((2, 3, 1)), np.array([0.0, 1.0, 1.0]), "all rise or all fall"),
        (np.ones((2, 3, 1)), np.array([0.0, 1.0, 0.5]), "all rise or all fall"),
        (np.ones((2, 3, 1)), np.array([0.0, 1.0, np.nan]), "all rise or all fall"),
        (np.ones((2, 3, 1)), np.array([0.0, 1.0, np.inf]), "all rise or all fall"),
        (np.ones((2, 1, 1)), np.array([0.0]), "at least two times"),
    ],
)
def test_trajectories_without_a_clock_are_refused(states, times, message):
    with pytest.raises(ValueError, match=message):
        SnapshotTrajectories(states=states, times=times)


def test_times_in_a_list_are_refused_with_what_to_do():
    with pytest.raises(TypeError, match=r"times"):
        SnapshotTrajectories(states=np.zeros((3, 2, 1)), times=[1.0, 0.0])
