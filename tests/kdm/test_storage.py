import errno
import hashlib
import json
import os
import subprocess
import sys

import pytest
from processes import writer_elsewhere

from kdm.storage import (
    FolderInUse,
    clear_temporaries,
    digest_of,
    is_trace,
    lock_beside,
    lock_inside,
    replaced_file,
    sole_writer,
    write_json,
)

PLACES = pytest.mark.parametrize("lock_of", [lock_inside, lock_beside], ids=["inside", "beside"])


def test_a_file_is_whole_or_as_it_was(tmp_path):
    write_json(tmp_path / "new" / "a.json", [1])

    def broken() -> None:
        with replaced_file(tmp_path / "new" / "a.json") as temporary:
            temporary.write_text("[1, ")
            raise OSError("no more")

    with pytest.raises(OSError, match="no more"):
        broken()
    assert json.loads((tmp_path / "new" / "a.json").read_text()) == [1]
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.json"]


def test_a_write_that_fails_says_where_it_went(tmp_path):
    def full() -> None:
        with replaced_file(tmp_path / "a.json"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(OSError, match=r"No space left on device: '.*a\.json'"):
        full()


def test_the_digest_of_a_file_is_that_of_its_bytes(tmp_path):
    for content in (b"", bytes(range(256)) * 9000):
        (tmp_path / "a").write_bytes(content)
        assert digest_of(tmp_path / "a") == hashlib.sha256(content).hexdigest()


def dead_process() -> int:
    """The number of a process that has ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def test_a_write_removes_what_a_killed_one_left_of_the_same_file_and_nothing_else(tmp_path):
    dead = dead_process()
    left = tmp_path / f".a.json.{dead}.partial"
    names = (f".b.json.{dead}.partial", f".a.json.{os.getppid()}.partial", ".a.json.partial")
    others = [tmp_path / name for name in names]
    for path in (left, *others):
        path.write_text("half")
    write_json(tmp_path / "a.json", 1)
    assert sorted(tmp_path.iterdir()) == sorted([*others, tmp_path / "a.json"])


def test_the_sole_writer_of_a_folder_may_remove_all_that_kills_left_there(tmp_path):
    for name in (f".a.json.{os.getppid()}.partial", ".a.partial", "a.json.1.partial"):
        (tmp_path / name).write_text("half")
    clear_temporaries(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".a.partial", "a.json.1.partial"]


def test_traces_are_known_by_their_names(tmp_path):
    assert all(is_trace(tmp_path / name) for name in (".lock", ".a.b.json.12.partial"))
    assert not any(is_trace(tmp_path / name) for name in ("lock", "a.12.partial", ".a.partial", ".thesis.tex"))


@PLACES
def test_a_second_writer_is_refused_until_the_first_has_ended_and_nothing_remains(tmp_path, lock_of):
    folder = tmp_path / "work" / "folder"

    def second() -> None:
        with sole_writer(folder, lock=lock_of(folder)):
            pass

    with sole_writer(folder, lock=lock_of(folder)):
        assert lock_of(folder).exists()
        with pytest.raises(FolderInUse, match=r"another process is working in '.*folder': wait for it, or choose anot"):
            second()
        assert lock_of(folder).exists(), "who is refused takes nothing away"
    assert list(tmp_path.iterdir()) == []
    second()


@PLACES
def test_an_error_within_ends_the_work(tmp_path, lock_of):
    def broken() -> None:
        with sole_writer(tmp_path / "folder", lock=lock_of(tmp_path / "folder")):
            (tmp_path / "folder").mkdir(exist_ok=True)
            (tmp_path / "folder" / "file").write_text("kept")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken()
    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")) == ["folder", "folder/file"]


@PLACES
def test_the_folder_may_be_reached_by_a_link(tmp_path, lock_of):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")

    def second() -> None:
        with sole_writer(tmp_path / "link", lock=lock_of(tmp_path / "link")):
            pass

    with sole_writer(tmp_path / "real", lock=lock_of(tmp_path / "real")), pytest.raises(FolderInUse):
        second()
    second()


def test_a_lock_that_cannot_be_made_is_the_folders_error(tmp_path):
    (tmp_path / "file").write_text("precious")
    inside = tmp_path / "file" / "folder"
    with pytest.raises(NotADirectoryError, match="file/folder"), sole_writer(inside, lock=lock_inside(inside)):
        pass


@PLACES
def test_a_killed_writer_locks_nothing(tmp_path, lock_of):
    folder = tmp_path / "folder"
    folder.mkdir()

    def second() -> None:
        with sole_writer(folder, lock=lock_of(folder)):
            pass

    with writer_elsewhere(lock_of(folder)), pytest.raises(FolderInUse):
        second()
    assert lock_of(folder).exists(), "the kill left the file"
    second()
    assert [path.name for path in tmp_path.rglob("*")] == ["folder"]
