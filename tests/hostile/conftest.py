"""Small experiments, and places that refuse."""

import os
import resource
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest
from tiny_experiments import config, data

__all__ = ["config", "data"]

NOBODY = 65534


@pytest.fixture
def read_only():
    """A function that copies folders to where this process cannot write: root gives up its rights for the test."""
    # Not pytest's own folder, which only its owner can enter.
    place = Path(tempfile.mkdtemp(prefix="read only "))
    place.chmod(0o755)
    user = os.geteuid()

    def closed(*folders: Path) -> list[Path]:
        copies = [place / folder.name for folder in folders]
        for folder, copy in zip(folders, copies, strict=True):
            shutil.copytree(folder, copy)
            for path in (*copy.rglob("*"), copy):
                path.chmod(0o555 if path.is_dir() else 0o444)
        if user == 0:
            os.seteuid(NOBODY)
        assert not any(os.access(copy, os.W_OK, effective_ids=True) for copy in copies)
        return copies

    yield closed
    os.seteuid(user)
    for path in (place, *place.rglob("*")):
        if path.is_dir():
            path.chmod(0o755)
    shutil.rmtree(place)


@pytest.fixture
def files_at_most():
    """A context within which no file grows beyond so many bytes, as on a disk that fills up."""

    @contextmanager
    def limited(size: int):
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    return limited
