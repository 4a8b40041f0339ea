"""Dictionaries Ψ = (ψ_1, …, ψ_m): named functions of the state, evaluated a row at a time.

    Ψ: (n, d) → (n, m)                                                                                        (1)

A dictionary is called on states and returns features in the states' own library, precision and device. What it knows
of itself is explicit: which of its functions are constant (a centred regression leaves those out and adjoins 1 once),
and which of them are the state itself (a prediction reads the state there).

Most features are products of others before them, so what costs is memory: a function's n values lie side by side (the
columns of Ψ(x) are contiguous), functions are made a block at a time, and `lift_into` puts each block where the caller
wants it, while it is still in the cache. No features are overwritten that others are made of, so a library that
differentiates can differentiate a call.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import Any

import array_api_compat
import numpy as np

from koopman_analysis.shapes import Array
from koopman_analysis.snapshots.requirements import require_numbers


class Dictionary(ABC):
    """A family of functions of the state.

    A dictionary belongs to states of one width: given here, or the width it first sees.

    Attributes:
        dimension: Width d of the states; None until it is known.
    """

    def __init__(self, dimension: int | None = None) -> None:
        if dimension is not None and dimension < 1:
            raise ValueError(f"expected states of at least one feature, got dimension {dimension}")
        self.dimension = dimension

    def __call__(self, states: Array) -> Array:
        """The features Ψ(x), shape (n, m), of states of shape (n, d).

        Raises:
            TypeError: If the states are not an array of floating or complex numbers.
            ValueError: If the states are not rows, or of another width than before.
        """
        self._take(states)
        return self._lifted(states)

    def lift_into(self, states: Array, out: Array) -> None:
        """Writes the features Ψ(x) into `out`, the same values as a call returns.

        Args:
            states: Shape (n, d).
            out: Shape (n, m), in the states' library and on their device; fastest where its columns are contiguous,
                as in the transpose of an (m, n) buffer.

        Raises:
            TypeError: If the states are not an array of floating or complex numbers, or `out` cannot hold the features.
            ValueError: If the states are not rows, or of another width than before, or `out` is of another shape.
        """
        self._take(states)
        if out.ndim != 2 or out.shape[0] != states.shape[0]:
            raise ValueError(f"expected `out` of shape ({states.shape[0]}, m), got shape {tuple(out.shape)}")
        rows, dtype, position, room = out.T, out.dtype, 0, out.shape[1]
        for block in self._functions(states):
            end = position + block.shape[0]
            if end > room:
                break
            if block.dtype is not dtype:
                _require_holds(out, block)
            rows[position:end, :] = block
            position = end
        if end != room:
            raise ValueError(f"expected `out` with a column for each of {self.size} functions, got {room}")

    def __add__(self, other: "Dictionary") -> "Dictionary":
        from koopman_analysis.dictionaries.compound import Sum  # itself a dictionary

        return Sum(self, _dictionary(other))

    def __mul__(self, other: "Dictionary") -> "Dictionary":
        from koopman_analysis.dictionaries.compound import Product

        return Product(self, _dictionary(other))

    @property
    def size(self) -> int:
        """Number m of functions."""
        return len(self.names)

    @property
    @abstractmethod
    def names(self) -> tuple[str, ...]:
        """One name for each function.

        Raises:
            ValueError: If they depend on the width of the states, and that is not known yet.
        """

    @property
    def constants(self) -> tuple[int, ...]:
        """Positions of the functions that are constant by construction."""
        return ()

    @property
    def coordinates(self) -> tuple[int, ...] | None:
        """Positions of the d functions that are the state itself, in its order; None where they are absent."""
        return None

    @abstractmethod
    def _lifted(self, states: Array) -> Array:
        """The features, shape (n, m)."""

    def _functions(self, states: Array) -> Iterator[Array]:
        """The features in their order, as blocks of shape (k, n): a function a row."""
        yield self._lifted(states).T

    def _fits(self, states: Array, out: Array) -> bool:
        """Whether a subclass can make its functions in their place, with NumPy, rather than a block at a time."""
        arrays = isinstance(states, np.ndarray) and isinstance(out, np.ndarray)
        return arrays and out.shape == (len(states), self.size) and out.dtype == states.dtype

    def _take(self, states: Array) -> None:
        # The common case is asked first: a stream takes states thousands of times.
        if not (isinstance(states, np.ndarray) and states.dtype.kind in "fc"):
            require_numbers("states", states)
        if states.ndim != 2:
            raise ValueError(f"expected states of shape (n, d), one a row, got shape {tuple(states.shape)}")
        self._bind(int(states.shape[1]))

    def _require_width(self, dimension: int) -> None:
        if self.dimension not in (None, dimension):
            raise ValueError(
                f"expected states of {self.dimension} features, as this dictionary was made for, got {dimension}: "
                "make another dictionary for them"
            )

    def _bind(self, dimension: int) -> None:
        self._require_width(dimension)
        self.dimension = dimension

    def _known_dimension(self) -> int:
        if self.dimension is None:
            raise ValueError(
                "expected the width of the states to be known: call the dictionary once, or say dimension="
            )
        return self.dimension


class BlockDictionary(Dictionary):
    """A dictionary whose functions are made a block at a time."""

    @abstractmethod
    def _functions(self, states: Array) -> Iterator[Array]: ...

    def _lifted(self, states: Array) -> Array:
        return stacked(self._functions(states)).T


def stacked(blocks: Iterable[Array]) -> Array:
    """Blocks (k, n) of functions as one array (m, n); a single block is itself."""
    gathered = list(blocks)
    return gathered[0] if len(gathered) == 1 else array_api_compat.array_namespace(*gathered).concat(gathered, axis=0)


def contiguous_rows(states: Array) -> Array:
    """The states (n, d) as (d, n), the n values of each coordinate side by side."""
    if isinstance(states, np.ndarray):
        return np.ascontiguousarray(states.T)
    xp = array_api_compat.array_namespace(states)
    # A flat array has one order only, so the transpose is written out once.
    return xp.reshape(xp.reshape(states.T, (-1,)), (states.shape[1], states.shape[0]))


def width_of(dimension: int | None, **settings: float | np.ndarray) -> int | None:
    """The width d that settings of one number a coordinate imply, `dimension` where they are plain numbers.

    Raises:
        ValueError: If one is neither a number nor one a coordinate, or they imply different widths.
    """
    shapes = {name: np.shape(value) for name, value in settings.items()}
    widths = {shape[0] for shape in shapes.values() if len(shape) == 1} | ({dimension} - {None})
    if len(widths) > 1 or any(len(shape) > 1 for shape in shapes.values()):
        raise ValueError(
            f"expected a number or one for each coordinate, got shapes {shapes}"
            + (f" for states of {dimension} features" if dimension is not None else "")
        )
    return next(iter(widths), None)


def distinct(names: Iterable[str]) -> tuple[str, ...]:
    """The names, numbered where one returns: "f", "f (2)"."""
    seen: dict[str, None] = {}
    for name in names:
        candidate, count = name, 1
        while candidate in seen:
            count += 1
            candidate = f"{name} ({count})"
        seen[candidate] = None
    return tuple(seen)


def _dictionary(other: Any) -> Dictionary:
    if not isinstance(other, Dictionary):
        raise TypeError(
            f"expected another dictionary to combine with, got {type(other).__name__}: "
            "wrap functions in FunctionDictionary([...]), an encoder in EncoderDictionary(...)"
        )
    return other


def _require_holds(out: Array, block: Array) -> None:
    xp = array_api_compat.array_namespace(out)
    needed = xp.result_type(out.dtype, block.dtype)
    if needed != out.dtype:
        raise TypeError(f"expected `out` of dtype {needed} to hold the features, got {out.dtype}")
