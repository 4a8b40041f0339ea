"""Pickled checkpoints are read without being run, whatever they hold."""

import io
import os
import pickle
import zipfile
from collections import OrderedDict

import numpy as np
import pytest
import torch

from kdm.importing.archive import CheckpointError, ModuleRecord, module_in
from kdm.importing.checkpoints import PUBLISHED_CLASSES, published_checkerboard

LINEAR = "torch.nn.modules.linear.Linear"
CLASSES = {LINEAR, "torch.nn.modules.container.Sequential", "torch.nn.modules.activation.SiLU"}


def archive(path, program: bytes, *, storages=None, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as made:
        made.writestr("model/data.pkl", program)
        for key, data in (storages or {}).items():
            made.writestr(f"model/data/{key}", data)
    return path


class Gadget:
    """Unpickles to a call of something that was never meant to be called."""

    def __init__(self, function, *arguments) -> None:
        self.call = function, arguments

    def __reduce__(self):
        return self.call


class Claims:
    """A storage of 8 floats, whatever its file holds."""


class Storages(pickle.Pickler):
    def persistent_id(self, thing):
        return ("storage", torch.FloatStorage, "0", "cpu", 8) if isinstance(thing, Claims) else None


def program_of(thing) -> bytes:
    buffer = io.BytesIO()
    Storages(buffer, protocol=2).dump(thing)
    return buffer.getvalue()


def module_program(shape=(2, 2), stride=(2, 1), offset=0) -> bytes:
    """A pickled Linear with one weight, in the operations that torch writes."""
    rebuilt = Gadget(torch._utils._rebuild_tensor_v2, Claims(), offset, shape, stride, False, OrderedDict())
    body = program_of({"_parameters": OrderedDict(weight=rebuilt), "_buffers": {}, "_modules": {}})
    # PROTO 2, GLOBAL of the class, EMPTY_TUPLE, NEWOBJ, the state, BUILD, STOP.
    return b"\x80\x02ctorch.nn.modules.linear\nLinear\n)\x81" + body[2:-1] + b"b."


def test_a_module_is_read_as_it_was_saved(tmp_path):
    module = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.SiLU(), torch.nn.Linear(4, 2))
    torch.save(module, tmp_path / "module.pt")
    record = module_in(tmp_path / "module.pt", classes=CLASSES)
    assert isinstance(record, ModuleRecord)
    found = dict(record.tensors())
    expected = {name: value.numpy() for name, value in module.state_dict().items()}
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values)


def test_our_own_archives_are_read_where_they_are_honest(tmp_path):
    data = np.arange(8, dtype="<f4").tobytes()
    record = module_in(archive(tmp_path / "m.pt", module_program(), storages={"0": data}), classes={LINEAR})
    np.testing.assert_array_equal(dict(record.tensors())["weight"], [[0, 1], [2, 3]])


@pytest.mark.parametrize(
    "gadget",
    [
        lambda marker: Gadget(os.system, f"touch {marker}"),
        lambda marker: Gadget(exec, f"open({str(marker)!r}, 'w').close()"),
        lambda marker: Gadget(eval, f"open({str(marker)!r}, 'w')"),
        lambda marker: Gadget(__import__, "antigravity"),
        lambda marker: Gadget(getattr, "text", "upper"),
        lambda marker: Gadget(torch.load, str(marker)),
        lambda marker: Gadget(np.load, str(marker)),
        lambda marker: Gadget(pickle.loads, pickle.dumps(Gadget(os.system, f"touch {marker}"))),
    ],
    ids=["system", "exec", "eval", "import", "getattr", "torch.load", "np.load", "pickle"],
)
def test_a_pickle_that_calls_something_is_refused_by_name_and_calls_nothing(tmp_path, gadget):
    marker = tmp_path / "marker"
    program = program_of(OrderedDict(layer=gadget(marker)))
    assert pickle.loads.__name__ == "loads"  # plain unpickling would have run it
    with pytest.raises(CheckpointError, match=r"refused .*its pickle asks for .*Nothing of it was run"):
        module_in(archive(tmp_path / "m.pt", program), classes=PUBLISHED_CLASSES)
    assert not marker.exists()


@pytest.mark.parametrize(
    ("shape", "stride", "offset"),
    [((3, 3), (3, 1), 0), ((2, 2), (2, 1), 5), ((2, 2), (8, 1), 0), ((2, 2), (-2, 1), 4), ((-1, 2), (2, 1), 0),
     ((10**6, 10**6), (0, 0), 0), ((2,), (2, 1), 0), ((2, 2), (2, 1), -1)],
)  # fmt: skip
def test_a_tensor_that_reaches_out_of_its_storage_is_refused(tmp_path, shape, stride, offset):
    path = archive(tmp_path / "m.pt", module_program(shape, stride, offset), storages={"0": bytes(32)})
    with pytest.raises(CheckpointError, match="a tensor within its storage"):
        module_in(path, classes={LINEAR})


@pytest.mark.parametrize(("size", "message"), [(28, "has 28 bytes, its pickle says 32"), (40, "at most 32 bytes")])
def test_a_storage_of_another_size_than_its_pickle_says_is_refused(tmp_path, size, message):
    path = archive(tmp_path / "m.pt", module_program(), storages={"0": bytes(size)})
    with pytest.raises(CheckpointError, match=message):
        module_in(path, classes={LINEAR})


def test_a_storage_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match="expected model/data/0 in .*an archive without it"):
        module_in(archive(tmp_path / "m.pt", module_program()), classes={LINEAR})


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path):
    path = archive(tmp_path / "m.pt", module_program(), storages={"0": bytes(10**8)}, compression=zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 10**6  # the premise: a small file with much in it
    with pytest.raises(CheckpointError, match="uncompressed, as torch writes it: refused"):
        module_in(path, classes={LINEAR})


def test_an_endless_program_and_a_far_position_are_refused(tmp_path):
    with pytest.raises(CheckpointError, match="at most 4194304 bytes"):
        module_in(archive(tmp_path / "long.pt", bytes(5 * 2**20)), classes={LINEAR})
    far = b"\x80\x02}r\xff\xff\xff\x7f."  # EMPTY_DICT, stored at position 2³¹ − 1: sixteen gigabytes of places
    with pytest.raises(CheckpointError, match="its pickle stores something at position 2147483647"):
        module_in(archive(tmp_path / "far.pt", far), classes={LINEAR})


def test_modules_that_contain_each_other_are_refused(tmp_path):
    # The state's _modules holds the module itself, from the memo.
    program = (
        b"\x80\x02ctorch.nn.modules.linear\nLinear\n)\x81q\x00}X\x08\x00\x00\x00_modules}X\x01\x00\x00\x00ah\x00ssb."
    )
    record = module_in(archive(tmp_path / "m.pt", program), classes={LINEAR})
    with pytest.raises(CheckpointError, match="a tree of modules, got a. in two places"):
        list(record.tensors())


def test_a_tensor_and_a_type_cannot_be_changed_by_the_pickle(tmp_path):
    rebuilt = program_of(Gadget(torch._utils._rebuild_tensor_v2, Claims(), 0, (2,), (1,), False, OrderedDict()))
    changed = rebuilt[:-1] + b"}b."
    with pytest.raises(CheckpointError, match="changed after it was made"):
        module_in(archive(tmp_path / "t.pt", changed, storages={"0": bytes(32)}), classes={LINEAR})
    with pytest.raises(CheckpointError, match="a type of storage, got one that is to be changed"):
        module_in(archive(tmp_path / "k.pt", b"\x80\x02ctorch\nFloatStorage\n}b."), classes={LINEAR})


def test_what_is_no_module_is_refused(tmp_path):
    torch.save({"weight": torch.ones(2)}, tmp_path / "state.pt")
    with pytest.raises(CheckpointError, match="a pickled module in .*, got a dict"):
        module_in(tmp_path / "state.pt", classes=CLASSES)
    with pytest.raises(CheckpointError, match="no checkpoint at"):
        module_in(tmp_path / "absent.pt", classes=CLASSES)
    (tmp_path / "text.pt").write_text("not a zip archive")
    with pytest.raises(CheckpointError, match="a damaged one"):
        module_in(tmp_path / "text.pt", classes=CLASSES)
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as made:
        made.writestr("readme.txt", "nothing")
    with pytest.raises(CheckpointError, match="expected one data.pkl"):
        module_in(tmp_path / "other.zip", classes=CLASSES)
    broken = archive(tmp_path / "b.pt", b"\x80\x02ctorch.nn.modules.linear\nLinear\n)\x81K\x01b.")
    with pytest.raises(CheckpointError, match="the attributes of a torch.nn.modules.linear.Linear, got int"):
        module_in(broken, classes=CLASSES)


def test_damage_anywhere_in_a_file_is_an_error_of_ours_or_harmless(tmp_path):
    module = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Linear(4, 2))
    torch.save(module, tmp_path / "module.pt")
    whole = (tmp_path / "module.pt").read_bytes()
    draw = np.random.default_rng(0)
    refused = 0
    for _ in range(300):
        damaged = bytearray(whole)
        for position in draw.integers(len(whole), size=3):
            damaged[position] ^= 1 << draw.integers(8)
        cut = damaged if draw.uniform() < 0.7 else damaged[: draw.integers(len(whole))]
        (tmp_path / "damaged.pt").write_bytes(cut)
        try:
            list(module_in(tmp_path / "damaged.pt", classes=CLASSES).tensors())
        except CheckpointError:
            refused += 1
    assert refused > 100


def test_another_model_is_not_taken_for_the_published_one(tmp_path):
    data = np.arange(8, dtype="<f4").tobytes()
    path = archive(tmp_path / "m.pt", module_program(), storages={"0": data})
    with pytest.raises(CheckpointError, match="expected the published checkerboard model"):
        published_checkerboard(path)
