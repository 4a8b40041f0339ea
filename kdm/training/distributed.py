"""What several processes do together.

`torchrun --nproc-per-node N -m kdm train …` starts N processes that do the same and differ in one number, their rank.
Each takes its rows of every batch, and one sum a step over all of them makes the gradient (`kdm.training.gradients`).
What happens once happens in the process of rank 0: it alone writes, and tells the others how that went. A process that
is gone or does not answer ends the others.

On devices, sums go through NCCL, and what processes tell each other through gloo, for which no device is waited.

Moments of disjoint parts of the data merge by addition (`koopman_analysis.moments`). `all_gathered` is the `gather`
that they take: every process receives the moments of all, in the order of their ranks, and adds them up itself, so that
all end with the same bits, which a reduction does not promise.

    moments = GramMoments.of(my_pairs, psi).merged(all_gathered)
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Protocol, TypeVar, cast, runtime_checkable

import numpy as np
import torch
from torch import distributed

from kdm.shapes import Tensor
from koopman_analysis.moments import FactorMoments, GramMoments

Moments = TypeVar("Moments", FactorMoments, GramMoments)
Value = TypeVar("Value")

PATIENCE = timedelta(minutes=30)
"""For how long a process waits for another; longer than a save or a measurement takes."""
_CPU = torch.device("cpu")
_STARTED_BY_TORCHRUN = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")


class ProcessLost(RuntimeError):
    """Another process failed, is gone, or did not answer."""


@runtime_checkable
class Processes(Protocol):
    """Those that train together, as one of them sees it."""

    @property
    def rank(self) -> int:
        """Which one it is, counted from 0."""
        ...

    @property
    def count(self) -> int:
        """How many there are."""
        ...

    def add_up(self, tensors: list[Tensor]) -> None:
        """Each tensor becomes the sum of what it is in all processes, with the same bits in all of them."""
        ...

    def anywhere(self, flag: bool) -> bool:
        """Whether the flag is set in any of them."""
        ...

    def told(self, action: Callable[[], Value]) -> Value:
        """What the action returns in the process of rank 0, the only one that does it.

        Raises:
            ProcessLost: If it fails there; there, what it raises.
        """
        ...


@dataclass(frozen=True)
class Alone:
    """One process."""

    rank: int = 0
    count: int = 1

    def add_up(self, tensors: list[Tensor]) -> None:
        """Nothing: a sum of one."""

    def anywhere(self, flag: bool) -> bool:
        """The flag."""
        return flag

    def told(self, action: Callable[[], Value]) -> Value:
        """What the action returns."""
        return action()


@dataclass(frozen=True)
class ProcessGroup:
    """Those of torch's process group, which is there."""

    rank: int
    count: int

    def add_up(self, tensors: list[Tensor]) -> None:
        """One reduction of all tensors behind one another."""
        flat = torch.cat([tensor.flatten() for tensor in tensors])
        with self._answered():
            distributed.all_reduce(flat)
        sums = flat.split([tensor.numel() for tensor in tensors])
        torch._foreach_copy_(tensors, [total.view(t.shape) for t, total in zip(tensors, sums, strict=True)])

    def anywhere(self, flag: bool) -> bool:
        """Whether the flag is set in any of them."""
        number = torch.tensor(int(flag))
        with self._answered():
            distributed.all_reduce(number, op=distributed.ReduceOp.MAX)
        return bool(number)

    def told(self, action: Callable[[], Value]) -> Value:
        """What the action returns in the process of rank 0."""
        if self.rank == 0:
            try:
                value = action()
            except Exception as error:
                self._broadcast((None, f"{type(error).__name__}: {error}"))
                raise
            self._broadcast((value, None))
            return value
        value, failure = self._broadcast(None)
        if failure is not None:
            raise ProcessLost(f"the process of rank 0 stopped, and so does that of rank {self.rank}: {failure}")
        return cast(Value, value)

    def _broadcast(self, value: Any) -> Any:
        values = [value]
        with self._answered():
            distributed.broadcast_object_list(values, src=0, device=_CPU)
        return values[0]

    @contextmanager
    def _answered(self) -> Iterator[None]:
        try:
            yield
        except RuntimeError as error:
            raise ProcessLost(
                f"expected {self.count} processes to go on together, one is gone or has not answered for "
                f"{PATIENCE.seconds // 60} minutes: what it printed says why, and the same command goes on from the "
                f"last save (rank {self.rank} met: {str(error).splitlines()[0]})"
            ) from error


def current_processes() -> Processes:
    """Those of torch's process group where there is one; one process where there is none."""
    if not distributed.is_initialized():
        return Alone()
    return ProcessGroup(rank=distributed.get_rank(), count=distributed.get_world_size())


def own_device(device: torch.device) -> torch.device:
    """The device of this process: where torchrun has started several, each has a CUDA device of its own.

    Raises:
        ValueError: If there are too few of them.
    """
    if device.type != "cuda" or not _is_started_by_torchrun():
        return device
    local, there = int(os.environ["LOCAL_RANK"]), torch.cuda.device_count()
    if local >= there:
        raise ValueError(f"expected a CUDA device for each process, got {there} for more: lower --nproc-per-node")
    torch.cuda.set_device(local)
    return torch.device("cuda", local)


@contextmanager
def joined_processes(device: torch.device) -> Iterator[Processes]:
    """Within, the processes that torchrun has started are together; one process where it has started none.

    Args:
        device: Where this one computes.
    """
    if not _is_started_by_torchrun():
        yield Alone()
        return
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    distributed.init_process_group(backend, timeout=PATIENCE)
    try:
        yield current_processes()
    finally:
        distributed.destroy_process_group()


def made_once(action: Callable[[], Value], processes: Processes) -> Value:
    """What the action returns in each process, where the first to do it makes what the others only find."""
    made: list[Value] = []
    processes.told(lambda: made.append(action()))
    return made[0] if processes.rank == 0 else action()


def own_rows(count: int, processes: Processes) -> range:
    """The rows of a batch that belong to this process: consecutive ones, as many as the others have, or one more.

    Raises:
        ValueError: If there is not one for each process.
    """
    if count < processes.count:
        raise ValueError(f"expected a batch of at least one pair for each of {processes.count} processes, got {count}")
    return range(processes.rank * count // processes.count, (processes.rank + 1) * count // processes.count)


def _is_started_by_torchrun() -> bool:
    return all(name in os.environ for name in _STARTED_BY_TORCHRUN)


def all_gathered(moments: Moments) -> list[Moments]:
    """The moments of every process, by rank; the process's own alone where no process group is initialised.

    Raises:
        ValueError: If the processes' moments are not of the same dictionaries.
    """
    if not distributed.is_initialized():
        return [moments]
    name = "gram" if isinstance(moments, GramMoments) else "factor"
    own = torch.as_tensor(getattr(moments, name))
    place = torch.device("cuda") if distributed.get_backend() == "nccl" else torch.device("cpu")
    heads = _gathered(torch.tensor([moments.count, *moments.sizes, int(own.is_complex())], device=place))
    if any(head[1:].tolist() != heads[0][1:].tolist() for head in heads):
        told = [tuple(head[1:4].tolist()) for head in heads]
        raise ValueError(f"expected moments of the same dictionaries, got sizes (m_in, m_out, d) {told} by rank")
    arrays = _gathered(own.to(place))
    parts: list[Moments] = []
    for head, array in zip(heads, arrays, strict=True):
        values: Any = array.cpu().numpy() if isinstance(getattr(moments, name), np.ndarray) else array.to(own.device)
        parts.append(replace(moments, count=int(head[0]), **{name: values}))
    return parts


def _gathered(own: torch.Tensor) -> list[torch.Tensor]:
    """The tensors of all processes, all of one shape and type."""
    flat = torch.view_as_real(own) if own.is_complex() else own
    found = [torch.empty_like(flat, memory_format=torch.contiguous_format) for _ in range(distributed.get_world_size())]
    distributed.all_gather(found, flat.contiguous())
    return [torch.view_as_complex(tensor) if own.is_complex() else tensor for tensor in found]
