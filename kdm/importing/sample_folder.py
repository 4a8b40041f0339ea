"""Trajectories in a folder of .npz files, one a sample.

Files are often sorted by class. Row r of the data set is therefore file π(r), in the natural order of their names, with
a permutation π that a recorded seed gives; so the last tenth, which is held out, is a random tenth, and the first rows
are a random sample, on which the layout is tested before the rest is read. When all are packed, it is tested on all of
them, and no pair may occur twice: it could be fitted to and held out.
"""

import hashlib
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from kdm.importing.ends import EndMoments, Ends
from kdm.importing.layout import Layout
from kdm.importing.npz import arrays_in
from kdm.progress import progress_bar
from kdm.trajectories import DataError, Manifest, Trajectories
from kdm.trajectories.groups import made_in_groups

SAMPLE = 256
"""Files on which a layout is tested before the others are read."""
GROUP = 1024
"""Files after which it is recorded how far packing has come."""
ROWS = 256
"""Rows that are held in double precision together."""


@dataclass(frozen=True, kw_only=True)
class OneHot:
    """A label, as one 1 among zeros, in an array of each file."""

    key: str
    classes: int


@dataclass(frozen=True, kw_only=True)
class SampleFolder(Layout):
    """A folder with one .npz file a sample, which holds (time, *shape); of the times, the two ends are kept.

    Attributes:
        name: of the layout.
        key: of the array of states.
        noise_index: of the noise on the first axis, 0 or −1; the data are at the other end.
        shape: of one state.
        ends: what is known of the two ends.
        times: of noise and data; in units of `time_name`.
        time_name: "sigma" or "t".
        label: where it is; None where there is none.
    """

    name: str
    key: str
    noise_index: int
    shape: tuple[int, ...]
    ends: Ends
    times: tuple[float, float]
    time_name: str
    label: OneHot | None = None

    @property
    def reversed(self) -> "SampleFolder":
        """The same with the noise where the data are."""
        return replace(self, name=f"{self.name}, reversed", noise_index=-1 - self.noise_index)

    def require_fit(self, source: Path, *, seed: int) -> None:
        """Holds a random sample of the files to this layout."""
        files = _Files.of(source, layout=self, seed=seed)
        sample = [self.sample_in(files.folder / name) for name in files.names[:SAMPLE]]
        noise, data = (np.stack([each[end] for each in sample]) for end in ("noise", "data"))
        self.require_ends(noise, data, source=source)

    def packed(self, source: Path, *, out: Path, seed: int, progress: bool) -> Trajectories:
        """The files' ends as a data set, in a random order; the same call goes on where an interrupted one stopped."""
        files = _Files.of(source, layout=self, seed=seed)
        planned = Manifest.now(
            n=len(files.names),
            shape=self.shape,
            times=self.times,
            time_name=self.time_name,
            source={
                "kind": "packed",
                "layout": self.name,
                "folder": source.resolve().name,
                # Of the names alone: a damaged file that is copied anew does not undo what was packed before it.
                "names_sha256": hashlib.sha256("\n".join(files.names).encode()).hexdigest(),
                "stored_times": files.stored_times,
            },
            permutation_seed=seed,
        )

        def fill(arrays: Mapping[str, np.ndarray], *, done: int, made: Callable[[int], None]) -> None:
            files.fill(arrays, done=done, made=made, progress=progress)

        def completed(arrays: Mapping[str, np.ndarray]) -> Manifest:
            files.require_distinct(arrays["noise"])
            self.require_ends(arrays["noise"], arrays["data"], source=source)
            return planned

        names = ("noise", "data", *(["labels"] if self.label else []))
        return made_in_groups(out, planned, names, fill=fill, completed=completed)

    def sample_in(self, path: Path) -> dict[str, np.ndarray]:
        """What one file holds: the states at both ends in float32, the label, and the number of times.

        Raises:
            DataError: if it holds anything else.
        """
        states, *labels = arrays_in(path, [self.key, *([self.label.key] if self.label else [])])
        if states.shape[1:] != self.shape or len(states) < 2:
            raise DataError(
                f"expected (time, {', '.join(map(str, self.shape))}), at least two times, in {self.key} of '{path}', "
                f"got {states.shape}."
            )
        with np.errstate(over="ignore"):  # which is infinite, and refused
            ends = states[[self.noise_index, -1 - self.noise_index]].astype(np.float32)
        if not np.isfinite(ends).all():
            raise DataError(f"{self.key} of '{path}' is not finite in float32: expected finite numbers only.")
        found = {"noise": ends[0], "data": ends[1], "times": np.array(len(states))}
        if self.label is None:
            return found
        (values,) = labels
        if values.shape != (self.label.classes,) or not np.array_equal(np.sort(values), [*[0] * (len(values) - 1), 1]):
            raise DataError(
                f"expected one 1 among {self.label.classes} numbers and else zeros in {self.label.key} of '{path}', "
                f"got shape {values.shape}{f' with {values.max():.3g} as its largest' if values.size else ''}."
            )
        return {**found, "labels": values.argmax()}

    def require_ends(self, noise: np.ndarray, data: np.ndarray, *, source: Path) -> None:
        """Refuses ends that are not those of this layout.

        Raises:
            DataError: if they are not.
        """
        if why := self.ends.mismatch(_moments(noise), _moments(data)):
            raise DataError(f"'{source}' does not have the layout {self.name}: {why}.")


@dataclass(frozen=True, kw_only=True)
class _Files:
    """The files of a folder in the order of the rows that they become."""

    folder: Path
    names: Sequence[str]
    layout: SampleFolder
    stored_times: int

    @classmethod
    def of(cls, folder: Path, *, layout: SampleFolder, seed: int) -> "_Files":
        """Those in a folder, the first of which says how many times there are.

        Raises:
            DataError: if it has not the layout, or the folder holds anything but files.
        """
        listed = sample_names(folder)
        names = [listed[index] for index in np.random.default_rng(seed).permutation(len(listed))]
        first = layout.sample_in(folder / names[0])
        return cls(folder=folder, names=names, layout=layout, stored_times=int(first["times"]))

    def fill(self, arrays: Mapping[str, np.ndarray], *, done: int, made: Callable[[int], None], progress: bool) -> None:
        """Reads the files from the row `done` on into the arrays."""
        n = len(self.names)
        with progress_bar(total=n, initial=done, doing="packing", unit="file", shown=progress) as bar:
            for first in range(done, n, GROUP):
                following = min(first + GROUP, n)
                for row in range(first, following):
                    sample = self.layout.sample_in(self.folder / self.names[row])
                    if sample["times"] != self.stored_times:
                        raise DataError(
                            f"expected {self.stored_times} times in '{self.folder / self.names[row]}', as in "
                            f"'{self.names[0]}', got {sample['times']}."
                        )
                    for name, array in arrays.items():
                        array[row] = sample[name]
                made(following)
                bar.update(following - first)

    def require_distinct(self, noise: np.ndarray) -> None:
        """Refuses rows of which two are equal (their hashes of 64 bits are).

        Raises:
            DataError: if two are, with the names of their files.
        """
        digests = (hashlib.blake2b(row.tobytes(), digest_size=8).digest() for row in noise)
        hashes = np.fromiter((int.from_bytes(digest) for digest in digests), dtype=np.uint64, count=len(noise))
        order = np.argsort(hashes, kind="stable")
        ranked = hashes[order]
        if (equal := np.flatnonzero(ranked[1:] == ranked[:-1])).size:
            first, second = (self.names[order[equal[0] + step]] for step in (0, 1))
            raise DataError(
                f"'{first}' and '{second}' in '{self.folder}' hold the same noise, one of {len(equal)} such "
                "couples: what occurs twice could be fitted to and held out. Remove one of them and pack again."
            )


def sample_names(folder: Path) -> list[str]:
    """The names of the .npz files in a folder, in natural order: 2 before 10.

    Raises:
        DataError: if it is no folder, is empty, or holds anything else.
    """
    if not folder.is_dir():
        raise DataError(f"'{folder}' is not a folder: expected one with an .npz file for each sample.")
    names = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if not (entry.name.endswith(".npz") and entry.is_file()):
                raise DataError(f"expected .npz files only in '{folder}', got '{entry.name}': move it elsewhere.")
            names.append(entry.name)
    if not names:
        raise DataError(f"'{folder}' is empty: expected an .npz file for each sample.")
    return sorted(sorted(names), key=_natural)


def _natural(name: str) -> str:
    """A key that orders numbers in names by how many digits they have, then by these; and is short, for a million."""
    return re.sub("[0-9]+", lambda digits: f"{len(digits[0].lstrip('0')):03}{digits[0].lstrip('0')}", name)


def _moments(states: np.ndarray) -> EndMoments:
    moments = EndMoments.of(states[:ROWS])
    for first in range(ROWS, len(states), ROWS):
        moments += EndMoments.of(states[first : first + ROWS])
    return moments
