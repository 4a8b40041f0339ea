"""Folders of published files of which one is not what it should be: it is named, and nothing in it is believed."""

import io
import os
import struct
import tracemalloc
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from archives import damaged
from hypothesis import given
from hypothesis import strategies as st
from published_files import written

from kdm.importing.layouts import CIFAR10_CONDITIONAL, pack
from kdm.importing.npz import LARGEST, arrays_in
from kdm.trajectories import DataError, open_trajectories

N, BAD = 16, "11.npz"
LAYOUT = replace(CIFAR10_CONDITIONAL, shape=(3, 4, 4))
STATES, LABEL = np.zeros((2, 3, 4, 4), np.float32), np.eye(10)[3]


class Marked:
    """Unpickles to a call that leaves a file behind."""

    def __init__(self, marker) -> None:
        self.marker = str(marker)

    def __reduce__(self):
        return os.mkdir, (self.marker,)


@pytest.fixture
def folder(tmp_path):
    written(tmp_path / "set", LAYOUT, N)
    return tmp_path / "set"


def refusal(folder) -> str:
    with pytest.raises(DataError) as caught:
        pack(folder, layout=LAYOUT, out=folder.with_name("data"))
    assert not folder.with_name("data").exists()
    return str(caught.value)


def npy(array, shape=None) -> bytes:
    """The bytes of a .npy file, whose header says `shape`."""
    buffer = io.BytesIO()
    header = {**np.lib.format.header_data_from_array_1_0(array), **({"shape": shape} if shape else {})}
    np.lib.format.write_array_header_1_0(buffer, header)
    return buffer.getvalue() + array.tobytes()


def npz(path, *members, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as made:
        for name, content in members:
            made.writestr(name, content)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"arr_0": STATES, "label": LABEL}, "expected one array endpoints in .*, got arr_0, label"),
        ({}, "expected one array endpoints in .*, got none"),
        ({"endpoints": STATES}, "expected one array label in .*, got endpoints"),
        ({"endpoints": STATES[:, :2], "label": LABEL}, r"expected \(time, 3, 4, 4\), .* got \(2, 2, 4, 4\)"),
        ({"endpoints": STATES[:1], "label": LABEL}, r"at least two times, .* got \(1, 3, 4, 4\)"),
        ({"endpoints": STATES[0, 0, 0, 0], "label": LABEL}, r"got \(\)"),
        ({"endpoints": STATES.astype(int), "label": LABEL}, "floating point numbers in endpoints of .*, got int64"),
        ({"endpoints": STATES + np.nan, "label": LABEL}, "endpoints of .* is not finite in float32"),
        ({"endpoints": STATES.astype(float) + 1e300, "label": LABEL}, "endpoints of .* is not finite in float32"),
        ({"endpoints": STATES, "label": LABEL / 2}, "one 1 among 10 numbers .* with 0.5 as its largest"),
        ({"endpoints": STATES, "label": LABEL + np.eye(10)[4]}, "one 1 among 10 numbers"),
        ({"endpoints": STATES, "label": 0 * LABEL}, "one 1 among 10 numbers .* with 0 as its largest"),
        ({"endpoints": STATES, "label": LABEL + np.nan}, "one 1 among 10 numbers"),
        ({"endpoints": STATES, "label": np.eye(9)[3]}, r"one 1 among 10 numbers .* got shape \(9,\)"),
        ({"endpoints": STATES, "label": np.zeros(0)}, r"one 1 among 10 numbers .* got shape \(0,\)\."),
    ],
)
def test_a_file_that_holds_something_else_is_named(folder, arrays, message):
    np.savez(folder / BAD, **arrays)
    with pytest.raises(DataError, match=message):
        LAYOUT.sample_in(folder / BAD)
    assert BAD in refusal(folder)


def test_objects_are_refused_and_never_unpickled(folder, tmp_path):
    marker = tmp_path / "marker"
    objects = np.array([Marked(marker)], dtype=object)
    np.savez(folder / BAD, endpoints=objects, label=LABEL)
    np.load(folder / BAD, allow_pickle=True)["endpoints"]
    assert marker.exists(), "NumPy would have run it"
    marker.rmdir()
    assert f"expected floating point numbers in endpoints of '{folder / BAD}', got object" in refusal(folder)
    assert not marker.exists()


@pytest.mark.parametrize("content", [b"", b"PK", b"not a zip archive", b"\x93NUMPY\x01\x00"])
def test_a_file_that_is_no_archive_is_named(folder, content):
    (folder / BAD).write_bytes(content)
    assert f"'{folder / BAD}' is damaged or no .npz file" in refusal(folder)


def test_a_stranger_in_the_folder_an_empty_one_and_none_are_named(folder, tmp_path):
    (folder / ".DS_Store").write_text("")
    assert f"expected .npz files only in '{folder}', got '.DS_Store': move it elsewhere" in refusal(folder)
    (folder / ".DS_Store").unlink()
    (folder / "class 3.npz").mkdir()
    assert "got 'class 3.npz'" in refusal(folder)
    (folder / "class 3.npz").rmdir()
    os.mkfifo(folder / "pipe.npz")
    assert "got 'pipe.npz'" in refusal(folder), "and it was not waited for"
    (folder / "pipe.npz").unlink()
    (folder / "gone.npz").symlink_to(tmp_path / "nowhere")
    assert "got 'gone.npz'" in refusal(folder)
    (tmp_path / "empty").mkdir()
    assert "is empty: expected an .npz file for each sample" in refusal(tmp_path / "empty")
    assert "is not a folder: expected one with an .npz file for each sample" in refusal(folder / "0.npz")


def test_a_link_to_a_folder_of_files_is_followed(folder, tmp_path):
    (tmp_path / "link").symlink_to(folder)
    assert len(pack(tmp_path / "link", layout=LAYOUT, out=tmp_path / "data")) == N


def test_a_header_that_says_more_than_the_member_holds_is_refused_without_the_memory(folder):
    npz(folder / BAD, ("endpoints.npy", npy(STATES, shape=(10**9, 3, 4, 4))), ("label.npy", npy(LABEL)))
    tracemalloc.start()
    assert "has 384 bytes of numbers, its header says 192000000000" in refusal(folder)
    assert tracemalloc.get_traced_memory()[1] < 2**24
    tracemalloc.stop()


def test_a_member_that_unpacks_to_much_is_refused_before_it_does(folder):
    many = np.zeros((LARGEST // STATES.nbytes + 1) * 2, np.dtype((np.void, STATES[0].nbytes)))
    npz(folder / BAD, ("endpoints.npy", npy(many)), compression=zipfile.ZIP_DEFLATED)
    assert (folder / BAD).stat().st_size < LARGEST / 100, "the premise: a small file with much in it"
    assert f"expected at most {LARGEST} bytes, stored or deflated, in endpoints" in refusal(folder)


def test_a_member_that_unpacks_to_more_than_it_declares_is_cut_off(folder):
    npz(folder / BAD, ("endpoints.npy", bytes(10**8)), ("label.npy", npy(LABEL)), compression=zipfile.ZIP_DEFLATED)
    content = (folder / BAD).read_bytes()
    declared = struct.pack("<I", 10**8)
    assert content.count(declared) == 2, "once beside the data and once in the directory"
    (folder / BAD).write_bytes(content.replace(declared, struct.pack("<I", 1000)))
    tracemalloc.start()
    assert f"'{folder / BAD}' is damaged or no .npz file" in refusal(folder)
    assert tracemalloc.get_traced_memory()[1] < 2**24
    tracemalloc.stop()


def test_unusual_compression_and_ambiguous_members_are_refused(folder):
    npz(folder / BAD, ("endpoints.npy", npy(STATES)), compression=zipfile.ZIP_LZMA)
    assert "stored or deflated, in endpoints of" in refusal(folder)
    with pytest.warns(UserWarning, match="Duplicate name"):
        npz(folder / BAD, ("endpoints.npy", npy(STATES)), ("endpoints.npy", npy(STATES)), ("label.npy", npy(LABEL)))
    assert "expected one array endpoints in" in refusal(folder)
    assert "got it 2 times" in refusal(folder)


@given(st.data())
def test_damage_anywhere_is_an_error_of_ours_or_harmless(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("damaged") / "0.npz"
    np.savez_compressed(path, endpoints=STATES + 0.5, label=LABEL)
    path.write_bytes(damaged(path.read_bytes(), data))
    try:
        states, label = arrays_in(path, ["endpoints", "label"])
    except DataError:
        return
    np.testing.assert_array_equal(states, STATES + 0.5)
    np.testing.assert_array_equal(label, LABEL)


def test_a_damaged_file_found_late_does_not_undo_what_was_packed(folder, tmp_path, monkeypatch):
    monkeypatch.setattr("kdm.importing.sample_folder.SAMPLE", 12)
    monkeypatch.setattr("kdm.importing.sample_folder.GROUP", 4)
    late = folder / f"{np.random.default_rng(0).permutation(N)[-1]}.npz"
    whole = late.read_bytes()
    late.write_bytes(whole[:100])
    assert str(late) in refusal(folder)
    assert '"done": 12' in (tmp_path / "data.partial" / "progress.json").read_text()
    late.write_bytes(whole)
    read = []
    monkeypatch.setattr(
        "kdm.importing.sample_folder.arrays_in", lambda path, names: read.append(path.name) or arrays_in(path, names)
    )
    pack(folder, layout=LAYOUT, out=tmp_path / "data")
    assert len(read) == (1 + 12) + (1 + 4), "a sample, and what was missing"
    whole_set = pack(folder, layout=LAYOUT, out=tmp_path / "again")
    np.testing.assert_array_equal(open_trajectories(tmp_path / "data").noise, whole_set.noise)


def test_a_folder_whose_files_changed_meanwhile_is_not_resumed(folder, tmp_path, monkeypatch):
    monkeypatch.setattr("kdm.importing.sample_folder.SAMPLE", 8)
    monkeypatch.setattr("kdm.importing.sample_folder.GROUP", 4)
    late = folder / f"{np.random.default_rng(0).permutation(N)[-1]}.npz"
    late.write_bytes(b"")
    refusal(folder)
    late.rename(folder / "100.npz")
    assert "holds another data set, unfinished (it differs in source.names_sha256)" in refusal(folder)
