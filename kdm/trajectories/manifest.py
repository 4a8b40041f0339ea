"""The description of a data set, and the checksums that say whether its arrays are still what was written.

A checksum is a SHA-256 of every 64 MiB of a file, so that a large one can be checked in part: all blocks of a data set
under 1 GB, sixteen evenly spread ones above. The size of every file is always checked.
"""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias

FORMAT, VERSION = "kdm-trajectories", 1
BLOCK = 64 * 2**20
CHECKED_WHOLE = 10**9
SAMPLED_BLOCKS = 16
FEWEST = 10
"""Trajectories of the smallest data set: a tenth of it can be held out."""

CONDITIONS = "conditions"
"""What the source says of labels that were asked for; others were read off the data."""
NOISE_DEVIATION = "noise_deviation"
"""The entry of a source whose noise has another standard deviation than the σ of its time."""

ArraySpecification: TypeAlias = tuple[tuple[int, ...], str]
"""The shape and the dtype of an array."""


class DataError(ValueError):
    """A data set is not what was expected; the message says what to do."""


@dataclass(frozen=True, kw_only=True)
class FileRecord:
    """The size of a file in bytes, and the SHA-256 of each of its blocks."""

    size: int
    sha256: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What the arrays of a data set are and where they come from.

    Attributes:
        n: trajectories.
        shape: of one state.
        times: the kept times, noise first; in units of `time_name`.
        time_name: "sigma" for a noise level, "t" for the time of flow matching (0 at its noise, 1 at its data).
        source: the teacher's configuration, or the layout of an imported file and the support of its data.
        solver: its method, its steps and its measured error; empty where it is not known.
        seed: from which the noise was drawn; None where it is not known.
        permutation_seed: of the shuffle of an imported file; None where its order was kept.
        heldout: how many rows, the last ones, are held out.
        created: when, in UTC; the one field that two runs of a command do not share.
        files: the record of each array on disk, empty in memory.
    """

    n: int
    shape: tuple[int, ...]
    times: tuple[float, ...]
    time_name: str
    source: Mapping[str, Any]
    solver: Mapping[str, Any]
    seed: int | None
    permutation_seed: int | None
    heldout: int
    created: str
    files: Mapping[str, FileRecord] = field(default_factory=dict)

    @classmethod
    def now(
        cls,
        *,
        n: int,
        shape: Sequence[int],
        times: Sequence[float],
        time_name: str,
        source: Mapping[str, Any],
        solver: Mapping[str, Any] = MappingProxyType({}),
        seed: int | None = None,
        permutation_seed: int | None = None,
    ) -> "Manifest":
        """The manifest of n trajectories made now, the last tenth held out.

        Raises:
            DataError: if there are too few to hold out a tenth.
        """
        if n < FEWEST:
            raise DataError(f"there are {n} trajectories: expected at least {FEWEST}, so that a tenth can be held out.")
        return cls(
            n=n,
            shape=tuple(shape),
            times=tuple(times),
            time_name=time_name,
            source=source,
            solver=dict(solver),
            seed=seed,
            permutation_seed=permutation_seed,
            heldout=n // 10,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
        )

    def specifications(self, names: Collection[str]) -> dict[str, ArraySpecification]:
        """The shape and the dtype of the arrays with these names."""
        ends = ((self.n, *self.shape), "float32")
        every = {
            "noise": ends,
            "data": ends,
            "trajectory": ((self.n, len(self.times), *self.shape), "float32"),
            "labels": ((self.n,), "int64"),
        }
        return {name: specification for name, specification in every.items() if name in names}

    @property
    def digest(self) -> str:
        """A SHA-256 of everything but the date: equal for equal data."""
        return hashlib.sha256(replace(self, created="").to_json().encode()).hexdigest()

    def to_json(self) -> str:
        """The text of manifest.json."""
        return json.dumps({"format": FORMAT, "version": VERSION, **asdict(self)}, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str, *, folder: Path) -> "Manifest":
        """The manifest that this text describes.

        Raises:
            DataError: if it is not a manifest of this format and version, or is incomplete.
        """
        try:
            content = json.loads(text)
        except json.JSONDecodeError as error:
            raise DataError(f"the manifest of '{folder}' is not JSON ({error}): make the data set again.") from None
        found = (content.get("format"), content.get("version")) if isinstance(content, dict) else (None, None)
        if found[0] != FORMAT:
            raise DataError(f"'{folder}' is not a data set: its manifest has the format {found[0]!r}, not {FORMAT!r}.")
        if found[1] != VERSION:
            raise DataError(
                f"'{folder}' has version {found[1]} of the format, this program reads version {VERSION}: "
                "make the data set again, or use the program that made it."
            )
        missing = [item.name for item in fields(cls) if item.name not in content]
        if missing:
            raise DataError(f"the manifest of '{folder}' has no {', '.join(missing)}: make the data set again.")
        try:
            records = {
                name: FileRecord(size=int(record["size"]), sha256=tuple(record["sha256"]))
                for name, record in content["files"].items()
            }
            tuples = {"shape": tuple(content["shape"]), "times": tuple(content["times"]), "files": records}
        except (TypeError, KeyError, ValueError, AttributeError) as error:
            raise DataError(f"the manifest of '{folder}' is malformed ({error!r}): make the data set again.") from None
        made = cls(**{**{item.name: content[item.name] for item in fields(cls)}, **tuples})
        listed, known = set(records), {f"{name}.npy" for name in ("noise", "data", "trajectory", "labels")}
        if not {"noise.npy", "data.npy"} <= listed <= known:
            raise DataError(
                f"the manifest of '{folder}' lists the files {sorted(listed)}: expected noise.npy and data.npy, and at "
                "most trajectory.npy and labels.npy; make the data set again."
            )
        return made


def is_small(files: Mapping[str, FileRecord]) -> bool:
    """Whether a data set is checked whole without being asked to."""
    return sum(record.size for record in files.values()) < CHECKED_WHOLE


def file_record(path: Path) -> FileRecord:
    """The size and the checksums of a file."""
    size = path.stat().st_size
    return FileRecord(size=size, sha256=tuple(_checksums(path, range(-(-size // BLOCK)))))


def require_unaltered(folder: Path, files: Mapping[str, FileRecord], *, whole: bool) -> None:
    """Compare the files of a data set with their records: every block of a small one, or where `whole`.

    Raises:
        DataError: if a file is missing, has another size, or has other content.
    """
    total = sum(record.size for record in files.values())
    for name, record in files.items():
        path = folder / name
        if not path.is_file():
            raise DataError(f"'{folder}' has no {name}, which its manifest lists: make the data set again.")
        size = path.stat().st_size
        if size != record.size:
            raise DataError(
                f"{name} in '{folder}' has {size} bytes, {record.size} were written: "
                "the copy is incomplete; copy or make it again."
            )
        blocks: Sequence[int] = range(len(record.sha256))
        if not whole and not is_small(files):
            share = max(1, round(SAMPLED_BLOCKS * size / total))
            blocks = sorted({len(blocks) * index // share for index in range(share)})
        for block, found in zip(blocks, _checksums(path, blocks), strict=True):
            if found != record.sha256[block]:
                raise DataError(
                    f"{name} in '{folder}' is not what was written: its bytes from {block * BLOCK} on have another "
                    "checksum; copy or make it again."
                )


def _checksums(path: Path, blocks: Sequence[int]) -> list[str]:
    with path.open("rb") as file:
        digests = []
        for block in blocks:
            file.seek(block * BLOCK)
            digests.append(hashlib.sha256(file.read(BLOCK)).hexdigest())
    return digests
