"""The training loop: a generator that yields every finished step.

What step t does is a function of the seed, t and the state before it, and of nothing else: every random number is drawn
from a generator seeded by (seed, t) or (seed, epoch), or from its place in the batch of step t. So training that was
interrupted after any step and restored from its state goes on bitwise as if nothing had happened, and stores no random
state. How many processes share a step, and in which parts each computes its own, changes its gradient by rounding;
dropout alone has other masks then. That holds of the function that is learned, not of each weight: Adam divides a
gradient by its own size, so that one of zero but for rounding moves its weight by a whole step, in either direction.

A step waits for a device where a number is needed: at a measurement, and where errors decide what is drawn next.
"""

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, cast

import torch
from torch import nn

from kdm.evaluation import OneStepGenerator, PairedError, paired_error
from kdm.objectives import Losses, Objective
from kdm.shapes import Float, Tensor
from kdm.training.adversary import Rival
from kdm.training.batches import Batches, ImportanceConfig, PermutationConfig
from kdm.training.distributed import Processes, current_processes
from kdm.training.ema import PowerLawAverage
from kdm.training.execution import Compilation, Eager, Layout, Precision, RowMajor, SinglePrecision, networks_of
from kdm.training.gradients import StepGradient
from kdm.training.optimisation import LinearDecay, OptimiserConfig, ScheduleConfig, SOAPConfig
from kdm.training.reading import reader
from kdm.trajectories import IndexedPairs, Pairs
from kdm.versions import ADDED_LATER


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """How long and how to train.

    Attributes:
        steps: Number of optimiser steps.
        batch: Pairs in one step, whatever the number of processes.
        optimiser: Optimiser, with its largest learning rate.
        batches: Which pairs each step sees.
        warmup: Steps over which the learning rate rises.
        average_power: γ of the power-law average of the weights.
        evaluate_every: Steps between two measurements of the held-out paired error.
        threads: Threads of one operation on a CPU, of any network; one makes the result independent of the number of
            cores, and is fastest for small networks.
        seed: Seed of everything random in training, the initial weights included.
        schedule: The learning rate after it has risen.
        clipping: Largest norm of the gradient; a longer one is shortened to it, and all norms are logged. None where
            gradients are taken as they are.
        micro_batch: Pairs that a process passes through the networks at once at most, where memory is short.
        precision: Of the networks' products.
        compilation: Of the networks.
        layout: Of the weights of convolutions in memory.
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
    schedule: ScheduleConfig = field(default=LinearDecay(), metadata=ADDED_LATER)
    clipping: float | None = field(default=None, metadata=ADDED_LATER)
    micro_batch: int | None = field(default=None, metadata=ADDED_LATER)
    precision: Precision = field(default=SinglePrecision(), metadata=ADDED_LATER)
    compilation: Compilation = field(default=Eager(), metadata=ADDED_LATER)
    layout: Layout = field(default=RowMajor(), metadata=ADDED_LATER)

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "evaluate_every", "threads"):
            if getattr(self, name) < 1:
                raise ValueError(f"expected {name} >= 1, got {getattr(self, name)}")
        if self.warmup < 0:
            raise ValueError(f"expected warmup >= 0, got {self.warmup}")
        if self.seed < 0:
            raise ValueError(f"expected a seed >= 0, got {self.seed}")
        if self.clipping is not None and not self.clipping > 0.0:
            raise ValueError(f"expected a largest norm of the gradient > 0, or none, got {self.clipping}")
        if self.micro_batch is not None and self.micro_batch < 1:
            raise ValueError(
                f"expected at least one pair in a micro-batch, or no micro-batches, got {self.micro_batch}"
            )


@dataclass(frozen=True, kw_only=True)
class Step:
    """One finished step.

    Attributes:
        index: How many steps are finished, this one included.
        losses: Losses of its batch before the update; detached, on the device.
        learning_rate: The learning rate it used.
        heldout: Error of the averaged model on the held-out pairs, at every `evaluate_every`-th step; at the last, that
            of what is made of it.
        gradient_norm: Norm of the gradient as it was, where gradients are clipped; on the device.
    """

    index: int
    losses: Losses
    learning_rate: float
    heldout: PairedError | None
    gradient_norm: Float[Tensor, ""] | None = None


class TrainingState:
    """What training remembers between two steps.

    Attributes:
        module: What is trained.
        config: How.
        average: The averaged copy of the module.
        optimiser: The optimiser, with its moments.
        batches: Which pairs each step sees.
        step: How many steps are finished.
        rival: What is trained beside the module, where the objective has such a part.
        finish: What is made of the averaged module after the last step, and remembered by nothing but the weights.
    """

    def __init__(
        self, module: nn.Module, config: TrainingConfig, *, pairs: int, rival: Rival | None = None,
        finish: Callable[[Any], nn.Module] | None = None,
    ) -> None:  # fmt: skip
        self.module, self.config, self.rival, self.finish = module, config, rival, finish
        self.batches: Batches = config.batches.built(pairs, batch=config.batch, seed=config.seed)
        for network in networks_of(module):
            config.layout.prepare(network)
        # Before the networks are made ready to be trained: the copy is there to be measured.
        self.average = PowerLawAverage(module, gamma=config.average_power)
        for network in networks_of(module):
            config.precision.prepare(network)
            config.compilation.prepare(network)
        self.optimiser = config.optimiser.built(module)
        self.step = 0
        self._made: nn.Module | None = None

    @property
    def finished(self) -> bool:
        """Whether all configured steps are done."""
        return self.step >= self.config.steps

    def result(self) -> nn.Module:
        """What training has made so far: the averaged module, and after the last step what is made of it."""
        average = self.average.module
        if not self.finished or self.finish is None:
            return average
        if self._made is None:
            with operation_threads(self.config.threads):
                self._made = self.finish(average)
        return self._made

    def state_dict(self) -> dict[str, Any]:
        """Tensors and primitives that restore the state."""
        state = {
            "step": self.step,
            "module": self.module.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "batches": self.batches.state_dict(),
        }
        return state if self.rival is None else {**state, "rival": self.rival.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restores what `state_dict` returned."""
        self.module.load_state_dict(state["module"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.batches.load_state_dict(state["batches"])
        if self.rival is not None:
            self.rival.load_state_dict(state["rival"])
        self.step, self._made = state["step"], None


def train(
    state: TrainingState, objective: Objective, training: IndexedPairs, heldout: Pairs, *,
    processes: Processes | None = None,
) -> Generator[Step, None, None]:  # fmt: skip
    """Trains the state's module to its configured number of steps, from wherever it stands.

    Args:
        state: What is trained; the same in all processes.
        objective: What is minimised.
        training: Pairs to train on.
        heldout: Pairs to measure on.
        processes: Who trains together; those of torch's process group unless given.

    Yields:
        Every finished step. Between two of them the state is whole, and may be saved.

    Raises:
        TrainingDiverged: If the total loss is not finite.
        ProcessLost: If another process failed.
    """
    config, processes = state.config, processes or current_processes()
    gradient = StepGradient(
        module=state.module, rival=None if state.rival is None else state.rival.module, objective=objective,
        seed=config.seed, micro_batch=config.micro_batch, processes=processes,
    )  # fmt: skip
    steps = range(state.step, config.steps)
    with reader(training, state.batches, gradient.parts, steps=steps) as pairs_of:
        while not state.finished:
            # The intra-operation thread count is the process's: it must not leak out of a step to who consumes it.
            with operation_threads(config.threads):
                step = _updated(state, gradient, pairs_of)
                measured = state.step % config.evaluate_every == 0 or state.finished
                _require_finite(step, waiting=measured)
                if measured:
                    step = replace(step, heldout=processes.told(partial(_error, state, heldout)))
            yield step


def _error(state: TrainingState, heldout: Pairs) -> PairedError:
    """The error of what training has made so far."""
    return paired_error(cast(OneStepGenerator, state.result()), heldout)


class TrainingDiverged(ArithmeticError):
    """The loss became infinite or NaN."""


def _require_finite(step: Step, *, waiting: bool) -> None:
    """Looks at the loss of a step where that keeps nobody waiting, or everybody waits anyway."""
    total = step.losses.total
    if (waiting or total.device.type == "cpu") and not torch.isfinite(total):
        raise TrainingDiverged(
            f"expected finite losses, got {total.item()} at step {step.index}: lower the learning rate"
        )


def _updated(state: TrainingState, gradient: StepGradient, pairs_of: Callable[[Tensor], Pairs]) -> Step:
    """The state, one step on."""
    config = state.config
    rate = config.optimiser.learning_rate * config.schedule.factor(state.step, steps=config.steps, warmup=config.warmup)
    for group in state.optimiser.param_groups:
        group["lr"] = rate
    batch = state.batches.dealt(state.step)
    state.module.train()
    losses = gradient.losses(pairs_of, batch, step=state.step)
    norm = None
    if config.clipping is not None:
        norm = nn.utils.clip_grad_norm_(state.module.parameters(), config.clipping)
    state.optimiser.step()
    state.optimiser.zero_grad(set_to_none=True)
    if state.rival is not None:
        state.rival.step(rate / state.config.optimiser.learning_rate)
    state.average.update(state.module)
    state.batches.observe(batch, losses.errors)
    state.step += 1
    return Step(index=state.step, losses=losses, learning_rate=rate, heldout=None, gradient_norm=norm)


@contextmanager
def operation_threads(count: int) -> Iterator[None]:
    """Within, one torch operation on the CPU uses `count` threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
