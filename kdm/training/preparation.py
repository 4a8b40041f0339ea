"""What data must be for a training, said before a folder is made for it."""

from kdm.training.distributed import current_processes, own_rows
from kdm.trajectories import DataError, Pairs, Trajectories, require_classes


def require_trainable(data: Trajectories, heldout: Pairs, *, classes: int, batch: int) -> None:
    """Refuses data that a model cannot be trained or measured on.

    Args:
        data: The data.
        heldout: Their held-out pairs.
        classes: How many classes the model is told, 0 where it is told none.
        batch: Pairs in one step.

    Raises:
        DataError: If the labels are not those of the classes, or the held-out data do not differ from each other.
        ValueError: If a batch has no pair for each process.
    """
    own_rows(batch, current_processes())
    if classes:
        require_classes(data, classes)
    if bool((heldout.data == heldout.data[:1]).all()):
        raise DataError(
            f"expected held-out pairs whose data differ, for errors are told in parts of their deviation, got "
            f"{len(heldout)} with the same: take at least 20 pairs, of which two are held out"
        )
