"""How a training comes to the pairs of its batches.

Pairs in memory are taken when they are wanted. Others are read ahead of their use where it is known beforehand which:
permutations are functions of the seed, but what is drawn by errors waits for the errors.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from kdm.shapes import Tensor
from kdm.training.batches import Batches
from kdm.trajectories import IndexedPairs, Pairs
from kdm.trajectories.prefetching import prefetched


@contextmanager
def reader(
    training: IndexedPairs, batches: Batches, parts: Callable[[int], list[range]], *, steps: range
) -> Iterator[Callable[[Tensor], Pairs]]:
    """Within, a function from row numbers to pairs, for the parts of the batches of these steps in their order.

    Args:
        training: Where the pairs are.
        batches: Which of them each step sees.
        parts: Of a batch of so many pairs, those that this process computes with, in their order.
        steps: The steps.
    """
    foreseen = batches.foreseen()
    if isinstance(training, Pairs):
        yield lambda rows: training[rows.to(training.device, non_blocking=True)]
        return
    if foreseen is None:
        yield training.__getitem__
        return

    def orders(known: Batches) -> Iterator[Tensor]:
        for step in steps:
            indices = known.dealt(step).indices
            yield from (indices[part.start : part.stop] for part in parts(len(indices)))

    with prefetched(training, orders(foreseen)) as ahead:
        yield lambda rows: next(ahead)
