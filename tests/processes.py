"""Other processes, for tests of what two of them do to each other."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_WRITER = """
import signal, sys
from filelock import FileLock
lock = FileLock(sys.argv[1])
lock.acquire()
print("locked", flush=True)
signal.pause()
"""


@contextmanager
def writer_elsewhere(lock: Path) -> Iterator[None]:
    """Within, another process holds this lock; it is killed at the end."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with subprocess.Popen([sys.executable, "-c", _WRITER, str(lock)], stdout=subprocess.PIPE) as writer:
        try:
            assert writer.stdout is not None
            assert writer.stdout.readline() == b"locked\n"
            yield
        finally:
            writer.kill()
