"""Dictionaries made of dictionaries.

    sum              (Ψ + Θ)(x) = (ψ_1(x), …, ψ_m(x), θ_1(x), …, θ_k(x))                                        (1)
    tensor product   (Ψ * Θ)(x) = (ψ_i(x) θ_j(x)), j running fastest                                          (2)
    with conjugates  (ψ_1(x), …, ψ_m(x), ψ̄_1(x), …, ψ̄_m(x))                                                  (3)

Where a real part meets a complex one, the features are complex. Under a flow of real states the span of (3) is closed
under conjugation: with P the exchange of the two halves, the operator of EDMD satisfies K̄ = P K P, so that its
eigenvalues are real or come in conjugate pairs, as those of a real flow do.
"""

from collections.abc import Iterator
from math import prod

import array_api_compat

from koopman_analysis.dictionaries.base import BlockDictionary, Dictionary, distinct, stacked
from koopman_analysis.shapes import Array


class Compound(BlockDictionary):
    """A dictionary made of others, all on states of one width.

    Attributes:
        parts: The others.

    Raises:
        ValueError: If there is no part, or two are made for states of different widths.
    """

    def __init__(self, *parts: Dictionary) -> None:
        if not parts:
            raise ValueError("expected at least one dictionary to combine, got none")
        widths = sorted({part.dimension for part in parts if part.dimension is not None})
        if len(widths) > 1:
            raise ValueError(f"expected dictionaries on states of one width, got widths {widths}")
        super().__init__()
        self.parts = parts
        if widths:
            self._bind(widths[0])

    def _require_width(self, dimension: int) -> None:
        super()._require_width(dimension)
        for part in self.parts:
            part._require_width(dimension)

    def _bind(self, dimension: int) -> None:
        super()._bind(dimension)
        for part in self.parts:
            part._bind(dimension)


class Sum(Compound):
    """The functions of one dictionary, then those of the next: equation (1).

    A sum of sums is one sum of all their parts.
    """

    def __init__(self, *parts: Dictionary) -> None:
        flat = (part.parts if isinstance(part, Sum) else (part,) for part in parts)
        super().__init__(*(part for group in flat for part in group))

    @property
    def constants(self) -> tuple[int, ...]:
        """Positions of the constants of every part."""
        return tuple(start + position for start, part in self._placed() for position in part.constants)

    @property
    def coordinates(self) -> tuple[int, ...] | None:
        """Positions of the state in the first part that holds it."""
        for start, part in self._placed():
            if part.coordinates is not None:
                return tuple(start + position for position in part.coordinates)
        return None

    def _placed(self) -> Iterator[tuple[int, Dictionary]]:
        start = 0
        for part in self.parts:
            yield start, part
            start += part.size

    def _functions(self, states: Array) -> Iterator[Array]:
        for part in self.parts:
            yield from part._functions(states)

    @property
    def size(self) -> int:
        """Number of functions of all parts."""
        return sum(part.size for part in self.parts)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of every part; a name that returns is numbered: "cos w1·x", "cos w1·x (2)"."""
        return distinct(name for part in self.parts for name in part.names)


class Product(Compound):
    """All products of a function of one dictionary with one of another: equation (2)."""

    def __init__(self, first: Dictionary, second: Dictionary) -> None:
        super().__init__(first, second)

    @property
    def constants(self) -> tuple[int, ...]:
        """Positions of the products of two constants."""
        first, second = self.parts
        return tuple(i * second.size + j for i in first.constants for j in second.constants)

    def _functions(self, states: Array) -> Iterator[Array]:
        first, second = self.parts
        others = stacked(second._functions(states))
        for block in first._functions(states):
            for i in range(block.shape[0]):
                yield block[i : i + 1, :] * others

    @property
    def size(self) -> int:
        """Number of pairs of functions."""
        return prod(part.size for part in self.parts)

    @property
    def names(self) -> tuple[str, ...]:
        """The two names of each product, side by side."""
        first, second = (tuple(_factor(name) for name in part.names) for part in self.parts)
        return distinct(f"{a} {b}" for a in first for b in second)


class WithConjugates(Compound):
    """A complex dictionary, then the conjugates of its functions: equation (3).

    Real functions are their own conjugates and stay outside: `Constant() + WithConjugates(waves)`.

    Raises:
        ValueError: When it is called, if a function is real.
    """

    def __init__(self, dictionary: Dictionary) -> None:
        super().__init__(dictionary)

    @property
    def constants(self) -> tuple[int, ...]:
        """Positions of the constants and of their conjugates."""
        (part,) = self.parts
        return (*part.constants, *(part.size + position for position in part.constants))

    def _functions(self, states: Array) -> Iterator[Array]:
        xp = array_api_compat.array_namespace(states)
        blocks = []
        for block in self.parts[0]._functions(states):
            if not xp.isdtype(block.dtype, "complex floating"):
                raise ValueError(
                    f"expected complex functions to conjugate, got dtype {block.dtype}: "
                    "real functions are their own conjugates, add them outside"
                )
            blocks.append(block)
            yield block
        yield from map(xp.conj, blocks)

    @property
    def size(self) -> int:
        """Twice the number of functions."""
        return 2 * self.parts[0].size

    @property
    def names(self) -> tuple[str, ...]:
        """The names, and those of the conjugates: "conj(z1)"."""
        names = self.parts[0].names
        return distinct((*names, *(f"conj({name})" for name in names)))


def _factor(name: str) -> str:
    return f"({name})" if " + " in name or " - " in name else name
