"""The training loop: a generator that yields every finished step.

What step t does is a function of the seed, t and the state before it, and of nothing else: every random number is drawn
from a generator seeded by (seed, t) or (seed, epoch). So training that was interrupted
after any step and restored from its state goes on bitwise as if nothing had happened, and stores no random state.
"""

from collections.abc import Generator, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any, cast

import torch
from torch import nn

from kdm.evaluation import OneStepGenerator, PairedError, paired_error
from kdm.objectives import Losses, Objective
from kdm.training.batches import Batches, ImportanceConfig, PermutationConfig, mixed_seed
from kdm.training.ema import PowerLawAverage
from kdm.training.optimisation import OptimiserConfig, SOAPConfig, rate_factor
from kdm.trajectories import IndexedPairs, Pairs


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """How long and how to train.

    Attributes:
        steps: Number of optimiser steps.
        batch: Pairs in one step.
        optimiser: Optimiser, with its largest learning rate.
        batches: Which pairs each step sees.
        warmup: Steps over which the learning rate rises; it then falls linearly to zero.
        average_power: γ of the power-law average of the weights.
        evaluate_every: Steps between two measurements of the held-out paired error.
        threads: Threads of one operation on a CPU; for small networks one is fastest, and makes the result
            independent of the number of cores.
        seed: Seed of everything random in training, the initial weights included.
    """

    steps: int
    batch: int
    optimiser: OptimiserConfig = field(default_factory=SOAPConfig)
    batches: PermutationConfig | ImportanceConfig = field(default_factory=PermutationConfig)
    warmup: int = 100
    average_power: float = 16.0
    evaluate_every: int = 500
    threads: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "evaluate_every", "threads"):
            if getattr(self, name) < 1:
                raise ValueError(f"expected {name} >= 1, got {getattr(self, name)}")
        if self.warmup < 0:
            raise ValueError(f"expected warmup >= 0, got {self.warmup}")
        if self.seed < 0:
            raise ValueError(f"expected a seed >= 0, got {self.seed}")


@dataclass(frozen=True, kw_only=True)
class Step:
    """One finished step.

    Attributes:
        index: How many steps are finished, this one included.
        losses: Losses of its batch before the update; detached, on the device.
        learning_rate: The learning rate it used.
        heldout: Error of the averaged model on the held-out pairs, at every `evaluate_every`-th step and the last.
    """

    index: int
    losses: Losses
    learning_rate: float
    heldout: PairedError | None


class TrainingState:
    """What training remembers between two steps.

    Attributes:
        module: What is trained.
        config: How.
        average: The averaged copy of the module.
        optimiser: The optimiser, with its moments.
        batches: Which pairs each step sees.
        step: How many steps are finished.
        draws: Whether the module draws random numbers in training.
    """

    def __init__(self, module: nn.Module, config: TrainingConfig, *, pairs: int) -> None:
        self.module, self.config = module, config
        self.batches: Batches = config.batches.built(pairs, batch=config.batch, seed=config.seed)
        self.average = PowerLawAverage(module, gamma=config.average_power)
        self.optimiser = config.optimiser.built(module)
        self.step = 0
        self.draws = any(isinstance(part, nn.Dropout) and part.p > 0 for part in module.modules())

    @property
    def finished(self) -> bool:
        """Whether all configured steps are done."""
        return self.step >= self.config.steps

    def state_dict(self) -> dict[str, Any]:
        """Tensors and primitives that restore the state."""
        return {
            "step": self.step,
            "module": self.module.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "batches": self.batches.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restores what `state_dict` returned."""
        self.module.load_state_dict(state["module"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.batches.load_state_dict(state["batches"])
        self.step = state["step"]


def train(
    state: TrainingState, objective: Objective, training: IndexedPairs, heldout: Pairs
) -> Generator[Step, None, None]:  # fmt: skip
    """Trains the state's module to its configured number of steps, from wherever it stands.

    Yields:
        Every finished step. Between two of them the state is whole, and may be saved.

    Raises:
        TrainingDiverged: If the total loss is not finite.
    """
    config = state.config
    while not state.finished:
        rate = config.optimiser.learning_rate * rate_factor(state.step, steps=config.steps, warmup=config.warmup)
        # The intra-operation thread count is the process's: it must not leak out of a step to whoever consumes it.
        with operation_threads(config.threads):
            losses = _update(state, objective, training, rate)
            state.step += 1
            measured = state.step % config.evaluate_every == 0 or state.finished
            error = paired_error(cast(OneStepGenerator, state.average.module), heldout) if measured else None
        if (error is not None or losses.total.device.type == "cpu") and not torch.isfinite(losses.total):
            raise TrainingDiverged(
                f"expected finite losses, got {losses.total.item()} at step {state.step}: lower the learning rate"
            )
        yield Step(index=state.step, losses=losses, learning_rate=rate, heldout=error)


class TrainingDiverged(ArithmeticError):
    """The loss became infinite or NaN."""


def _update(state: TrainingState, objective: Objective, training: IndexedPairs, rate: float) -> Losses:
    batch = state.batches.dealt(state.step)
    device = training.device
    pairs = training[batch.indices.to(device)]
    weights = None if batch.weights is None else batch.weights.to(device)
    for group in state.optimiser.param_groups:
        group["lr"] = rate
    state.module.train()
    with _module_randomness(state.config.seed, state.step) if state.draws else nullcontext():
        losses = objective(state.module, pairs, weights)
    losses.total.backward()
    state.optimiser.step()
    state.optimiser.zero_grad(set_to_none=True)
    state.average.update(state.module)
    losses = losses.detached()
    state.batches.observe(batch, losses.errors)
    return losses


@contextmanager
def _module_randomness(seed: int, step: int) -> Iterator[None]:
    """Within, dropout draws from (seed, step); afterwards torch's own random state is as it was."""
    with torch.random.fork_rng():
        torch.manual_seed(mixed_seed(seed, step))
        yield


@contextmanager
def operation_threads(count: int) -> Iterator[None]:
    """Within, one torch operation on the CPU uses `count` threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
