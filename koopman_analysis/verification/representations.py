"""What the latent distance is held against: representations of the noise, for whichever objects are asked for.

The noise as it is, representations that the caller names, the teacher's state in the middle of its way, and
re-initialised encoders. A representation is a function of the noise, or brings a row for each held-out pair.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from koopman_analysis.semantics import StatesOnTheWay
from koopman_analysis.semantics.admission import described
from koopman_analysis.shapes import Int
from koopman_analysis.twosample import Sample
from koopman_analysis.verification.material import Material

Encoder: TypeAlias = Callable[[np.ndarray], np.ndarray]
Representation: TypeAlias = Encoder | np.ndarray
"""Of the noise: a function of its rows, or a row for each held-out pair."""

NOISE, WHITE = "noise", "white noise"


@dataclass(frozen=True, kw_only=True, eq=False)
class Compared:
    """The representations of some objects.

    Attributes:
        must: Those that the latent space must exceed, by name: the noise first, the middle of the way last.
        random: The re-initialised encoders, which it must exceed as well.
        way: The other states on the way, by name.
    """

    must: Mapping[str, Sample]
    random: Sequence[Sample]
    way: Mapping[str, Sample]


@dataclass(frozen=True, kw_only=True)
class SemanticControls:
    """What the latent distance must exceed, beside the noise itself.

    Attributes:
        random_encoders: Re-initialisations of the noise encoder, at least 19.
        further: Other representations of the noise, by name.
        path: The teacher's states on the way, of which the middle is a control, and the others are shown.

    Raises:
        ValueError: If a further representation is neither a function nor an array of rows, or has the name of the noise
            or of a state on the way.
    """

    random_encoders: Sequence[Encoder] = ()
    further: Mapping[str, Representation] = field(default_factory=dict)
    path: StatesOnTheWay | None = None

    def __post_init__(self) -> None:
        taken = sorted(self.further.keys() & {NOISE, WHITE, *(self.path.names if self.path else ())})
        if taken:
            raise ValueError(
                f"expected names of their own for semantic_controls, got {taken}: the noise and the states on the way "
                "stand there under these already"
            )
        for name, given in self.further.items():
            if not callable(given) and not (isinstance(given, np.ndarray) and given.ndim == 2):
                raise ValueError(
                    f"expected a function of the noise or an array with a row for each pair in {name!r}, got "
                    f"{described(given)}"
                )

    def require_rows(self, pairs: int) -> None:
        """Refuses arrays that do not have a row for each of so many held-out pairs.

        Raises:
            ValueError: If one has fewer or more.
        """
        on_the_way = {"states on the way": self.path.states} if self.path else {}
        for name, given in {**self.further, **on_the_way}.items():
            if isinstance(given, np.ndarray) and len(given) != pairs:
                raise ValueError(f"expected a row for each of {pairs} held-out pairs in {name!r}, got {len(given)}")

    def of(self, material: Material, index: Int[np.ndarray, " n"]) -> Compared:
        """The representations of these pairs.

        Args:
            material: Model and held-out pairs.
            index: The pairs' places among them.
        """
        noise = material.pairs.before[index]
        must = {NOISE: noise, **{name: _rows(given, noise, index) for name, given in self.further.items()}}
        way: dict[str, Sample] = {}
        if (path := self.path) is not None:
            states = path.of(noise, index)
            way = {name: states[:, place] for place, name in enumerate(path.names)}
            must[path.names[path.middle]] = way.pop(path.names[path.middle])
        return Compared(must=must, random=[encode(noise) for encode in self.random_encoders], way=way)


def _rows(given: Representation, noise: np.ndarray, index: np.ndarray) -> np.ndarray:
    return given[index] if isinstance(given, np.ndarray) else given(noise)
