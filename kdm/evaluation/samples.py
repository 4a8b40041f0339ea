"""One-step samples without gradients, and what they are compared with."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from torch import nn

from kdm.shapes import Labels, Samples, is_picture
from kdm.trajectories import Pairs, Trajectories
from koopman_analysis.snapshots import SnapshotPairs

ROWS, NUMBERS = 8192, 2**21
"""Samples that are drawn at once at most, and the numbers that they have: networks of pictures hold far more."""


@runtime_checkable
class OneStepGenerator(Protocol):
    """Anything that carries noise to data in one evaluation."""

    def generate(self, noise: Samples, labels: Labels | None = None) -> Samples:
        """One sample for each row of noise."""
        ...


@torch.no_grad()
def generated(
    model: OneStepGenerator, noise: Samples, labels: Labels | None = None, *, batch: int | None = None
) -> Samples:
    """One-step samples without gradients, in evaluation mode where there is one.

    Args:
        model: The model.
        noise: Where to start.
        labels: One a row, for a model of classes.
        batch: Rows at once; as many as `ROWS`, and as `NUMBERS` allow, unless given.
    """
    batch = batch or max(1, min(ROWS, NUMBERS // max(1, noise[:1].numel())))
    was_training = isinstance(model, nn.Module) and model.training
    if isinstance(model, nn.Module):
        model.eval()
    try:
        parts = [
            model.generate(noise[start : start + batch], None if labels is None else labels[start : start + batch])
            for start in range(0, len(noise), batch)
        ]
    finally:
        if isinstance(model, nn.Module):
            model.train(was_training)
    return torch.cat(parts)


@dataclass(frozen=True, kw_only=True)
class FreshSamples:
    """Noise to start from, and two disjoint samples of the data to compare with.

    Attributes:
        noise: Samples of the noise end.
        reference: Samples of the data end, what samples are compared with.
        second: More of them, which stand in for the model where the floor is measured.
        labels: Those that the noise is of, where the flow of a row depends on its label.
        seen: Whether the samples of the data end are training rows, which the model has seen.
    """

    noise: Samples
    reference: Samples
    second: Samples
    labels: Labels | None = None
    seen: bool = False


def fresh_samples(data: Trajectories, *, count: int, generator: torch.Generator) -> FreshSamples:
    """Samples of both ends: of the teacher's exact laws where they are known, of the stored pairs where they are not.

    Without them the noise is that of the held-out pairs, and the data are training rows: the model has seen them,
    which the reader of the numbers must be told.
    """
    teacher = data.teacher
    if teacher is not None and teacher.exact:
        labels = teacher.sample_conditions(count, generator=generator)
        noise = teacher.given(labels).sample_noise(count, generator=generator).float()
        reference, second = (teacher.sample_data(count, generator=generator).float() for _ in range(2))
        return FreshSamples(noise=noise, reference=reference, second=second, labels=labels)
    training, heldout = data.training().data, data.heldout(count=count)
    count = min(count, len(heldout), len(training) // 2)
    rows = torch.randperm(len(training), generator=generator)
    return FreshSamples(
        noise=heldout.noise[:count], reference=training[rows[:count]], second=training[rows[count : 2 * count]],
        labels=heldout.labels[:count] if data.conditional and heldout.labels is not None else None, seen=True,
    )  # fmt: skip


def is_of_images(data: Trajectories) -> bool:
    """Whether the states are pictures, of whatever channels."""
    return is_picture(data.shape)


def rows(samples: Samples) -> np.ndarray:
    """Samples as flat float64 rows."""
    return samples.flatten(1).double().numpy()


def pairs_in_rows(pairs: Pairs) -> SnapshotPairs:
    """Pairs as the analysis takes them: noise before, data after."""
    return SnapshotPairs(before=rows(pairs.noise), after=rows(pairs.data))
