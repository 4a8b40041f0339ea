"""Files that are whole or absent, and folders that one process writes to at a time.

A file is written under a temporary name beside the target and moved into place. A writer holds a lock on a hidden file,
inside of a folder that stays where it is, beside one that gets its name at the end. The system releases the lock with
the process, however that ends; a kill leaves the empty file, which locks nothing. Reading needs no lock.
"""

import errno
import hashlib
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, SoftFileLock, Timeout

LOCK = ".lock"
_TEMPORARY = re.compile(r"\.(?P<target>.+)\.(?P<process>\d+)\.partial")


class FolderInUse(RuntimeError):
    """Another process writes to the folder."""


@contextmanager
def replaced_file(path: Path) -> Iterator[Path]:
    """A temporary path to write to; it takes the target's place at the end, or vanishes if anything fails.

    Raises:
        OSError: What the file system says (a full disk, no permission); the target is then as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _clear_dead(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        yield temporary
        with open(temporary, "rb") as written:
            os.fsync(written.fileno())
        os.replace(temporary, path)
    except OSError as error:
        if error.errno is not None and error.filename is None:  # a write that fails does not say where it went
            error.filename = str(path)
        raise
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, values: Any) -> None:
    """Writes JSON with two-space indentation, whole or not at all."""
    with replaced_file(path) as temporary:
        temporary.write_text(json.dumps(values, indent=2) + "\n")


def digest_of(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal.

    Raises:
        OSError: If it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def differences(found: Any, wanted: Any) -> list[str]:
    """The names of the entries in which two JSON values differ, outer.inner, in alphabetical order."""
    if found == wanted:
        return []
    if not isinstance(found, dict) or not isinstance(wanted, dict):
        return ["everything"]
    names = sorted(name for name in found.keys() | wanted.keys() if found.get(name) != wanted.get(name))
    inner = {name: differences(found.get(name), wanted.get(name)) for name in names}
    return [name if parts == ["everything"] else f"{name}.{part}" for name, parts in inner.items() for part in parts]


def lock_inside(folder: Path) -> Path:
    """The lock of a folder that stays where it is; its parent need not be writable."""
    return folder / LOCK


def lock_beside(folder: Path) -> Path:
    """The lock of a folder that is renamed or replaced as a whole."""
    place = folder.resolve()
    return place.with_name(f".{place.name}{LOCK}")


@contextmanager
def sole_writer(folder: Path, *, lock: Path, otherwise: str = "choose another --out") -> Iterator[None]:
    """Within, no other process is the writer of the folder.

    Args:
        folder: The folder, as its user calls it.
        lock: Where its lock is; what of the way to it does not exist is made, and removed where it is left empty.
        otherwise: What to do instead of waiting.

    Raises:
        FolderInUse: If another process is.
        OSError: If the lock cannot be made there (no permission, a read-only file system).
    """
    missing = [parent for parent in lock.parents if not parent.exists()]
    held = FileLock(lock, thread_local=False)
    try:
        try:
            lock.parent.mkdir(parents=True, exist_ok=True)
            if not os.access(lock.parent, os.W_OK):
                raise PermissionError(errno.EACCES, "no permission to write there")
            held.acquire(blocking=False)
        except Timeout:
            raise FolderInUse(f"another process is working in '{folder}': wait for it, or {otherwise}") from None
        except OSError as error:
            raise type(error)(error.errno, error.strerror, str(folder)) from None
        try:
            yield
        finally:
            # While it is held: whoever locks the file next sees that it has no name any more, and tries anew. The
            # stand-in where a file system has no locks is the file itself, and removes it on its own.
            if not isinstance(held, SoftFileLock):
                with suppress(OSError):
                    lock.unlink()
            held.release()
    finally:
        with suppress(OSError):
            for parent in missing:
                parent.rmdir()


def is_trace(path: Path) -> bool:
    """Whether this is a lock or a temporary file, which a kill leaves: nothing that anyone keeps."""
    return path.name == LOCK or _TEMPORARY.fullmatch(path.name) is not None


def clear_temporaries(folder: Path) -> None:
    """Removes what kills left half-written in a folder; for its sole writer."""
    for path in folder.glob(".*.partial"):
        if _TEMPORARY.fullmatch(path.name):
            path.unlink(missing_ok=True)


def _clear_dead(target: Path) -> None:
    """Removes the temporary files of this target whose processes are gone."""
    for path in target.parent.glob(".*.partial"):
        match = _TEMPORARY.fullmatch(path.name)
        if match is not None and match["target"] == target.name and not _is_running(int(match["process"])):
            path.unlink(missing_ok=True)


def _is_running(process: int) -> bool:
    if os.name != "posix":
        return True  # signal 0 is a question on POSIX only
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True  # someone else's
    return True
