"""The states of a flow on its way from noise to data, as representations of the noise.

Every state x_t of a deterministic flow holds all that the noise holds: each is a bijection of the other. What changes
along the way is how plainly distance shows it. At the noise end distance knows nearly nothing of what an object will
be, at the data end it is the distance of the data, the answer itself. So one state on the way is a control only
together with the rule that chooses it, and the whole way is a curve beside which a latent space can be read: *how far
must the teacher have gone for its distances to mean as much?*

The rule for the middle must not depend on where a solver happens to stop: half of log σ does, for the last noise level
is a convention (.002 or .0002 moves the middle by a factor of 3). Where noise of level σ is added to data,

    the middle is at  σ² = tr Cov(y) / d,                                                                  (1)

as much noise as data in the variance of a state; on a straight path x_t = (1 − t) x + t y from noise to data of unit
variance this is t = ½, the middle of a time without a level.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from koopman_analysis.semantics.admission import described
from koopman_analysis.shapes import Float, Int, States


@dataclass(frozen=True, kw_only=True, eq=False)
class StatesOnTheWay:
    """States at a few positions between the ends, noise first.

    Attributes:
        positions: Noise levels or times.
        middle: Which of them is the middle.
        states: From n rows of noise to the states, (n, positions, d); or an array with a row for each held-out pair.
        clock: What the positions are, in words.

    Raises:
        ValueError: If the middle is not one of the positions, these are not finite or not of their own, the clock has
            no words, or the states are neither a function nor an array with a state for each position.
    """

    positions: tuple[float, ...]
    middle: int
    states: Callable[[States], Float[np.ndarray, "n k d"]] | Float[np.ndarray, "n k d"]
    clock: str = "noise level σ"

    def __post_init__(self) -> None:
        if not 0 <= self.middle < len(self.positions):
            raise ValueError(
                f"expected the middle as one of {len(self.positions)} positions, got {self.middle}: number them from 0"
            )
        if len(set(self.positions)) < len(self.positions) or not np.isfinite(self.positions).all():
            raise ValueError(f"expected finite positions, each once, got {self.positions}: leave one of two out")
        if not self.clock.split():
            raise ValueError(
                f"expected a clock in words, got {self.clock!r}: its last word is the letter of a position"
            )
        if not callable(self.states):
            self._require(self.states)

    def of(self, noise: States, rows: Int[np.ndarray, " n"]) -> Float[np.ndarray, "n k d"]:
        """The states of these pairs.

        Args:
            noise: The pairs' noise.
            rows: Their places among the held-out pairs.

        Raises:
            ValueError: If there is not a state for each of them at each position.
        """
        if not callable(self.states):
            return self.states[rows]
        found = self.states(noise)
        self._require(found)
        if len(found) != len(noise):
            raise ValueError(f"expected states on the way for each of {len(noise)} rows of noise, got {len(found)}")
        return found

    def _require(self, states: object) -> None:
        if not isinstance(states, np.ndarray) or states.ndim != 3 or states.shape[1] != len(self.positions):
            raise ValueError(
                f"expected states on the way as an array (pairs, {len(self.positions)} positions, features), or a "
                f"function to one, got {described(states)}"
            )

    @property
    def symbol(self) -> str:
        """The letter of a position."""
        return self.clock.split()[-1]

    @property
    def names(self) -> tuple[str, ...]:
        """What each position is called beside other representations: three digits, or as many as tell them apart."""
        digits = next(n for n in range(3, 18) if len({f"{p:.{n}g}" for p in self.positions}) == len(self.positions))
        return tuple(f"teacher at {self.symbol} = {position:.{digits}g}" for position in self.positions)
