"""Pairs, and data sets saved and opened."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from kdm.teachers import CheckerboardSupport
from kdm.trajectories import DataError, Manifest, Pairs, manifest, open_trajectories, save_trajectories


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    trajectory = rng.standard_normal((37, 3, 2, 2)).astype(np.float32)
    labels = rng.integers(0, 4, 37)
    return {"noise": trajectory[:, 0], "data": trajectory[:, -1], "trajectory": trajectory, "labels": labels}


def saved(folder, arrays, **source):
    times = (80.0, 1.0, 0.002) if "trajectory" in arrays else (80.0, 0.002)
    return save_trajectories(folder, **arrays, times=times, time_name="sigma", source={"kind": "test", **source})


def test_rows_of_pairs_are_pairs():
    pairs = Pairs(
        noise=torch.arange(10.0).reshape(5, 2), data=-torch.arange(10.0).reshape(5, 2), labels=torch.arange(5)
    )
    assert len(pairs) == 5
    for rows in (slice(1, 3), torch.tensor([1, 2]), torch.tensor([False, True, True, False, False])):
        taken = pairs[rows]
        assert isinstance(taken, Pairs)
        assert taken.noise.tolist() == [[2, 3], [4, 5]]
        assert taken.data.tolist() == [[-2, -3], [-4, -5]]
        assert taken.labels.tolist() == [1, 2]
    assert Pairs(noise=pairs.noise, data=pairs.data)[:2].labels is None


def test_pairs_move_to_a_device_together():
    pairs = Pairs(noise=torch.zeros(3, 2), data=torch.ones(3, 2), labels=torch.arange(3))
    moved = pairs.to("meta")
    assert {moved.noise.device.type, moved.data.device.type, moved.labels.device.type} == {"meta"}
    assert pairs.to("cpu").labels.tolist() == [0, 1, 2]
    assert Pairs(noise=pairs.noise, data=pairs.data).to("meta").labels is None


def test_pairs_of_two_lengths_or_labels_of_another_are_refused():
    with pytest.raises(ValueError, match=r"noise is \(3, 2\), data \(4, 2\): expected one shape"):
        Pairs(noise=torch.zeros(3, 2), data=torch.zeros(4, 2))
    with pytest.raises(ValueError, match=r"labels are \(2,\): expected \(3,\), one a pair"):
        Pairs(noise=torch.zeros(3, 2), data=torch.zeros(3, 2), labels=torch.arange(2))


def test_pairs_are_not_iterated_over():
    with pytest.raises(TypeError, match="take rows of them"):
        iter(Pairs(noise=torch.zeros(3, 2), data=torch.zeros(3, 2)))


def test_what_is_saved_is_what_is_opened(tmp_path, arrays):
    saved(tmp_path / "data", arrays)
    opened = open_trajectories(tmp_path / "data")
    for name, array in arrays.items():
        np.testing.assert_array_equal(getattr(opened, name), array)
        assert isinstance(getattr(opened, name), np.memmap)
    assert (len(opened), opened.shape, opened.folder) == (37, (2, 2), tmp_path / "data")
    assert opened.manifest.times == (80.0, 1.0, 0.002)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data"]
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == [
        "data.npy", "labels.npy", "manifest.json", "noise.npy", "trajectory.npy",
    ]  # fmt: skip


def test_trajectory_and_labels_are_optional(tmp_path, arrays):
    opened = saved(tmp_path / "data", {name: arrays[name] for name in ("noise", "data")})
    assert opened.trajectory is None
    assert opened.labels is None
    assert opened.training().labels is None


def test_the_last_tenth_is_held_out_and_the_parts_make_the_whole(tmp_path, arrays):
    opened = saved(tmp_path / "data", arrays)
    training, heldout = opened.training(), opened.heldout()
    assert (len(training), len(heldout)) == (34, 3)
    for name in ("noise", "data", "labels"):
        both = torch.cat([getattr(training, name), getattr(heldout, name)])
        np.testing.assert_array_equal(both.numpy(), arrays[name])
    assert training.noise.dtype == torch.float32
    assert training.labels.dtype == torch.int64


def test_a_change_to_opened_arrays_does_not_reach_the_disk(tmp_path, arrays):
    opened = saved(tmp_path / "data", arrays)
    opened.training().noise.zero_()
    np.testing.assert_array_equal(open_trajectories(tmp_path / "data").noise, arrays["noise"])


def test_an_empty_folder_may_become_a_data_set(tmp_path, arrays):
    (tmp_path / "data").mkdir()
    assert len(saved(tmp_path / "data", arrays)) == 37


def test_the_support_is_that_of_the_source(tmp_path, arrays):
    lengths = {"cell": 1.0, "half_width": 2.0}
    assert saved(tmp_path / "boxes", arrays, support=lengths).support == CheckerboardSupport(**lengths)
    other = saved(tmp_path / "other", arrays)
    assert other.support is None
    assert other.teacher is None


def test_a_manifest_survives_json(tmp_path, arrays):
    written = saved(tmp_path / "data", arrays).manifest
    assert Manifest.from_json(written.to_json(), folder=tmp_path) == written


def test_the_digest_tells_data_apart_and_ignores_the_date(tmp_path, arrays):
    first, again = (saved(tmp_path / name, arrays).manifest for name in ("first", "again"))
    changed = saved(tmp_path / "changed", {**arrays, "data": arrays["data"] + 1}).manifest
    assert replace(first, created="another day").digest == first.digest == again.digest
    assert changed.digest != first.digest


def test_a_large_data_set_is_checked_in_part_and_whole_when_asked(tmp_path, arrays, monkeypatch):
    monkeypatch.setattr(manifest, "BLOCK", 64)
    monkeypatch.setattr(manifest, "CHECKED_WHOLE", 1000)
    folder = tmp_path / "data"
    written = saved(folder, arrays).manifest.files["trajectory.npy"]
    assert len(written.sha256) == -(-written.size // 64)
    assert written.size > 1000
    content = bytearray((folder / "trajectory.npy").read_bytes())
    content[-1] ^= 1
    (folder / "trajectory.npy").write_bytes(content)
    open_trajectories(folder)
    with pytest.raises(DataError, match=r"trajectory.npy in .* is not what was written: its bytes from \d+ on"):
        open_trajectories(folder, whole=True)
    content[0] ^= 1
    (folder / "trajectory.npy").write_bytes(content)
    with pytest.raises(DataError, match="its bytes from 0 on"):
        open_trajectories(folder)
