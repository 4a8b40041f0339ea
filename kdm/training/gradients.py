"""The losses of one batch and their gradient, computed in parts.

The losses of a batch of B pairs are means over them (and terms that depend on no pair), so that with parts p of b_p
pairs, wherever they are computed,

    L = Σ_p (b_p / B) L_p,        ∇L = Σ_p (b_p / B) ∇L_p,                                                   (1)

importance weights being those of the whole batch. Each process takes consecutive rows, and passes at most `micro_batch`
of them at once, whose gradients add up where they are. Then one sum over the processes carries the gradient, the losses
and the error of every pair: all processes hold the same numbers, bit for bit, and take the same step.

That sum is one of ours and not torch's DistributedDataParallel: the objectives call several methods of a module, which
has no `forward` to wrap; unequal parts are weighted right; and networks are compiled, or not, as in one process. What
it forgoes is to send gradients while others are computed; for a gradient of 200 MB that is a few milliseconds a step
between devices in one machine.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch
from torch import nn

from kdm.draws import Draws, mixed_seed
from kdm.objectives import Losses, Objective
from kdm.training.batches import Batch
from kdm.training.distributed import Processes, own_rows
from kdm.training.execution import brought
from kdm.trajectories import Pairs


@dataclass(frozen=True, kw_only=True)
class StepGradient:
    """What one step asks of a module: the gradient of an objective, equation (1).

    Attributes:
        module: The module; its parameters receive the gradient.
        objective: The objective.
        seed: Seed of the training.
        micro_batch: Pairs that pass at once at most; all where None.
        processes: Who computes.
        rival: What the objective trains beside the module, whose parameters receive the gradient, too.
    """

    module: nn.Module
    objective: Objective
    seed: int
    micro_batch: int | None
    processes: Processes
    rival: nn.Module | None = None

    def parts(self, count: int) -> list[range]:
        """Of a batch of so many pairs, those that this process computes with, in their order."""
        rows = own_rows(count, self.processes)
        size = self.micro_batch or len(rows)
        return [range(first, min(first + size, rows.stop)) for first in range(rows.start, rows.stop, size)]

    def losses(self, pairs_of: Callable[[torch.Tensor], Pairs], batch: Batch, *, step: int) -> Losses:
        """The losses of the whole batch, without their graph; their gradient is added to that of the parameters.

        Args:
            pairs_of: The pairs of some rows, asked for part by part.
            batch: The rows of the batch, and their weights.
            step: Which step it is.
        """
        count, parts = len(batch.indices), []
        for part in self.parts(count):
            share = len(part) / count
            losses = self._part(pairs_of, batch, part, step)
            (losses.total if share == 1.0 else share * losses.total).backward()
            parts.append(_weighed(losses.detached(), share))
        whole = parts[0] if len(parts) == 1 else _merged(parts)
        return whole if self.processes.count == 1 else self._summed(whole, count)

    def _part(self, pairs_of: Callable[[torch.Tensor], Pairs], batch: Batch, part: range, step: int) -> Losses:
        device = next(self.module.parameters()).device
        rows = slice(part.start, part.stop)
        pairs = brought(pairs_of(batch.indices[rows]), device)
        weights = None if batch.weights is None else batch.weights[rows].to(device, non_blocking=True)
        draws = Draws(seed=self.seed, step=step, first=part.start)
        with _module_randomness(draws, device):
            return self.objective(self.module, pairs, weights, draws=draws)

    def _summed(self, own: Losses, count: int) -> Losses:
        """The losses of all processes; what they hold as gradient becomes the sum of theirs."""
        trained = [self.module] if self.rival is None else [self.module, self.rival]
        parameters = [parameter for module in trained for parameter in module.parameters()]
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        rows, errors = own_rows(count, self.processes), own.errors.new_zeros(count)
        errors[rows.start : rows.stop] = own.errors
        numbers = torch.stack([own.total, *own.parts.values()])
        self.processes.add_up([*gradients, numbers, errors])
        total, *parts = numbers.unbind()
        return Losses(total=total, parts=dict(zip(own.parts, parts, strict=True)), errors=errors)


def _weighed(losses: Losses, share: float) -> Losses:
    if share == 1.0:
        return losses
    parts = {name: share * value for name, value in losses.parts.items()}
    return replace(losses, total=share * losses.total, parts=parts)


def _merged(parts: list[Losses]) -> Losses:
    def added(values: list[torch.Tensor]) -> torch.Tensor:
        return torch.stack(values).sum()

    return Losses(
        total=added([losses.total for losses in parts]),
        parts={name: added([losses.parts[name] for losses in parts]) for name in parts[0].parts},
        errors=torch.cat([losses.errors for losses in parts]),
    )


@contextmanager
def _module_randomness(draws: Draws, device: torch.device) -> Iterator[None]:
    """Within, what a module draws comes from (seed, step, first row); afterwards torch's random state is as it was.

    Unlike the draws of an objective, masks of dropout belong to the parts that a batch is cut into.
    """
    seed = mixed_seed(draws.seed, draws.step, draws.first)
    generators = [torch.default_generator]
    if device.type == "cuda":
        generators.append(torch.cuda.default_generators[device.index])
    states = [generator.get_state() for generator in generators]
    try:
        for generator in generators:
            generator.manual_seed(seed)
        yield
    finally:
        for generator, state in zip(generators, states, strict=True):
            generator.set_state(state)
