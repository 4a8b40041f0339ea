"""Checkpoints as torch writes them, and with anything else in their places."""

import io
import pickle
import zipfile
from collections import OrderedDict

import torch
from hypothesis import strategies as st

LINEAR = "torch.nn.modules.linear.Linear"
CLASSES = {LINEAR, "torch.nn.modules.container.Sequential", "torch.nn.modules.activation.SiLU"}
STORAGE = {"0": bytes(32)}
"""Eight zeros in single precision."""


def archive(path, program: bytes, *, storages=None, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as made:
        made.writestr("model/data.pkl", program)
        for key, data in (storages or {}).items():
            made.writestr(f"model/data/{key}", data)
    return path


def damaged(content: bytes, data) -> bytes:
    """The bytes with up to three bits flipped, and perhaps cut off; `data` draws where (`st.data()`)."""
    changed = bytearray(content)
    positions = st.integers(0, len(changed) - 1)
    for position in data.draw(st.lists(positions, max_size=3)):
        changed[position] ^= 1 << data.draw(st.integers(0, 7))
    return bytes(changed[: data.draw(st.none() | positions)])


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
