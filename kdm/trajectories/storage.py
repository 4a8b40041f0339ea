"""Data sets, opened and saved."""

import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int

from kdm.teachers import CheckerboardSupport, Teacher, teacher_from_config
from kdm.trajectories.draft import MANIFEST, Draft
from kdm.trajectories.manifest import CONDITIONS, DataError, Manifest, is_small, require_unaltered
from kdm.trajectories.mapped import HELDOUT_IN_MEMORY, IN_MEMORY, MappedPairs, Moments
from kdm.trajectories.pairs import IndexedPairs, Pairs

ROWS = 65_536
"""Rows written together, and numbers looked at together."""


@dataclass(frozen=True, kw_only=True)
class Trajectories:
    """A data set: its arrays (mapped from disk where it has a folder) and what they are."""

    noise: Float[np.ndarray, " n *shape"]
    data: Float[np.ndarray, " n *shape"]
    manifest: Manifest
    trajectory: Float[np.ndarray, "n times *shape"] | None = None
    labels: Int[np.ndarray, " n"] | None = None
    folder: Path | None = None

    def __len__(self) -> int:
        return len(self.noise)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one state."""
        return self.manifest.shape

    @property
    def teacher(self) -> Teacher | None:
        """The teacher whose flow this is, None for imported data."""
        config = self.manifest.source.get("teacher")
        return None if config is None else teacher_from_config(config)

    @property
    def conditional(self) -> bool:
        """Whether the flow of a row depends on its label, which was asked for: those of published data were, too."""
        source = self.manifest.source
        return self.labels is not None and (source.get("labels") == CONDITIONS or source.get("kind") == "packed")

    @property
    def support(self) -> CheckerboardSupport | None:
        """The cells on which the data lie, None where that is not how they were made."""
        lengths = self.manifest.source.get("support", self.manifest.source.get("teacher", {}))
        if "cell" not in lengths:
            return None
        return CheckerboardSupport(cell=lengths["cell"], half_width=lengths["half_width"])

    def training(self, *, whole: bool = False) -> Pairs:
        """The pairs to fit to, in float32: all but the last tenth; with the states at all times where `whole`.

        Raises:
            DataError: if the states are asked for, and only those of the two ends were kept.
        """
        return self._pairs(slice(0, len(self) - self.manifest.heldout), whole=whole)

    def training_source(self, *, whole: bool = False, in_memory: int = IN_MEMORY) -> IndexedPairs:
        """What a training takes its batches from: `training()` where that is small, else pairs that stay on disk.

        Both give the same pairs for the same rows.

        Args:
            whole: with the states at all times.
            in_memory: bytes up to which they are held in memory, on the device where there is one.

        Raises:
            DataError: if the states are asked for, and only those of the two ends were kept.
        """
        rows = slice(0, len(self) - self.manifest.heldout)
        mapped = MappedPairs(
            noise=self.noise[rows], data=self.data[rows], labels=None if self.labels is None else self.labels[rows],
            states=self._kept_states()[rows] if whole else None,
        )  # fmt: skip
        return mapped if mapped.nbytes > in_memory else self.training(whole=whole)

    def training_moments(self) -> Moments:
        """Mean and standard deviation of all numbers of the training rows at the data end."""
        return Moments.of(self.data[: len(self) - self.manifest.heldout])

    def heldout(self, *, whole: bool = False, count: int | None = None) -> Pairs:
        """The pairs to test on, in float32: the first rows of the last tenth, all of them where they are few.

        Args:
            whole: with the states at all times.
            count: how many at most; as many as `HELDOUT_IN_MEMORY` bytes hold unless given.

        Raises:
            DataError: if the states are asked for, and only those of the two ends were kept.
        """
        if count is None:
            pair = 2 * np.dtype(np.float32).itemsize * prod(self.shape)
            count = max(1, HELDOUT_IN_MEMORY // pair)
        first = len(self) - self.manifest.heldout
        return self._pairs(slice(first, first + count), whole=whole)

    def _pairs(self, rows: slice, *, whole: bool) -> Pairs:
        def tensor(array: np.ndarray, dtype: type[np.generic]) -> torch.Tensor:
            return torch.from_numpy(np.asarray(array[rows]).astype(dtype, copy=False))

        return Pairs(
            noise=tensor(self.noise, np.float32),
            data=tensor(self.data, np.float32),
            labels=None if self.labels is None else tensor(self.labels, np.int64),
            states=tensor(self._kept_states(), np.float32) if whole else None,
        )

    def _kept_states(self) -> np.ndarray:
        if self.trajectory is None:
            raise DataError(
                "expected whole trajectories, got the two ends only: let the preset that needs them collect its own "
                "(no --data), or collect with --keep, the steps after which states are stored."
            )
        return self.trajectory


def open_trajectories(folder: str | Path, *, whole: bool = False) -> Trajectories:
    """The data set in a folder, checked, its arrays mapped from disk (a change made to them is never written back).

    Args:
        folder: DATA.
        whole: check every block of a data set of 1 GB or more, too.

    Raises:
        DataError: if there is none, or it is not what was written.
    """
    given, folder = folder, Path(folder)
    if not (folder / MANIFEST).is_file():
        quoted = shlex.quote(str(folder))
        raise DataError(
            f"no data set at '{given}': expected a folder with manifest.json, noise.npy and data.npy.\n"
            f"Make one with `kdm collect TEACHER --out {quoted}` or `kdm pack SOURCE --layout LAYOUT --out {quoted}`."
        )
    manifest = Manifest.from_json((folder / MANIFEST).read_text(), folder=folder)
    require_unaltered(folder, manifest.files, whole=whole)
    arrays = {name.removesuffix(".npy"): _mapped(folder / name) for name in manifest.files}
    for name, (shape, dtype) in manifest.specifications(arrays).items():
        if arrays[name].shape != shape:
            raise DataError(f"{name}.npy in '{folder}' is {arrays[name].shape}, its manifest says {shape}.")
        if arrays[name].dtype != dtype:
            raise DataError(f"{name}.npy in '{folder}' holds {arrays[name].dtype}: expected {dtype}.")
    if whole or is_small(manifest.files):
        for name, array in arrays.items():
            require_finite(array, name=f"{name}.npy in '{folder}'")
    return Trajectories(**arrays, manifest=manifest, folder=folder)


def save_trajectories(
    out: str | Path,
    *,
    noise: Float[np.ndarray, " n *shape"],
    data: Float[np.ndarray, " n *shape"],
    trajectory: Float[np.ndarray, "n times *shape"] | None = None,
    labels: Int[np.ndarray, " n"] | None = None,
    times: Sequence[float],
    time_name: str,
    source: Mapping[str, Any],
) -> Trajectories:
    """Write arrays as a data set in the folder `out`, in float32, and open it.

    Args:
        out: the folder, which must not exist yet or be empty.
        noise: states at the noise end.
        data: states at the data end.
        trajectory: states at every time, both ends included.
        labels: one a row.
        times: of the trajectory, or of the two ends; noise first.
        time_name: "sigma" or "t".
        source: where the arrays come from; JSON can hold it.

    Raises:
        DataError: if `out` holds something, a value is not finite, or the disk is full.
        FolderInUse: if another process is writing it.
    """
    out = Path(out)
    require_vacant(out)
    manifest = Manifest.now(n=len(noise), shape=noise.shape[1:], times=times, time_name=time_name, source=source)
    given = {"noise": noise, "data": data, "trajectory": trajectory, "labels": labels}
    present = {name: array for name, array in given.items() if array is not None}
    for name, array in present.items():
        require_finite(array, name=name)
    draft = Draft(out=out, recipe={"source": source, "n": len(noise)})
    with draft.claimed():
        require_vacant(out)
        arrays = draft.open_arrays(manifest.specifications(present))
        try:
            for name, array in arrays.items():
                for first in range(0, len(noise), ROWS):
                    array[first : first + ROWS] = present[name][first : first + ROWS]
            draft.record(arrays, len(noise))
            draft.finish(manifest)
        except BaseException:
            draft.discard()
            raise
    return open_trajectories(out)


def require_vacant(out: Path) -> None:
    """Refuse a folder that holds something, or that cannot be replaced by the finished data set.

    Raises:
        DataError: if it does, or is the working folder or a mount point.
    """
    if out.is_file() or (out.is_dir() and any(out.iterdir())):
        raise DataError(f"'{out}' already holds something else: remove it, or choose another --out.")
    if out.is_dir() and (os.path.ismount(out) or out.samefile(os.curdir)):
        raise DataError(f"'{out}' is the working folder or a mount point: choose a folder inside of it.")


def require_finite(array: np.ndarray, *, name: str) -> None:
    """Refuse an array with a value that is not a number or not finite.

    Raises:
        DataError: if there is one, with the first row that holds it.
    """
    together = max(1, ROWS // max(1, prod(array.shape[1:])))
    for first in range(0, len(array), together):
        rows = np.isfinite(array[first : first + together]).reshape(len(array[first : first + together]), -1).all(1)
        if not rows.all():
            raise DataError(f"{name} is not finite in row {first + int(rows.argmin())}: expected finite numbers only.")


def _mapped(path: Path) -> np.ndarray:
    try:
        return np.load(path, mmap_mode="c", allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise DataError(f"'{path}' is not an array that NumPy can map ({error}): make the data set again.") from None
