"""Random numbers that are a function of where they are used.

The c-th number of a stream is computed from its key k and c alone, by the output function of SplitMix64 (Steele, Lea &
Flood 2014), in 64-bit integers that wrap around:

    s = k + (c + 1) γ,     s ← (s ⊕ s≫30) β₁,     s ← (s ⊕ s≫27) β₂,     s ← s ⊕ s≫31,                           (1)

γ = 9E3779B97F4A7C15, β₁ = BF58476D1CE4E5B9, β₂ = 94D049BB133111EB in base 16. The two halves of s, as numbers u, v in
(0, 1], give one normal number (Box & Muller 1958),

    n = √(−2 ln u) cos 2πv.                                                                                 (2)

The key is mixed of a seed, a step and the stream; c counts the numbers of the rows of a batch, wherever they are drawn.
So the parts of a batch draw what the whole batch draws, in however many processes and on whatever device, and no random
state is kept. Devices differ by the rounding of (2).
"""

import math
from dataclasses import dataclass

import numpy as np
import torch

from kdm.shapes import Float, Int, Tensor

_GOLDEN, _FIRST, _SECOND = (
    value - 2**64 for value in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Draws:
    """The random numbers of some consecutive rows of one step's batch.

    Attributes:
        seed: Seed of the training.
        step: Which step, counted from 0.
        first: Position of the first row in the whole batch.
    """

    seed: int
    step: int
    first: int = 0

    def normal_like(self, values: Float[Tensor, "n ..."], *, stream: int) -> Float[Tensor, "n ..."]:
        """Independent standard normal numbers in the shape of these rows: equation (2).

        Args:
            values: One row for each of the rows of the batch that are drawn for.
            stream: Which of the step's streams; two of them are unrelated.
        """
        width = values.shape[1:].numel()
        counters = torch.arange(self.first * width, (self.first + len(values)) * width, device=values.device)
        bits = mixed_bits(counters, key=mixed_seed(self.seed, self.step, stream))
        u, v = (((half + 0.5) * 2.0**-32).float() for half in (_shifted(bits, 32), bits & 0xFFFFFFFF))
        normal = torch.sqrt(-2.0 * torch.log(u)) * torch.cos(2.0 * math.pi * v)
        return normal.view(values.shape).to(values.dtype)


def mixed_bits(counters: Int[Tensor, " n"], *, key: int) -> Int[Tensor, " n"]:
    """64 random bits for each counter: equation (1)."""
    state = key + (counters + 1) * _GOLDEN
    state = (state ^ _shifted(state, 30)) * _FIRST
    state = (state ^ _shifted(state, 27)) * _SECOND
    return state ^ _shifted(state, 31)


def mixed_seed(*numbers: int) -> int:
    """One seed from several numbers; neighbouring numbers give unrelated seeds."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> 1)


def _shifted(bits: Int[Tensor, " n"], by: int) -> Int[Tensor, " n"]:
    """A shift to the right that fills with zeros: torch's own repeats the sign."""
    return (bits >> by) & (2 ** (64 - by) - 1)
