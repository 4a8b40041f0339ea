"""The pickle language as far as torch.save writes it, run by a machine that calls nothing.

A pickle is a program for a stack machine, which builds values, looks up names, and calls them. This machine has the
operations of protocol 2 that torch.save writes; any other one is refused by its name. What a name, a call, an instance
and a storage mean is asked of whoever reads (`Meaning`), who has a list of what it knows.

Values are never copied, printed or compared, and only strings and integers are hashed: of a program that says a
hundred times "twice the one before", each of these would take 2¹⁰⁰ steps. So time and memory are linear in the length
of the program.

Source of the language: Python's `pickletools`, which decodes it here, too.
"""

import pickletools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable


class CheckpointError(ValueError):
    """A checkpoint that is damaged, dangerous, or of a kind that is not known here."""


@dataclass(frozen=True)
class Name:
    """A name that the program looks up, "package.thing"; nothing is looked up."""

    full: str


@runtime_checkable
class Meaning(Protocol):
    """What the names of a program stand for."""

    def known(self, name: Name) -> Name:
        """The name where it is on the list; otherwise raises CheckpointError."""

    def called(self, name: Name, arguments: tuple[Any, ...]) -> Any:
        """What a call stands for."""

    def instance(self, name: Name, arguments: tuple[Any, ...]) -> Any:
        """What a new object of a class stands for."""

    def changed(self, value: Any, state: Any) -> None:
        """Takes note of an object's state."""

    def storage(self, reference: Any) -> Any:
        """What a reference to something outside of the program stands for."""


class Machine:
    """A run of one program."""

    def __init__(self, meaning: Meaning) -> None:
        self._meaning = meaning
        self._stack: list[Any] = []
        self._marks: list[int] = []
        self._memo: dict[int, Any] = {}

    def value_of(self, program: bytes) -> Any:
        """What the program builds.

        Raises:
            CheckpointError: If it uses an operation that torch.save does not write, or is damaged.
        """
        for operation, argument, _ in pickletools.genops(program):
            if operation.name == "STOP":
                break
            if operation.name not in _OPERATIONS:
                raise CheckpointError(
                    f"its pickle uses the operation {operation.name}, which torch.save does not write. Nothing was run."
                )
            _OPERATIONS[operation.name](self, argument)
        return self._popped()

    def _popped(self) -> Any:
        if len(self._stack) <= (self._marks[-1] if self._marks else 0):
            raise CheckpointError("its pickle takes a value where there is none: damaged")
        return self._stack.pop()

    def _popped_to_mark(self) -> list[Any]:
        if not self._marks:
            raise CheckpointError("its pickle looks for a mark where there is none: damaged")
        first = self._marks.pop()
        found, self._stack[first:] = self._stack[first:], []
        return found

    def push(self, value: Any) -> None:
        """Puts a value on the stack."""
        self._stack.append(value)

    def mark(self) -> None:
        """Remembers where the stack ends now."""
        self._marks.append(len(self._stack))

    def put(self, position: int) -> None:
        """Stores the uppermost value."""
        self._memo[position] = value = self._popped()
        self.push(value)

    def get(self, position: int) -> None:
        """Fetches a stored value."""
        if position not in self._memo:
            raise CheckpointError("its pickle fetches a value that it has not stored: damaged")
        self.push(self._memo[position])

    def tuple_of(self, count: int | None) -> None:
        """Makes a tuple of the uppermost values, of those above the mark for None."""
        values = self._popped_to_mark() if count is None else [self._popped() for _ in range(count)][::-1]
        self.push(tuple(values))

    def append(self, values: list[Any]) -> None:
        """Adds values to the list below them."""
        self._uppermost(list).extend(values)

    def set_items(self, values: list[Any]) -> None:
        """Adds keys and values to the dictionary below them."""
        target, keys = self._uppermost(dict), values[::2]
        if len(values) % 2 or not all(isinstance(key, str | int) for key in keys):
            raise CheckpointError("its pickle has a dictionary whose keys are no strings nor integers: refused")
        target.update(zip(keys, values[1::2], strict=True))

    def look_up(self, argument: str) -> None:
        """Puts a name on the stack, if it is known."""
        self.push(self._meaning.known(Name(argument.replace(" ", ".", 1))))

    def call(self) -> None:
        """Asks what a call stands for."""
        arguments, name = self._popped(), self._popped()
        self.push(self._meaning.called(*_call(name, arguments)))

    def new(self) -> None:
        """Asks what an instance stands for."""
        arguments, name = self._popped(), self._popped()
        self.push(self._meaning.instance(*_call(name, arguments)))

    def build(self) -> None:
        """Hands an object its state."""
        state, value = self._popped(), self._popped()
        self._meaning.changed(value, state)
        self.push(value)

    def outside(self) -> None:
        """Asks what a reference stands for."""
        self.push(self._meaning.storage(self._popped()))

    def popped_values(self, *, several: bool, each: int) -> list[Any]:
        """The values above the mark, or the uppermost ones in the order in which they came."""
        return self._popped_to_mark() if several else [self._popped() for _ in range(each)][::-1]

    def _uppermost(self, kind: type) -> Any:
        value = self._popped()
        self.push(value)
        if type(value) is not kind:
            raise CheckpointError(f"its pickle adds to something that is no {kind.__name__}: damaged")
        return value


def _call(name: Any, arguments: Any) -> tuple[Name, tuple[Any, ...]]:
    if not isinstance(name, Name) or not isinstance(arguments, tuple):
        raise CheckpointError("its pickle calls something that is no name: damaged")
    return name, arguments


def _pushing(value: Any) -> Callable[[Machine, Any], None]:
    return lambda machine, argument: machine.push(value)


_CONSTANTS: Mapping[str, Any] = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_WRITTEN_OUT = ("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE")
_OPERATIONS: Mapping[str, Callable[[Machine, Any], None]] = {
    "PROTO": lambda machine, argument: None,
    "MARK": lambda machine, argument: machine.mark(),
    **{name: _pushing(value) for name, value in _CONSTANTS.items()},
    **dict.fromkeys(_WRITTEN_OUT, Machine.push),
    "EMPTY_LIST": lambda machine, argument: machine.push([]),
    "EMPTY_DICT": lambda machine, argument: machine.push({}),
    **dict.fromkeys(("BINPUT", "LONG_BINPUT"), Machine.put),
    **dict.fromkeys(("BINGET", "LONG_BINGET"), Machine.get),
    "TUPLE": lambda machine, argument: machine.tuple_of(None),
    "TUPLE1": lambda machine, argument: machine.tuple_of(1),
    "TUPLE2": lambda machine, argument: machine.tuple_of(2),
    "TUPLE3": lambda machine, argument: machine.tuple_of(3),
    "APPEND": lambda machine, argument: machine.append(machine.popped_values(several=False, each=1)),
    "APPENDS": lambda machine, argument: machine.append(machine.popped_values(several=True, each=1)),
    "SETITEM": lambda machine, argument: machine.set_items(machine.popped_values(several=False, each=2)),
    "SETITEMS": lambda machine, argument: machine.set_items(machine.popped_values(several=True, each=2)),
    "GLOBAL": Machine.look_up,
    "REDUCE": lambda machine, argument: machine.call(),
    "NEWOBJ": lambda machine, argument: machine.new(),
    "BUILD": lambda machine, argument: machine.build(),
    "BINPERSID": lambda machine, argument: machine.outside(),
}
"""What torch.save writes."""
