"""Batches that are read while the ones before them are computed with.

A thread gathers the pairs of each batch into a queue of fixed length, in the order that it is given. So it serves any
order that is known beforehand, such as permutations; batches that are drawn by the errors of the ones before cannot be
read ahead. What comes out, and in which order, is as without it.

Copying releases the interpreter, and from pinned memory to a device it runs beside the computation. Memory is pinned
through the thread's current CUDA device, which is the first one until it is told another.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from queue import Empty, Full, Queue
from threading import Event, Thread

import torch

from kdm.shapes import Tensor
from kdm.trajectories.pairs import IndexedPairs, Pairs

AHEAD = 4
"""Batches that wait at most."""
PATIENCE = 0.1
"""Seconds between two looks at whether anyone still wants a batch."""


@dataclass(frozen=True)
class _End:
    """The last thing in the queue: no more batches, or why."""

    error: BaseException | None = None


@contextmanager
def prefetched(pairs: IndexedPairs, orders: Iterable[Tensor], *, ahead: int = AHEAD) -> Iterator[Iterator[Pairs]]:
    """Within, an iterator over `pairs[rows]` for each `rows` of the orders, gathered ahead of their use.

    Whatever gathering or the orders raise, the iterator raises in its place. On leaving, the thread has ended; the
    orders have then been read further than their batches were used.

    Args:
        pairs: what to take rows of.
        orders: the rows of each batch; read in the thread, and by nobody else meanwhile.
        ahead: batches that wait at most.

    Raises:
        ValueError: if none may wait.
    """
    if ahead < 1:
        raise ValueError(f"expected at least one batch ahead, got {ahead}")
    waiting: Queue[Pairs | _End] = Queue(maxsize=ahead)
    unwanted = Event()
    gathering = (pairs, orders, waiting, unwanted, _cuda_device(pairs.device))
    thread = Thread(target=_gather, args=gathering, name="prefetching", daemon=True)
    thread.start()
    try:
        yield _taken(waiting)
    finally:
        unwanted.set()
        with suppress(Empty):
            while True:
                waiting.get_nowait()  # whoever waits for room gets some, and sees that it is for nothing
        thread.join()


def _cuda_device(device: torch.device) -> int | None:
    """The number of a CUDA device, that of the calling thread where it has none; None of another device."""
    if device.type != "cuda":
        return None
    return torch.cuda.current_device() if device.index is None else device.index


def _gather(
    pairs: IndexedPairs, orders: Iterable[Tensor], waiting: "Queue[Pairs | _End]", unwanted: Event, cuda: int | None
) -> None:
    try:
        if cuda is not None:
            torch.cuda.set_device(cuda)
        for rows in orders:
            if unwanted.is_set():
                return
            _put(pairs[rows], waiting, unwanted)
    except BaseException as error:  # whatever it is, it is raised where the batch is wanted
        _put(_End(error), waiting, unwanted)
    else:
        _put(_End(), waiting, unwanted)


def _put(item: Pairs | _End, waiting: "Queue[Pairs | _End]", unwanted: Event) -> None:
    while not unwanted.is_set():
        with suppress(Full):
            return waiting.put(item, timeout=PATIENCE)
    return None


def _taken(waiting: "Queue[Pairs | _End]") -> Iterator[Pairs]:
    while True:
        item = waiting.get()
        if isinstance(item, _End):
            if item.error is not None:
                raise item.error
            return
        yield item
