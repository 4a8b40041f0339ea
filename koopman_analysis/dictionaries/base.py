"""Dictionaries Ψ = (ψ_1, …, ψ_m): named functions of the state, evaluated a row at a time.

    Ψ: (n, d) → (n, m)                                                                                        (1)

A dictionary is called on states and returns features in the states' own library, precision and device. Two dictionaries
combine by

    sum              (Ψ + Θ)(x) = (ψ_1(x), …, ψ_m(x), θ_1(x), …, θ_k(x))                                        (2)
    tensor product   (Ψ * Θ)(x) = (ψ_i(x) θ_j(x)), j running fastest.                                         (3)

What a dictionary knows of itself is explicit: which of its functions are constant (a centred regression leaves those
out and adjoins 1 once), and which of them are the state itself (a prediction reads the state there).
"""

from abc import ABC, abstractmethod

import array_api_compat

from koopman_analysis.shapes import Array


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
            ValueError: If the states are not rows, or of another width than before.
        """
        if states.ndim != 2:
            raise ValueError(f"expected states of shape (n, d), one a row, got shape {tuple(states.shape)}")
        self._bind(int(states.shape[1]))
        return self._lifted(states)

    def __add__(self, other: "Dictionary") -> "Dictionary":
        return Sum(self, other)

    def __mul__(self, other: "Dictionary") -> "Dictionary":
        return Product(self, other)

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
    def _lifted(self, states: Array) -> Array: ...

    def _bind(self, dimension: int) -> None:
        if self.dimension not in (None, dimension):
            raise ValueError(
                f"expected states of {self.dimension} features, as this dictionary was made for, got {dimension}: "
                "make another dictionary for them"
            )
        self.dimension = dimension

    def _known_dimension(self) -> int:
        if self.dimension is None:
            raise ValueError(
                "expected the width of the states to be known: call the dictionary once, or say dimension="
            )
        return self.dimension


class Sum(Dictionary):
    """The functions of one dictionary, then those of another: equation (2)."""

    def __init__(self, first: Dictionary, second: Dictionary) -> None:
        super().__init__(_common_dimension(first, second))
        self.first, self.second = first, second

    @property
    def constants(self) -> tuple[int, ...]:
        """Positions of the constants of both."""
        return (*self.first.constants, *(self.first.size + position for position in self.second.constants))

    @property
    def coordinates(self) -> tuple[int, ...] | None:
        """Positions of the state in the first part that holds it."""
        if self.first.coordinates is not None or self.second.coordinates is None:
            return self.first.coordinates
        return tuple(self.first.size + position for position in self.second.coordinates)

    def _lifted(self, states: Array) -> Array:
        xp = array_api_compat.array_namespace(states)
        return xp.concat([self.first(states), self.second(states)], axis=1)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of both."""
        return self.first.names + self.second.names


class Product(Dictionary):
    """All products of a function of one dictionary with one of another: equation (3)."""

    def __init__(self, first: Dictionary, second: Dictionary) -> None:
        super().__init__(_common_dimension(first, second))
        self.first, self.second = first, second

    @property
    def constants(self) -> tuple[int, ...]:
        """Positions of the products of two constants."""
        return tuple(i * self.second.size + j for i in self.first.constants for j in self.second.constants)

    def _lifted(self, states: Array) -> Array:
        xp = array_api_compat.array_namespace(states)
        first, second = self.first(states), self.second(states)
        return xp.reshape(first[:, :, None] * second[:, None, :], (first.shape[0], -1))

    @property
    def names(self) -> tuple[str, ...]:
        """The two names of each product, side by side."""
        return tuple(f"{_factor(a)} {_factor(b)}" for a in self.first.names for b in self.second.names)


def _common_dimension(first: Dictionary, second: Dictionary) -> int | None:
    known = {part.dimension for part in (first, second) if part.dimension is not None}
    if len(known) > 1:
        raise ValueError(
            f"expected two dictionaries on states of one width, got {first.dimension} and {second.dimension}"
        )
    for dimension in known:
        first._bind(dimension)
        second._bind(dimension)
    return first.dimension


def _factor(name: str) -> str:
    return f"({name})" if " + " in name or " - " in name else name
