"""Files that are whole or absent: written under a temporary name beside the target, then moved into place."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def replaced_file(path: Path) -> Iterator[Path]:
    """A temporary path to write to; it takes the target's place at the end, or vanishes if anything fails.

    Raises:
        OSError: What the file system says (a full disk, no permission); the target is then as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        yield temporary
        with open(temporary, "rb") as written:
            os.fsync(written.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, values: Any) -> None:
    """Writes JSON with two-space indentation, whole or not at all."""
    with replaced_file(path) as temporary:
        temporary.write_text(json.dumps(values, indent=2) + "\n")
