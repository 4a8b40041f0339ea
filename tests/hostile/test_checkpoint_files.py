"""Checkpoints that are no archives, archives that lie, and damage anywhere in one."""

import os
import struct
import tarfile
import tracemalloc
import zipfile

import numpy as np
import pytest
import torch
from archives import CLASSES, LINEAR, STORAGE, archive, damaged, module_program
from hypothesis import given
from hypothesis import strategies as st

from kdm.importing.archive import CheckpointError, module_in, tensors_in


def refusal(path, read=tensors_in) -> str:
    with pytest.raises(CheckpointError) as caught:
        read(path)
    assert str(path) in str(caught.value), "it says which file"
    return str(caught.value)


def entries(path, *named, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as made:
        for name, content in named:
            made.writestr(name, content)
    return path


@pytest.fixture
def saved(tmp_path):
    torch.save(torch.nn.Linear(3, 2).state_dict(), tmp_path / "state.pt")
    assert set(tensors_in(tmp_path / "state.pt")) == {"weight", "bias"}
    return tmp_path / "state.pt"


def test_what_is_no_file_of_torch_is_named(tmp_path, saved):
    (tmp_path / "folder").mkdir()
    assert "which is no file" in refusal(tmp_path / "folder")
    os.mkfifo(tmp_path / "pipe")
    assert "which is no file" in refusal(tmp_path / "pipe"), "and it was not waited for"
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    assert "no checkpoint at" in refusal(tmp_path / "gone")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert "expected a file to read" in refusal(tmp_path / "loop")
    assert "expected a file to read" in refusal(saved / "below a file")
    (tmp_path / "empty").touch()
    assert "got an empty file" in refusal(tmp_path / "empty")
    torch.save({}, tmp_path / "old", _use_new_zipfile_serialization=False)
    assert "got a file of torch before 1.6" in refusal(tmp_path / "old")
    with tarfile.open(tmp_path / "tar", "w") as made:
        made.add(saved, arcname="state.pt")
    assert "got a tar file" in refusal(tmp_path / "tar")
    (tmp_path / "behind").write_bytes(b"#!/bin/sh\n" + saved.read_bytes())
    assert zipfile.is_zipfile(tmp_path / "behind")
    assert "got another kind of file" in refusal(tmp_path / "behind")


def test_a_link_to_a_checkpoint_is_followed(tmp_path, saved):
    (tmp_path / "link").symlink_to(saved)
    assert set(tensors_in(tmp_path / "link")) == {"weight", "bias"}


def test_a_file_that_may_not_be_read_is_named(saved, read_only):
    (copy,) = read_only(saved.parent)
    assert set(tensors_in(copy / "state.pt")) == {"weight", "bias"}
    user = os.geteuid()
    os.seteuid(os.getuid())  # whose the copy is
    (copy / "state.pt").chmod(0o000)
    os.seteuid(user)
    assert "expected a file to read in" in refusal(copy / "state.pt")


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path):
    inner = (("model/data.pkl", module_program()), ("model/data/0", bytes(10**8)))
    path = entries(tmp_path / "m.pt", *inner, compression=zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 10**6, "the premise: a small file with much in it"
    assert "uncompressed, as torch writes it" in refusal(path)


def test_an_archive_with_a_compressed_storage_is_refused_before_it_is_unpacked(tmp_path):
    with zipfile.ZipFile(tmp_path / "m.pt", "w") as made:
        made.writestr("model/data.pkl", module_program())
        made.writestr("model/data/0", bytes(32), compress_type=zipfile.ZIP_DEFLATED)
    assert "expected model/data/0 uncompressed" in refusal(tmp_path / "m.pt", lambda p: module_in(p, classes=CLASSES))


def test_entries_that_overlap_take_no_more_than_the_file(tmp_path):
    count, size = 40, 2**16
    state = {f"t{i}": torch.zeros(size // 4) for i in range(count)}
    torch.save(state, tmp_path / "honest.pt")
    assert len(tensors_in(tmp_path / "honest.pt")) == count
    with zipfile.ZipFile(tmp_path / "honest.pt") as honest:
        program = honest.read("honest/data.pkl")
    path = entries(tmp_path / "m.pt", ("honest/data.pkl", program), ("honest/data/0", bytes(size)))
    content = path.read_bytes()
    end = content.rindex(b"PK\x05\x06")
    start = content.rindex(b"PK\x01\x02", 0, end)
    # The record of the last entry, again and again under other names: all of them point to the same bytes.
    record = content[start:end]
    others = b"".join(record.replace(b"data/0", b"data/%d" % i) for i in range(1, 10))
    directory, total = struct.unpack("<I", content[end + 12 : end + 16])[0] + len(others), 2 + 9
    tail = content[end : end + 8] + struct.pack("<HHI", total, total, directory) + content[end + 16 :]
    path.write_bytes(content[:end] + others + tail)
    with zipfile.ZipFile(path) as made:
        assert len(made.namelist()) == total
    assert path.stat().st_size < 2 * size
    tracemalloc.start()
    printed = refusal(path)
    assert "overlap" in printed or "damaged" in printed  # newer versions of Python see it themselves
    assert tracemalloc.get_traced_memory()[1] < 8 * path.stat().st_size
    tracemalloc.stop()


def test_thousands_of_entries_that_are_not_asked_for_do_no_harm(tmp_path):
    named = [("m/data.pkl", b"\x80\x02}."), *((f"m/{i}", b"") for i in range(5000))]
    assert tensors_in(entries(tmp_path / "m.pt", *named)) == {}


def test_an_ambiguous_archive_is_refused(tmp_path):
    with pytest.warns(UserWarning, match="Duplicate name"):
        path = entries(tmp_path / "m.pt", ("m/data.pkl", b"\x80\x02}."), ("m/data/0", b"a"), ("m/data/0", b"b"))
    assert "expected one data.pkl, and each entry once" in refusal(path)
    two = entries(tmp_path / "two.pt", ("m/data.pkl", b"\x80\x02}."), ("n/data.pkl", b"\x80\x02}."))
    assert "got 2 of 2" in refusal(two)


def test_numbers_in_the_other_byte_order_are_refused(tmp_path):
    program = ("m/data.pkl", b"\x80\x02}.")
    assert tensors_in(entries(tmp_path / "little.pt", program, ("m/byteorder", b"little"))) == {}
    assert "their lowest byte first, got the order b'big'" in refusal(
        entries(tmp_path / "big.pt", program, ("m/byteorder", b"big"))
    )


def test_tensors_that_share_numbers_are_refused(tmp_path):
    shared = torch.zeros(8)
    torch.save({"a": shared[:4], "b": shared[4:]}, tmp_path / "halves.pt")
    assert set(tensors_in(tmp_path / "halves.pt")) == {"a", "b"}
    torch.save({"a": shared.view(8), "b": shared.view(2, 4)}, tmp_path / "whole.pt")
    assert "expected each number in one tensor" in refusal(tmp_path / "whole.pt")
    torch.save({"a": shared, "b": shared}, tmp_path / "same.pt")
    with pytest.raises(CheckpointError, match="in two places"):
        tensors_in(tmp_path / "same.pt")


def test_a_storage_is_one_thing(tmp_path):
    halves = torch.zeros(4, dtype=torch.float16)
    torch.save({"a": halves}, tmp_path / "h.pt")
    with zipfile.ZipFile(tmp_path / "h.pt") as honest:
        program = honest.read("h/data.pkl")
    assert b"HalfStorage" in program
    changed = program.replace(b"HalfStorage", b"LongStorage")
    path = entries(tmp_path / "m.pt", ("h/data.pkl", changed), ("h/data/0", bytes(8)))
    assert "storage 0 has 8 bytes, its pickle says 32" in refusal(path)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.int64, torch.int32, torch.bool])
def test_state_dictionaries_are_read_in_their_types(tmp_path, dtype):
    state = {"a": torch.arange(6).reshape(2, 3).to(dtype), "b.c": torch.ones((), dtype=dtype), "e": torch.zeros(0, 5)}
    torch.save(state, tmp_path / "s.pt")
    found = tensors_in(tmp_path / "s.pt")
    assert list(found) == list(state)
    for name, values in state.items():
        np.testing.assert_array_equal(found[name], values.numpy(), strict=True)


def test_what_is_no_state_dictionary_is_refused(tmp_path):
    torch.save({"epoch": 3}, tmp_path / "s.pt")
    assert "expected a module or a dictionary of tensors" in refusal(tmp_path / "s.pt")
    torch.save({"a": torch.zeros(2, dtype=torch.bfloat16)}, tmp_path / "b.pt")
    assert "asks for torch.BFloat16Storage" in refusal(tmp_path / "b.pt")
    torch.save({3: torch.zeros(2)}, tmp_path / "k.pt")
    with pytest.raises(CheckpointError, match="by name"):
        tensors_in(tmp_path / "k.pt")


@pytest.fixture(scope="module")
def whole():
    weights = np.arange(8, dtype="<f4")
    return weights, weights.tobytes()


@given(st.data())
def test_damage_anywhere_is_an_error_of_ours_or_the_right_numbers(tmp_path_factory, whole, data):
    weights, numbers = whole
    path = archive(tmp_path_factory.mktemp("damaged") / "m.pt", module_program(), storages={"0": numbers})
    path.write_bytes(damaged(path.read_bytes(), data))
    try:
        found = dict(module_in(path, classes={LINEAR}).tensors())
    except CheckpointError:
        return
    np.testing.assert_array_equal(found["weight"], weights[:4].reshape(2, 2))


def test_an_archive_cut_at_any_place_is_refused(tmp_path):
    path = archive(tmp_path / "m.pt", module_program(), storages=STORAGE)
    content = path.read_bytes()
    for end in range(0, len(content), 7):
        path.write_bytes(content[:end])
        refusal(path, lambda place: module_in(place, classes={LINEAR}))
    path.write_bytes(content)
    assert list(dict(module_in(path, classes={LINEAR}).tensors())) == ["weight"]
