"""Pairs of states: what a model is trained and tested on."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch

from kdm.shapes import Float, Int, Samples, Tensor


@runtime_checkable
class IndexedPairs(Protocol):
    """What batches are taken from: pairs by the numbers of their rows, wherever they are kept."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: Tensor) -> "Pairs":
        """The pairs with these numbers, in this order, on `device`."""
        ...

    @property
    def device(self) -> torch.device:
        """Where pairs come out."""
        ...

    def to(self, device: torch.device | str) -> "IndexedPairs":
        """The same, coming out on another device."""
        ...


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """States at the noise end, and row by row the states at the data end to which the flow carries them.

    Attributes:
        noise: at the noise end.
        data: at the data end.
        labels: one a row, where there are some.
        states: at all stored times, both ends included, (n, times, *shape), where they were asked for.

    Raises:
        ValueError: if the rows or the shapes of the two ends differ, the labels are not one a row, or the states are
            not those of these rows.
    """

    noise: Samples
    data: Float[Tensor, "..."]
    labels: Int[Tensor, "..."] | None = None
    states: Float[Tensor, "..."] | None = None

    def __post_init__(self) -> None:
        if self.noise.shape != self.data.shape:
            raise ValueError(f"noise is {tuple(self.noise.shape)}, data {tuple(self.data.shape)}: expected one shape.")
        if self.labels is not None and self.labels.shape != self.noise.shape[:1]:
            raise ValueError(f"labels are {tuple(self.labels.shape)}: expected ({len(self)},), one a pair.")
        shape = self.noise.shape
        if self.states is not None and self.states.shape[:1] + self.states.shape[2:] != shape:
            raise ValueError(f"states are {tuple(self.states.shape)}: expected those of {len(self)} rows, as the ends.")

    def __len__(self) -> int:
        return len(self.noise)

    def __getitem__(self, rows: slice | Tensor) -> "Pairs":
        return Pairs(
            noise=self.noise[rows],
            data=self.data[rows],
            labels=None if self.labels is None else self.labels[rows],
            states=None if self.states is None else self.states[rows],
        )

    @property
    def device(self) -> torch.device:
        """Where they are."""
        return self.noise.device

    def __iter__(self) -> Iterator["Pairs"]:
        raise TypeError("pairs are not iterated over: take rows of them, `pairs[rows]`, or their fields.")

    def to(self, device: torch.device | str) -> "Pairs":
        """These pairs on a device."""
        return Pairs(
            noise=self.noise.to(device),
            data=self.data.to(device),
            labels=None if self.labels is None else self.labels.to(device),
            states=None if self.states is None else self.states.to(device),
        )
