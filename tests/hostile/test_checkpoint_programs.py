"""Pickles that try to run something, or to take all memory or time: refused by name, and nothing of them is run."""

import copyreg
import functools
import operator
import os
import pickle
import pickletools
import time
import tracemalloc
from collections import OrderedDict

import numpy as np
import pytest
import torch
from archives import CLASSES, LINEAR, STORAGE, Claims, Gadget, archive, program_of

from kdm.importing.archive import LARGEST_PROGRAM, CheckpointError, module_in, tensors_in
from kdm.importing.checkpoints import PUBLISHED_CLASSES

GLOBAL_LINEAR = b"ctorch.nn.modules.linear\nLinear\n"


def text(word: str) -> bytes:
    """BINUNICODE."""
    return b"X" + len(word).to_bytes(4, "little") + word.encode()


def refusal(tmp_path, program: bytes, *, storages=None) -> str:
    path = archive(tmp_path / "m.pt", program, storages=storages)
    with pytest.raises(CheckpointError) as caught:
        module_in(path, classes=CLASSES)
    return str(caught.value)


GADGETS = {
    "system": lambda marker: Gadget(os.system, f"touch {marker}"),
    "exec": lambda marker: Gadget(exec, f"open({str(marker)!r}, 'w').close()"),
    "eval": lambda marker: Gadget(eval, f"open({str(marker)!r}, 'w')"),
    "import": lambda marker: Gadget(__import__, "antigravity"),
    "getattr": lambda marker: Gadget(getattr, "text", "upper"),
    "partial": lambda marker: Gadget(functools.partial, os.system, f"touch {marker}"),
    "attrgetter": lambda marker: Gadget(operator.attrgetter, "system"),
    "methodcaller": lambda marker: Gadget(operator.methodcaller, "system", f"touch {marker}"),
    "copyreg": lambda marker: Gadget(copyreg._reconstructor, OrderedDict, object, None),
    "torch.load": lambda marker: Gadget(torch.load, str(marker)),
    "torch storage": lambda marker: Gadget(torch.storage._load_from_bytes, b"bytes"),
    "torch types": lambda marker: Gadget(torch._utils._rebuild_device_tensor_from_numpy, 1, 2, 3, 4),
    "np.load": lambda marker: Gadget(np.load, str(marker)),
    "pickle": lambda marker: Gadget(pickle.loads, pickle.dumps(Gadget(os.system, f"touch {marker}"))),
}


@pytest.mark.parametrize("gadget", GADGETS.values(), ids=GADGETS)
def test_a_pickle_that_calls_something_is_refused_by_name_and_calls_nothing(tmp_path, gadget):
    marker = tmp_path / "marker"
    program = program_of(OrderedDict(layer=gadget(marker)))
    path = archive(tmp_path / "m.pt", program)
    for read in (lambda: module_in(path, classes=PUBLISHED_CLASSES), lambda: tensors_in(path)):
        with pytest.raises(CheckpointError, match=r"refused .*its pickle asks for .*Nothing of it was run"):
            read()
    assert not marker.exists()


@pytest.mark.parametrize("protocol", range(6))
def test_the_same_in_every_protocol(tmp_path, protocol):
    marker = tmp_path / "marker"
    program = pickle.dumps(Gadget(os.system, f"touch {marker}"), protocol=protocol)
    pickle.loads(program)
    assert marker.exists(), "the premise: unpickling runs it"
    marker.unlink()
    printed = refusal(tmp_path, program)
    assert "its pickle asks for posix.system" in printed or "uses the operation" in printed
    assert not marker.exists()


OTHERS = {
    "INST": b"(ios\nsystem\n.",
    "OBJ": b"(" + GLOBAL_LINEAR + text("touch") + b"o.",
    "EXT1": b"\x80\x02\x82\x01.",
    "EXT4": b"\x80\x02\x84\x01\x00\x00\x00.",
    "STACK_GLOBAL": b"\x80\x04" + text("os") + text("system") + b"\x93.",
    "NEWOBJ_EX": b"\x80\x04" + GLOBAL_LINEAR + b")}\x92.",
    "PERSID": b"Pstorage\n.",
    "FRAME": b"\x80\x04\x95\x01\x00\x00\x00\x00\x00\x00\x00N.",
    "BYTEARRAY8": b"\x80\x05\x96\x01\x00\x00\x00\x00\x00\x00\x00a.",
    "NEXT_BUFFER": b"\x80\x05\x97.",
    "DUP": b"\x80\x02]2.",
    "LONG4": b"\x80\x02\x8b\x04\x00\x00\x00\xff\xff\xff\x7f.",
    "BINBYTES": b"\x80\x03B\x01\x00\x00\x00a.",
    "EMPTY_SET": b"\x80\x04\x8f.",
}


@pytest.mark.parametrize(("name", "program"), OTHERS.items(), ids=OTHERS)
def test_an_operation_that_torch_does_not_write_is_refused_by_its_name(tmp_path, name, program):
    assert name in {operation.name for operation, _, _ in pickletools.genops(program)}
    printed = refusal(tmp_path, program)
    assert f"the operation {name}, which torch.save does not write. Nothing was run." in printed


DAMAGED = {
    "nothing to pop": (b"\x80\x02.", "takes a value where there is none"),
    "no mark": (b"\x80\x02t.", "looks for a mark where there is none"),
    "below the mark": (b"\x80\x02]K\x01(a.", "takes a value where there is none"),
    "no such memo": (b"\x80\x02h\x07.", "fetches a value that it has not stored"),
    "append to a dictionary": (b"\x80\x02}K\x01a.", "adds to something that is no list"),
    "item of a list": (b"\x80\x02]K\x01K\x02s.", "adds to something that is no dict"),
    "odd items": (b"\x80\x02}(K\x01u.", "a dictionary whose keys are no strings nor integers"),
    "call of a number": (b"\x80\x02K\x01)R.", "calls something that is no name"),
    "arguments in a list": (b"\x80\x02" + GLOBAL_LINEAR + b"]\x81.", "calls something that is no name"),
    "no end": (b"\x80\x02]", "a damaged one"),
    "no operation": (b"\x80\x02\xff.", "a damaged one"),
    "module with arguments": (b"\x80\x02" + GLOBAL_LINEAR + b"K\x01\x85\x81.", "a module without arguments"),
    "module called": (b"\x80\x02" + GLOBAL_LINEAR + b")R.", "expected a function of its arguments, got a call of"),
    "new dictionary": (b"\x80\x02ccollections\nOrderedDict\n)\x81.", "a module without arguments"),
    "dictionary of pairs": (b"\x80\x02ccollections\nOrderedDict\n]\x85R.", "a function of its arguments"),
    "state of a name": (b"\x80\x02ctorch\nFloatStorage\n}b.", "got a Name that is to be changed"),
    "state that is no dictionary": (b"\x80\x02" + GLOBAL_LINEAR + b")\x81K\x01b.", "the attributes of .*, got int"),
    "parameter of nothing": (b"\x80\x02ctorch._utils\n_rebuild_parameter\n)R.", "a function of its arguments"),
    "bare global": (b"\x80\x02" + GLOBAL_LINEAR + b".", "a pickled module in .*, got a Name"),
}


@pytest.mark.parametrize(("program", "message"), DAMAGED.values(), ids=DAMAGED)
def test_a_program_that_is_none_is_an_error_of_ours(tmp_path, program, message):
    path = archive(tmp_path / "m.pt", program)
    with pytest.raises(CheckpointError, match=message):
        module_in(path, classes=CLASSES)


REFERENCES = {
    "number": b"K\x01",
    "text": text("storage"),
    "three": text("storage") + b"K\x01K\x02\x87",
    "other word": b"(" + text("module") + b"ctorch\nFloatStorage\n" + text("0") + text("cpu") + b"K\x08t",
    "other kind": b"(" + text("storage") + b"K\x01" + text("0") + text("cpu") + b"K\x08t",
    "key in a list": b"(" + text("storage") + b"ctorch\nFloatStorage\n]" + text("cpu") + b"K\x08t",
    "negative": b"(" + text("storage") + b"ctorch\nFloatStorage\n" + text("0") + text("cpu") + b"J\xff\xff\xff\xfft",
    "a half": b"(" + text("storage") + b"ctorch\nFloatStorage\n" + text("0") + text("cpu") + b"G?\xe0\0\0\0\0\0\0t",
}


@pytest.mark.parametrize("reference", REFERENCES.values(), ids=REFERENCES)
def test_a_reference_to_something_else_than_a_storage_is_refused(tmp_path, reference):
    assert "a reference to a storage, got another one" in refusal(tmp_path, b"\x80\x02" + reference + b"Q.")


def test_a_tensor_is_never_changed(tmp_path):
    rebuilt = program_of(Gadget(torch._utils._rebuild_tensor_v2, Claims(), 0, (2,), (1,), False, OrderedDict()))
    assert "got a _Tensor that is to be changed" in refusal(tmp_path, rebuilt[:-1] + b"}b.", storages=STORAGE)


def doubled(first: bytes, pair: bytes, times: int) -> bytes:
    """`first`, then so many times a thing that holds the one before twice: 2 to that power in all."""
    steps = b"".join(b"q" + bytes([i]) + b"h" + bytes([i]) + pair for i in range(times))
    return first + steps


LAUGHS = doubled(b")", b"\x86", 100)
"""A tuple of two tuples of two …, a hundred times."""
HUGE = b"\x8a\xff" + bytes(254) + b"\x7f"
"""LONG1, 2040 bits."""
BOMBS = {
    "printed in an error": LAUGHS + b"Q.",
    "as a key": b"}" + LAUGHS + b"K\x01s.",
    "as a shape": b"ctorch._utils\n_rebuild_tensor_v2\n(N" + b"K\x00" + LAUGHS + b")tR.",
    "as a state": GLOBAL_LINEAR + b")\x81" + LAUGHS + b"b.",
    "as the result": LAUGHS + b".",
    "in a set": b"c__builtin__\nset\n" + LAUGHS + b"\x85R.",
    "as a group": GLOBAL_LINEAR + b")\x81}" + text("_modules") + LAUGHS + b"sb.",
    "far position": b"}r\xff\xff\xff\x7f.",
    "deep lists": b"]" * 10_000 + b"a" * 9_999 + b".",
    "deep tuples": b")" + b"\x85" * 20_000 + b".",
    "many marks": b"(" * 20_000 + b".",
    "many lists": b"]" * 20_000 + b".",
    "long number": b"\x8b\xff\xff\xff\x7f.",
    "long bytes": b"\x8e\xff\xff\xff\xff\xff\xff\xff\x7f.",
    "long text": b"X\xff\xff\xff\x7f.",
    "long decimal": b"I" + b"9" * 20_000 + b"\n.",
    "long name": b"c" + b"a" * 20_000 + b"\nb\n.",
}


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS)
def test_a_program_that_means_more_than_it_is_takes_little_memory_and_time(tmp_path, bomb):
    path = archive(tmp_path / "m.pt", b"\x80\x02" + bomb)
    assert len(bomb) < 25_000
    tracemalloc.start()
    begun = time.process_time()
    with pytest.raises(CheckpointError) as caught:
        list(module_in(path, classes=CLASSES).tensors())
    seconds, (_, memory) = time.process_time() - begun, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(str(caught.value)) < 1000
    assert memory < 200 * len(bomb) + 2**20, "an empty list takes 56 bytes, and one operation"
    assert seconds < 60, "of a program of 2¹⁰⁰ steps none would be over"


def test_huge_sizes_are_compared_before_they_are_multiplied(tmp_path):
    sizes = b"(" + HUGE + b"q\x05" + b"h\x05" * 100_000 + b"tq\x06"
    reference = b"(" + text("storage") + b"ctorch\nFloatStorage\n" + text("0") + text("cpu") + b"K\x08tQ"
    program = b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(" + reference + b"K\x00" + sizes + b"h\x06tR."
    assert "expected a tensor within its storage" in refusal(tmp_path, program, storages=STORAGE)
    one = b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(" + reference + b"K\x00" + HUGE + b"\x85K\x01\x85tR."
    assert "expected a tensor within its storage of 8 numbers" in refusal(tmp_path, one, storages=STORAGE)


def test_a_program_that_is_too_long_is_not_read(tmp_path):
    assert LINEAR in CLASSES
    printed = refusal(tmp_path, bytes(LARGEST_PROGRAM + 1))
    assert f"expected at most {LARGEST_PROGRAM} bytes in model/data.pkl" in printed


def test_names_that_grow_along_a_chain_of_modules_are_refused(tmp_path):
    inner, long = GLOBAL_LINEAR + b")\x81", text("a" * 600)
    program = (
        inner
        + b"}"
        + text("_modules")
        + b"}"
        + long
        + inner
        + b"}"
        + text("_modules")
        + b"}"
        + long
        + inner
        + b"ssbssb."
    )
    record = module_in(archive(tmp_path / "m.pt", b"\x80\x02" + program), classes=CLASSES)
    with pytest.raises(CheckpointError, match="names of at most 1000 characters"):
        list(record.tensors())


def test_groups_that_are_not_by_name_are_refused(tmp_path):
    for group in (b"]", b"}K\x01Ns"):
        program = b"\x80\x02" + GLOBAL_LINEAR + b")\x81}" + text("_modules") + group + b"sb."
        record = module_in(archive(tmp_path / "m.pt", program), classes=CLASSES)
        with pytest.raises(CheckpointError, match="expected _modules of a .* by name"):
            list(record.tensors())
