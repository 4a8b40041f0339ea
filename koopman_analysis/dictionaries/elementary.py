"""The plain dictionaries: the constant, the state itself, and any list of functions.

Constant (1),     Coordinates (x_1, …, x_d),     FunctionDictionary (f_1(x), …, f_m(x)).                        (1)
"""

from collections.abc import Callable, Iterator, Sequence

import array_api_compat

from koopman_analysis.dictionaries.base import BlockDictionary, Dictionary, distinct
from koopman_analysis.shapes import Array


class Constant(Dictionary):
    """The function that is 1 everywhere: `Constant() + Coordinates()` spans the affine functions."""

    @property
    def constants(self) -> tuple[int, ...]:
        """Its one position."""
        return (0,)

    def _lifted(self, states: Array) -> Array:
        return array_api_compat.array_namespace(states).ones_like(states[:, :1])

    @property
    def names(self) -> tuple[str, ...]:
        """The number it is."""
        return ("1",)


class Coordinates(Dictionary):
    """The state itself; EDMD in it is dynamic mode decomposition."""

    @property
    def coordinates(self) -> tuple[int, ...]:
        """Every position."""
        return tuple(range(self._known_dimension()))

    def _lifted(self, states: Array) -> Array:
        return states

    @property
    def names(self) -> tuple[str, ...]:
        """The coordinates: "x1", "x2" and so on."""
        return tuple(f"x{i + 1}" for i in range(self._known_dimension()))


class FunctionDictionary(BlockDictionary):
    """A list of functions, each from states (n, d) to values (n,).

    Args:
        functions: The functions; they decide which array libraries they accept.
        names: A name for each; their `__name__`s where None, "f1", "f2" and so on for those without.
        dimension: Width of the states, if it should be known before the first call.

    Raises:
        ValueError: If there is no function, or not a name of its own for each.
    """

    def __init__(
        self,
        functions: Sequence[Callable[[Array], Array]],
        *,
        names: Sequence[str] | None = None,
        dimension: int | None = None,
    ) -> None:
        super().__init__(dimension)
        if not functions:
            raise ValueError("expected at least one function, got none")
        self.functions = tuple(functions)
        self._given_names = _own_names(self.functions) if names is None else tuple(names)
        if len(self._given_names) != len(self.functions):
            raise ValueError(
                f"expected a name for each of {len(self.functions)} functions, got {len(self._given_names)}"
            )
        if len(set(self._given_names)) != len(self._given_names):
            raise ValueError(f"expected different names, got {list(self._given_names)}")

    @property
    def size(self) -> int:
        """Number of functions."""
        return len(self.functions)

    @property
    def names(self) -> tuple[str, ...]:
        """The names as given."""
        return self._given_names

    def _functions(self, states: Array) -> Iterator[Array]:
        for name, function in zip(self._given_names, self.functions, strict=True):
            column = function(states)
            if tuple(column.shape) != (states.shape[0],):
                raise ValueError(
                    f"expected function {name!r} to return one value per state, shape ({states.shape[0]},), "
                    f"got shape {tuple(column.shape)}"
                )
            yield column[None, :]


def _own_names(functions: Sequence[Callable[[Array], Array]]) -> tuple[str, ...]:
    names = (getattr(function, "__name__", "<lambda>") for function in functions)
    return distinct(f"f{i + 1}" if name == "<lambda>" else name for i, name in enumerate(names))
