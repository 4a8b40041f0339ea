"""Arrays of .npz files, read without believing what the files say of themselves.

An .npz file is a zip archive of .npy members, each a header (shape, type, order) and the numbers. Nothing is unpickled:
numbers are all that is read. A member is refused before it is unpacked if it declares more than `LARGEST` bytes, and
after that if it does not hold exactly the numbers that its header declares; so memory is bounded whatever a file holds.
"""

import io
import zipfile
from collections.abc import Sequence
from math import prod
from pathlib import Path

import numpy as np

from kdm.trajectories import DataError

LARGEST = 2**26
"""Bytes of the largest array: in float32, 1365 images of 64 × 64."""
PLAIN = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""How NumPy writes members: as they are, or deflated."""


def arrays_in(path: Path, names: Sequence[str]) -> list[np.ndarray]:
    """The arrays of floating point numbers with these names, in the types in which they are stored.

    Raises:
        DataError: if the file is damaged, is no .npz file, has no array of a name, or anything else under it.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return [_array(archive, name, path) for name in names]
    except DataError:
        raise
    except Exception as error:  # damaged bytes raise whatever they happen to mean
        raise DataError(f"'{path}' is damaged or no .npz file ({error or type(error).__name__}).") from None


def _array(archive: zipfile.ZipFile, name: str, path: Path) -> np.ndarray:
    members = [entry for entry in archive.infolist() if entry.filename == f"{name}.npy"]
    if len(members) != 1:
        others = sorted({entry.filename.removesuffix(".npy") for entry in archive.infolist()})
        found = f"it {len(members)} times" if members else f"{', '.join(others[:5]) or 'none'}"
        raise DataError(f"expected one array {name} in '{path}', got {found}.")
    (member,) = members
    if member.file_size > LARGEST or member.compress_type not in PLAIN:
        raise DataError(
            f"expected at most {LARGEST} bytes, stored or deflated, in {name} of '{path}', got {member.file_size} "
            f"in compression {member.compress_type}: refused."
        )
    with archive.open(member) as stream:
        # So many bytes at most: without a number, what is deflated is unpacked before it is cut to its declared size.
        content = io.BytesIO(stream.read(member.file_size))
    version = np.lib.format.read_magic(content)
    header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, columns_first, dtype = header(content)
    if dtype.kind != "f":
        raise DataError(f"expected floating point numbers in {name} of '{path}', got {dtype}.")
    count, left = prod(shape), len(content.getbuffer()) - content.tell()
    if count * dtype.itemsize != left:
        raise DataError(f"{name} of '{path}' has {left} bytes of numbers, its header says {count * dtype.itemsize}.")
    numbers = np.frombuffer(content.getvalue(), dtype, offset=content.tell())
    return numbers.reshape(shape, order="F" if columns_first else "C")
