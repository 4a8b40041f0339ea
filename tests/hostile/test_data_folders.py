"""Folders that are not data sets, or no longer are: each refused with what to do."""

import errno
import json
import os

import numpy as np
import pytest
import torch

from kdm.teachers import GaussianMixture
from kdm.trajectories import DataError, collect, open_trajectories, save_trajectories
from kdm.trajectories.manifest import FileRecord, file_record

NOISE = np.random.default_rng(0).standard_normal((40, 2)).astype(np.float32)


def saved(folder, noise=NOISE):
    return save_trajectories(
        folder, noise=noise, data=-noise, times=(1.0, 0.0), time_name="sigma", source={"kind": "test"}
    )


@pytest.fixture
def folder(tmp_path):
    saved(tmp_path / "data")
    open_trajectories(tmp_path / "data")
    return tmp_path / "data"


def rewritten(folder, **changes):
    manifest = folder / "manifest.json"
    content = {**json.loads(manifest.read_text()), **changes}
    manifest.write_text(json.dumps({name: value for name, value in content.items() if value is not ...}))


def test_a_missing_folder_is_refused_with_the_commands_that_make_one():
    with pytest.raises(DataError) as caught:
        open_trajectories("dta/")
    assert str(caught.value) == (
        "no data set at 'dta/': expected a folder with manifest.json, noise.npy and data.npy.\n"
        "Make one with `kdm collect TEACHER --out dta` or `kdm pack SOURCE --layout LAYOUT --out dta`."
    )


def test_an_empty_folder_and_a_file_are_refused(tmp_path):
    with pytest.raises(DataError, match="no data set at"):
        open_trajectories(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="no data set at"):
        open_trajectories(tmp_path / "file")


def test_a_missing_array_is_refused(folder):
    (folder / "data.npy").unlink()
    with pytest.raises(DataError, match=r"has no data\.npy, which its manifest lists: make the data set again"):
        open_trajectories(folder)


def test_a_truncated_array_is_refused(folder):
    content = (folder / "noise.npy").read_bytes()
    (folder / "noise.npy").write_bytes(content[:-8])
    with pytest.raises(DataError, match=rf"noise\.npy .* has {len(content) - 8} bytes, {len(content)} were written"):
        open_trajectories(folder)


@pytest.mark.parametrize("position", [0, 130, -1])
def test_one_altered_bit_is_refused(folder, position):
    content = bytearray((folder / "data.npy").read_bytes())
    content[position] ^= 1
    (folder / "data.npy").write_bytes(content)
    with pytest.raises(DataError, match=r"data\.npy in .* is not what was written: its bytes from 0 on"):
        open_trajectories(folder)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite_are_not_saved(tmp_path, value):
    noise = NOISE.copy()
    noise[17, 1] = value
    with pytest.raises(DataError, match="noise is not finite in row 17: expected finite numbers only"):
        saved(tmp_path / "data", noise)
    assert list(tmp_path.iterdir()) == []


def replaced(folder, array):
    """Put another array in place of the data, with a record that agrees with it."""
    np.save(folder / "data.npy", array)
    record = file_record(folder / "data.npy")
    assert isinstance(record, FileRecord)
    files = json.loads((folder / "manifest.json").read_text())["files"]
    rewritten(folder, files={**files, "data.npy": {"size": record.size, "sha256": record.sha256}})


def test_values_that_are_not_finite_are_not_opened_either(folder):
    array = NOISE.copy()
    array[3] = np.nan
    replaced(folder, array)
    with pytest.raises(DataError, match=r"data\.npy in .* is not finite in row 3"):
        open_trajectories(folder)


def test_an_array_of_another_shape_than_its_manifest_says_is_refused(folder):
    replaced(folder, NOISE[:30])
    with pytest.raises(DataError, match=r"data\.npy in .* is \(30, 2\), its manifest says \(40, 2\)"):
        open_trajectories(folder)


def test_an_array_of_another_type_than_its_manifest_says_is_refused(folder):
    replaced(folder, NOISE.astype(np.int64))
    with pytest.raises(DataError, match=r"data\.npy in .* holds int64: expected float32"):
        open_trajectories(folder)


def test_a_pickle_is_never_executed(folder):
    replaced(folder, np.array([{"a": 1}], dtype=object))
    with pytest.raises(DataError, match="is not an array that NumPy can map"):
        open_trajectories(folder)


def test_another_version_of_the_format_is_refused(folder):
    rewritten(folder, version=2)
    with pytest.raises(DataError, match="has version 2 of the format, this program reads version 1"):
        open_trajectories(folder)


@pytest.mark.parametrize("text", ["{}", "[]", '{"format": "zarr"}'])
def test_a_manifest_of_something_else_is_refused(folder, text):
    (folder / "manifest.json").write_text(text)
    with pytest.raises(DataError, match="is not a data set: its manifest has the format"):
        open_trajectories(folder)


def test_a_manifest_that_is_not_json_is_refused(folder):
    (folder / "manifest.json").write_text('{"format": ')
    with pytest.raises(DataError, match="the manifest of .* is not JSON"):
        open_trajectories(folder)


def test_an_incomplete_manifest_is_refused(folder):
    rewritten(folder, seed=...)
    with pytest.raises(DataError, match="the manifest of .* has no seed: make the data set again"):
        open_trajectories(folder)


@pytest.mark.parametrize("files", [["noise.npy"], ["noise.npy", "data.npy", "../../secret.npy"]])
def test_a_manifest_that_lists_other_files_is_refused(folder, files):
    rewritten(folder, files={name: {"size": 1, "sha256": []} for name in files})
    with pytest.raises(DataError, match=r"lists the files .*: expected noise\.npy and data\.npy, and at most"):
        open_trajectories(folder)


@pytest.mark.parametrize(
    "changes", [{"files": None}, {"files": {"noise.npy": {"size": 3}}}, {"shape": 2}, {"files": {"noise.npy": 1}}]
)
def test_a_malformed_manifest_is_refused(folder, changes):
    rewritten(folder, **changes)
    with pytest.raises(DataError, match="the manifest of .* is malformed"):
        open_trajectories(folder)


@pytest.mark.parametrize("occupied", ["data set", "other file"])
def test_a_folder_that_holds_something_is_not_overwritten(tmp_path, folder, occupied):
    out = folder if occupied == "data set" else tmp_path
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(DataError, match="already holds something else: remove it, or choose another --out"):
        saved(out)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_file_where_the_folder_should_be_is_not_overwritten(tmp_path):
    (tmp_path / "data").write_text("precious")
    with pytest.raises(DataError, match="already holds something else"):
        saved(tmp_path / "data")
    assert (tmp_path / "data").read_text() == "precious"


def test_a_folder_of_someone_elses_under_the_partial_name_is_not_touched(tmp_path):
    (tmp_path / "data.partial").mkdir()
    (tmp_path / "data.partial" / "thesis.tex").write_text("precious")
    with pytest.raises(DataError, match=r"data\.partial' is in the way, it holds thesis\.tex"):
        saved(tmp_path / "data")
    assert (tmp_path / "data.partial" / "thesis.tex").read_text() == "precious"


def full(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


FULL = "could not write .*: No space left on device. Make room or choose another --out, then run the same command again"


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="space is not allocated ahead on this system")
def test_a_disk_that_is_too_small_is_noticed_before_anything_is_made(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(DataError, match=FULL):
        collect(GaussianMixture.ring(), 40, generator=torch.Generator().manual_seed(0), out=tmp_path / "data")
    with pytest.raises(DataError, match=FULL):
        saved(tmp_path / "data")
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fills_up_at_the_end_leaves_nothing_under_the_final_name(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("kdm.trajectories.draft.file_record", full)
        with pytest.raises(DataError, match=FULL):
            saved(tmp_path / "saved")
        assert list(tmp_path.iterdir()) == []
        with pytest.raises(DataError, match=FULL):
            collect(GaussianMixture.ring(), 40, generator=torch.Generator().manual_seed(0), out=tmp_path / "data")
        assert [path.name for path in tmp_path.iterdir()] == ["data.partial"]
    resumed = collect(GaussianMixture.ring(), 40, generator=torch.Generator().manual_seed(0), out=tmp_path / "data")
    whole = collect(GaussianMixture.ring(), 40, generator=torch.Generator().manual_seed(0))
    np.testing.assert_array_equal(resumed.data, whole.data)
