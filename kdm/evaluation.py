"""How good one-step samples are: against the teacher on the same noise, and as a distribution.

Paired, over held-out pairs (x, y) and ŷ the model's sample from x:

    paired error     √( mean ‖ŷ − y‖² / Σ_features var(y) ),        median error     median ‖ŷ − y‖.          (1)

The mean of the data has paired error 1. Where the support S of the data is known, with dist(·, S) the distance to it,

    support-distance excess     mean ( dist(ŷ, S) − dist(y, S) ),                                            (2)

is paired too: the teacher itself leaks. Where data have labels, the label agreement is the share of pairs in which ŷ
and y have the same. As a distribution, one-step samples from fresh noise stand beside a *reference* sample of the data:
energy distance, sliced Wasserstein distance, accuracy of a classifier that tells them apart. Each of these has its
*floor*, the same number for a second, disjoint sample of the data. Every number has an interval by resampling objects.
"""

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import nn

from kdm.shapes import Labels, Samples
from kdm.trajectories import Pairs, Trajectories
from koopman_analysis.resampling import Interval, object_bootstrap
from koopman_analysis.snapshots import SnapshotPairs
from koopman_analysis.twosample import classifier_accuracy, energy_distance, sliced_wasserstein


@runtime_checkable
class OneStepGenerator(Protocol):
    """Anything that carries noise to data in one evaluation."""

    def generate(self, noise: Samples, labels: Labels | None = None) -> Samples:
        """One sample for each row of noise."""
        ...


@dataclass(frozen=True, kw_only=True)
class PairedError:
    """Equation (1).

    Attributes:
        relative_rmse: Root mean squared error over the root of the data's total variance; 0.01 is one percent.
        median: Median distance, in the data's units.
    """

    relative_rmse: float
    median: float


@torch.no_grad()
def generated(model: OneStepGenerator, noise: Samples, labels: Labels | None = None, *, batch: int = 8192) -> Samples:
    """One-step samples without gradients, in batches that bound the memory; in evaluation mode where there is one."""
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


def paired_error(model: OneStepGenerator, pairs: Pairs) -> PairedError:
    """The paired error of one-step samples on these pairs, in float64: equation (1)."""
    data = pairs.data.flatten(1).double()
    error = (generated(model, pairs.noise, pairs.labels).flatten(1).double() - data).norm(dim=1)
    total_variance = data.var(dim=0, correction=0).sum()
    return PairedError(
        relative_rmse=float((error.square().mean() / total_variance).sqrt()), median=float(error.median())
    )


@dataclass(frozen=True, kw_only=True)
class FreshSamples:
    """Noise to start from, and two disjoint samples of the data to compare with.

    Attributes:
        noise: Samples of the noise end.
        reference: Samples of the data end, what samples are compared with.
        second: More of them, which stand in for the model where the floor is measured.
        labels: Those that the noise is of, where the flow of a row depends on its label.
    """

    noise: Samples
    reference: Samples
    second: Samples
    labels: Labels | None = None


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
    training, heldout = data.training().data, data.heldout()
    count = min(count, len(heldout), len(training) // 2)
    rows = torch.randperm(len(training), generator=generator)
    return FreshSamples(
        noise=heldout.noise[:count], reference=training[rows[:count]], second=training[rows[count : 2 * count]],
        labels=heldout.labels[:count] if data.conditional and heldout.labels is not None else None,
    )  # fmt: skip


def labels_of(data: Trajectories, points: Samples) -> Labels | None:
    """The semantic label of each point, from the teacher or the support of the data; None where neither has any."""
    if data.teacher is not None:
        return data.teacher.labels(points)
    return None if data.support is None else data.support.cells(points)


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Measured quantities by name, each with its interval, the floors of those that have one, and on what.

    Attributes:
        quantities: Every quantity that applies.
        floor: The same quantity of a second sample of the data, where there is one.
        inputs: Digest of the data, seed, number of samples and of held-out pairs; JSON.
    """

    quantities: dict[str, Interval]
    floor: dict[str, Interval]
    inputs: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """The contents of `evaluation.json`."""
        values: dict[str, Any] = {name: interval.to_json() for name, interval in self.quantities.items()}
        floor = {name: interval.to_json() for name, interval in self.floor.items()}
        return values | {"floor": floor, "inputs": self.inputs}


def evaluate(
    model: OneStepGenerator, data: Trajectories, *, count: int = 10_000, seed: int = 0,
    device: torch.device | None = None,
) -> Evaluation:  # fmt: skip
    """Every quantity of the module that applies to these data."""
    if count < 10:
        raise ValueError(f"expected at least 10 samples to compare, got {count}")
    device = device or torch.device("cpu")
    rng, generator = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    heldout = data.heldout()
    predicted = generated(
        model, heldout.noise.to(device), None if heldout.labels is None else heldout.labels.to(device)
    )
    fresh = fresh_samples(data, count=count, generator=generator)
    labels = None if fresh.labels is None else fresh.labels.to(device)
    samples = generated(model, fresh.noise.to(device), labels).cpu()
    quantities = _paired_quantities(data, heldout.data, predicted.cpu(), rng=rng)
    quantities |= _distribution(samples, fresh.reference, rng=rng)
    floor = _distribution(fresh.second, fresh.reference, rng=rng)
    if data.support is not None:
        quantities["off_support_fraction"] = _mean(~data.support.contains(samples).numpy(), rng=rng)
        floor["off_support_fraction"] = _mean(~data.support.contains(fresh.reference).numpy(), rng=rng)
    inputs = {"data": {"digest": data.manifest.digest}, "seed": seed, "samples": len(samples), "heldout": len(heldout)}
    return Evaluation(quantities=quantities, floor=floor, inputs=inputs)


def _paired_quantities(
    data: Trajectories, truth: Samples, predicted: Samples, *, rng: np.random.Generator
) -> dict[str, Interval]:
    rows, images = (points.flatten(1).double() for points in (truth, predicted))
    error = (images - rows).norm(dim=1).numpy()
    total_variance = float(rows.var(dim=0, correction=0).sum())
    squares, order = np.square(error), np.argsort(error)

    def statistics(multiplicities: np.ndarray) -> np.ndarray:
        rmse = np.sqrt(multiplicities @ squares / len(squares) / total_variance)
        half = np.searchsorted(np.cumsum(multiplicities[order]), len(error) / 2)
        return np.array([rmse, error[order[half]]])

    rmse, median = object_bootstrap(statistics, len(error), rng=rng).intervals()
    quantities = {"paired_error": rmse, "paired_error_median": median}
    labels, predicted_labels = labels_of(data, truth), labels_of(data, predicted)
    if labels is not None and predicted_labels is not None:
        quantities["label_agreement"] = _mean((labels == predicted_labels).numpy(), rng=rng)
    if data.support is not None:
        excess = data.support.distance(images) - data.support.distance(rows)
        quantities["support_distance_excess"] = _mean(excess.numpy(), rng=rng)
    return quantities


def _distribution(samples: Samples, reference: Samples, *, rng: np.random.Generator) -> dict[str, Interval]:
    x, y = rows(samples), rows(reference)
    return {
        "energy_distance": energy_distance(x, y, rng=rng),
        "sliced_w2": sliced_wasserstein(x, y, rng=rng),
        "two_sample_accuracy": classifier_accuracy(x, y, rng=rng),
    }


def _mean(values: np.ndarray, *, rng: np.random.Generator) -> Interval:
    terms = values.astype(np.float64)
    return object_bootstrap(lambda n: n @ terms / len(terms), len(terms), rng=rng).intervals()[0]


def rows(samples: Samples) -> np.ndarray:
    """Samples as flat float64 rows."""
    return samples.flatten(1).double().numpy()


def pairs_in_rows(pairs: Pairs) -> SnapshotPairs:
    """Pairs as the analysis takes them: noise before, data after."""
    return SnapshotPairs(before=rows(pairs.noise), after=rows(pairs.data))
