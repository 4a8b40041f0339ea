"""Pickled torch modules, read without running anything that they hold.

`torch.save(module)` writes a zip archive: `data.pkl`, a pickle of the module object, and one file of raw numbers for
each storage. Unpickling looks up names and calls them, so a pickle is a program. Here every name is looked up in a list
of what a module of plain layers needs; classes become inert records (`ModuleRecord`) whatever their code was, and any
other name is refused. What the archive claims of itself is not believed:

 - entries must be stored uncompressed, as torch writes them, so that none is larger than the file;
 - a storage has as many bytes as the pickle says, and is read once; tensors are views that stay within theirs;
 - the pickle's own operations are looked through beforehand for positions and lengths beyond its end;
 - modules form a tree.

So memory is bounded by the size of the file. Source of the format: PyTorch's notes on serialization (zip format).
"""

import io
import pickle
import pickletools
import zipfile
from collections import OrderedDict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

PROGRAM = "data.pkl"
LARGEST_PROGRAM = 4 * 2**20
"""Bytes of the largest pickle that is looked at; that of a model of a hundred layers has some ten thousand."""
DTYPES = {
    "DoubleStorage": np.float64, "FloatStorage": np.float32, "HalfStorage": np.float16, "LongStorage": np.int64,
    "IntStorage": np.int32, "BoolStorage": np.bool_,
}  # fmt: skip


class CheckpointError(ValueError):
    """A checkpoint that is damaged, dangerous, or of a kind that is not known here."""


class ModuleRecord:
    """What a pickle says of a module: the name of its class, and its attributes; no code.

    Attributes:
        kind: Full name of the class, "package.Class".
        attributes: What the module's `__dict__` was.
    """

    kind = ""

    def __init__(self) -> None:
        self.attributes: dict[str, Any] = {}

    def __setstate__(self, state: Any) -> None:
        if not isinstance(state, dict):
            raise CheckpointError(f"expected the attributes of a {self.kind}, got {type(state).__name__}: damaged")
        self.attributes = state

    def tensors(self) -> Iterator[tuple[str, np.ndarray]]:
        """The parameters and buffers of the module and its parts, by their dotted names.

        Raises:
            CheckpointError: If a part occurs twice.
        """
        seen: set[int] = set()
        waiting = [("", self)]
        while waiting:
            prefix, module = waiting.pop()
            if id(module) in seen:
                raise CheckpointError(f"expected a tree of modules, got {prefix or module.kind} in two places: refused")
            seen.add(id(module))
            for group in ("_parameters", "_buffers"):
                for name, values in module.group(group):
                    if isinstance(values, _Tensor):
                        yield f"{prefix}{name}", values.array
            parts = [(f"{prefix}{name}.", part) for name, part in module.group("_modules")]
            waiting += [(name, part) for name, part in parts if isinstance(part, ModuleRecord)]

    def group(self, name: str) -> list[tuple[str, Any]]:
        """The named entries of one of the module's dictionaries."""
        found = getattr(self, "attributes", {}).get(name, {})
        if not isinstance(found, dict):
            raise CheckpointError(f"expected {name} of a {self.kind} by name, got {type(found).__name__}: damaged")
        return [(str(key), value) for key, value in found.items()]


@dataclass(frozen=True)
class _Tensor:
    """A view of a storage, out of reach of the pickle's operations."""

    array: np.ndarray

    def __setstate__(self, state: Any) -> None:
        raise CheckpointError("expected a tensor, got one that is to be changed after it was made: refused")


@dataclass(frozen=True)
class _StorageKind:
    """The type of a storage's numbers."""

    dtype: np.dtype

    def __setstate__(self, state: Any) -> None:
        raise CheckpointError("expected a type of storage, got one that is to be changed: refused")


def module_in(path: Path, *, classes: Collection[str]) -> ModuleRecord:
    """The module that a file of `torch.save(module)` holds, as a record.

    Args:
        path: The file.
        classes: Full names of the module classes that may occur.

    Raises:
        CheckpointError: If the file is missing or damaged, names anything else, or lies about its sizes.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            found = _Reader(archive, classes, path).load()
    except CheckpointError:
        raise
    except FileNotFoundError:
        raise CheckpointError(f"no checkpoint at '{path}': expected a file that torch.save wrote") from None
    except Exception as error:  # a damaged pickle raises whatever its bytes happen to mean
        raise CheckpointError(
            f"expected a file that torch.save wrote in '{path}', got a damaged one ({error})"
        ) from None
    if not isinstance(found, ModuleRecord):
        raise CheckpointError(f"expected a pickled module in '{path}', got a {type(found).__name__}")
    return found


class _Reader(pickle.Unpickler):
    """An unpickler that knows a list of names and nothing else."""

    def __init__(self, archive: zipfile.ZipFile, classes: Collection[str], path: Path) -> None:
        programs = [entry for entry in archive.infolist() if entry.filename.split("/")[-1] == PROGRAM]
        if len(programs) != 1:
            raise CheckpointError(f"expected one {PROGRAM} in '{path}', got {len(programs)}: not a file of torch.save")
        self._archive, self._classes, self._path = archive, classes, path
        self._folder = programs[0].filename.removesuffix(PROGRAM)
        self._storages: dict[str, _Tensor] = {}
        program = archive.read(self._checked(programs[0].filename, LARGEST_PROGRAM))
        for operation, argument, _ in pickletools.genops(program):
            if operation.name.endswith("PUT") and int(argument or 0) > len(program):
                raise CheckpointError(f"refused '{path}': its pickle stores something at position {argument}")
        super().__init__(io.BytesIO(program))

    def find_class(self, module: str, name: str) -> Any:
        """What stands for a name of the pickle."""
        full = f"{module}.{name}"
        if full in self._classes:
            return type(name, (ModuleRecord,), {"kind": full})
        if module == "torch" and name in DTYPES:
            return _StorageKind(np.dtype(DTYPES[name]).newbyteorder("<"))
        known = {
            "collections.OrderedDict": OrderedDict,
            "__builtin__.set": set,
            "builtins.set": set,
            "torch._utils._rebuild_parameter": _parameter,
            "torch._utils._rebuild_tensor_v2": _tensor,
        }
        if full not in known:
            raise CheckpointError(
                f"refused '{self._path}': its pickle asks for {full}, which no model known here needs. "
                "Nothing of it was run."
            )
        return known[full]

    def persistent_load(self, pid: Any) -> _Tensor:
        """The numbers of a storage, from the file that the pickle names."""
        try:
            word, kind, key, _, count = pid
            size = int(count) * kind.dtype.itemsize
        except (TypeError, ValueError, AttributeError):
            raise CheckpointError(f"expected a storage in '{self._path}', got {pid!r}: damaged") from None
        if word != "storage" or not isinstance(kind, _StorageKind):
            raise CheckpointError(f"expected a storage in '{self._path}', got {pid!r}: damaged")
        if key not in self._storages:
            data = self._archive.read(self._checked(f"{self._folder}data/{key}", size))
            if len(data) != size:
                raise CheckpointError(f"storage {key} of '{self._path}' has {len(data)} bytes, its pickle says {size}")
            self._storages[key] = _Tensor(np.frombuffer(data, kind.dtype))
        return self._storages[key]

    def _checked(self, name: str, largest: int) -> str:
        """The name of an entry that is no larger than it may be, and not larger than it looks."""
        try:
            entry = self._archive.getinfo(name)
        except KeyError:
            raise CheckpointError(f"expected {name} in '{self._path}', got an archive without it: damaged") from None
        if entry.compress_type != zipfile.ZIP_STORED:
            raise CheckpointError(f"expected {name} of '{self._path}' uncompressed, as torch writes it: refused")
        if entry.file_size > largest:
            raise CheckpointError(
                f"expected at most {largest} bytes in {name} of '{self._path}', got {entry.file_size}"
            )
        return name


def _tensor(storage: Any, offset: Any, shape: Any, stride: Any, *_: Any) -> _Tensor:
    """The tensor of a storage, as a view of it."""
    if not isinstance(storage, _Tensor) or len(shape) != len(stride) or prod(shape) > storage.array.size:
        raise CheckpointError(f"expected a tensor within its storage, got shape {shape}: damaged")
    last = offset + sum((size - 1) * step for size, step in zip(shape, stride, strict=True))
    if min(offset, *shape, *stride, 0) < 0 or (prod(shape) and last >= storage.array.size):
        raise CheckpointError(f"expected a tensor within its storage, got shape {shape} at {offset}: damaged")
    steps = [step * storage.array.itemsize for step in stride]
    return _Tensor(np.lib.stride_tricks.as_strided(storage.array[offset:], shape, steps, writeable=False))


def _parameter(data: Any, *_: Any) -> Any:
    return data
