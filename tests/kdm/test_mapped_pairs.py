"""Pairs that stay on disk are the pairs in memory; reading ahead changes nothing but the time."""

import threading
import time

import numpy as np
import pytest
import torch
from tiny_experiments import read_from_disk, same, trained

from kdm.teachers import named
from kdm.trajectories import (
    IndexedPairs,
    MappedPairs,
    Pairs,
    collect,
    mapped,
    open_trajectories,
    prefetched,
    save_trajectories,
)
from kdm.trajectories.mapped import Moments


@pytest.fixture(scope="module", params=[(3, 32, 32), (2,)], ids=["images", "points"])
def data(request, tmp_path_factory):
    """400 trajectories, rows of which are larger and smaller than a page."""
    rng = np.random.default_rng(0)
    folder = tmp_path_factory.mktemp("mapped") / "data"
    states = rng.standard_normal((400, 3, *request.param)).astype(np.float32)
    save_trajectories(
        folder, noise=states[:, 0], data=states[:, -1], trajectory=states, labels=rng.integers(0, 5, 400),
        times=(80.0, 1.0, 0.002), time_name="sigma", source={"kind": "test"},
    )  # fmt: skip
    return open_trajectories(folder)


@pytest.fixture(scope="module")
def collected():
    return collect(named("mixture"), 400, generator=torch.Generator().manual_seed(0), steps=4)


def shuffled(n, seed=1):
    return torch.randperm(n, generator=torch.Generator().manual_seed(seed))


def assert_same(one: Pairs, other: Pairs):
    for name in ("noise", "data", "labels", "states"):
        left, right = getattr(one, name), getattr(other, name)
        assert (left is None) == (right is None)
        assert left is None or (torch.equal(left, right) and left.dtype == right.dtype)


@pytest.mark.parametrize("whole", [False, True])
def test_rows_from_disk_are_those_in_memory(data, whole):
    memory, disk = data.training(whole=whole), data.training_source(whole=whole, in_memory=0)
    assert isinstance(disk, MappedPairs)
    assert len(disk) == len(memory) == 360
    rows = torch.cat([shuffled(360)[:100], torch.tensor([7, 7, -1])])
    assert_same(disk[rows], memory[rows])
    assert_same(disk[rows[:0]], memory[rows[:0]])
    assert data.training_source(in_memory=0)[rows].states is None


def test_small_data_are_held_in_memory_and_large_ones_are_not(data):
    size = data.training_source(in_memory=0).nbytes
    features = int(np.prod(data.shape))
    assert size == 360 * (2 * 4 * features + 8)
    assert isinstance(data.training_source(in_memory=size), Pairs)
    assert isinstance(data.training_source(in_memory=size - 1), MappedPairs)
    assert isinstance(data.training_source(), Pairs)
    assert mapped.IN_MEMORY == 2 * 2**30


def test_both_are_what_batches_are_taken_from(data):
    for pairs in (data.training(), data.training_source(in_memory=0)):
        assert isinstance(pairs, IndexedPairs)
        assert pairs.device == torch.device("cpu")
        moved = pairs.to("meta")
        assert moved.device == torch.device("meta")
        assert len(moved) == 360
    assert data.training_source(in_memory=0).to("meta")[shuffled(360)[:5]].noise.device.type == "meta"


def test_batches_from_disk_belong_to_whoever_asked(data):
    disk = data.training_source(in_memory=0)
    rows = torch.arange(5)
    before = disk[rows].noise.clone()
    disk[rows].noise.zero_()
    assert torch.equal(disk[rows].noise, before)


def test_rows_that_are_not_there_are_refused(data):
    disk = data.training_source(in_memory=0)
    with pytest.raises(IndexError, match="expected rows below 360, got 0 to 360"):
        disk[torch.tensor([0, 360])]
    with pytest.raises(IndexError, match="expected rows below 360, got -361 to 0"):
        disk[torch.tensor([0, -361])]
    with pytest.raises(TypeError, match=r"expected the numbers of rows, got torch\.bool of shape \(360,\)"):
        disk[torch.ones(360, dtype=torch.bool)]


@pytest.mark.parametrize("block", [1, 1000, 10**9])
def test_moments_of_blocks_are_those_of_the_whole(data, block):
    samples = data.training().data.double()
    found = Moments.of(data.data[:360], block=block)
    # The rounding of a sum of so many numbers, of which none is far from the mean.
    close = pytest.approx(float(samples.std()), rel=1e-13 * samples.numel() ** 0.5)
    assert found.deviation == close
    assert found.mean == pytest.approx(float(samples.mean()), abs=1e-14 * samples.numel() ** 0.5)


def test_moments_of_data_off_the_origin_do_not_cancel():
    array = 1e4 + np.random.default_rng(0).standard_normal((500, 7)).astype(np.float32)
    assert Moments.of(array, block=50).deviation == pytest.approx(array.astype(np.float64).std(ddof=1), rel=1e-12)


def test_moments_of_data_that_fit_one_block_are_bitwise_those_of_their_tensor(data):
    samples = data.training().data.double()
    assert data.training_moments() == Moments(mean=float(samples.mean()), deviation=float(samples.std()))


def test_a_training_from_disk_ends_in_the_same_weights_as_from_memory(config, collected, tmp_path, monkeypatch):
    memory = trained(config, collected, tmp_path / "memory")
    taken = read_from_disk(monkeypatch)
    assert same(trained(config, collected, tmp_path / "disk"), memory)
    assert len(taken) == config.training.steps


class Counted:
    """Pairs that note which rows were asked for, and in which thread."""

    def __init__(self, pairs):
        self.pairs, self.asked, self.threads = pairs, [], set()

    def __len__(self):
        return len(self.pairs)

    def __getitem__(self, rows):
        self.asked.append(rows)
        self.threads.add(threading.current_thread().name)
        return self.pairs[rows]

    @property
    def device(self):
        return self.pairs.device

    def to(self, device):
        return Counted(self.pairs.to(device))


def reading_threads():
    return [thread for thread in threading.enumerate() if thread.name == "prefetching"]


def test_batches_read_ahead_are_the_same_in_the_same_order(data):
    orders = shuffled(360).split(50)
    source = Counted(data.training_source(in_memory=0))
    with prefetched(source, orders) as batches:
        found = list(batches)
    assert len(found) == len(orders) == 8
    for rows, pairs in zip(orders, found, strict=True):
        assert_same(pairs, data.training()[rows])
    assert source.threads == {"prefetching"}
    assert not reading_threads()


def test_no_more_batches_wait_than_were_allowed(data):
    source = Counted(data.training_source(in_memory=0))
    with prefetched(source, shuffled(360).split(10), ahead=2) as batches:
        next(batches)
        deadline = time.monotonic() + 10
        while len(source.asked) < 4 and time.monotonic() < deadline:
            time.sleep(0.005)
        time.sleep(0.05)
        assert len(source.asked) == 4, "one used, two waiting, one that wants to"
    assert not reading_threads()


def test_who_leaves_early_waits_for_nothing(data):
    source = Counted(data.training_source(in_memory=0))

    def endless():
        while True:
            yield torch.arange(3)

    def interrupted():
        with prefetched(source, endless()) as batches:
            next(batches)
            raise KeyboardInterrupt

    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not reading_threads()
    assert time.monotonic() - started < 5
    with prefetched(source, endless()):
        pass  # not one of them
    assert not reading_threads()


def test_what_goes_wrong_ahead_is_raised_where_the_batch_is_wanted(data):
    source = data.training_source(in_memory=0)

    def orders():
        yield torch.arange(3)
        raise RuntimeError("the order is lost")

    with prefetched(source, orders()) as batches:
        assert len(next(batches)) == 3
        with pytest.raises(RuntimeError, match="the order is lost"):
            next(batches)
    with prefetched(source, [torch.arange(3), torch.tensor([999])]) as batches:
        assert len(next(batches)) == 3
        with pytest.raises(IndexError, match="expected rows below 360"):
            next(batches)
    assert not reading_threads()


@pytest.mark.parametrize(
    ("place", "told"), [("cuda:2", [("prefetching", 2)]), ("cuda", [("prefetching", 1)]), ("cpu", [])]
)
def test_the_reading_thread_has_the_cuda_device_of_its_process_before_it_pins_anything(data, monkeypatch, place, told):
    class OnADevice(Counted):
        device = torch.device(place)

    source, noted = OnADevice(data.training()), []

    def noting(number):
        assert not source.asked
        noted.append((threading.current_thread().name, number))

    monkeypatch.setattr(torch.cuda, "set_device", noting)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: int(threading.current_thread().name != "prefetching"))
    with prefetched(source, shuffled(360).split(100)) as batches:
        assert len(list(batches)) == 4
    assert noted == told


def test_at_least_one_batch_is_read_ahead(data):
    with (
        pytest.raises(ValueError, match="expected at least one batch ahead, got 0"),
        prefetched(data.training(), [], ahead=0),
    ):
        pass


@pytest.mark.gpu
def test_batches_come_to_the_device_through_pinned_memory(data):
    memory, rows = data.training(), shuffled(360).split(50)
    with prefetched(data.training_source(in_memory=0).to("cuda"), rows) as batches:
        for some, pairs in zip(rows, batches, strict=True):
            assert pairs.noise.device.type == "cuda"
            assert_same(pairs.to("cpu"), memory[some])
