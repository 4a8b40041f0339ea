"""Which pairs each step sees, and with what weight.

**Permutations.** One permutation of all n pairs after another, seeded by (seed, epoch), cut into batches; weight 1.

**By importance.** Pairs near a basin boundary carry most of the error and are rare. With eᵢ the prediction error of
pair i when it was last seen (1 at first), batches are drawn with replacement from

    qᵢ = ( u + (1 − u) eᵢ / ē ) / n,        wᵢ = 1 / (n qᵢ),                                                (1)

so that E_q[w ℓ] = mean ℓ: the objective is as it was, and only the variance of its gradient falls (Katharopoulos &
Fleuret 2018). The uniform share u bounds the weights by 1/u. On the checkerboard the held-out error at equal time falls
by a third.
"""

from dataclasses import dataclass
from threading import Lock
from typing import Any, Protocol, runtime_checkable

import torch

from kdm.draws import mixed_seed
from kdm.shapes import Float, Int, Tensor


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Indices of the pairs of one step, and the weight of each in the mean; None where all weigh the same."""

    indices: Int[Tensor, " batch"]
    weights: Float[Tensor, " batch"] | None


@runtime_checkable
class Batches(Protocol):
    """Deals the pairs of each step, in order, and is told how large their errors were."""

    def dealt(self, step: int) -> Batch:
        """The batch of step `step`, counted from 0; a function of the seed, the step and what was observed before."""
        ...

    def observe(self, batch: Batch, errors: Float[Tensor, " batch"]) -> None:
        """Takes note of the prediction error of each pair of a batch."""
        ...

    def foreseen(self) -> "Batches | None":
        """What deals the same to who looks ahead from another thread; None where what is dealt depends on errors."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """What was observed, as tensors."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restores what `state_dict` returned."""
        ...


@dataclass(frozen=True)
class PermutationConfig:
    """Every pair once an epoch."""

    def built(self, count: int, *, batch: int, seed: int) -> "Permutations":
        """The order for `count` pairs."""
        return Permutations(count, batch=batch, seed=seed)


@dataclass(frozen=True, kw_only=True)
class ImportanceConfig:
    """Pairs by their error, equation (1).

    Attributes:
        uniform_share: u.
        redraw_every: Steps for which batches are drawn at once.
    """

    uniform_share: float = 0.3
    redraw_every: int = 20

    def __post_init__(self) -> None:
        if not 0.0 < self.uniform_share <= 1.0:
            raise ValueError(f"expected a uniform share in (0, 1], got {self.uniform_share}")
        if self.redraw_every < 1:
            raise ValueError(f"expected redraw_every >= 1, got {self.redraw_every}")

    def built(self, count: int, *, batch: int, seed: int) -> "ByImportance":
        """The order for `count` pairs."""
        return ByImportance(count, batch=batch, seed=seed, config=self)


class Permutations:
    """Batches cut from one permutation after another, each drawn once for all threads that ask for it."""

    def __init__(self, count: int, *, batch: int, seed: int) -> None:
        _require_pairs(count)
        self._count, self._batch, self._seed = count, batch, seed
        self._epochs: dict[int, Int[Tensor, " n"]] = {}
        self._drawing = Lock()

    def dealt(self, step: int) -> Batch:
        """The batch of step `step`; it may reach over the end of an epoch into the next."""
        first, last = step * self._batch, (step + 1) * self._batch
        parts = []
        for epoch in range(first // self._count, (last - 1) // self._count + 1):
            start = epoch * self._count
            parts.append(self._permutation(epoch)[max(first - start, 0) : last - start])
        return Batch(indices=torch.cat(parts), weights=None)

    def observe(self, batch: Batch, errors: Float[Tensor, " batch"]) -> None:
        """Nothing: the order does not depend on errors."""

    def foreseen(self) -> "Permutations":
        """These: the order is a function of the seed."""
        return self

    def state_dict(self) -> dict[str, Any]:
        """Empty: the order is a function of the seed."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Nothing."""

    def _permutation(self, epoch: int) -> Int[Tensor, " n"]:
        with self._drawing:
            if epoch not in self._epochs:
                self._epochs = {kept: order for kept, order in self._epochs.items() if abs(kept - epoch) == 1}
                generator = torch.Generator().manual_seed(mixed_seed(self._seed, epoch))
                self._epochs[epoch] = torch.randperm(self._count, generator=generator)
            return self._epochs[epoch]


class ByImportance:
    """Batches drawn by equation (1), for several steps at once."""

    def __init__(self, count: int, *, batch: int, seed: int, config: ImportanceConfig) -> None:
        _require_pairs(count)
        self._batch, self._seed, self._config = batch, seed, config
        self._errors = torch.ones(count)
        self._indices = torch.zeros(config.redraw_every, batch, dtype=torch.int64)
        self._weights = torch.zeros(config.redraw_every, batch)
        self._observed: list[tuple[Tensor, Tensor]] = []

    def dealt(self, step: int) -> Batch:
        """The batch of step `step`; draws those of the following steps, too, when their turn begins."""
        position = step % self._config.redraw_every
        if position == 0:
            self._draw(step)
        return Batch(indices=self._indices[position], weights=self._weights[position])

    def observe(self, batch: Batch, errors: Float[Tensor, " batch"]) -> None:
        """Takes note of the errors, from the next draw on."""
        self._observed.append((batch.indices, errors))

    def foreseen(self) -> None:
        """None: errors decide."""

    def state_dict(self) -> dict[str, Any]:
        """Errors, and what is drawn already."""
        self._note_observed()
        return {"errors": self._errors, "indices": self._indices, "weights": self._weights}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restores what `state_dict` returned."""
        self._errors, self._indices, self._weights = (state[name].cpu() for name in ("errors", "indices", "weights"))
        self._observed = []

    def _note_observed(self) -> None:
        # Not before they are asked for: to fetch them, a device has to finish the step.
        for indices, errors in self._observed:
            self._errors[indices] = errors.to(self._errors)
        self._observed = []

    def _draw(self, step: int) -> None:
        self._note_observed()
        share = self._config.uniform_share
        relative = share + (1.0 - share) * self._errors / self._errors.mean().clamp_min(1e-30)
        generator = torch.Generator().manual_seed(mixed_seed(self._seed, step))
        drawn = torch.multinomial(relative, self._indices.numel(), replacement=True, generator=generator)
        self._indices = drawn.view_as(self._indices)
        self._weights = relative.mean() / relative[self._indices]


def _require_pairs(count: int) -> None:
    if count < 1:
        raise ValueError("expected at least one pair to train on, got none")
