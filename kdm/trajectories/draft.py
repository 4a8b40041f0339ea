"""Writing a data set so that it is either there or not.

Arrays are written under `<out>.partial` and the folder is renamed when all of it is on disk. Beside them,
`progress.json` says which data set this is to become and how many rows of it are done, so that the same command goes
on where it was killed and another one is refused. One process at a time writes: it holds a lock beside the folder,
which no finished data set ever contains. Space is allocated first: a full disk shows at once, as an error, not as a
signal in the middle of a write to mapped memory.
"""

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from kdm.storage import clear_temporaries, differences, is_trace, lock_beside, replaced_file, sole_writer, write_json
from kdm.trajectories.manifest import ArraySpecification, DataError, Manifest, file_record

MANIFEST, PROGRESS = "manifest.json", "progress.json"


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A data set on its way to the folder `out`; `recipe` is all that determines its content."""

    out: Path
    recipe: Mapping[str, Any]

    @property
    def folder(self) -> Path:
        """Where it is while it is being written: beside what `out` is, or points to."""
        place = self.out.resolve()
        return place.with_name(f"{place.name}.partial")

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """Within, no other process writes this data set.

        Raises:
            FolderInUse: if another one does.
        """
        with sole_writer(self.out, lock=lock_beside(self.out)):
            yield

    @property
    def done(self) -> int:
        """How many rows are on disk.

        Raises:
            DataError: if the folder holds something else.
        """
        try:
            progress = json.loads((self.folder / PROGRESS).read_text())
            recipe, done = progress["recipe"], int(progress["done"])
        except FileNotFoundError:
            return 0
        except (ValueError, KeyError, TypeError):
            raise DataError(f"'{self.folder / PROGRESS}' is damaged: remove its folder and collect again.") from None
        if other := differences(recipe, json.loads(json.dumps(self.recipe))):
            raise DataError(
                f"'{self.folder}' holds another data set, unfinished (it differs in {', '.join(other)}): "
                "finish it with the command that began it, or remove it, or choose another --out."
            )
        return done

    def record(self, arrays: Mapping[str, np.memmap], done: int) -> None:
        """Flush the arrays, then write down that so many of their rows are on disk."""
        with explained(self.folder):
            for array in arrays.values():
                array.flush()
            write_json(self.folder / PROGRESS, {"recipe": self.recipe, "done": done})

    def open_arrays(self, specifications: Mapping[str, ArraySpecification]) -> dict[str, np.memmap]:
        """The arrays by name, mapped from disk: those of an interrupted run, or new ones with their space allocated.

        Raises:
            DataError: if the disk is full, something else is where they should be, or an interrupted run's are damaged.
        """
        if self.done:
            try:
                return {name: np.load(self.folder / f"{name}.npy", mmap_mode="r+") for name in specifications}
            except (OSError, ValueError) as error:
                raise DataError(f"'{self.folder}' is damaged ({error}): remove it and begin again.") from None
        ours = {f"{name}.npy" for name in specifications} | {MANIFEST, PROGRESS}
        others = sorted(path.name for path in self.folder.glob("*") if path.name not in ours and not is_trace(path))
        if others:
            raise DataError(f"'{self.folder}' is in the way, it holds {others[0]}: remove it, or choose another --out.")
        try:
            with explained(self.folder):
                self.folder.mkdir(parents=True, exist_ok=True)
                return {name: self._allocated(name, *shape) for name, shape in specifications.items()}
        except DataError:
            self.discard()
            raise

    def _allocated(self, name: str, shape: tuple[int, ...], dtype: str) -> np.memmap:
        path = self.folder / f"{name}.npy"
        array = np.lib.format.open_memmap(path, mode="w+", dtype=np.dtype(dtype), shape=shape)
        if hasattr(os, "posix_fallocate"):
            with path.open("r+b") as file:
                os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
        return array

    def discard(self) -> None:
        """Remove what is unfinished."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def finish(self, manifest: Manifest) -> None:
        """Write the manifest with the checksums of the arrays, and give the folder its name."""
        with explained(self.folder):
            files = {path.name: file_record(path) for path in sorted(self.folder.glob("*.npy"))}
            with replaced_file(self.folder / MANIFEST) as temporary:
                temporary.write_text(replace(manifest, files=files).to_json())
            clear_temporaries(self.folder)
            self.folder.rename(self.out.resolve())
            self.clear_progress()

    def clear_progress(self) -> None:
        """Remove the record of a finished data set's making."""
        (self.out / PROGRESS).unlink(missing_ok=True)


@contextmanager
def explained(folder: Path) -> Iterator[None]:
    """Turn an error of the file system into one that says what to do."""
    try:
        yield
    except OSError as error:
        raise DataError(
            f"could not write '{folder}': {error.strerror or error}. "
            "Make room or choose another --out, then run the same command again."
        ) from error
