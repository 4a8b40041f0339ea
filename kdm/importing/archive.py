"""What torch.save writes, read without running anything that it holds.

A checkpoint is a zip archive: `data.pkl`, a pickle of a module or of a dictionary of tensors, and one file of raw
numbers for each storage. Unpickling looks up names and calls them, so a pickle is a program; here `program` runs it,
and every name that it may use is on a list. Classes become inert records (`ModuleRecord`) whatever their code was. What
the archive claims of itself is not believed:

 - it is a regular file that begins as a zip archive, with uncompressed entries, as torch writes them, each once;
 - a storage has as many bytes as the pickle says, and all together no more than the file;
 - a tensor is a view that stays within its storage, and all together have no more bytes than the storages;
 - modules form a tree, and no tensor has two places in it.

So memory is bounded by a multiple of the size of the file. Source of the format: PyTorch's notes on serialization.
"""

import stat
import zipfile
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from kdm.importing.program import CheckpointError, Machine, Name

PROGRAM = "data.pkl"
LARGEST_PROGRAM = 2**20
"""Bytes of the largest pickle that is looked at; a module of a hundred layers has some twenty thousand."""
LONGEST_NAME = 1000
"""Characters of the longest dotted name of a tensor."""
MOST_AXES = 16
"""Of a tensor."""
DTYPES = {
    "DoubleStorage": np.float64, "FloatStorage": np.float32, "HalfStorage": np.float16, "LongStorage": np.int64,
    "IntStorage": np.int32, "BoolStorage": np.bool_,
}  # fmt: skip
PARAMETER, TENSOR = "torch._utils._rebuild_parameter", "torch._utils._rebuild_tensor_v2"
DICTIONARY, SETS = "collections.OrderedDict", ("__builtin__.set", "builtins.set")
"""A dictionary is filled after it was made; what is in a set is not of interest."""
MAGIC = {b"PK\x03\x04": "", b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19": "a file of torch before 1.6"}
"""How files begin; empty for what is read."""

__all__ = ["CheckpointError", "ModuleRecord", "module_in", "tensors_in"]


@dataclass(eq=False)
class ModuleRecord:
    """What a pickle says of a module: the name of its class, and its attributes; no code.

    Attributes:
        kind: Full name of the class, "package.Class".
        attributes: What the module's `__dict__` was.
    """

    kind: str
    attributes: dict[Any, Any] = field(default_factory=dict, repr=False)

    def tensors(self) -> Iterator[tuple[str, np.ndarray]]:
        """The parameters and buffers of the module and its parts, by their dotted names.

        Raises:
            CheckpointError: If a part or a tensor occurs twice, or a name is too long.
        """
        seen: set[int] = set()
        waiting: list[tuple[str, ModuleRecord | _Tensor]] = [("", self)]
        while waiting:
            name, thing = waiting.pop()
            if id(thing) in seen:
                raise CheckpointError(f"expected a tree of modules, got {name or self.kind} in two places: refused")
            seen.add(id(thing))
            if isinstance(thing, _Tensor):
                yield name, thing.array
                continue
            prefix = f"{name}." if name else ""
            for group in ("_modules", "_buffers", "_parameters"):
                for key, value in reversed(thing.group(group)):
                    if len(prefix) + len(key) > LONGEST_NAME:
                        raise CheckpointError(f"expected names of at most {LONGEST_NAME} characters, got longer ones")
                    if isinstance(value, ModuleRecord if group == "_modules" else _Tensor):
                        waiting.append((f"{prefix}{key}", value))

    def group(self, name: str) -> list[tuple[str, Any]]:
        """The named entries of one of the module's dictionaries."""
        found = self.attributes.get(name, {})
        if not isinstance(found, dict) or not all(isinstance(key, str) for key in found):
            raise CheckpointError(f"expected {name} of a {self.kind} by name, got {type(found).__name__}: damaged")
        return list(found.items())


@dataclass(frozen=True, eq=False)
class _Tensor:
    """A view of a storage."""

    array: np.ndarray


@dataclass(frozen=True, eq=False)
class _Storage:
    """The numbers of a storage, one after the other."""

    array: np.ndarray


def module_in(path: Path, *, classes: Collection[str]) -> ModuleRecord:
    """The module that a file of `torch.save(module)` holds, as a record.

    Args:
        path: The file.
        classes: Full names of the module classes that may occur.

    Raises:
        CheckpointError: If the file is missing or damaged, names anything else, or lies about its sizes.
    """
    found = _loaded(path, classes)
    if not isinstance(found, ModuleRecord):
        raise CheckpointError(f"expected a pickled module in '{path}', got a {type(found).__name__}")
    return found


def tensors_in(path: Path, *, classes: Collection[str] = ()) -> dict[str, np.ndarray]:
    """The tensors by name that a file of `torch.save(module.state_dict())` holds, or one of a module of these classes.

    Raises:
        CheckpointError: As `module_in`.
    """
    found = _loaded(path, classes)
    if isinstance(found, ModuleRecord):
        return dict(found.tensors())
    if not isinstance(found, dict) or not all(isinstance(value, _Tensor) for value in found.values()):
        raise CheckpointError(f"expected a module or a dictionary of tensors in '{path}', got something else")
    return dict(ModuleRecord("dictionary of tensors", {"_parameters": found}).tensors())


def _loaded(path: Path, classes: Collection[str]) -> Any:
    try:
        size = _require_archive(path)
        with zipfile.ZipFile(path) as archive:
            return _Reader(archive, classes, path, size).load()
    except CheckpointError:
        raise
    except FileNotFoundError:
        raise CheckpointError(f"no checkpoint at '{path}': expected a file that torch.save wrote") from None
    except OSError as error:
        raise CheckpointError(f"expected a file to read in '{path}', got: {error.strerror}") from None
    except Exception as error:  # damaged bytes raise whatever they happen to mean
        why = str(error)[:200] or type(error).__name__
        raise CheckpointError(f"expected a file that torch.save wrote in '{path}', got a damaged one ({why})") from None


def _require_archive(path: Path) -> int:
    """The size of what is a file and begins as a zip archive.

    Raises:
        CheckpointError: If it is anything else.
    """
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):  # a pipe would be waited for
        raise CheckpointError(f"expected a file that torch.save wrote, got '{path}', which is no file")
    with path.open("rb") as file:
        beginning = file.read(512)
    kinds = [kind for magic, kind in MAGIC.items() if beginning.startswith(magic)]
    if beginning[257:262] == b"ustar":
        kinds = ["a tar file"]
    kind = kinds[0] if kinds else "another kind of file" if beginning else "an empty file"
    if kind:
        raise CheckpointError(
            f"expected a zip archive, as torch.save has written it since 1.6, in '{path}', got {kind}"
        )
    return status.st_size


class _Reader:
    """What the names in a checkpoint's pickle mean."""

    def __init__(self, archive: zipfile.ZipFile, classes: Collection[str], path: Path, size: int) -> None:
        self._archive, self._classes, self._path = archive, classes, path
        self._unread, self._unseen = size, 0
        """Bytes of the file that no storage has had yet, and of the storages that no tensor has had."""
        self._storages: dict[str, _Storage] = {}
        names = archive.namelist()
        programs = [name for name in names if name.split("/")[-1] == PROGRAM]
        if len(programs) != 1 or len(set(names)) != len(names):
            raise self._refusal(f"expected one {PROGRAM}, and each entry once, got {len(programs)} of {len(names)}")
        self._folder = programs[0].removesuffix(PROGRAM)

    def load(self) -> Any:
        """What the pickle builds."""
        if f"{self._folder}byteorder" in self._archive.namelist():
            order = self._bytes(f"{self._folder}byteorder", largest=16)
            if order != b"little":
                raise self._refusal(f"expected numbers with their lowest byte first, got the order {order!r}")
        program = self._bytes(f"{self._folder}{PROGRAM}", largest=LARGEST_PROGRAM)
        return Machine(self).value_of(program)

    def known(self, name: Name) -> Name:
        """The name, where it is on the list."""
        functions = (PARAMETER, TENSOR, DICTIONARY, *SETS)
        if name.full not in self._classes and name.full not in functions and not self._is_storage(name):
            raise CheckpointError(
                f"refused '{self._path}': its pickle asks for {name.full:.200}, which no model known here needs. "
                "Nothing of it was run."
            )
        return name

    def called(self, name: Name, arguments: tuple[Any, ...]) -> Any:
        """What one of the functions on the list makes."""
        if name.full in SETS or (name.full == DICTIONARY and not arguments):
            return {}
        if name.full == TENSOR and len(arguments) >= 4:
            return self._tensor(*arguments[:4])
        if name.full == PARAMETER and arguments and isinstance(arguments[0], _Tensor):
            return arguments[0]
        raise self._refusal(f"expected a function of its arguments, got a call of {name.full}")

    def instance(self, name: Name, arguments: tuple[Any, ...]) -> ModuleRecord:
        """The record of a module, before it has attributes."""
        if name.full not in self._classes or arguments:
            raise self._refusal(f"expected a module without arguments, got a {name.full}")
        return ModuleRecord(name.full)

    def changed(self, value: Any, state: Any) -> None:
        """Gives a module its attributes; those of a dictionary (the versions of its modules) are left out."""
        if type(value) is dict:
            return
        if not isinstance(value, ModuleRecord):
            raise self._refusal(f"expected what has attributes, got a {type(value).__name__} that is to be changed")
        if not isinstance(state, dict):
            raise self._refusal(f"expected the attributes of a {value.kind}, got {type(state).__name__}")
        value.attributes = state

    def storage(self, reference: Any) -> _Storage:
        """The numbers of a storage, from the file that the pickle names."""
        if not isinstance(reference, tuple) or len(reference) != 5:
            raise self._refusal("expected a reference to a storage, got another one")
        word, kind, key, _, count = reference
        if word != "storage" or not self._is_storage(kind) or not isinstance(key, str) or not _is_count(count):
            raise self._refusal("expected a reference to a storage, got another one")
        dtype = np.dtype(DTYPES[kind.full.removeprefix("torch.")]).newbyteorder("<")
        if key not in self._storages:
            data = self._bytes(f"{self._folder}data/{key}", largest=count * dtype.itemsize)
            if len(data) != count * dtype.itemsize:
                raise self._refusal(f"storage {key} has {len(data)} bytes, its pickle says {count * dtype.itemsize}")
            self._storages[key] = _Storage(np.frombuffer(data, dtype))
            self._unseen += len(data)
        if self._storages[key].array.dtype != dtype or self._storages[key].array.size != count:
            raise self._refusal(f"storage {key} is said to be two different things")
        return self._storages[key]

    def _tensor(self, storage: Any, offset: Any, shape: Any, stride: Any) -> _Tensor:
        """The tensor of a storage, as a view of it."""
        sizes = (offset, *shape, *stride) if isinstance(shape, tuple) and isinstance(stride, tuple) else ()
        if not isinstance(storage, _Storage) or not 0 < len(sizes) <= 1 + 2 * MOST_AXES or len(shape) != len(stride):
            raise self._refusal("expected a tensor within its storage, got something else")
        numbers = storage.array
        # Each is small before any are multiplied.
        small = all(_is_count(size) and size < 2**48 for size in sizes)
        last = offset + sum((size - 1) * step for size, step in zip(shape, stride, strict=True)) if small else 0
        if not small or prod(shape) > numbers.size or (prod(shape) and last >= numbers.size):
            raise self._refusal(f"expected a tensor within its storage of {numbers.size} numbers, got one beyond it")
        self._unseen -= prod(shape) * numbers.itemsize
        if self._unseen < 0:
            raise self._refusal("expected each number in one tensor, got tensors that share some")
        steps = [step * numbers.itemsize for step in stride]
        return _Tensor(np.lib.stride_tricks.as_strided(numbers[offset:], shape, steps, writeable=False))

    def _bytes(self, name: str, *, largest: int) -> bytes:
        """The content of an entry that is no larger than it may be, nor than it looks."""
        try:
            entry = self._archive.getinfo(name)
        except KeyError:
            raise self._refusal(f"expected {name:.200}, got an archive without it") from None
        if entry.compress_type != zipfile.ZIP_STORED:
            raise self._refusal(f"expected {name:.200} uncompressed, as torch writes it")
        if entry.file_size > largest:
            raise self._refusal(f"expected at most {largest} bytes in {name:.200}, got {entry.file_size}")
        self._unread -= entry.file_size
        if self._unread < 0:
            raise self._refusal("expected entries beside each other, got some that overlap")
        with self._archive.open(entry) as stream:
            return stream.read(entry.file_size)

    def _refusal(self, why: str) -> CheckpointError:
        return CheckpointError(f"refused '{self._path}': {why}.")

    @staticmethod
    def _is_storage(name: Any) -> bool:
        return isinstance(name, Name) and name.full.removeprefix("torch.") in DTYPES and name.full.startswith("torch.")


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0
