"""Pairs that stay on disk, and the moments of an array that does not fit into memory.

The rows of a batch are copied out of the mapped arrays in the order of the disk, each to its place in the batch. Arrays
that the system keeps in its cache are read at the speed of memory.

The mean m and the sum of squares M about it are those of consecutive blocks, added up (Chan, Golub & LeVeque 1983):

    m ← m + δ k / (n + k),    M ← M + M_block + δ² n k / (n + k),    δ = m_block − m,    k numbers after n.          (1)
"""

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Int

from kdm.shapes import Tensor
from kdm.trajectories.pairs import Pairs

IN_MEMORY = 2 * 2**30
"""Bytes of training pairs up to which all of them are held in memory, on the device that they are trained on."""
HELDOUT_IN_MEMORY = 2**30
"""Bytes that noise and data of held-out pairs take at most, unless it is said how many are wanted."""
PAGE = 4096
"""Bytes that the system reads at least: the rows of smaller ones are not worth an order."""
BLOCK = 2**25
"""Numbers of which the moments are taken at once."""
_CPU = torch.device("cpu")


@dataclass(frozen=True, kw_only=True)
class MappedPairs:
    """Pairs by their rows: arrays that are mapped from disk, of which a batch at a time comes to a device.

    Attributes:
        noise: at the noise end.
        data: at the data end.
        labels: one a row, where there are some.
        states: at all stored times, where they were asked for.
        device: where pairs come out.
    """

    noise: Float[np.ndarray, " n *shape"]
    data: Float[np.ndarray, " n *shape"]
    labels: Int[np.ndarray, " n"] | None = None
    states: Float[np.ndarray, "n times *shape"] | None = None
    device: torch.device = _CPU

    def __len__(self) -> int:
        return len(self.noise)

    @property
    def nbytes(self) -> int:
        """Bytes that they would take in memory."""
        arrays = (self.noise, self.data, self.labels, self.states)
        return sum(array.nbytes for array in arrays if array is not None)

    def __getitem__(self, rows: Tensor) -> Pairs:
        numbers = rows.cpu().numpy()
        if numbers.dtype.kind != "i" or numbers.ndim != 1:
            raise TypeError(
                f"expected the numbers of rows, got {rows.dtype} of shape {tuple(rows.shape)}: "
                "other choices of rows are made of `Trajectories.training()`"
            )
        if len(numbers) and not -len(self) <= numbers.min() <= numbers.max() < len(self):
            raise IndexError(f"expected rows below {len(self)}, got {numbers.min()} to {numbers.max()}")
        return Pairs(
            noise=self._gathered(self.noise, numbers, torch.float32),
            data=self._gathered(self.data, numbers, torch.float32),
            labels=None if self.labels is None else self._gathered(self.labels, numbers, torch.int64),
            states=None if self.states is None else self._gathered(self.states, numbers, torch.float32),
        )

    def to(self, device: torch.device | str) -> "MappedPairs":
        """The same pairs, coming out on this device."""
        return replace(self, device=torch.device(device))

    def _gathered(self, array: np.ndarray, rows: np.ndarray, dtype: torch.dtype) -> Tensor:
        pinned = self.device.type == "cuda"
        batch = torch.empty((len(rows), *array.shape[1:]), dtype=dtype, pin_memory=pinned)
        plain, places = np.asarray(array), batch.numpy()
        if array[:1].nbytes < PAGE:
            places[...] = plain[rows]
        else:
            order = rows.argsort()
            # Row by row, for a copy of all of them in another order would be a second one.
            for place, row in zip(order.tolist(), rows[order].tolist(), strict=True):
                places[place] = plain[row]
        # Pinned memory is given back once the copy is done; what follows on the device waits for it by itself.
        return batch.to(self.device, non_blocking=pinned)


@dataclass(frozen=True, kw_only=True)
class Moments:
    """Mean and standard deviation (with n − 1) of all numbers of an array."""

    mean: float
    deviation: float

    @classmethod
    def of(cls, array: Float[np.ndarray, " n *shape"], *, block: int = BLOCK) -> "Moments":
        """The moments in double precision, equation (1), block by block; of one block as of a tensor in memory."""
        rows = max(1, block // max(1, array[:1].size))
        blocks = (
            torch.from_numpy(np.asarray(array[first : first + rows])).double()
            for first in range(0, len(array), rows)
        )  # fmt: skip
        if len(array) <= rows:
            (only,) = blocks
            return cls(mean=float(only.mean()), deviation=float(only.std()))
        count, mean, squares = 0, 0.0, 0.0
        for numbers in blocks:
            fresh, shift = numbers.numel(), float(numbers.mean()) - mean
            squares += float(numbers.var(correction=0)) * fresh + shift**2 * count * fresh / (count + fresh)
            count, mean = count + fresh, mean + shift * fresh / (count + fresh)
        return cls(mean=mean, deviation=math.sqrt(squares / (count - 1)))
