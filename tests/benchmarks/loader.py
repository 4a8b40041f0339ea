"""Batches of image pairs from mapped files, in the order of a permutation, beside one .npz file a pair.

Files are in the kernel's cache. A consumer that takes batches as fast as they come measures the reader; one that
computes between two of them measures how long it waits where they are read ahead. It computes on a device, which leaves
this processor idle: it sleeps for as long.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from kdm.importing.layouts import CIFAR10_CONDITIONAL
from kdm.importing.sample_folder import sample_names
from kdm.shapes import Tensor
from kdm.trajectories import IndexedPairs, MappedPairs, Pairs, prefetched
from koopman_analysis.claims import Side
from tests.published_files import written

from .cost import Stopwatch
from .experiments import Profile
from .page import Goal, Page, Row, Table

SHAPE, BATCH = (3, 32, 32), 128
PAIRS, FILES, BATCHES, ROUNDS = 20_000, 4_000, 400, 5
WORK_MS = 10.0
"""A step of a small model on a device."""
GOAL = 50_000
SOURCE, WAITED = "batches of 128 pairs from", "waiting, share of the time"
COLUMNS = {SOURCE: "", "pairs a second": ",.0f", "pairs a second of CPU": ",.0f", "gigabytes a second": ".2f"}
WAITING = {SOURCE: "", "ms of a device a batch": ".1f", WAITED: ".1%"}
PAIR_BYTES = 2 * 4 * int(np.prod(SHAPE))

Batches = Callable[[IndexedPairs, Iterable[Tensor]], AbstractContextManager[Iterator[Pairs]]]


@dataclass(frozen=True)
class Files:
    """Pairs in one .npz file each: what a folder of published files gives without being packed."""

    folder: Path
    names: tuple[str, ...]
    device: torch.device

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, rows: Tensor) -> Pairs:
        states = []
        for row in rows.tolist():
            with np.load(self.folder / self.names[row]) as file:
                states.append(file[CIFAR10_CONDITIONAL.key])
        ends = torch.from_numpy(np.stack(states))
        return Pairs(noise=ends[:, -1], data=ends[:, 0])

    def to(self, device: torch.device | str) -> "Files":
        """The same on another device."""
        return Files(self.folder, self.names, torch.device(device))


@contextmanager
def directly(pairs: IndexedPairs, orders: Iterable[Tensor]) -> Iterator[Iterator[Pairs]]:
    """Each batch when it is wanted."""
    with nullcontext():
        yield (pairs[rows] for rows in orders)


def measured(profile: Profile) -> Page:
    """All readers in turns; the median of the rounds."""
    disk, files = _sources(profile)
    memory = Pairs(noise=torch.from_numpy(np.array(disk.noise)), data=torch.from_numpy(np.array(disk.data)))
    readers: dict[str, tuple[IndexedPairs, Batches]] = {
        "mapped files": (disk, directly),
        "mapped files, read ahead": (disk, prefetched),
        "tensors in memory": (memory, directly),
        "one .npz file a pair": (files, directly),
    }
    rates, waits = _in_turns(readers, profile)
    speed = float(rates["mapped files"]["pairs a second"])
    return Page(
        title="Reading batches",
        about=f"Batches of {BATCH} pairs of 3 × 32 × 32 in float32, in the order of a permutation, from {len(disk):,} "
        f"pairs in mapped files and {len(files):,} files, all in the kernel's cache. Medians of rounds in turns.",
        tables=[
            Table(columns=COLUMNS, rows=list(rates.values())),
            Table(columns=WAITING, rows=list(waits.values())),
        ],
        goals=[
            Goal(
                quantity="pairs a second from mapped files", measured=speed, side=Side.AT_LEAST, bound=GOAL, form=",.0f"
            ),
            Goal(
                quantity="waiting where batches are read ahead",
                measured=float(waits["mapped files, read ahead"][WAITED]),
                side=Side.AT_MOST, bound=0.02, form=".1%",
            ),
        ],
        notes=["Files that are not in the cache come as fast as the disk gives them, in the order of the disk."],
    )  # fmt: skip


def _sources(profile: Profile) -> tuple[MappedPairs, Files]:
    n, count = profile.count(PAIRS, fast=2 * BATCH), profile.count(FILES, fast=BATCH)
    folder = profile.work / "loader"
    folder.mkdir(parents=True, exist_ok=True)
    arrays = []
    for seed, name in enumerate(("noise", "data")):
        path = folder / f"{name}-{n}.npy"
        if not path.exists():
            np.save(path, np.random.default_rng(seed).standard_normal((n, *SHAPE), dtype=np.float32))
        arrays.append(np.load(path, mmap_mode="c"))
        arrays[-1].sum()  # into the cache
    if not (folder / f"set-{count}" / f"{count - 1}.npz").exists():
        written(folder / f"set-{count}", CIFAR10_CONDITIONAL, count, times=2)
    names = tuple(sample_names(folder / f"set-{count}"))
    files = Files(folder / f"set-{count}", names, torch.device("cpu"))
    return MappedPairs(noise=arrays[0], data=arrays[1]), files


def _orders(source: IndexedPairs, batches: int, *, seed: int) -> list[Tensor]:
    generator, orders = torch.Generator().manual_seed(seed), []
    while len(orders) < batches:
        orders += torch.randperm(len(source), generator=generator).split(BATCH)[: len(source) // BATCH]
    return orders[:batches]


def _in_turns(
    readers: dict[str, tuple[IndexedPairs, Batches]], profile: Profile
) -> tuple[dict[str, Row], dict[str, Row]]:  # fmt: skip
    """How fast each reader is, and how long who computes waits for it."""
    batches, rounds = profile.count(BATCHES, fast=2), profile.count(ROUNDS, fast=1)
    speeds: dict[str, list[tuple[float, float]]] = {name: [] for name in readers}
    shares: dict[str, list[float]] = {name: [] for name in readers}
    for turn in range(rounds):
        for name, (source, reader) in readers.items():
            few = max(2, batches // 20) if isinstance(source, Files) else batches
            speeds[name].append(_speed(source, reader, _orders(source, few, seed=turn)))
            shares[name].append(_waiting(source, reader, _orders(source, max(2, batches // 4), seed=turn)))
    rates, waits = {}, {}
    for name in readers:
        wall, cpu = (float(np.median(each)) for each in zip(*speeds[name], strict=True))
        rates[name] = {
            SOURCE: name, "pairs a second": wall, "pairs a second of CPU": cpu,
            "gigabytes a second": wall * PAIR_BYTES / 1e9,
        }  # fmt: skip
        waits[name] = {SOURCE: name, "ms of a device a batch": WORK_MS, WAITED: float(np.median(shares[name]))}
    return rates, waits


def _speed(source: IndexedPairs, reader: Batches, orders: list[Tensor]) -> tuple[float, float]:
    """Pairs a second by the clock, and of CPU time."""
    watch = Stopwatch()
    with reader(source, orders) as batches:
        seen = sum(len(pairs) for pairs in batches)
    cost = watch.cost()
    return seen / cost.wall, seen / max(cost.cpu, 1e-9)


def _waiting(source: IndexedPairs, reader: Batches, orders: list[Tensor]) -> float:
    """The share of the time in which who computes has no batch."""
    waited, began = 0.0, time.perf_counter()
    with reader(source, orders) as batches:
        while True:
            asked = time.perf_counter()
            if next(batches, None) is None:
                return waited / (time.perf_counter() - began)
            waited += time.perf_counter() - asked
            time.sleep(WORK_MS / 1000)
